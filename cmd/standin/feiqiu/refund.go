package feiqiu

type refundRecord struct {
	ID               int64       `json:"id"`
	TenantID         int64       `json:"tenant_id"`
	TenantName       string      `json:"tenantName"`
	SiteID           int64       `json:"site_id"`
	SiteProfile      siteProfile `json:"siteProfile"`
	RelateType       int         `json:"relate_type"`
	RelateID         int64       `json:"relate_id"`
	PaySN            int64       `json:"pay_sn"`
	PayAmount        Cents       `json:"pay_amount"`
	RefundAmount     Cents       `json:"refund_amount"`
	RoundAmount      Cents       `json:"round_amount"`
	ChannelFee       Cents       `json:"channel_fee"`
	PaymentMethod    int         `json:"payment_method"`
	OnlinePayChannel int         `json:"online_pay_channel"`
	PayTerminal      int         `json:"pay_terminal"`
	PayStatus        int         `json:"pay_status"`
	IsRevoke         int         `json:"is_revoke"`
	IsDelete         int         `json:"is_delete"`
	OperatorID       int64       `json:"operator_id"`
	MemberID         int64       `json:"member_id"`
	MemberCardID     int64       `json:"member_card_id"`
	PayTime          string      `json:"pay_time"`
	CreateTime       string      `json:"create_time"`
}

func refundTransactions() stream {
	return stream{
		name:    "refund_transactions",
		path:    "/Order/GetRefundPayLogList",
		former:  "/Order/GetFormerRefundPayLogList",
		events:  true,
		amounts: []string{"pay_amount"},
		rows: func(v view) []row {
			var rows []row
			for o := range v.shown() {
				if !v.refunded(o) {
					continue
				}
				for k, part := range o.refund.parts {
					record := o.refund.record(o, part, k)
					rows = append(rows, row{
						site: o.site.id, at: o.refund.at, key: record.ID, amounts: []Cents{record.PayAmount}, raw: encode(record),
					})
				}
			}
			for _, c := range v.recharges {
				if c.undoes == nil {
					continue
				}
				for k, part := range c.undoes.done() {
					record := c.refund(part, k)
					rows = append(rows, row{
						site: c.site.id, at: c.at, key: record.ID, amounts: []Cents{record.PayAmount}, raw: encode(record),
					})
				}
			}
			return rows
		},
	}
}

// record is one way by which money goes back; what goes back is negative.
func (b *refund) record(o *settlement, part payment, k int) refundRecord {
	revoke := 0
	if b.revoke != 0 {
		revoke = 1
	}
	return refundRecord{
		ID: id(refundID, o.site.index, o.day, o.number*10+k), TenantID: tenantID, TenantName: tenantName,
		SiteID: o.site.id, SiteProfile: o.site.profile(), RelateType: relateSettlement, RelateID: o.id,
		PayAmount: -part.amount, PaymentMethod: part.method, OnlinePayChannel: part.channel, PayTerminal: 1,
		PayStatus: payDone, IsRevoke: revoke, OperatorID: o.site.operator(), MemberID: o.memberID(), MemberCardID: o.cardID(),
		PayTime: wall(b.at), CreateTime: wall(b.at),
	}
}
