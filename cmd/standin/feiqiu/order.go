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

type assistantLine struct {
	number  string
	name    string
	kind    int // playWith or overtime
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
	goods  goods
	count  int64
	amount Cents
}

type goods struct {
	number int
	name   string
	price  Cents
}

func shelf() []goods {
	return []goods{
		{11, "可乐", 600},
		{12, "矿泉水", 300},
		{13, "红牛", 850},
		{14, "泡面", 750},
		{15, "爆米花", 1500},
		{16, "巧粉", 250},
		{17, "香烟", 6500},
		{18, "啤酒", 1280},
	}
}

type coupon struct {
	id        int64
	packageID int64
	name      string
	salePrice Cents
	seconds   int64
	value     Cents // what it pays for
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
	delay(orders, day)
	w.refundSome(r, orders, day)
	return orders
}

// delay lets one settlement a day be known late, by one to three days in turn: so every day sees one arrive.
func delay(orders []*settlement, day int) {
	if len(orders) > 4 {
		orders[4].shownOn = day + 1 + day%3
	}
}

// order makes one order. All of it happens between ten in the morning and midnight, so that a calendar day is a
// business day.
func (w *world) order(r *rand.Rand, s *site, day, n int) *settlement {
	o := &settlement{
		id: id(settleID, s.index, day, n), orderID: id(orderID, s.index, day, n),
		site: s, day: day, number: n, shownOn: day,
		opened: w.date(day).Add(10*time.Hour + time.Duration(r.IntN(10*60*60))*time.Second),
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
		o.assistants = append(o.assistants, assist(r, seconds))
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

func assist(r *rand.Rand, limit int64) assistantLine {
	n := r.IntN(6)
	a := assistantLine{
		number: []string{"01", "02", "03", "05", "07", "12"}[n],
		name:   []string{"小雨", "阿May", "婷婷", "小雪", "Coco", "琪琪"}[n],
		kind:   playWith,
		price:  []Cents{9800, 10800, 12800}[r.IntN(3)],
	}
	if chance(r, 20) {
		a.kind, a.price = overtime, a.price+6000
	}
	a.seconds = 36 * (25 + r.Int64N(limit/36-24))
	a.amount = perHour(a.price, a.seconds)
	return a
}

func (o *settlement) buy(r *rand.Rand) {
	for k := range 1 + r.IntN(3) {
		g, count := pick(r, shelf()), 1+r.Int64N(3)
		o.goods = append(o.goods, goodsLine{
			id: id(goodsLineID, o.site.index, o.day, o.number*10+k), goods: g, count: count, amount: g.price * Cents(count),
		})
	}
}

// redeem pays for one or two hours at the table, at most for those that were played.
func redeem(r *rand.Rand, o *settlement) *coupon {
	hours := 1 + r.IntN(2)
	return &coupon{
		id:        id(couponID, o.site.index, o.day, o.number),
		packageID: id(packageID, o.site.index, 0, hours),
		name:      []string{"一小时畅打", "两小时畅打"}[hours-1],
		salePrice: []Cents{3990, 6990}[hours-1],
		seconds:   int64(hours) * 3600,
		value:     min(o.tableFee.price*Cents(hours), o.tableFee.amount),
	}
}

// tradeNo is the time in fourteen digits and three more. Seventeen digits do not fit into a double.
func tradeNo(t time.Time, suffix int) int64 {
	year, month, day := t.Date()
	date := int64(year)*10000 + int64(month)*100 + int64(day)
	clock := int64(t.Hour())*10000 + int64(t.Minute())*100 + int64(t.Second())
	return (date*1000000+clock)*1000 + int64(suffix)
}
