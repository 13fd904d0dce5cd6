package xiaoe

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/cmd/standin/money"
)

// Ledger is what a server holds at one time, and what it has served until then: the figures that a warehouse which was
// filled from it has to come to. It does not change when the server goes on.
type Ledger struct {
	holding *holding
	served  map[string]Served
}

// Served is what has been asked of each path.
func (l *Ledger) Served() map[string]Served { return l.served }

// Orders, Refunds, Users, Products and Lives count what there is.
func (l *Ledger) Orders() int { return len(l.holding.orders) }

// Refunds counts after-sales, those that came to nothing included.
func (l *Ledger) Refunds() int { return len(l.holding.sales) }

// Users counts users.
func (l *Ledger) Users() int { return len(l.holding.users) }

// Products counts products, deleted ones included.
func (l *Ledger) Products() int { return len(l.holding.products) }

// Lives counts broadcasts, announced ones included.
func (l *Ledger) Lives() int { return len(l.holding.lives()) }

// OrderRecords are the current records of orders by order_id, byte for byte as they are served.
func (l *Ledger) OrderRecords() map[string]json.RawMessage {
	records := make(map[string]json.RawMessage, len(l.holding.orders))
	for _, o := range l.holding.orders {
		records[o.id] = encode(l.holding.orderRecord(o))
	}
	return records
}

// Day is one row of xiaoe_dws.order_summary or, with a product, of xiaoe_dws.product_summary.
type Day struct {
	Product, Date string // Date as 2025-09-01

	Orders, Paid, Unpaid int // of the day's orders
	Quantity             int // paid
	Amount, Coupon       money.Cents
	RefundedOrders       int // of the day's orders, whenever
	OrdersRefund         money.Cents
	Refunds              int // on the day, of whichever orders
	Refund               money.Cents
}

// OrderSummary adds up orders and refunds per day, in that order.
func (l *Ledger) OrderSummary() []Day { return l.days(func(*order) string { return "" }) }

// ProductSummary adds up orders and refunds per product and day, in that order.
func (l *Ledger) ProductSummary() []Day {
	return l.days(func(o *order) string { return o.product.resource })
}

func (l *Ledger) days(product func(*order) string) []Day {
	groups := map[[2]string]*Day{}
	day := func(o *order, at time.Time) *Day {
		g := [2]string{product(o), wall(at)[:10]}
		if groups[g] == nil {
			groups[g] = &Day{Product: g[0], Date: g[1]}
		}
		return groups[g]
	}
	for _, o := range l.holding.orders {
		d := day(o, o.created)
		d.Orders++
		if l.holding.state(o).payTime.IsZero() {
			d.Unpaid++
		} else {
			d.Paid++
			d.Quantity += o.count
			d.Amount += o.paid
			d.Coupon += o.coupon
		}
		refunded := false
		for _, a := range o.sales {
			c := l.holding.claim(a)
			if !a.created.Before(l.holding.now) || c.state != claimDone {
				continue
			}
			refunded = true
			d.OrdersRefund += c.refund
			on := day(o, c.at)
			on.Refunds++
			on.Refund += c.refund
		}
		if refunded {
			d.RefundedOrders++
		}
	}
	rows := make([]Day, 0, len(groups))
	for _, d := range groups {
		rows = append(rows, *d)
	}
	slices.SortFunc(rows, func(a, b Day) int {
		return cmp.Or(strings.Compare(a.Product, b.Product), strings.Compare(a.Date, b.Date))
	})
	return rows
}

// Benefit is what becomes of an order's benefit: granted when it is paid, cancelled when all money goes back within
// fourteen days of ordering, the last second included.
type Benefit struct {
	OrderID   string
	Granted   time.Time
	Cancelled time.Time // zero: never
}

// Benefits are those of all orders that were paid, by order_id.
func (l *Ledger) Benefits() []Benefit {
	var out []Benefit
	for _, o := range l.holding.orders {
		b := Benefit{OrderID: o.id}
		for _, s := range o.history {
			if !s.at.Before(l.holding.now) {
				break
			}
			if b.Granted.IsZero() {
				b.Granted = s.payTime
			}
			gone := s.order == fullRefund || s.order == groupFailed
			if gone && b.Cancelled.IsZero() && s.at.Sub(o.created) <= 14*24*time.Hour {
				b.Cancelled = s.at
			}
		}
		if !b.Granted.IsZero() {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b Benefit) int { return strings.Compare(a.OrderID, b.OrderID) })
	return out
}

// UserSummary is one row of xiaoe_dws.user_summary.
type UserSummary struct {
	UserID         string
	Orders, Paid   int
	Amount, Refund money.Cents
}

// UserSummary adds up what users who ordered something paid and got back, by user_id.
func (l *Ledger) UserSummary() []UserSummary {
	groups := map[string]*UserSummary{}
	for _, o := range l.holding.orders {
		if groups[o.user.id] == nil {
			groups[o.user.id] = &UserSummary{UserID: o.user.id}
		}
		u := groups[o.user.id]
		u.Orders++
		if !l.holding.state(o).payTime.IsZero() {
			u.Paid++
			u.Amount += o.paid
		}
		for _, a := range o.sales {
			if c := l.holding.claim(a); a.created.Before(l.holding.now) && c.state == claimDone {
				u.Refund += c.refund
			}
		}
	}
	rows := make([]UserSummary, 0, len(groups))
	for _, u := range groups {
		rows = append(rows, *u)
	}
	slices.SortFunc(rows, func(a, b UserSummary) int { return strings.Compare(a.UserID, b.UserID) })
	return rows
}
