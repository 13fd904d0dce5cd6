package feiqiu

import (
	"math/rand/v2"
	"time"
)

// payment is one movement of money at the till or over a telephone.
type payment struct {
	id      int64
	method  int
	channel int // of an online payment
	status  int
	amount  Cents
	at      time.Time
}

// The pay_status codes that occur.
const (
	payDone   = 2
	payFailed = 3
)

// The relate_type codes: what money belongs to.
const (
	relateSettlement = 2
	relateRecharge   = 5
)

// addPayments writes down how the settlement was paid. What a card pays is not in this log. Now and then a first
// attempt fails: its row stays, with its amount.
func (o *settlement) addPayments(r *rand.Rand) {
	add := func(method, channel, status int, amount Cents, at time.Time) {
		o.payments = append(o.payments, payment{
			id:     id(paymentID, o.site.index, o.day, o.number*10+len(o.payments)),
			method: method, channel: channel, status: status, amount: amount, at: at,
		})
	}
	if o.settled.cash > 0 {
		add(byCash, 0, payDone, o.settled.cash, o.paid)
	}
	if o.settled.online > 0 {
		channel := 1 + r.IntN(2)
		if chance(r, 4) {
			add(byOnline, channel, payFailed, o.settled.online, o.paid.Add(-time.Second))
		}
		add(byOnline, channel, payDone, o.settled.online, o.paid)
	}
}

type paymentRecord struct {
	ID               int64       `json:"id"`
	SiteID           int64       `json:"site_id"`
	SiteProfile      siteProfile `json:"siteProfile"`
	RelateType       int         `json:"relate_type"`
	RelateID         int64       `json:"relate_id"`
	PayAmount        Cents       `json:"pay_amount"`
	PaymentMethod    int         `json:"payment_method"`
	OnlinePayChannel int         `json:"online_pay_channel"`
	PayStatus        int         `json:"pay_status"`
	PayTime          string      `json:"pay_time"`
	CreateTime       string      `json:"create_time"`
}

func paymentTransactions() stream {
	return stream{
		name:    "payment_transactions",
		path:    "/PayLog/GetPayLogListPage",
		former:  "/PayLog/GetFormerPayLogListPage",
		events:  true,
		amounts: []string{"pay_amount"},
		rows: func(v view) []row {
			var rows []row
			for o := range v.shown() {
				for _, p := range o.payments {
					rows = append(rows, row{
						site: o.site.id, at: p.at, key: p.id, amounts: []Cents{p.amount}, raw: encode(p.record(o.site, relateSettlement, o.id)),
					})
				}
			}
			for _, c := range v.recharges {
				for _, p := range c.payments {
					rows = append(rows, row{
						site: c.site.id, at: p.at, key: p.id, amounts: []Cents{p.amount}, raw: encode(p.record(c.site, relateRecharge, c.id)),
					})
				}
			}
			return rows
		},
	}
}

func (p payment) record(s *site, relateType int, relate int64) paymentRecord {
	return paymentRecord{
		ID: p.id, SiteID: s.id, SiteProfile: s.profile(), RelateType: relateType, RelateID: relate,
		PayAmount: p.amount, PaymentMethod: p.method, OnlinePayChannel: p.channel, PayStatus: p.status,
		PayTime: wall(p.at), CreateTime: wall(p.at),
	}
}
