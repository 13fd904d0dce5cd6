package jushuitan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/cmd/standin/money"
)

// OrderSummary is one row of jushuitan_dws.order_summary, added up from the business itself.
type OrderSummary struct {
	ShopID    int64
	OrderDate string // 2025-09-01

	OutOrders, Orders, Waiting, Shipped, Cancelled, Differing int
	Quantity                                                  int64
	Items, Freight, Pay, Difference, CancelledPay             money.Cents
}

// OrderSummary adds up the out-orders per shop and day of payment, in that order.
func (l *Ledger) OrderSummary() []OrderSummary {
	type group struct {
		shop int64
		date string
	}
	groups, numbers := map[group]*OrderSummary{}, map[group]map[int64]bool{}
	for _, r := range l.holding.byTS {
		g := group{r.shop.id, wall(r.paid)[:10]}
		if groups[g] == nil {
			groups[g], numbers[g] = &OrderSummary{ShopID: g.shop, OrderDate: g.date}, map[int64]bool{}
		}
		numbers[g][r.o] = true
		groups[g].add(r)
	}
	rows := make([]OrderSummary, 0, len(groups))
	for g, s := range groups {
		s.Orders = len(numbers[g])
		rows = append(rows, *s)
	}
	slices.SortFunc(rows, func(a, b OrderSummary) int {
		return cmp.Or(cmp.Compare(a.ShopID, b.ShopID), strings.Compare(a.OrderDate, b.OrderDate))
	})
	return rows
}

func (s *OrderSummary) add(r row) {
	s.OutOrders++
	if r.status == cancelled {
		s.Cancelled++
		s.CancelledPay += r.pay()
		return
	}
	if r.status == waitConfirm {
		s.Waiting++
	} else {
		s.Shipped++
	}
	if r.header != 0 {
		s.Differing++
	}
	s.Quantity += r.count()
	s.Items += r.itemsAmount()
	s.Freight += r.freight
	s.Pay += r.pay()
	s.Difference += r.header
}

// SKUSummary is one row of jushuitan_dws.sku_summary.
type SKUSummary struct {
	SKU, OrderDate                            string
	OutOrders                                 int
	Quantity, GiftQuantity, CancelledQuantity int64
	Amount, CancelledAmount                   money.Cents
}

// SKUSummary adds up the lines per SKU and day of payment, in that order.
func (l *Ledger) SKUSummary() []SKUSummary {
	groups := map[[2]string]*SKUSummary{}
	for _, r := range l.holding.byTS {
		for _, i := range r.items {
			g := [2]string{i.sku.id, wall(r.paid)[:10]}
			if groups[g] == nil {
				groups[g] = &SKUSummary{SKU: g[0], OrderDate: g[1]}
			}
			groups[g].add(r.status, i)
		}
	}
	rows := make([]SKUSummary, 0, len(groups))
	for _, s := range groups {
		rows = append(rows, *s)
	}
	slices.SortFunc(rows, func(a, b SKUSummary) int {
		return cmp.Or(strings.Compare(a.SKU, b.SKU), strings.Compare(a.OrderDate, b.OrderDate))
	})
	return rows
}

// add takes in a line. No out-order has a SKU in two lines.
func (s *SKUSummary) add(status string, i item) {
	switch {
	case status == cancelled:
		s.CancelledQuantity += i.count
		s.CancelledAmount += i.amount()
		return
	case i.sku.gift:
		s.GiftQuantity += i.count
	default:
		s.Quantity += i.count
	}
	s.OutOrders++
	s.Amount += i.amount()
}

// ShipmentSummary is one row of jushuitan_dws.shipment_summary.
type ShipmentSummary struct {
	WarehouseID int64
	ShipDate    string
	OutOrders   int
	Late        int // left more than 48 hours after payment
	Quantity    int64
	Pay         money.Cents
	Seconds     int64 // from payment to shipment, over all
}

// ShipmentSummary adds up what has left, per warehouse and day, in that order. What was called back has not left.
func (l *Ledger) ShipmentSummary() []ShipmentSummary {
	type group struct {
		warehouse int64
		date      string
	}
	groups := map[group]*ShipmentSummary{}
	for _, r := range l.holding.byTS {
		if r.status != confirmed && r.status != archived {
			continue
		}
		g := group{r.warehouse.id, wall(r.shipped)[:10]}
		if groups[g] == nil {
			groups[g] = &ShipmentSummary{WarehouseID: g.warehouse, ShipDate: g.date}
		}
		s, took := groups[g], r.shipped.Sub(r.paid)
		s.OutOrders++
		if took.Hours() > 48 {
			s.Late++
		}
		s.Quantity += r.count()
		s.Pay += r.pay()
		s.Seconds += int64(took.Seconds())
	}
	rows := make([]ShipmentSummary, 0, len(groups))
	for _, s := range groups {
		rows = append(rows, *s)
	}
	slices.SortFunc(rows, func(a, b ShipmentSummary) int {
		return cmp.Or(cmp.Compare(a.WarehouseID, b.WarehouseID), strings.Compare(a.ShipDate, b.ShipDate))
	})
	return rows
}
