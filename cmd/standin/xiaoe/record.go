package xiaoe

import (
	"fmt"
	"strconv"
	"time"

	"github.com/terrace-elt/terrace/cmd/standin/money"
)

// The ways to write that there is no date.
const (
	noDate    = "0000-00-00 00:00:00"
	noDatePHP = "-0001-11-30 00:00:00" // a zero date that went through a formatter
)

func wall(t time.Time) string {
	if t.IsZero() {
		return noDate
	}
	return t.In(Zone).Format(time.DateTime)
}

// orderRecord is an order of the 1.x list: price in yuan as text, the other amounts in fen, which are numbers in some
// rows and digits in others, and nothing in those that were not paid.
type orderRecord struct {
	OrderID         string `json:"order_id"`
	UserID          string `json:"user_id"`
	Title           string `json:"title"`
	ResourceID      string `json:"resource_id"`
	ResourceType    int    `json:"resource_type"`
	GoodsImg        string `json:"goods_img"`
	Count           any    `json:"count"`
	Price           string `json:"price"`
	CouponPrice     any    `json:"coupon_price"`
	RefundMoney     any    `json:"refund_money"`
	OrderState      int    `json:"order_state"`
	ShipState       int    `json:"ship_state"`
	SalesState      int    `json:"sales_state"`
	AfterSalesState int    `json:"after_sales_state"`
	TeamBuyState    int    `json:"team_buy_state"`
	PayWay          any    `json:"pay_way"`
	ClientType      int    `json:"client_type"`
	CollectionWay   int    `json:"collection_way"`
	OutOrderID      string `json:"out_order_id"`
	TransactionID   string `json:"transaction_id"`
	SystemInfo      string `json:"system_info"`
	ReceiverName    string `json:"receiver_name"`
	ReceiverPhone   string `json:"receiver_phone"`
	ReceiverDetail  string `json:"receiver_detail"`
	CreatedTime     string `json:"created_time"`
	PayTime         string `json:"pay_time"`
	RefundTime      string `json:"refund_time"`
	SettleTime      string `json:"settle_time"`
}

func (h *holding) orderRecord(o *order) orderRecord {
	s := h.state(o)
	odd := o.created.Unix()%3 == 1
	fen := func(c money.Cents) any {
		if odd {
			return strconv.FormatInt(int64(c), 10)
		}
		return int64(c)
	}
	r := orderRecord{
		OrderID: o.id, UserID: o.user.id, Title: o.product.name, ResourceID: o.product.resource, ResourceType: o.product.typ, Count: o.count,
		CouponPrice: fen(o.coupon), RefundMoney: fen(s.refund), OrderState: s.order, ShipState: s.ship, SalesState: s.sales,
		AfterSalesState: s.afterSales, ClientType: o.client, CreatedTime: wall(o.created), PayTime: wall(s.payTime),
		RefundTime: wall(s.refundTime), SettleTime: wall(s.settleTime), PayWay: "",
	}
	if odd {
		r.Count = strconv.Itoa(o.count)
	}
	if s.payTime.IsZero() {
		r.RefundMoney = ""
		return r
	}
	r.Price, r.PayWay = o.paid.String(), o.payWay
	r.OutOrderID, r.TransactionID = "MA"+o.id[2:12], "4200"+o.id[2:12]+"000000000000"
	if o.product.physical {
		r.ReceiverName, r.ReceiverPhone, r.ReceiverDetail = "林*夏", "138****2468", "广东省深圳市南山区示例路1号"
	}
	return r
}

type aftersaleRecord struct {
	AftersaleID      string      `json:"aftersale_id"`
	OrderID          string      `json:"order_id"`
	NickName         string      `json:"nick_name"`
	State            int         `json:"state"`
	StateStr         string      `json:"state_str"`
	StateReason      string      `json:"state_reason"`
	StateInvalidTime string      `json:"state_invalid_time"`
	SaleTypeName     string      `json:"sale_type_name"`
	ShipStateStr     string      `json:"ship_state_str"`
	Reason           string      `json:"reason"`
	OriginalPrice    int64       `json:"original_price"`
	ActualFee        int64       `json:"actual_fee"`
	ApplyRefundMoney int64       `json:"apply_refund_money"`
	RefundMoney      int64       `json:"refund_money"`
	ResourceTypeStr  string      `json:"resource_type_str"`
	GoodsName        string      `json:"goods_name"`
	SkuInfo          string      `json:"sku_info"`
	UseCollection    int         `json:"use_collection"`
	CreatedAt        string      `json:"created_at"`
	UpdatedAt        string      `json:"updated_at"`
	InvalidTime      string      `json:"invalid_time"`
	GoodsList        []goodsLine `json:"goods_list"`
}

type goodsLine struct {
	BuyNum       int     `json:"buy_num"`
	GoodsName    string  `json:"goods_name"`
	GoodsPrice   int64   `json:"goods_price"`
	GoodsTag     string  `json:"goods_tag"`
	ResourceType int     `json:"resource_type"`
	SkuInfo      *string `json:"sku_info"`
}

func (h *holding) aftersaleRecord(a *aftersale) aftersaleRecord {
	c, o := h.claim(a), a.order
	return aftersaleRecord{
		AftersaleID: a.id, OrderID: o.id, NickName: o.user.name, State: c.state,
		StateStr:         map[int]string{1: "待商家处理", 11: "售后中", 12: "取消", 13: "售后成功", 15: "商家拒绝"}[c.state],
		StateInvalidTime: noDatePHP, SaleTypeName: "退款", ShipStateStr: "无需发货", Reason: a.reason,
		OriginalPrice: int64(o.product.price) * int64(o.count), ActualFee: int64(o.paid), ApplyRefundMoney: int64(a.applied),
		RefundMoney: int64(c.refund), ResourceTypeStr: o.product.tag, GoodsName: o.product.name, SkuInfo: "--",
		CreatedAt: wall(a.created), UpdatedAt: wall(c.at), InvalidTime: wall(a.created.AddDate(0, 0, 7)),
		GoodsList: []goodsLine{{o.count, o.product.name, int64(o.product.price), o.product.tag, o.product.typ, nil}},
	}
}

type userRecord struct {
	UserID          string `json:"user_id"`
	UserNickname    string `json:"user_nickname"`
	BindPhone       string `json:"bind_phone"`
	CollectPhone    string `json:"collect_phone"`
	Avatar          string `json:"avatar"`
	From            string `json:"from"`
	PaySum          int64  `json:"pay_sum"`
	PunchCount      int    `json:"punch_count"`
	LatestVisitedAt int64  `json:"latest_visited_at"`
	UserCreatedAt   string `json:"user_created_at"`
	EsSkip          esSkip `json:"es_skip"`
}

type esSkip struct {
	ID            string `json:"id"`
	UserCreatedAt int64  `json:"user_created_at"`
}

func (h *holding) userRecord(u *user) userRecord {
	r := userRecord{
		UserID: u.id, UserNickname: u.name, Avatar: "https://img.example.invalid/a.png", From: u.from, PaySum: int64(h.paidBy[u]),
		PunchCount: u.number % 4, UserCreatedAt: wall(u.created), EsSkip: esSkip{u.id, u.created.UnixMilli()},
	}
	if u.from != "B端导入" {
		r.BindPhone = fmt.Sprintf("1%02d****%04d", 30+u.number%60, u.number%10000)
	}
	if at := h.lastSeen[u]; !at.IsZero() {
		r.LatestVisitedAt = at.UnixMilli()
	}
	return r
}

type productRecord struct {
	AppID        string    `json:"app_id"`
	ID           int       `json:"id"`
	ResourceID   string    `json:"resource_id"`
	SpuID        string    `json:"spu_id"`
	SpuType      string    `json:"spu_type"`
	GoodsName    string    `json:"goods_name"`
	GoodsImg     []string  `json:"goods_img"`
	GoodsTag     string    `json:"goods_tag"`
	ResourceType int       `json:"resource_type"`
	SellType     int       `json:"sell_type"`
	PriceLow     int64     `json:"price_low"`
	PriceHigh    int64     `json:"price_high"`
	PriceLine    int64     `json:"price_line"`
	SaleStatus   int       `json:"sale_status"`
	SaleAt       string    `json:"sale_at"`
	IsDisplay    int       `json:"is_display"`
	IsStopSell   int       `json:"is_stop_sell"`
	IsForbid     int       `json:"is_forbid"`
	IsDeleted    int       `json:"is_deleted"`
	VisitNum     int       `json:"visit_num"`
	Freight      int64     `json:"freight"`
	AuditTime    string    `json:"audit_time"`
	CreatedAt    string    `json:"created_at"`
	UpdatedAt    string    `json:"updated_at"`
	Attr         []string  `json:"attr"`
	Extend       []sellNum `json:"extend"`
}

type sellNum struct {
	SellNum int `json:"sell_num"`
}

// productRecord: every tenth day a product has another list price, and the last one was taken off after forty days.
func (h *holding) productRecord(p *product) productRecord {
	r := productRecord{
		AppID: AppID, ID: p.number, ResourceID: p.resource, SpuID: p.resource, SpuType: p.kind, GoodsName: p.name, GoodsImg: []string{},
		GoodsTag: p.tag, ResourceType: p.typ, SellType: 1, PriceLow: int64(p.price), PriceHigh: int64(p.price),
		PriceLine: int64(p.price) * int64(100+p.number%10+h.days/10) / 100, SaleStatus: 1, SaleAt: wall(p.created.Add(time.Hour)), IsDisplay: 1,
		VisitNum: 300 + 7*h.days + p.number%50, AuditTime: noDate, CreatedAt: wall(p.created), UpdatedAt: noDate, Attr: []string{},
		Extend: []sellNum{},
	}
	if n := h.sold[p]; n > 0 {
		r.Extend = append(r.Extend, sellNum{n})
	}
	if p.typ == 99 && h.days > 40 {
		r.SaleStatus, r.IsDeleted = 0, 1
	}
	return r
}

type liveRecord struct {
	ID              string `json:"id"`
	Title           string `json:"title"`
	AliveType       int    `json:"alive_type"`
	AliveState      int    `json:"alive_state"`
	RecycleBinState int    `json:"recycle_bin_state"`
	CreateMode      int    `json:"create_mode"`
	PurchaseCount   string `json:"purchase_count"`
	RewardSum       any    `json:"reward_sum"`
	AliveStartAt    string `json:"alive_start_at"`
	AliveStopAt     string `json:"alive_stop_at"`
	AliveManualStop string `json:"alive_manual_stop_at"`
	PageURL         string `json:"page_url"`
	ImgURL          string `json:"img_url"`
}

// lives makes one broadcast a week, and the next one that is announced.
func (h *holding) lives() []liveRecord {
	var out []liveRecord
	for n := 0; n <= h.days/7+1; n++ {
		at := h.start.AddDate(0, 0, 7*n).Add(20 * time.Hour)
		r := liveRecord{
			ID: fmt.Sprintf("l_6780aa11e4b0694c%04d", n), Title: fmt.Sprintf("直播答疑:第%d期", n+1), AliveType: []int{10, 13}[n%2],
			PurchaseCount: "0", RewardSum: 0, AliveStartAt: wall(at), AliveStopAt: wall(at.Add(90 * time.Minute)), AliveManualStop: noDate,
			RecycleBinState: 2, PageURL: fmt.Sprintf("https://shop.example.invalid/l/%d", n),
		}
		if at.Before(h.now) {
			r.AliveState, r.RecycleBinState, r.PurchaseCount = 2, 0, strconv.Itoa(40+n*9)
			r.AliveManualStop = wall(at.Add(102 * time.Minute))
			if n%3 != 1 {
				r.RewardSum = money.Cents(1000 + 333*n).String()
			}
		}
		out = append(out, r)
	}
	return out
}
