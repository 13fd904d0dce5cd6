package feiqiu

import (
	"fmt"
	"slices"
	"time"
)

// Figures are the rows of a summary table, added up from the business itself: the row's key, its columns joined by |, and
// what is in its other columns, amounts with two decimals. A column that is not there is zero.
type Figures map[string]map[string]string

// tally adds figures up.
type tally map[string]map[string]figure

type figure struct {
	value int64
	money bool
}

func (t tally) add(key, column string, value int64, money bool) {
	if t[key] == nil {
		t[key] = map[string]figure{}
	}
	t[key][column] = figure{t[key][column].value + value, money}
}

func (t tally) count(key, column string, n int64) { t.add(key, column, n, false) }

func (t tally) amount(key, column string, c Cents) { t.add(key, column, int64(c), true) }

func (t tally) figures() Figures {
	out := Figures{}
	for key, row := range t {
		out[key] = map[string]string{}
		for column, f := range row {
			out[key][column] = fmt.Sprint(f.value)
			if f.money {
				out[key][column] = Cents(f.value).String()
			}
		}
	}
	return out
}

// dayKey is the key of what happened in a hall at a time.
func dayKey(s *site, when time.Time, more ...any) string {
	key := fmt.Sprintf("%d|%s", s.id, wall(when)[:10])
	for _, m := range more {
		key += fmt.Sprintf("|%v", m)
	}
	return key
}

// Summaries are all summary tables, by the name of the table in feiqiu_dws.
func (l *Ledger) Summaries() map[string]Figures {
	v := l.holding.view
	return map[string]Figures{
		"order_summary":     l.orderFigures(),
		"member_summary":    v.memberFigures().figures(),
		"table_summary":     v.tableFigures().figures(),
		"assistant_summary": v.assistantFigures().figures(),
		"goods_summary":     v.goodsFigures().figures(),
		"payment_summary":   v.paymentFigures().figures(),
		"card_summary":      v.cardFigures().figures(),
		"coupon_summary":    v.couponFigures().figures(),
	}
}

func (l *Ledger) orderFigures() Figures {
	t := tally{}
	for _, s := range l.OrderSummary() {
		key := fmt.Sprintf("%d|%s", s.SiteID, s.BusinessDate)
		for column, n := range map[string]int{
			"order_count": s.Orders, "table_order_count": s.TableOrders, "goods_order_count": s.GoodsOrders,
			"member_order_count": s.MemberOrders, "refunded_order_count": s.OrdersRefunded,
		} {
			t.count(key, column, int64(n))
		}
		for column, c := range map[string]Cents{
			"consume_amount": s.Consume, "table_charge_amount": s.TableCharge, "goods_amount": s.Goods, "assistant_amount": s.Assistant,
			"service_amount": s.Service, "member_discount_amount": s.Discount, "adjust_amount": s.Adjust, "coupon_amount": s.Coupon,
			"point_amount": s.Point, "rounding_amount": s.Rounding, "balance_amount": s.Balance, "pay_amount": s.Paid,
			"cash_amount": s.Cash, "online_amount": s.Online, "orders_refund_amount": s.OrdersRefund, "refund_amount": s.RefundsPaid,
			"net_pay_amount": s.Paid - s.RefundsPaid,
		} {
			t.amount(key, column, c)
		}
	}
	return t.figures()
}

func (v view) memberFigures() tally {
	t := tally{}
	for o := range v.shown() {
		if o.member == nil {
			continue
		}
		key := dayKey(o.site, o.paid, o.member.id)
		t.count(key, "order_count", 1)
		t.amount(key, "consume_amount", o.settled.consume())
		t.amount(key, "member_discount_amount", o.settled.discount)
		t.amount(key, "balance_amount", o.settled.balance)
		t.amount(key, "pay_amount", o.settled.pay())
		if v.refunded(o) {
			t.amount(dayKey(o.site, o.refund.at, o.member.id), "refund_amount", o.refund.amount)
		}
	}
	for _, c := range v.recharges {
		key, n := dayKey(c.site, c.at, c.card.member.id), int64(1)
		if c.undoes != nil {
			n = -1
			t.amount(key, "refund_amount", -c.paid)
		}
		t.count(key, "recharge_count", n)
		t.amount(key, "recharge_amount", c.paid)
		t.amount(key, "gift_amount", c.gift)
	}
	for _, b := range v.balances {
		t.amount(dayKey(b.site, b.at, b.card.member.id), "balance_change_amount", b.amount)
	}
	return t
}

func (v view) tableFigures() tally {
	t := tally{}
	for o := range v.shown() {
		if o.tableFee == nil {
			continue
		}
		key := dayKey(o.site, o.closed, o.table.id)
		t.count(key, "use_count", 1)
		t.count(key, "charged_seconds", o.tableFee.seconds)
		t.count(key, "used_seconds", o.played())
		t.amount(key, "table_charge_amount", o.tableFee.amount)
		t.amount(key, "coupon_amount", o.settled.coupon)
		t.amount(key, "member_discount_amount", o.settled.discount)
		t.amount(key, "adjust_amount", o.settled.adjust)
		t.amount(key, "net_amount", o.net())
		if o.coupon != nil {
			t.count(dayKey(o.site, o.coupon.at, o.table.id), "coupon_count", 1)
		}
	}
	return t
}

func (v view) assistantFigures() tally {
	t := tally{}
	for o := range v.shown() {
		for _, a := range o.assistants {
			key := dayKey(o.site, o.paid, a.who.id)
			kind := []string{playWith: "play", overtime: "overtime"}[a.kind]
			t.count(key, "service_count", 1)
			t.count(key, kind+"_seconds", a.seconds)
			t.amount(key, kind+"_amount", a.amount)
			t.amount(key, "service_amount", a.amount)
		}
		for _, c := range o.cancelled {
			key := dayKey(o.site, c.at, c.service.who.id)
			t.count(key, "cancel_count", 1)
			t.amount(key, "cancel_amount", c.fee)
		}
	}
	return t
}

func (v view) goodsFigures() tally {
	t := tally{}
	for o := range v.shown() {
		for _, g := range o.goods {
			key, cost := dayKey(o.site, o.paid, g.item.id()), g.item.cost*Cents(g.count)
			t.count(key, "sold_quantity", g.count)
			t.amount(key, "sales_amount", g.amount)
			t.amount(key, "net_amount", g.amount)
			t.amount(key, "cost_amount", cost)
			t.amount(key, "profit_amount", g.amount-cost)
			if v.undone(o) {
				t.count(key, "returned_quantity", g.count)
			}
		}
	}
	columns := []string{soldOut: "shipped", boughtIn: "purchased", checked: "counted", takenBack: "taken_back"}
	for _, m := range v.movements {
		key, n := dayKey(m.item.site, m.at, m.item.id()), m.change
		t.count(key, "stock_change_quantity", n)
		if m.kind == soldOut {
			n = -n
		}
		t.count(key, columns[m.kind]+"_quantity", n)
	}
	return t
}

func (v view) paymentFigures() tally {
	t := tally{}
	way := func(s *site, p payment, when time.Time) string {
		method := map[int]string{byCash: "cash", byOnline: "online"}[p.method]
		return dayKey(s, when, method, []string{"none", "wechat", "alipay"}[p.channel])
	}
	paid := func(s *site, payments []payment, column string) {
		for _, p := range payments {
			key := way(s, p, p.at)
			if p.status != payDone {
				t.count(key, "failed_count", 1)
				t.amount(key, "failed_amount", p.amount)
				continue
			}
			t.count(key, "payment_count", 1)
			t.amount(key, column, p.amount)
			t.amount(key, "pay_amount", p.amount)
			t.amount(key, "net_amount", p.amount)
		}
	}
	back := func(s *site, parts []payment, when time.Time) {
		for _, p := range parts {
			key := way(s, p, when)
			t.count(key, "refund_count", 1)
			t.amount(key, "refund_amount", p.amount)
			t.amount(key, "net_amount", -p.amount)
		}
	}
	for o := range v.shown() {
		paid(o.site, o.payments, "order_amount")
		if v.refunded(o) {
			back(o.site, o.refund.parts, o.refund.at)
		}
		for method, c := range map[string]Cents{"balance": o.settled.balance, "coupon": o.settled.coupon, "point": o.settled.point} {
			if c != 0 {
				key := dayKey(o.site, o.paid, method, "none")
				t.count(key, "payment_count", 1)
				for _, column := range []string{"order_amount", "pay_amount", "net_amount"} {
					t.amount(key, column, c)
				}
			}
		}
	}
	for _, c := range v.recharges {
		paid(c.site, c.payments, "recharge_amount")
		if c.undoes != nil {
			back(c.site, c.undoes.done(), c.at)
		}
	}
	return t
}

func (v view) cardFigures() tally {
	t := tally{}
	for _, c := range v.recharges {
		key := dayKey(c.site, c.at)
		if c.undoes != nil {
			t.count(key, "reversal_count", 1)
			t.amount(key, "reversal_amount", -c.paid)
			continue
		}
		t.count(key, "recharge_count", 1)
		if c.first {
			t.count(key, "first_recharge_count", 1)
		}
		t.amount(key, "recharge_amount", c.paid)
		t.amount(key, "gift_amount", c.gift)
	}
	for _, b := range v.balances {
		key := dayKey(b.site, b.at)
		t.amount(key, "balance_change_amount", b.amount)
		switch b.from {
		case fromConsumption:
			t.amount(key, "consumed_amount", -b.amount)
		case fromRefund:
			t.amount(key, "returned_amount", b.amount)
		case fromManual:
			t.amount(key, "manual_amount", b.amount)
		}
	}
	return t
}

func (v view) couponFigures() tally {
	t := tally{}
	for o := range v.shown() {
		if c := o.coupon; c != nil {
			key := dayKey(o.site, c.at, c.of.id)
			t.count(key, "redeemed_count", 1)
			t.amount(key, "sale_amount", c.salePrice)
			t.amount(key, "used_amount", c.value)
			t.count(key, "used_seconds", min(c.of.seconds, o.tableFee.seconds))
		}
	}
	for _, c := range v.revoked {
		t.count(dayKey(c.site, c.at, c.of.id), "revoked_count", 1)
	}
	return t
}

// Balances are what is on each card now.
func (l *Ledger) Balances() map[int64]Cents {
	out := map[int64]Cents{}
	for _, m := range l.holding.members {
		for _, c := range slices.DeleteFunc([]*card{m.card, m.oldCard}, func(c *card) bool { return c == nil }) {
			out[c.id] = c.balance
		}
	}
	return out
}
