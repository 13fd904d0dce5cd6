package feiqiu

type tableProfile struct {
	ID       int64  `json:"id"`
	Name     string `json:"table_name"`
	AreaID   int64  `json:"site_table_area_id"`
	AreaName string `json:"site_table_area_name"`
}

type tableFeeRecord struct {
	ID                    int64       `json:"id"`
	TenantID              int64       `json:"tenant_id"`
	SiteID                int64       `json:"site_id"`
	SiteProfile           siteProfile `json:"siteProfile"`
	OrderTradeNo          int64       `json:"order_trade_no"`
	OrderSettleID         int64       `json:"order_settle_id"`
	OrderPayID            int64       `json:"order_pay_id"`
	SiteTableID           int64       `json:"site_table_id"`
	SiteTableAreaID       int64       `json:"site_table_area_id"`
	SiteTableAreaName     string      `json:"site_table_area_name"`
	LedgerName            string      `json:"ledger_name"`
	LedgerUnitPrice       Cents       `json:"ledger_unit_price"`
	LedgerCount           int64       `json:"ledger_count"`
	LedgerAmount          Cents       `json:"ledger_amount"`
	CouponPromotionAmount Cents       `json:"coupon_promotion_amount"`
	MemberDiscountAmount  Cents       `json:"member_discount_amount"`
	AdjustAmount          Cents       `json:"adjust_amount"`
	RealTableChargeMoney  Cents       `json:"real_table_charge_money"`
	RealTableUseSeconds   int64       `json:"real_table_use_seconds"`
	StartUseTime          string      `json:"start_use_time"`
	LedgerStartTime       string      `json:"ledger_start_time"`
	LedgerEndTime         string      `json:"ledger_end_time"`
	LastUseTime           string      `json:"last_use_time"`
	LedgerStatus          int         `json:"ledger_status"`
	MemberID              int64       `json:"member_id"`
	OperatorName          string      `json:"operator_name"`
	IsDelete              int         `json:"is_delete"`
	CreateTime            string      `json:"create_time"`
}

func tableFeeTransactions() stream {
	return stream{
		name:    "table_fee_transactions",
		path:    "/Site/GetSiteTableOrderDetails",
		former:  "/Site/GetFormerSiteTableOrderDetails",
		list:    "siteTableUseDetailsList",
		events:  true,
		amounts: []string{"ledger_amount", "real_table_charge_money"},
		rows: func(v view) []row {
			var rows []row
			for o := range v.shown() {
				if o.tableFee == nil {
					continue
				}
				record := o.tableFeeRecord()
				rows = append(rows, row{
					site: o.site.id, at: o.closed, key: record.ID, amounts: []Cents{record.LedgerAmount, record.RealTableChargeMoney},
					raw: encode(record),
				})
			}
			return rows
		},
	}
}

// net is what is left of the table fee for the guest to pay.
func (o *settlement) net() Cents {
	return o.tableFee.amount - o.settled.coupon - o.settled.discount - o.settled.adjust
}

// played is for how long a table was really used: guests take a moment to leave.
func (o *settlement) played() int64 { return o.tableFee.seconds + int64(o.number%30) }

func (o *settlement) tableFeeRecord() tableFeeRecord {
	f := o.tableFee
	return tableFeeRecord{
		ID: f.id, TenantID: tenantID, SiteID: o.site.id, SiteProfile: o.site.profile(), OrderTradeNo: o.tradeNo, OrderSettleID: o.id,
		SiteTableID: o.table.id, SiteTableAreaID: o.table.areaID(), SiteTableAreaName: o.table.area.name, LedgerName: o.table.name,
		LedgerUnitPrice: f.price, LedgerCount: f.seconds, LedgerAmount: f.amount, CouponPromotionAmount: o.settled.coupon,
		MemberDiscountAmount: o.settled.discount, AdjustAmount: o.settled.adjust, RealTableChargeMoney: o.net(),
		RealTableUseSeconds: o.played(), StartUseTime: wall(o.opened), LedgerStartTime: wall(o.opened), LedgerEndTime: o.ledgerEnd(),
		LastUseTime: wall(o.closed), LedgerStatus: 1, MemberID: o.memberID(), OperatorName: cashier, CreateTime: wall(o.closed),
	}
}

type discountRecord struct {
	ID                int64        `json:"id"`
	TenantID          int64        `json:"tenant_id"`
	SiteID            int64        `json:"site_id"`
	SiteProfile       siteProfile  `json:"siteProfile"`
	TableProfile      tableProfile `json:"tableProfile"`
	OrderTradeNo      int64        `json:"order_trade_no"`
	OrderSettleID     int64        `json:"order_settle_id"`
	SiteTableID       int64        `json:"site_table_id"`
	TenantTableAreaID int64        `json:"tenant_table_area_id"`
	AdjustType        int          `json:"adjust_type"`
	LedgerName        string       `json:"ledger_name"`
	LedgerCount       int64        `json:"ledger_count"`
	LedgerAmount      Cents        `json:"ledger_amount"`
	LedgerStatus      int          `json:"ledger_status"`
	ApplicantID       int64        `json:"applicant_id"`
	ApplicantName     string       `json:"applicant_name"`
	OperatorID        int64        `json:"operator_id"`
	OperatorName      string       `json:"operator_name"`
	IsDelete          int          `json:"is_delete"`
	CreateTime        string       `json:"create_time"`
}

// tableFeeDiscountRecords are what the till takes off a table fee. One that was asked for and refused stays, void.
func tableFeeDiscountRecords() stream {
	return stream{
		name:    "table_fee_discount_records",
		path:    "/Site/GetTaiFeeAdjustList",
		former:  "/Site/GetFormerTaiFeeAdjustList",
		list:    "taiFeeAdjustInfos",
		events:  true,
		amounts: []string{"ledger_amount"},
		rows: func(v view) []row {
			var rows []row
			for o := range v.shown() {
				if o.tableFee == nil || o.settled.adjust == 0 && !o.refusedDiscount() {
					continue
				}
				record := o.discountRecord()
				rows = append(rows, row{
					site: o.site.id, at: o.created, key: record.ID, amounts: []Cents{record.LedgerAmount}, raw: encode(record),
				})
			}
			return rows
		},
	}
}

func (o *settlement) refusedDiscount() bool { return o.settled.adjust == 0 && o.tradeNo%31 == 0 }

func (o *settlement) discountRecord() discountRecord {
	record := discountRecord{
		ID: id(adjustID, o.site.index, o.day, o.number), TenantID: tenantID, SiteID: o.site.id, SiteProfile: o.site.profile(),
		TableProfile: tableProfile{o.table.id, o.table.name, o.table.areaID(), o.table.area.name},
		OrderTradeNo: o.tradeNo, OrderSettleID: o.id, SiteTableID: o.table.id, TenantTableAreaID: o.table.areaID(),
		AdjustType: 1 + int(o.tradeNo%2), LedgerName: o.table.name, LedgerCount: 1, LedgerAmount: o.settled.adjust, LedgerStatus: 1,
		ApplicantID: o.site.operator(), ApplicantName: cashier, OperatorID: o.site.operator(), OperatorName: cashier,
		CreateTime: wall(o.created),
	}
	if o.refusedDiscount() {
		record.LedgerStatus, record.IsDelete = 0, 1
	}
	return record
}
