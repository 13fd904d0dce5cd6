package jushuitan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/terrace-elt/terrace/cmd/standin/money"
)

// The states of an out-order.
const (
	waitConfirm = "WaitConfirm"
	confirmed   = "Confirmed"
	cancelled   = "Cancelled"
	archived    = "Archive"
)

// newOrder makes the nth order of a day: one out-order, or two where it ships from two warehouses.
func newOrder(r *rand.Rand, date time.Time, day, n, seq int) []*outOrder {
	first := &outOrder{
		seq: seq, o: 9_900_000 + int64(day)*1000 + int64(n), shop: pick(r, shops()), warehouse: warehouses()[0],
		carrier: pick(r, carriers()), created: date.Add(time.Duration(r.IntN(24*3600)) * time.Second), weight: 150 + r.IntN(4000),
	}
	first.io = 8_800_000 + int64(day)*2000 + int64(n)*2
	first.paid = first.created.Add(-time.Duration(r.IntN(600)) * time.Second)
	first.soID = onlineNumber(first.created, n)
	if chance(r, 30) {
		first.merged = onlineNumber(first.created.Add(-time.Hour), 500+n)
	}
	items := newItems(r)
	freight := money.Cents(0)
	if chance(r, 300) {
		freight = money.Cents(600 + 200*r.IntN(4))
	}
	if len(items) < 2 || !chance(r, 80) {
		first.live(r, items, freight)
		return []*outOrder{first}
	}
	// The second part has the same order behind it, its own number, and no freight.
	second := *first
	second.seq, second.io, second.warehouse = seq+1, first.io+1, warehouses()[1]
	second.created = first.created.Add(time.Minute)
	first.live(r, items[:1], freight)
	second.live(r, renumbered(items[1:]), 0)
	return []*outOrder{first, &second}
}

func renumbered(items []item) []item {
	out := slices.Clone(items)
	for i := range out {
		out[i].number = i + 1
	}
	return out
}

func onlineNumber(at time.Time, n int) string {
	return fmt.Sprintf("%s-%06d%06d", at.Format("060102"), at.Hour()*10000+at.Minute()*100+at.Second(), n)
}

func newItems(r *rand.Rand) []item {
	goods := catalogue()
	gift := goods[len(goods)-1]
	var items []item
	for _, k := range r.Perm(len(goods) - 1)[:1+r.IntN(3)] {
		i := item{number: len(items) + 1, sku: goods[k], count: 1 + int64(r.IntN(3)), price: goods[k].price}
		if chance(r, 200) {
			i.price -= money.Cents(r.IntN(500)) // a promotion of the day
		}
		items = append(items, i)
	}
	if chance(r, 150) {
		items = append(items, item{number: len(items) + 1, sku: gift, count: 1, noID: chance(r, 300)})
	}
	return items
}

// live writes the order's history: what becomes of it and when, each at a later second.
func (o *outOrder) live(r *rand.Rand, items []item, freight money.Cents) {
	hours := func(from, to int) time.Duration {
		return time.Duration(from*3600+r.IntN((to-from)*3600)) * time.Second
	}
	now := state{at: o.created, status: waitConfirm, items: items, freight: freight, discount: money.Cents(r.IntN(10)) * 100}
	if chance(r, 25) {
		now.header = []money.Cents{1, -1, 500, -300}[r.IntN(4)]
	}
	o.history = []state{now}
	then := func(after time.Duration, change func(*state)) {
		now.at = now.at.Add(max(after, time.Second))
		change(&now)
		o.history = append(o.history, now)
	}
	if chance(r, 60) {
		then(hours(1, 20), func(s *state) { s.status, s.remark = cancelled, "客户取消" })
		return
	}
	if chance(r, 40) {
		then(hours(0, 2), func(s *state) {
			s.items = slices.Clone(s.items)
			s.items[0].price = max(s.items[0].price-300, 100)
			s.remark = "改价"
		})
	}
	then(hours(2, 60), func(s *state) { s.status, s.shipped = confirmed, s.at.Add(-5*time.Second) })
	switch {
	case chance(r, 35):
		then(hours(24, 240), func(s *state) { s.status, s.remark = cancelled, "拦截退回" })
		return
	case chance(r, 100):
		then(hours(24, 200), func(s *state) { s.labels = "已回访" })
	}
	if chance(r, 80) {
		then(hours(240, 360), func(s *state) { s.status = archived })
	}
}
