package feiqiu

import (
	"slices"
	"time"
)

// The stock_type codes of movements.
const (
	soldOut   = 1
	boughtIn  = 2
	checked   = 3
	takenBack = 4
)

// movement is one line of the stock's log.
type movement struct {
	id     int64
	item   *item
	kind   int
	start  int64
	change int64 // signed
	price  Cents
	at     time.Time
}

// stockUp fills the shelf on the day before the hall opens.
func (w *world) stockUp(s *site) {
	for _, g := range assortment() {
		i := &item{goods: g, site: s, price: []dated[Cents]{{value: g.price}}}
		s.shelf = append(s.shelf, i)
		w.moveStock(i, -1, boughtIn, int64(10*w.options.Orders), w.date(-1).Add(10*time.Hour))
	}
}

func (w *world) moveStock(i *item, day, kind int, change int64, when time.Time) {
	m := &movement{
		id: id(stockID, i.site.index, day+1, i.site.movementCount), item: i, kind: kind, start: i.stock, change: change,
		price: at(i.price, max(day, 0)), at: when,
	}
	i.site.movementCount++
	i.stock += change
	i.changed = when
	if kind == soldOut {
		i.sold -= change
	}
	w.movements = append(w.movements, m)
}

// moveGoods is the stock's day. Before it opens goods are bought and counted, and what offline tills have sold is booked;
// then follow the sales and what comes back, in their order.
func (w *world) moveGoods(s *site, day int, orders []*settlement) {
	r := w.random(shelves, s, day)
	morning := w.date(day).Add(9 * time.Hour)
	mine := func(all []*settlement) []*settlement {
		return slices.DeleteFunc(slices.Clone(all), func(o *settlement) bool { return o.site != s })
	}
	for _, o := range mine(w.agenda(day).late) {
		w.moveLines(o, day, soldOut, -1, morning)
	}
	for _, i := range s.shelf {
		if i.stock < int64(3*w.options.Orders) {
			w.moveStock(i, day, boughtIn, int64(6*w.options.Orders), morning.Add(30*time.Minute))
		}
	}
	if day%4 == 2 {
		w.moveStock(pick(r, s.shelf), day, checked, int64(r.IntN(2)*4-2), morning.Add(45*time.Minute))
	}
	var today []happening
	for _, o := range orders {
		if !o.offline {
			today = append(today, happening{o.paid, func() { w.moveLines(o, day, soldOut, -1, o.paid) }})
		}
	}
	for _, o := range mine(w.agenda(day).goods) {
		today = append(today, happening{o.refund.at, func() { w.moveLines(o, day, takenBack, 1, o.refund.at) }})
	}
	slices.SortStableFunc(today, func(a, b happening) int { return a.at.Compare(b.at) })
	for _, h := range today {
		h.do()
	}
}

func (w *world) moveLines(o *settlement, day, kind int, sign int64, when time.Time) {
	for _, g := range o.goods {
		w.moveStock(g.item, day, kind, sign*g.count, when)
	}
}

type movementRecord struct {
	SiteGoodsStockID      int64  `json:"site_goods_stock_id"`
	TenantID              int64  `json:"tenant_id"`
	SiteID                int64  `json:"site_id"`
	SiteGoodsID           int64  `json:"site_goods_id"`
	GoodsName             string `json:"goods_name"`
	GoodsCategoryID       int64  `json:"goods_category_id"`
	GoodsSecondCategoryID int64  `json:"goods_second_category_id"`
	Unit                  string `json:"unit"`
	Price                 Cents  `json:"price"`
	StockType             int    `json:"stock_type"`
	StartNum              int64  `json:"start_num"`
	ChangeNum             int64  `json:"change_num"`
	EndNum                int64  `json:"end_num"`
	ChangeNumA            int64  `json:"change_num_a"`
	StartNumA             int64  `json:"start_num_a"`
	EndNumA               int64  `json:"end_num_a"`
	Remark                string `json:"remark"`
	OperatorName          string `json:"operator_name"`
	CreateTime            string `json:"create_time"`
}

func goodsStockMovements() stream {
	return stream{
		name:   "goods_stock_movements",
		path:   "/GoodsStockManage/QueryGoodsOutboundReceipt",
		former: "/GoodsStockManage/QueryFormerGoodsOutboundReceipt",
		list:   "queryDeliveryRecordsList",
		events: true,
		rows: func(v view) []row {
			var rows []row
			for _, m := range v.movements {
				first, second := m.item.categories()
				rows = append(rows, row{site: m.item.site.id, at: m.at, key: m.id, raw: encode(movementRecord{
					SiteGoodsStockID: m.id, TenantID: tenantID, SiteID: m.item.site.id, SiteGoodsID: m.item.id(), GoodsName: m.item.name,
					GoodsCategoryID: first.id(), GoodsSecondCategoryID: second.id(), Unit: m.item.unit, Price: m.price, StockType: m.kind,
					StartNum: m.start, ChangeNum: m.change, EndNum: m.start + m.change, OperatorName: cashier, CreateTime: wall(m.at),
				})})
			}
			return rows
		},
	}
}

type stockReportRecord struct {
	SiteGoodsID           int64  `json:"site_goods_id"`
	TenantGoodsID         int64  `json:"tenant_goods_id"`
	SiteID                int64  `json:"site_id"`
	GoodsName             string `json:"goods_name"`
	GoodsUnit             string `json:"goods_unit"`
	GoodsCategoryID       int64  `json:"goods_category_id"`
	GoodsSecondCategoryID int64  `json:"goods_second_category_id"`
	CategoryName          string `json:"category_name"`
	RangeStartStock       int64  `json:"range_start_stock"`
	RangeEndStock         int64  `json:"range_end_stock"`
	RangeIn               int64  `json:"range_in"`
	RangeOut              int64  `json:"range_out"`
	RangeSale             int64  `json:"range_sale"`
	RangeSaleMoney        Cents  `json:"range_sale_money"`
	RangeInventory        int64  `json:"range_inventory"`
	CurrentStock          int64  `json:"current_stock"`
}

// goodsStockSummary is a report on the stretch that is asked for, and names it nowhere. The stock of now is in every row.
func goodsStockSummary() stream {
	return stream{
		name:    "goods_stock_summary",
		path:    "/TenantGoods/GetGoodsStockReport",
		amounts: []string{"range_sale_money"},
		report: func(v view, s *site, start, end time.Time) []row {
			if !end.After(v.date(-1)) {
				return nil
			}
			stock := map[*item]int64{}
			var within []*movement
			for _, m := range v.movements {
				switch {
				case m.at.Before(start):
					stock[m.item] += m.change
				case m.at.Before(end):
					within = append(within, m)
				}
			}
			return s.stockReport(start, stock, within)
		},
		rows: func(v view) []row {
			var rows []row
			stock, rest := map[*item]int64{}, v.movements // which are in the order of days
			for week := 0; !monday(week + 1).After(v.now()); week++ {
				n := 0
				for n < len(rest) && rest[n].at.Before(monday(week+1)) {
					n++
				}
				for _, s := range v.sites {
					if !monday(week + 1).After(v.date(-1)) {
						continue
					}
					for _, r := range s.stockReport(monday(week), stock, rest[:n]) {
						r.key += int64(week) * 1e5
						rows = append(rows, r)
					}
				}
				for _, m := range rest[:n] {
					stock[m.item] += m.change
				}
				rest = rest[n:]
			}
			return rows
		},
	}
}

// monday is the beginning of a week. The ledger holds the reports of whole weeks, from the one on in which the API begins.
func monday(week int) time.Time { return time.Date(2025, time.June, 30+7*week, 0, 0, 0, 0, Zone) }

// stockReport is that of a stretch with its movements, which those of other halls may be among.
func (s *site) stockReport(start time.Time, stock map[*item]int64, movements []*movement) []row {
	var rows []row
	for _, i := range s.shelf {
		first, second := i.categories()
		report := stockReportRecord{
			SiteGoodsID: i.id(), TenantGoodsID: i.tenantID(), SiteID: s.id, GoodsName: i.name, GoodsUnit: i.unit,
			GoodsCategoryID: first.id(), GoodsSecondCategoryID: second.id(), CategoryName: first.name,
			RangeStartStock: stock[i], RangeEndStock: stock[i], CurrentStock: i.stock,
		}
		for _, m := range movements {
			if m.item == i {
				report.add(m)
			}
		}
		rows = append(rows, row{
			site: s.id, at: start, key: id(reportID, s.index, 0, i.number), amounts: []Cents{report.RangeSaleMoney}, raw: encode(report),
		})
	}
	return rows
}

func (r *stockReportRecord) add(m *movement) {
	r.RangeEndStock += m.change
	switch m.kind {
	case soldOut:
		r.RangeSale -= m.change
		r.RangeSaleMoney += m.price * Cents(-m.change)
	case checked:
		r.RangeInventory += m.change
	default:
		r.RangeIn += m.change
	}
}
