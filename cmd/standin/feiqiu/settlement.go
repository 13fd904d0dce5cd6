package feiqiu

type settlementRecord struct {
	SiteProfile          siteProfile `json:"siteProfile"`
	ID                   int64       `json:"id"`
	TenantID             int64       `json:"tenantId"`
	SiteID               int64       `json:"siteId"`
	SiteName             string      `json:"siteName"`
	SettleRelateID       int64       `json:"settleRelateId"`
	OrderTradeNo         int64       `json:"orderTradeNo"`
	SettleName           string      `json:"settleName"`
	SettleType           int         `json:"settleType"`
	SettleStatus         int         `json:"settleStatus"`
	TableID              int64       `json:"tableId"`
	MemberID             int64       `json:"memberId"`
	MemberName           string      `json:"memberName"`
	MemberPhone          string      `json:"memberPhone"`
	MemberCardTypeName   string      `json:"memberCardTypeName"`
	TenantMemberCardID   int64       `json:"tenantMemberCardId"`
	ConsumeMoney         Cents       `json:"consumeMoney"`
	TableChargeMoney     Cents       `json:"tableChargeMoney"`
	GoodsMoney           Cents       `json:"goodsMoney"`
	AssistantPdMoney     Cents       `json:"assistantPdMoney"`
	AssistantCxMoney     Cents       `json:"assistantCxMoney"`
	ServiceMoney         Cents       `json:"serviceMoney"`
	MemberDiscountAmount Cents       `json:"memberDiscountAmount"`
	AdjustAmount         Cents       `json:"adjustAmount"`
	CouponAmount         Cents       `json:"couponAmount"`
	CouponSaleAmount     Cents       `json:"couponSaleAmount"`
	PointAmount          Cents       `json:"pointAmount"`
	RoundingAmount       Cents       `json:"roundingAmount"`
	PayAmount            Cents       `json:"payAmount"`
	BalanceAmount        Cents       `json:"balanceAmount"`
	GiftCardAmount       Cents       `json:"giftCardAmount"`
	CashAmount           Cents       `json:"cashAmount"`
	OnlineAmount         Cents       `json:"onlineAmount"`
	RefundAmount         Cents       `json:"refundAmount"`
	PaymentMethod        int         `json:"paymentMethod"`
	RevokeOrderID        int64       `json:"revokeOrderId"`
	RevokeTime           string      `json:"revokeTime"`
	IsFirst              int         `json:"isFirst"`
	IsBindMember         bool        `json:"isBindMember"`
	OperatorID           int64       `json:"operatorId"`
	OperatorName         string      `json:"operatorName"`
	SalesManName         string      `json:"salesManName"`
	OrderRemark          string      `json:"orderRemark"`
	PayTime              string      `json:"payTime"`
	CreateTime           string      `json:"createTime"`
}

// The settleType and settleStatus codes that occur.
const (
	settleTable    = 1
	settleGoods    = 3
	settleRecharge = 5
	settleReversal = 7
	settlePaid     = 2
)

func (o *settlement) kind() int {
	if o.table == nil {
		return settleGoods
	}
	return settleTable
}

func (o *settlement) title() string {
	if o.table == nil {
		return "商品订单"
	}
	return o.table.area.name + " " + o.table.name
}

func (o *settlement) tableID() int64 {
	if o.table == nil {
		return 0
	}
	return o.table.id
}

func (o *settlement) memberID() int64 {
	if o.member == nil {
		return 0
	}
	return o.member.id
}

// card is what the member can pay with; nil where there is none.
func (o *settlement) card() *card {
	if o.member == nil || o.memberState.grade == 0 {
		return nil
	}
	return o.member.card
}

func (o *settlement) cardID() int64 {
	if c := o.card(); c != nil {
		return c.id
	}
	return 0
}

func (s *site) operator() int64 { return id(operatorID, s.index, 0, 1) }

const cashier = "收银员:小李"

func settlementRecords() stream {
	return stream{
		name:    "settlement_records",
		path:    "/Site/GetAllOrderSettleList",
		former:  "/Site/GetFormerOrderSettleList",
		list:    "settleList",
		events:  true,
		amounts: []string{"consumeMoney", "payAmount", "balanceAmount", "couponAmount", "refundAmount"},
		rows: func(v view) []row {
			var rows []row
			for o := range v.shown() {
				record := o.record(v)
				rows = append(rows, row{
					site: o.site.id, at: o.paid, key: o.id, raw: encode(record),
					amounts: []Cents{
						record.ConsumeMoney, record.PayAmount, record.BalanceAmount, record.CouponAmount, record.RefundAmount,
					},
				})
			}
			return rows
		},
	}
}

func (o *settlement) record(v view) settlementRecord {
	a := o.settled
	record := settlementRecord{
		SiteProfile: o.site.profile(), ID: o.id, TenantID: tenantID, SiteID: o.site.id, SiteName: o.site.name,
		SettleRelateID: o.orderID, OrderTradeNo: o.tradeNo, SettleName: o.title(), SettleType: o.kind(),
		SettleStatus: settlePaid, TableID: o.tableID(), MemberID: o.memberID(), TenantMemberCardID: o.cardID(),
		ConsumeMoney: a.consume(), TableChargeMoney: a.table, GoodsMoney: a.goods, AssistantPdMoney: a.playWith,
		AssistantCxMoney: a.overtime, ServiceMoney: a.service, MemberDiscountAmount: a.discount, AdjustAmount: a.adjust,
		CouponAmount: a.coupon, CouponSaleAmount: a.couponSale, PointAmount: a.point, RoundingAmount: a.round,
		PayAmount: a.pay(), BalanceAmount: a.balance, CashAmount: a.cash, OnlineAmount: a.online,
		PaymentMethod: a.method(), RevokeTime: noNetDate, IsFirst: yesNo(false), IsBindMember: o.member != nil,
		OperatorID: o.site.operator(), OperatorName: cashier, PayTime: wall(o.paid), CreateTime: wall(o.created),
	}
	if o.member != nil {
		record.MemberName, record.MemberPhone = o.memberState.nickname, o.member.mobile
		record.MemberCardTypeName = o.memberState.gradeOf().name
	}
	// A refund corrects the settlement without moving its payTime.
	if v.refunded(o) {
		record.RefundAmount, record.RevokeOrderID = o.refund.amount, o.refund.revoke
		if o.refund.revoke != 0 {
			record.RevokeTime = wall(o.refund.at)
		}
	}
	return record
}
