package feiqiu

type ticketRecord struct {
	OrderSettleID        int64          `json:"orderSettleId"`
	OrderSettleNumber    string         `json:"orderSettleNumber"`
	SiteID               int64          `json:"siteId"`
	SiteName             string         `json:"siteName"`
	SiteAddress          string         `json:"siteAddress"`
	SiteBusinessTel      string         `json:"siteBusinessTel"`
	SettleType           int            `json:"settleType"`
	PayTime              string         `json:"payTime"`
	CashierName          string         `json:"cashierName"`
	PaymentMethod        int            `json:"paymentMethod"`
	ConsumeMoney         Cents          `json:"consumeMoney"`
	ActualPayment        Cents          `json:"actualPayment"`
	AdjustAmount         Cents          `json:"adjustAmount"`
	MemberDiscountAmount Cents          `json:"memberDiscountAmount"`
	CouponAmount         Cents          `json:"couponAmount"`
	BalanceAmount        Cents          `json:"balanceAmount"`
	RefundAmount         Cents          `json:"refundAmount"`
	DeliveryAddress      *string        `json:"deliveryAddress"`
	OrderRemark          *string        `json:"orderRemark"`
	MemberProfile        *ticketMember  `json:"memberProfile"`
	OrderItem            []ticketOrders `json:"orderItem"`
}

type ticketMember struct {
	ID        int64  `json:"id"`
	NickName  string `json:"nickName"`
	Mobile    string `json:"mobile"`
	GradeName string `json:"gradeName"`
}

// ticketOrders is one order of a ticket with its lines. An order over the counter has no table.
type ticketOrders struct {
	SiteOrderID       int64             `json:"siteOrderId"`
	OrderStatus       int               `json:"orderStatus"`
	TableLedger       *ticketTable      `json:"tableLedger"`
	AssistantPlayWith []ticketAssistant `json:"assistantPlayWith"`
	GoodsLedgers      []ticketGoods     `json:"goodsLedgers"`
	CouponLedgers     []ticketCoupon    `json:"couponLedgers"`
}

type ticketTable struct {
	SiteTableOrderID     int64  `json:"siteTableOrderId"`
	SiteTableID          int64  `json:"siteTableId"`
	LedgerName           string `json:"ledgerName"`
	LedgerUnitPrice      Cents  `json:"ledgerUnitPrice"`
	LedgerCount          int64  `json:"ledgerCount"`
	LedgerAmount         Cents  `json:"ledgerAmount"`
	LedgerStartTime      string `json:"ledgerStartTime"`
	LedgerEndTime        string `json:"ledgerEndTime"`
	MemberDiscountAmount Cents  `json:"memberDiscountAmount"`
	AdjustAmount         Cents  `json:"adjustAmount"`
}

type ticketAssistant struct {
	AssistantNo     string `json:"assistantNo"`
	AssistantName   string `json:"assistantName"`
	ServiceType     int    `json:"serviceType"`
	LedgerUnitPrice Cents  `json:"ledgerUnitPrice"`
	LedgerCount     int64  `json:"ledgerCount"`
	LedgerAmount    Cents  `json:"ledgerAmount"`
}

type ticketGoods struct {
	OrderGoodsLedgerID int64  `json:"orderGoodsLedgerId"`
	SiteGoodsID        int64  `json:"siteGoodsId"`
	GoodsName          string `json:"goodsName"`
	LedgerUnitPrice    Cents  `json:"ledgerUnitPrice"`
	LedgerCount        int64  `json:"ledgerCount"`
	LedgerAmount       Cents  `json:"ledgerAmount"`
}

type ticketCoupon struct {
	OrderCouponID       int64  `json:"orderCouponId"`
	PromotionActivityID int64  `json:"promotionActivityId"`
	CouponName          string `json:"couponName"`
	LedgerUnitPrice     Cents  `json:"ledgerUnitPrice"`
	LedgerCount         int64  `json:"ledgerCount"`
	LedgerAmount        Cents  `json:"ledgerAmount"`
}

// settlementTicketDetails is one whole document per settlement, asked for by the settlement's id.
func settlementTicketDetails() stream {
	return stream{
		name:    "settlement_ticket_details",
		path:    "/Order/GetOrderSettleTicketNew",
		single:  true,
		amounts: []string{"consumeMoney", "actualPayment", "refundAmount"},
		rows: func(v view) []row {
			var rows []row
			for o := range v.shown() {
				t := o.ticket(v)
				rows = append(rows, row{
					site: o.site.id, at: o.paid, key: o.id, raw: encode(t),
					amounts: []Cents{t.ConsumeMoney, t.ActualPayment, t.RefundAmount},
				})
			}
			return rows
		},
	}
}

func (o *settlement) ticket(v view) ticketRecord {
	a := o.settled
	t := ticketRecord{
		OrderSettleID: o.id, OrderSettleNumber: "JS" + o.paid.Format("20060102150405"), SiteID: o.site.id,
		SiteName: o.site.name, SiteAddress: o.site.address(), SiteBusinessTel: o.site.profile().BusinessTel,
		SettleType: o.kind(), PayTime: wall(o.paid), CashierName: cashier, PaymentMethod: a.method(),
		ConsumeMoney: a.consume(), ActualPayment: a.pay(), AdjustAmount: a.adjust, MemberDiscountAmount: a.discount,
		CouponAmount: a.coupon, BalanceAmount: a.balance,
		OrderItem: []ticketOrders{o.ticketOrders()},
	}
	if v.refunded(o) {
		t.RefundAmount = o.refund.amount
	}
	if o.member != nil {
		t.MemberProfile = &ticketMember{o.member.id, o.memberState.nickname, o.member.mobile, o.memberState.gradeOf().name}
	}
	return t
}

func (o *settlement) ticketOrders() ticketOrders {
	lines := ticketOrders{
		SiteOrderID: o.orderID, OrderStatus: 3,
		AssistantPlayWith: []ticketAssistant{}, GoodsLedgers: []ticketGoods{}, CouponLedgers: []ticketCoupon{},
	}
	if f := o.tableFee; f != nil {
		lines.TableLedger = &ticketTable{
			SiteTableOrderID: f.id, SiteTableID: o.table.id, LedgerName: o.title(), LedgerUnitPrice: f.price,
			LedgerCount: f.seconds, LedgerAmount: f.amount, LedgerStartTime: wall(o.opened), LedgerEndTime: o.ledgerEnd(),
			MemberDiscountAmount: o.settled.discount, AdjustAmount: o.settled.adjust,
		}
	}
	for _, a := range o.assistants {
		lines.AssistantPlayWith = append(lines.AssistantPlayWith,
			ticketAssistant{a.who.no, a.who.nickname, a.kind, a.price, a.seconds, a.amount})
	}
	for _, g := range o.goods {
		lines.GoodsLedgers = append(lines.GoodsLedgers, ticketGoods{
			g.id, g.item.id(), g.item.name, g.price, g.count, g.amount,
		})
	}
	if c := o.coupon; c != nil {
		lines.CouponLedgers = append(lines.CouponLedgers,
			ticketCoupon{c.id, c.of.id, c.of.name, c.salePrice, c.of.seconds, c.value})
	}
	return lines
}

// ledgerEnd is missing where a table was closed by hand, which the upstream writes as a zero date.
func (o *settlement) ledgerEnd() string {
	if o.number%20 == 11 {
		return noDate
	}
	return wall(o.closed)
}
