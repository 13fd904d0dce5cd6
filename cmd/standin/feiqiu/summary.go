package feiqiu

import (
	"cmp"
	"slices"
)

// OrderSummary is one row of feiqiu_dws.order_summary, added up from the business itself.
type OrderSummary struct {
	SiteID       int64
	BusinessDate string // 2025-09-01

	Orders, TableOrders, GoodsOrders, MemberOrders int

	Consume, TableCharge, Goods, Assistant, Service    Cents
	Discount, Adjust, Coupon, Point, Rounding, Balance Cents
	Paid, Cash, Online                                 Cents

	// OrdersRefunded counts the day's orders for which money went back, on whichever day, and OrdersRefund is that
	// money. RefundsPaid is what went back on this day, for whichever order.
	OrdersRefunded            int
	OrdersRefund, RefundsPaid Cents
}

// OrderSummary adds up the settlements and refunds per hall and business day, in that order.
func (l *Ledger) OrderSummary() []OrderSummary {
	type group struct {
		site int64
		date string
	}
	groups := map[group]*OrderSummary{}
	of := func(site int64, date string) *OrderSummary {
		g := group{site, date}
		if groups[g] == nil {
			groups[g] = &OrderSummary{SiteID: site, BusinessDate: date}
		}
		return groups[g]
	}
	for o := range l.holding.shown() {
		row := of(o.site.id, wall(o.paid)[:10])
		row.addOrder(o)
		if l.holding.refunded(o) {
			row.OrdersRefunded++
			row.OrdersRefund += o.refund.amount
			of(o.site.id, wall(o.refund.at)[:10]).RefundsPaid += o.refund.amount
		}
	}
	rows := make([]OrderSummary, 0, len(groups))
	for _, row := range groups {
		rows = append(rows, *row)
	}
	slices.SortFunc(rows, func(a, b OrderSummary) int {
		return cmp.Or(cmp.Compare(a.SiteID, b.SiteID), cmp.Compare(a.BusinessDate, b.BusinessDate))
	})
	return rows
}

func (s *OrderSummary) addOrder(o *settlement) {
	a := o.settled
	s.Orders++
	if o.table == nil {
		s.GoodsOrders++
	} else {
		s.TableOrders++
	}
	if o.member != nil {
		s.MemberOrders++
	}
	s.Consume += a.consume()
	s.TableCharge += a.table
	s.Goods += a.goods
	s.Assistant += a.playWith + a.overtime
	s.Service += a.service
	s.Discount += a.discount
	s.Adjust += a.adjust
	s.Coupon += a.coupon
	s.Point += a.point
	s.Rounding += a.round
	s.Balance += a.balance
	s.Paid += a.pay()
	s.Cash += a.cash
	s.Online += a.online
}
