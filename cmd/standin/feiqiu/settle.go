package feiqiu

import (
	"math/rand/v2"
	"slices"
	"time"
)

// amounts are the figures of a settlement. What was consumed is what was deducted, taken from the card, and paid:
//
//	consume = table + goods + playWith + overtime + service
//	consume = pay + balance + coupon + discount + adjust + point + rounding
//	pay     = cash + online
type amounts struct {
	table, goods, playWith, overtime, service          Cents
	discount, adjust, coupon, couponSale, point, round Cents
	balance, cash, online                              Cents
}

func (a amounts) consume() Cents { return a.table + a.goods + a.playWith + a.overtime + a.service }

func (a amounts) pay() Cents { return a.cash + a.online }

// open is what nothing has been found for yet.
func (a amounts) open() Cents {
	return a.consume() - a.discount - a.adjust - a.coupon - a.point - a.round - a.balance - a.pay()
}

// The payment_method codes.
const (
	byNothing = 0
	byBalance = 1
	byCash    = 2
	byOnline  = 4
)

func (a amounts) method() int {
	switch {
	case a.pay() == 0 && a.balance == 0:
		return byNothing
	case a.pay() == 0:
		return byBalance
	case a.cash > a.online:
		return byCash
	default:
		return byOnline
	}
}

// settle finds the money for an order: first what is deducted, then the card, then cash and telephone.
func (o *settlement) settle(r *rand.Rand) {
	a := &o.settled
	a.service = o.service
	if o.tableFee != nil {
		a.table = o.tableFee.amount
	}
	for _, line := range o.goods {
		a.goods += line.amount
	}
	for _, line := range o.assistants {
		if line.kind == overtime {
			a.overtime += line.amount
		} else {
			a.playWith += line.amount
		}
	}
	o.deduct(r)
}

func (o *settlement) deduct(r *rand.Rand) {
	a := &o.settled
	if o.coupon != nil {
		a.coupon, a.couponSale = o.coupon.value, o.coupon.salePrice
	}
	if o.member != nil {
		a.discount = percent(a.table, o.memberState.gradeOf().discount)
	}
	if chance(r, 8) {
		// What the till takes off is taken off the table fee.
		a.adjust = min(Cents(100*(1+r.IntN(5))), a.table-a.coupon-a.discount)
	}
	if o.member != nil && chance(r, 4) && a.open() >= 500 {
		a.point = 500
	}
}

// pay takes the member's card first, which is filled up now and then for the purpose.
func (w *world) pay(o *settlement) {
	r := w.random(till, o.site, o.day<<16|o.number)
	a := &o.settled
	if c := o.card(); c != nil && !o.offline && chance(r, 75) {
		if c.balance < a.open() && chance(r, 60) {
			w.recharge(r, o.site, o.day, c, o.created.Add(time.Second))
		}
		a.balance = min(c.balance, a.open())
		if a.balance > 10000 && chance(r, 25) {
			a.balance = 10000
		}
		if a.balance > 0 {
			w.move(c, balanceChange{site: o.site, from: fromConsumption, amount: -a.balance, relate: o.id, at: o.paid, remark: "结账扣款"})
		}
	}
	switch way := r.IntN(10); {
	case a.open() == 0:
	case way < 2:
		a.cash = a.open() / 100 * 100
		a.round = a.open()
	case way == 2 && a.open() > 2000:
		a.cash = 2000
		a.online = a.open()
	default:
		a.online = a.open()
	}
	o.addPayments(r)
}

// refund is money given back, known on a later day or on the same one.
type refund struct {
	day    int
	at     time.Time
	revoke int64 // the settlement that undoes this one; 0 when only a part is given back
	amount Cents
	parts  []payment // what goes back which way, positive
}

// refundSome gives money back for two settlements of the day: at once, and after one to seven days in turn, so that
// every day sees an old settlement corrected.
func (w *world) refundSome(r *rand.Rand, orders []*settlement, day int) {
	var paid []*settlement
	for _, o := range orders {
		if o.settled.pay() > 0 && o.shownOn == day {
			paid = append(paid, o)
		}
	}
	for k, lag := range []int{0, 1 + day%7} {
		if k >= len(paid) {
			return
		}
		o := paid[(k*len(paid)/2+r.IntN(1+len(paid)/3))%len(paid)]
		// Every third day it is somebody who had paid with a card as well.
		if n := slices.IndexFunc(paid, func(o *settlement) bool { return o.settled.balance > 0 && o.refund == nil }); k == 1 && n >= 0 && day%3 == 0 {
			o = paid[n]
		}
		if o.refund == nil {
			w.giveBack(r, o, day+lag)
		}
	}
}

func (w *world) giveBack(r *rand.Rand, o *settlement, day int) {
	back := &refund{day: day, at: o.paid.Add(time.Duration(5+r.IntN(10)) * time.Minute)}
	if day > o.day {
		back.at = w.date(day).Add(time.Duration(12*60*60+r.IntN(6*60*60)) * time.Second)
	}
	o.refund = back
	// What a card paid goes back to it in the order of the card's own day, which is over on the day of the order.
	whole := chance(r, 60) && (day > o.day || o.settled.balance == 0)
	for _, p := range o.payments {
		if p.status != payDone {
			continue
		}
		if !whole {
			// Half of what came in the first way, in whole yuan where there is one.
			p.amount = max(p.amount/200*100, min(p.amount, 100))
		}
		back.parts = append(back.parts, p)
		back.amount += p.amount
		if !whole {
			return
		}
	}
	back.revoke = id(settleID, o.site.index, o.day, 50000+o.number)
	then := w.agenda(day)
	then.goods = append(then.goods, o)
	if o.settled.balance > 0 {
		then.cards = append(then.cards, o)
	}
}
