package jushuitan

import (
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/terrace-elt/terrace/cmd/standin/money"
)

type shop struct {
	id      int64
	name    string
	offline bool
}

func shops() []shop {
	return []shop{
		{20001, "示例旗舰店", false},
		{20002, "示例专营店", false},
		{20003, "示例线下门店", true},
	}
}

type warehouse struct {
	id   int64
	name string
}

func warehouses() []warehouse { return []warehouse{{0, "主仓"}, {30002, "华南分仓"}} }

type carrier struct{ code, name string }

func carriers() []carrier {
	return []carrier{{"SF", "顺丰速运"}, {"YTO", "圆通速递"}, {"ZTO", "中通快递"}}
}

// sku is one thing for sale.
type sku struct {
	id, style, name, properties string
	price, list                 money.Cents
	gift                        bool
}

func catalogue() []sku {
	return []sku{
		{"A001-RED-M", "A001", "针织衫", "红色;M", 5025, 5500, false},
		{"A001-BLU-L", "A001", "针织衫", "蓝色;L", 6600, 6600, false},
		{"B001-ONE", "B001", "帆布包", "米白;均码", 5025, 5500, false},
		{"C009-BLK", "C009", "保温杯", "黑色", 8800, 9900, false},
		{"C009-WHT", "C009", "保温杯", "白色", 8790, 9900, false},
		{"D114-S", "D114", "连衣裙", "碎花;S", 15999, 19900, false},
		{"E020-6P", "E020", "棉袜", "混色;6双", 2990, 3990, false},
		{"F007-XL", "F007", "牛仔裤", "深蓝;XL", 12950, 15900, false},
		{"GIFT-STK", "GIFT", "贴纸(赠)", "", 0, 0, true},
	}
}

// outOrder is one order to a warehouse with all that becomes of it, also what lies ahead.
type outOrder struct {
	seq       int // from 0, over all
	io, o     int64
	soID      string
	merged    string // another online order that goes with it; "" for none
	shop      shop
	warehouse warehouse
	carrier   carrier
	created   time.Time
	paid      time.Time
	weight    int // grams
	history   []state
}

// state is what an out-order is from a moment on.
type state struct {
	at       time.Time
	status   string
	shipped  time.Time // zero before it left
	items    []item
	freight  money.Cents
	header   money.Cents // what pay_amount says beyond items and freight
	discount money.Cents
	labels   string
	remark   string
}

type item struct {
	number int // within the out-order, from 1
	sku    sku
	count  int64
	price  money.Cents
	noID   bool // the upstream leaves ioi_id out
}

func (i item) amount() money.Cents { return i.price * money.Cents(i.count) }

func (s state) itemsAmount() money.Cents {
	var sum money.Cents
	for _, i := range s.items {
		sum += i.amount()
	}
	return sum
}

func (s state) count() int64 {
	var n int64
	for _, i := range s.items {
		n += i.count
	}
	return n
}

// pay is what the head says was paid.
func (s state) pay() money.Cents { return s.itemsAmount() + s.freight + s.header }

// row is an out-order as the upstream shows it now.
type row struct {
	*outOrder
	state
	modified time.Time
	ts       int64
}

// holding is what the upstream holds at one time. It does not change.
type holding struct {
	days       int
	now        time.Time
	byModified []row
	byTS       []row
}

// hold lives the days from the first one on. Orders in touched have had a remark written at the given time.
func hold(o Options, days int, touched map[int64]touch) *holding {
	h := &holding{days: days, now: o.Start.AddDate(0, 0, days)}
	for _, order := range live(o, days) {
		r := row{outOrder: order}
		for _, s := range order.history {
			if s.at.Before(h.now) {
				r.state, r.modified = s, s.at
			}
		}
		// A remark stays through what comes later, and does not move what came later.
		r.ts = stamp(o, r.modified, order.seq)
		if t, ok := touched[order.io]; ok {
			r.remark = "改备注"
			if r.modified.Before(t.at) {
				r.modified = t.at
				// Above all that had happened when it was written, and below all that came then.
				r.ts = stamp(o, t.at.Add(-time.Second), maxSeq+t.before)
			}
		}
		h.byModified = append(h.byModified, r)
	}
	slices.SortFunc(h.byModified, func(a, b row) int {
		return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(a.io, b.io))
	})
	h.byTS = slices.Clone(h.byModified)
	slices.SortFunc(h.byTS, func(a, b row) int { return cmp.Compare(a.ts, b.ts) })
	return h
}

// maxSeq is more than there are out-orders, and leaves as much room for touches.
const maxSeq = 500_000

// stamp is the row version: it grows with every change of any order, and no two rows share one.
func stamp(o Options, at time.Time, seq int) int64 {
	return 5_100_000_000 + int64(at.Sub(o.Start).Seconds())*1_000_000 + int64(seq)
}

// live makes the orders of so many days. A day's orders are the same however many days follow.
func live(o Options, days int) []*outOrder {
	var orders []*outOrder
	for day := range days {
		r := rand.New(rand.NewPCG(o.Seed, uint64(day)))
		date := o.Start.AddDate(0, 0, day)
		count := o.Orders
		if weekday := date.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
			count += count * 2 / 5
		}
		for n := range count {
			orders = append(orders, newOrder(r, date, day, n, len(orders))...)
		}
	}
	return orders
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// chance is true in so many of a thousand cases.
func chance(r *rand.Rand, permille int) bool { return r.IntN(1000) < permille }

func (r row) new() json.RawMessage { return encode(r.record(false)) }
func (r row) old() json.RawMessage { return encode(r.record(true)) }
