package feiqiu

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// couponPackage is hours at a table that a platform sells.
type couponPackage struct {
	id      int64
	site    *site
	number  int
	name    string
	seconds int64
	value   Cents
	area    area
	history []dated[packageState]
}

type packageState struct {
	price   Cents
	enabled bool
}

func newPackages(s *site) []*couponPackage {
	var all []*couponPackage
	for n, p := range []struct {
		name    string
		hours   int64
		price   Cents
		enabled bool
	}{{"一小时畅打", 1, 3990, true}, {"两小时畅打", 2, 6990, true}, {"工作日三小时", 3, 8990, false}} {
		a := areas()[0]
		all = append(all, &couponPackage{
			id: id(packageID, s.index, 0, n+1), site: s, number: n + 1, name: p.name, seconds: p.hours * 3600, area: a,
			value: a.price * Cents(p.hours), history: []dated[packageState]{{value: packageState{p.price, p.enabled}}},
		})
	}
	return all
}

// changeOffers gives one of the goods another price every sixth day, and a package every tenth.
func (w *world) changeOffers(s *site, day int) {
	r := w.random(offers, s, day)
	if day%6 == 2 {
		i := pick(r, s.shelf)
		i.price = append(i.price, dated[Cents]{from: day + 1, value: at(i.price, day) + 50})
	}
	if day%10 == 4 {
		p := s.packages[r.IntN(2)]
		state := at(p.history, day)
		state.price += 100
		p.history = append(p.history, dated[packageState]{from: day + 1, value: state})
	}
}

// redeem pays for one or two hours at the table, at most for those that were played.
func redeem(r *rand.Rand, o *settlement) *coupon {
	p := o.site.packages[r.IntN(2)]
	return &coupon{
		id: id(couponID, o.site.index, o.day, o.number), of: p, salePrice: at(p.history, o.day).price, channel: 1 + r.IntN(2),
		value: min(o.tableFee.price*Cents(p.seconds/3600), o.tableFee.amount), at: o.opened.Add(5 * time.Second),
	}
}

// revokedCoupon was handed in and taken back: the settlement that it names was never made.
type revokedCoupon struct {
	coupon
	day   int
	site  *site
	table *table
}

func (w *world) revokeCoupon(r *rand.Rand, s *site, day int) {
	if !chance(r, 40) {
		return
	}
	p := s.packages[r.IntN(2)]
	w.revoked = append(w.revoked, &revokedCoupon{day: day, site: s, table: pick(r, s.tables), coupon: coupon{
		id: id(couponID, s.index, day, 60000), of: p, salePrice: at(p.history, day).price, channel: 2,
		at: w.date(day).Add(23*time.Hour + 20*time.Minute),
	}})
}

type packageRecord struct {
	ID            int64  `json:"id"`
	TenantID      int64  `json:"tenant_id"`
	SiteID        int64  `json:"site_id"`
	SiteName      string `json:"site_name"`
	PackageID     int    `json:"package_id"`
	PackageName   string `json:"package_name"`
	SellingPrice  Cents  `json:"selling_price"`
	CouponMoney   Cents  `json:"coupon_money"`
	TableAreaID   int64  `json:"table_area_id"`
	TableAreaName string `json:"table_area_name"`
	Duration      int64  `json:"duration"`
	UsableCount   int    `json:"usable_count"`
	UsableRange   string `json:"usable_range"`
	DateType      int    `json:"date_type"`
	StartTime     string `json:"start_time"`
	EndTime       string `json:"end_time"`
	StartClock    string `json:"start_clock"`
	EndClock      string `json:"end_clock"`
	Type          int    `json:"type"`
	GroupType     int    `json:"group_type"`
	IsEnabled     int    `json:"is_enabled"`
	IsDelete      int    `json:"is_delete"`
	CreatorName   string `json:"creator_name"`
	CreateTime    string `json:"create_time"`
}

func groupBuyPackages() stream {
	return stream{
		name: "group_buy_packages",
		path: "/PackageCoupon/QueryPackageCouponList",
		list: "packageCouponList",
		rows: func(v view) []row {
			var rows []row
			for _, s := range v.sites {
				for _, p := range s.packages {
					rows = append(rows, row{site: s.id, key: p.id, raw: encode(p.record(at(p.history, v.after)))})
				}
			}
			return rows
		},
	}
}

func (p *couponPackage) record(state packageState) packageRecord {
	record := packageRecord{
		ID: p.id, TenantID: tenantID, SiteID: p.site.id, SiteName: p.site.name, PackageID: 90000 + p.number, PackageName: p.name,
		SellingPrice: state.price, CouponMoney: p.value, TableAreaID: id(areaID, p.site.index, 0, p.area.number), TableAreaName: p.area.name,
		Duration: p.seconds, UsableCount: 999999, UsableRange: "全天", DateType: 1, StartTime: "2025-06-01 00:00:00",
		EndTime: "2026-06-01 00:00:00", StartClock: "00:00:00", EndClock: "1.00:00:00", Type: 1, GroupType: 1, IsEnabled: 1,
		CreatorName: "店长:老周", CreateTime: "2025-05-30 15:00:00",
	}
	if !state.enabled {
		record.IsEnabled, record.UsableCount, record.UsableRange = 0, 200, "工作日"
		record.StartClock, record.EndClock = "10:00:00", "18:00:00"
	}
	return record
}

type platformRecord struct {
	ID             int64  `json:"id"`
	VerifyID       int64  `json:"verify_id"`
	CertificateID  string `json:"certificate_id"`
	CouponCode     string `json:"coupon_code"`
	CouponName     string `json:"coupon_name"`
	CouponChannel  int    `json:"coupon_channel"`
	ChannelDealID  int64  `json:"channel_deal_id"`
	DealID         int64  `json:"deal_id"`
	GroupPackageID int64  `json:"group_package_id"`
	CouponFreeTime int64  `json:"coupon_free_time"`
	CouponMoney    Cents  `json:"coupon_money"`
	SalePrice      Cents  `json:"sale_price"`
	CouponRemark   string `json:"coupon_remark"`
	UseStatus      int    `json:"use_status"`
	SiteID         int64  `json:"site_id"`
	TenantID       int64  `json:"tenant_id"`
	SiteOrderID    int64  `json:"site_order_id"`
	TableID        int64  `json:"table_id"`
	OperatorID     int64  `json:"operator_id"`
	OperatorName   string `json:"operator_name"`
	ConsumeTime    string `json:"consume_time"`
	CreateTime     string `json:"create_time"`
	IsDelete       int    `json:"is_delete"`
}

// The use_status codes.
const (
	couponUsed    = 1
	couponRevoked = 2
)

func platformCouponRedemptionRecords() stream {
	return stream{
		name:    "platform_coupon_redemption_records",
		path:    "/Promotion/GetOfflineCouponConsumePageList",
		former:  "/Promotion/GetFormerOfflineCouponConsumePageList",
		events:  true,
		amounts: []string{"sale_price"},
		rows: func(v view) []row {
			var rows []row
			add := func(s *site, record platformRecord, when time.Time) {
				rows = append(rows, row{site: s.id, at: when, key: record.ID, amounts: []Cents{record.SalePrice}, raw: encode(record)})
			}
			for o := range v.shown() {
				if o.coupon != nil {
					record := o.coupon.platform(o.site, o.table)
					record.SiteOrderID = o.id
					add(o.site, record, o.coupon.at)
				}
			}
			for _, c := range v.revoked {
				record := c.platform(c.site, c.table)
				record.UseStatus, record.CouponRemark = couponRevoked, "顾客取消"
				add(c.site, record, c.at)
			}
			return rows
		},
	}
}

// code is what the guest shows: digits, the first of them a zero.
func (c *coupon) code() string { return fmt.Sprintf("01%014d", c.id%1e14) }

func (c *coupon) platform(s *site, t *table) platformRecord {
	return platformRecord{
		ID: c.id, VerifyID: c.id % 1e9, CertificateID: fmt.Sprintf("c-%08d", c.id%1e8), CouponCode: c.code(), CouponName: c.of.name,
		CouponChannel: c.channel, ChannelDealID: 500000 + int64(c.of.number), DealID: 500000 + int64(c.of.number), GroupPackageID: c.of.id,
		CouponFreeTime: c.of.seconds, CouponMoney: c.of.value, SalePrice: c.salePrice, UseStatus: couponUsed, SiteID: s.id,
		TenantID: tenantID, TableID: t.id, OperatorID: s.operator(), OperatorName: cashier, ConsumeTime: wall(c.at), CreateTime: wall(c.at),
	}
}

type redemptionRecord struct {
	ID                  int64  `json:"id"`
	TenantID            int64  `json:"tenant_id"`
	SiteID              int64  `json:"site_id"`
	OrderTradeNo        int64  `json:"order_trade_no"`
	OrderSettleID       int64  `json:"order_settle_id"`
	OrderCouponID       int64  `json:"order_coupon_id"`
	CouponOriginID      int64  `json:"coupon_origin_id"`
	PromotionActivityID int64  `json:"promotion_activity_id"`
	PromotionCouponID   int64  `json:"promotion_coupon_id"`
	CouponCode          string `json:"coupon_code"`
	TableID             int64  `json:"table_id"`
	TableName           string `json:"table_name"`
	TableAreaID         int64  `json:"table_area_id"`
	TableAreaName       string `json:"table_area_name"`
	LedgerName          string `json:"ledger_name"`
	LedgerUnitPrice     Cents  `json:"ledger_unit_price"`
	LedgerCount         int64  `json:"ledger_count"`
	LedgerAmount        Cents  `json:"ledger_amount"`
	CouponMoney         Cents  `json:"coupon_money"`
	TableChargeSeconds  int64  `json:"table_charge_seconds"`
	PromotionSeconds    int64  `json:"promotion_seconds"`
	UseStatus           int    `json:"use_status"`
	IsDelete            int    `json:"is_delete"`
	OperatorName        string `json:"operator_name"`
	CreateTime          string `json:"create_time"`
}

func groupBuyRedemptionRecords() stream {
	return stream{
		name:    "group_buy_redemption_records",
		path:    "/Site/GetSiteTableUseDetails",
		former:  "/Site/GetFormerSiteTableUseDetails",
		list:    "siteTableUseDetailsList",
		events:  true,
		amounts: []string{"ledger_amount"},
		rows: func(v view) []row {
			var rows []row
			for o := range v.shown() {
				if c := o.coupon; c != nil {
					record := c.redemption(o.site, o.table)
					record.OrderTradeNo, record.OrderSettleID, record.UseStatus = o.tradeNo, o.id, couponUsed
					record.LedgerCount = min(c.of.seconds, o.tableFee.seconds)
					record.LedgerAmount, record.TableChargeSeconds = c.value, record.LedgerCount
					rows = append(rows, row{site: o.site.id, at: c.at, key: record.ID, amounts: []Cents{c.value}, raw: encode(record)})
				}
			}
			for _, c := range v.revoked {
				record := c.redemption(c.site, c.table)
				record.OrderTradeNo, record.OrderSettleID = tradeNo(c.at, c.site.index), id(settleID, c.site.index, c.day, 60000)
				record.UseStatus, record.IsDelete = couponRevoked, 1
				rows = append(rows, row{site: c.site.id, at: c.at, key: record.ID, amounts: []Cents{0}, raw: encode(record)})
			}
			return rows
		},
	}
}

func (c *coupon) redemption(s *site, t *table) redemptionRecord {
	return redemptionRecord{
		ID: c.id - int64(couponID-redemptionID)*1e10, TenantID: tenantID, SiteID: s.id, OrderCouponID: c.id, CouponOriginID: c.id,
		PromotionActivityID: c.of.id, PromotionCouponID: c.of.id, CouponCode: c.code(), TableID: t.id, TableName: t.name,
		TableAreaID: t.areaID(), TableAreaName: t.area.name, LedgerName: c.of.name, LedgerUnitPrice: c.salePrice,
		CouponMoney: c.of.value, PromotionSeconds: c.of.seconds, OperatorName: cashier, CreateTime: wall(c.at),
	}
}
