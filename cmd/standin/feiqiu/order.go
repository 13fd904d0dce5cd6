package feiqiu

import (
	"math/rand/v2"
	"time"
)

// settlement is one settled order with everything that belongs to it, also what becomes known later.
type settlement struct {
	id, orderID, tradeNo int64
	site                 *site
	day, number          int
	table                *table // nil: goods over the counter
	member               *member
	memberState          memberState
	opened, closed       time.Time
	created, paid        time.Time

	tableFee   *tableFee
	assistants []assistantLine
	goods      []goodsLine
	coupon     *coupon
	service    Cents

	settled  amounts
	payments []payment
	refund   *refund // nil: never

	cancelled []cancellation // assistants who were sent away again

	// offline is the till that sends the settlement late: it knows nothing of cards.
	offline bool
	// shownOn is the day on which the upstream first shows the settlement: its own, or a later one for tills that
	// were offline.
	shownOn int
}

type tableFee struct {
	id      int64
	price   Cents
	seconds int64
	amount  Cents
}

// The service_type codes of assistants.
const (
	playWith = 1
	overtime = 2
)

type goodsLine struct {
	id     int64
	item   *item
	price  Cents
	count  int64
	amount Cents
}

type coupon struct {
	id        int64
	of        *couponPackage
	salePrice Cents
	value     Cents // what it pays for
	channel   int
	at        time.Time
}

// business is one day of one hall.
func (w *world) business(s *site, day int) []*settlement {
	r := w.random(business, s, day)
	count := w.options.Orders
	switch w.date(day).Weekday() {
	case time.Friday, time.Saturday, time.Sunday:
		count += count * 2 / 5
	}
	orders := make([]*settlement, count)
	for n := range orders {
		orders[n] = w.order(r, s, day, n)
	}
	w.revokeCoupon(r, s, day)
	return orders
}

// lateNumber is the settlement of a day that is known late, by one to three days in turn: so every day sees one arrive.
const lateNumber = 4

// order makes one order. All of it happens between ten in the morning and midnight, so that a calendar day is a
// business day.
func (w *world) order(r *rand.Rand, s *site, day, n int) *settlement {
	o := &settlement{
		id: id(settleID, s.index, day, n), orderID: id(orderID, s.index, day, n),
		site: s, day: day, number: n, shownOn: day,
		opened: w.date(day).Add(10*time.Hour + time.Duration(r.IntN(10*60*60))*time.Second),
	}
	if n == lateNumber {
		o.offline, o.shownOn = true, day+1+day%3
		late := w.agenda(o.shownOn)
		late.late = append(late.late, o)
	}
	o.tradeNo = tradeNo(o.opened, s.index*100+n%100)
	if chance(r, 45) {
		o.member = w.customer(r, s)
		o.memberState = at(o.member.history, day)
	}
	if chance(r, 85) {
		o.play(r)
	} else {
		o.buy(r)
		o.closed = o.opened.Add(time.Duration(1+r.IntN(5)) * time.Minute)
	}
	o.created = o.closed.Add(time.Duration(5+r.IntN(60)) * time.Second)
	o.paid = o.created.Add(time.Duration(2+r.IntN(120)) * time.Second)
	o.settle(r)
	o.noteAssistants()
	return o
}

// customer is mostly a member of this hall, sometimes of another one.
func (w *world) customer(r *rand.Rand, s *site) *member {
	for {
		if m := pick(r, w.members); m.site == s || chance(r, 10) {
			return m
		}
	}
}

// play is an order at a table, with what goes with it.
func (o *settlement) play(r *rand.Rand) {
	o.table = pick(r, o.site.tables)
	// Multiples of 36 seconds cost whole fen at a price in whole yuan.
	seconds := 36 * int64(50+r.IntN(250))
	price := at(o.table.price, o.day)
	o.tableFee = &tableFee{
		id: id(tableLineID, o.site.index, o.day, o.number), price: price, seconds: seconds, amount: perHour(price, seconds),
	}
	o.closed = o.opened.Add(time.Duration(seconds) * time.Second)
	for range []int{0, 0, 0, 1, 2}[r.IntN(5)] {
		o.assist(r, seconds)
	}
	if chance(r, 6) {
		o.sendAway(r)
	}
	if chance(r, 60) {
		o.buy(r)
	}
	if chance(r, 3) {
		o.service = 1000
	}
	if o.member == nil && chance(r, 25) {
		o.coupon = redeem(r, o)
	}
}

func (o *settlement) buy(r *rand.Rand) {
	for k := range 1 + r.IntN(3) {
		g, count := pick(r, o.site.shelf), 1+r.Int64N(3)
		price := at(g.price, o.day)
		o.goods = append(o.goods, goodsLine{
			id: id(goodsLineID, o.site.index, o.day, o.number*10+k), item: g, price: price, count: count, amount: price * Cents(count),
		})
	}
}

// tradeNo is the time in fourteen digits and three more. Seventeen digits do not fit into a double.
func tradeNo(t time.Time, suffix int) int64 {
	year, month, day := t.Date()
	date := int64(year)*10000 + int64(month)*100 + int64(day)
	clock := int64(t.Hour())*10000 + int64(t.Minute())*100 + int64(t.Second())
	return (date*1000000+clock)*1000 + int64(suffix)
}
