package feiqiu

import (
	"math/rand/v2"
	"time"
)

// recharge is money put onto a card, or taken back from it when it undoes another recharge.
type recharge struct {
	id       int64
	number   int
	site     *site
	day      int
	card     *card
	state    memberState
	first    bool
	paid     Cents
	gift     Cents
	payments []payment
	undoes   *recharge // nil: it is one itself
	at       time.Time
}

// recharge fills a card up: larger amounts come with a gift.
func (w *world) recharge(r *rand.Rand, s *site, day int, c *card, when time.Time) *recharge {
	offer := [][2]Cents{{30000, 0}, {50000, 5000}, {100000, 20000}}[r.IntN(3)]
	back := w.newRecharge(s, day, c, when)
	back.first, back.paid, back.gift = !c.recharged, offer[0], offer[1]
	c.recharged = true
	method, channel := byCash, 0
	if chance(r, 80) {
		method, channel = byOnline, 1+r.IntN(2)
	}
	if method == byOnline && chance(r, 4) {
		back.addPayment(method, channel, payFailed, when.Add(-time.Second))
	}
	back.addPayment(method, channel, payDone, when)
	w.move(c, balanceChange{site: s, from: fromRecharge, method: method, amount: back.paid, relate: back.id, at: when, remark: "充值"})
	if back.gift > 0 {
		w.move(c, balanceChange{site: s, from: fromGift, amount: back.gift, relate: back.id, at: when, remark: "充值赠送"})
	}
	return back
}

func (w *world) newRecharge(s *site, day int, c *card, when time.Time) *recharge {
	back := &recharge{
		id: id(rechargeID, s.index, day, s.rechargeCount), number: s.rechargeCount, site: s, day: day, card: c,
		state: at(c.member.history, day), at: when,
	}
	s.rechargeCount++
	w.recharges = append(w.recharges, back)
	return back
}

func (c *recharge) addPayment(method, channel, status int, when time.Time) {
	c.payments = append(c.payments, payment{
		id:     id(paymentID, c.site.index, c.day, 40000+c.number*10+len(c.payments)),
		method: method, channel: channel, status: status, amount: c.paid, at: when,
	})
}

// done are the payments that were made.
func (c *recharge) done() []payment {
	var done []payment
	for _, p := range c.payments {
		if p.status == payDone {
			done = append(done, p)
		}
	}
	return done
}

// undoRecharge takes a recharge of the day back, unless some of it has been spent.
func (w *world) undoRecharge(s *site, day int, undone *recharge, when time.Time) {
	if undone == nil || undone.card.balance < undone.paid+undone.gift {
		return
	}
	back := w.newRecharge(s, day, undone.card, when)
	back.undoes, back.paid, back.gift = undone, -undone.paid, -undone.gift
	w.move(back.card, balanceChange{site: s, from: fromRecharge, amount: back.paid, relate: back.id, at: when, remark: "充值撤销"})
	if back.gift != 0 {
		w.move(back.card, balanceChange{site: s, from: fromGift, amount: back.gift, relate: back.id, at: when, remark: "充值撤销"})
	}
}

func rechargeSettlements() stream {
	return stream{
		name:    "recharge_settlements",
		path:    "/Site/GetRechargeSettleList",
		former:  "/Site/GetFormerRechargeSettleList",
		list:    "settleList",
		events:  true,
		amounts: []string{"payAmount", "giftCardAmount"},
		rows: func(v view) []row {
			var rows []row
			for _, c := range v.recharges {
				rows = append(rows, row{site: c.site.id, at: c.at, key: c.id, amounts: []Cents{c.paid, c.gift}, raw: encode(c.record())})
			}
			return rows
		},
	}
}

// record has the fields of a settlement; what was undone keeps its own record as it is.
func (c *recharge) record() settlementRecord {
	m := c.card.member
	record := settlementRecord{
		SiteProfile: c.site.profile(), ID: c.id, TenantID: tenantID, SiteID: c.site.id, SiteName: c.site.name,
		SettleRelateID: id(rechargeOrder, c.site.index, c.day, c.number), OrderTradeNo: tradeNo(c.at, c.site.index*100+c.number%100),
		SettleName: "充值订单", SettleType: settleRecharge, SettleStatus: settlePaid, MemberID: m.id, MemberName: c.state.nickname,
		MemberPhone: m.mobile, MemberCardTypeName: c.card.typeName(c.state), TenantMemberCardID: c.card.id, ConsumeMoney: c.paid,
		PayAmount: c.paid, GiftCardAmount: c.gift, RevokeTime: noNetDate, IsFirst: yesNo(c.first), IsBindMember: true,
		OperatorID: c.site.operator(), OperatorName: cashier, PayTime: wall(c.at), CreateTime: wall(c.at.Add(-5 * time.Second)),
	}
	way := c
	if c.undoes != nil {
		way = c.undoes
		record.SettleName, record.SettleType, record.RefundAmount = "充值撤销", settleReversal, -c.paid
		record.RevokeOrderID, record.RevokeTime = c.undoes.id, wall(c.at)
	}
	record.PaymentMethod = way.done()[0].method
	if record.PaymentMethod == byCash {
		record.CashAmount = c.paid
	} else {
		record.OnlineAmount = c.paid
	}
	return record
}

// refund is the money of a recharge that is undone, going back the way it came.
func (c *recharge) refund(part payment, k int) refundRecord {
	return refundRecord{
		ID: id(refundID, c.site.index, c.day, 40000+c.number*10+k), TenantID: tenantID, TenantName: tenantName,
		SiteID: c.site.id, SiteProfile: c.site.profile(), RelateType: relateRecharge, RelateID: c.undoes.id,
		PayAmount: -part.amount, PaymentMethod: part.method, OnlinePayChannel: part.channel, PayTerminal: 1,
		PayStatus: payDone, IsRevoke: 1, OperatorID: c.site.operator(), MemberID: c.card.member.id, MemberCardID: c.card.id,
		PayTime: wall(c.at), CreateTime: wall(c.at),
	}
}
