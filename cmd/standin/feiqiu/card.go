package feiqiu

import (
	"math/rand/v2"
	"slices"
	"time"
)

// card is a stored-value card. Money goes onto it and off it by balance changes alone.
type card struct {
	id        int64
	member    *member
	kind      string // of a card that is not named after the member's grade
	expired   bool
	balance   Cents
	principal Cents // the part of the balance that was paid for
	recharged bool
	created   time.Time
	consumed  time.Time // zero: never
	moved     time.Time
}

// The from_type codes of balance changes.
const (
	fromConsumption = 1
	fromRefund      = 2
	fromRecharge    = 3
	fromGift        = 4
	fromManual      = 9
)

// balanceChange is one line of the cards' log.
type balanceChange struct {
	id            int64
	site          *site // where it happened
	card          *card
	state         memberState
	from          int
	method        int
	relate        int64
	before, after Cents
	amount        Cents // signed
	at            time.Time
	remark        string
}

// move puts money on a card or takes it off. No two changes of a card share a second, save those of one recharge.
func (w *world) move(c *card, b balanceChange) {
	gift := b.from == fromGift
	if !gift && !b.at.After(c.moved) {
		b.at = c.moved.Add(time.Second)
	} else if gift {
		b.at = c.moved
	}
	b.id = id(balanceID, b.site.index, w.days+1, b.site.balanceCount)
	b.site.balanceCount++
	b.card, b.state = c, at(c.member.history, w.days)
	b.before, b.after = c.balance, c.balance+b.amount
	c.balance, c.moved = b.after, b.at
	switch b.from {
	case fromConsumption:
		c.principal = max(0, c.principal+b.amount)
		c.consumed = b.at
	case fromGift:
	default:
		c.principal = max(0, c.principal+b.amount)
	}
	w.balances = append(w.balances, &b)
}

// issueCard gives the member a card when the grade comes with one and there is none yet. On the first day what stood on
// paper is taken over.
func (w *world) issueCard(r *rand.Rand, m *member, day int, state memberState) {
	if state.grade == 0 || m.card != nil {
		return
	}
	created := w.date(day).Add(23*time.Hour + 50*time.Minute + time.Duration(m.number%60)*time.Second)
	m.card = &card{id: id(cardID, m.site.index, m.joinedOn+1, m.number), member: m, created: created}
	if day < 0 && chance(r, 70) {
		w.move(m.card, balanceChange{
			site: m.site, from: fromManual, amount: Cents(1000 * (1 + r.IntN(60))), at: created.Add(time.Second), remark: "开业前余额导入",
		})
	}
}

// happening is something that cards have to do with, in its place in the day.
type happening struct {
	at time.Time
	do func()
}

// trade lets all halls take money, one thing after the other.
func (w *world) trade(orders []*settlement, day int) {
	var today []happening
	for _, o := range orders {
		today = append(today, happening{o.created, func() { w.pay(o) }})
	}
	for _, o := range w.agenda(day).cards {
		today = append(today, happening{o.refund.at, func() {
			w.move(o.member.card, balanceChange{
				site: o.site, from: fromRefund, amount: o.settled.balance, relate: o.id, at: o.refund.at, remark: "退款",
			})
		}})
	}
	for _, s := range w.sites {
		today = append(today, w.overTheCounter(s, day)...)
	}
	slices.SortStableFunc(today, func(a, b happening) int { return a.at.Compare(b.at) })
	for _, h := range today {
		h.do()
	}
}

// overTheCounter is what members do with their cards without an order: recharge, change their mind, complain.
func (w *world) overTheCounter(s *site, day int) []happening {
	r := w.random(counter, s, 1<<32|day)
	var out []happening
	var last *recharge
	for range 1 + r.IntN(2) {
		c, when := w.anyCard(r, s), w.date(day).Add(10*time.Hour+time.Duration(r.IntN(10*60*60))*time.Second)
		if c != nil {
			out = append(out, happening{when, func() { last = w.recharge(r, s, day, c, when) }})
		}
	}
	closing := w.date(day).Add(23*time.Hour + 40*time.Minute)
	if day%3 == 1 {
		out = append(out, happening{closing, func() { w.undoRecharge(s, day, last, closing) }})
	}
	if c := w.anyCard(r, s); day%5 == 2 && c != nil {
		amount := Cents(100 * (1 + r.IntN(20)))
		out = append(out, happening{closing, func() {
			if day%2 == 0 {
				amount = -min(amount, c.balance)
			}
			w.move(c, balanceChange{site: s, from: fromManual, amount: amount, at: closing, remark: "人工调整"})
		}})
	}
	return out
}

// anyCard is one of the hall's own members'; nil when the first few picked have none.
func (w *world) anyCard(r *rand.Rand, s *site) *card {
	for range 8 {
		if m := pick(r, w.members); m.site == s && m.card != nil && at(m.history, w.days).grade > 0 {
			return m.card
		}
	}
	return nil
}

type balanceRecord struct {
	ID                 int64  `json:"id"`
	TenantID           int64  `json:"tenant_id"`
	SiteID             int64  `json:"site_id"`
	RegisterSiteID     int64  `json:"register_site_id"`
	TenantMemberID     int64  `json:"tenant_member_id"`
	TenantMemberCardID int64  `json:"tenant_member_card_id"`
	CardTypeID         int64  `json:"card_type_id"`
	MemberCardTypeName string `json:"memberCardTypeName"`
	MemberName         string `json:"memberName"`
	MemberMobile       string `json:"memberMobile"`
	FromType           int    `json:"from_type"`
	PaymentMethod      int    `json:"payment_method"`
	RelateID           int64  `json:"relate_id"`
	Before             Cents  `json:"before"`
	AccountData        Cents  `json:"account_data"`
	After              Cents  `json:"after"`
	RefundAmount       Cents  `json:"refund_amount"`
	OperatorName       string `json:"operator_name"`
	Remark             string `json:"remark"`
	IsDelete           int    `json:"is_delete"`
	CreateTime         string `json:"create_time"`
}

func memberBalanceChanges() stream {
	return stream{
		name:    "member_balance_changes",
		path:    "/MemberProfile/GetMemberCardBalanceChange",
		former:  "/MemberProfile/GetFormerMemberCardBalanceChange",
		list:    "tenantMemberCardLogs",
		events:  true,
		amounts: []string{"account_data"},
		rows: func(v view) []row {
			var rows []row
			for _, b := range v.balances {
				rows = append(rows, row{site: b.site.id, at: b.at, key: b.id, amounts: []Cents{b.amount}, raw: encode(b.record())})
			}
			return rows
		},
	}
}

func (b *balanceChange) record() balanceRecord {
	m := b.card.member
	record := balanceRecord{
		ID: b.id, TenantID: tenantID, SiteID: b.site.id, RegisterSiteID: m.site.id, TenantMemberID: m.id,
		TenantMemberCardID: b.card.id, CardTypeID: id(cardTypeID, 0, 0, b.state.grade), MemberCardTypeName: b.card.typeName(b.state),
		MemberName: b.state.nickname, MemberMobile: m.mobile, FromType: b.from, PaymentMethod: b.method, RelateID: b.relate,
		Before: b.before, AccountData: b.amount, After: b.after, OperatorName: cashier, Remark: b.remark, CreateTime: wall(b.at),
	}
	if b.from == fromRefund {
		record.RefundAmount = b.amount
	}
	return record
}

func (c *card) typeName(state memberState) string {
	if c.kind != "" {
		return c.kind
	}
	return state.gradeOf().name
}

// cardRecord writes discounts as a price in tenths: 9.0 is what is left of ten.
type cardRecord struct {
	ID                 int64   `json:"id"`
	TenantID           int64   `json:"tenant_id"`
	RegisterSiteID     int64   `json:"register_site_id"`
	SiteName           string  `json:"site_name"`
	TenantMemberID     int64   `json:"tenant_member_id"`
	MemberName         string  `json:"member_name"`
	MemberMobile       string  `json:"member_mobile"`
	CardTypeID         int64   `json:"card_type_id"`
	MemberCardTypeName string  `json:"member_card_type_name"`
	CardNo             string  `json:"card_no"`
	Balance            Cents   `json:"balance"`
	PrincipalBalance   Cents   `json:"principal_balance"`
	TableDiscount      float64 `json:"table_discount"`
	GoodsDiscount      float64 `json:"goods_discount"`
	AssistantDiscount  float64 `json:"assistant_discount"`
	Status             int     `json:"status"`
	AbleCrossSite      int     `json:"able_cross_site"`
	IsDelete           int     `json:"is_delete"`
	StartTime          string  `json:"start_time"`
	EndTime            string  `json:"end_time"`
	LastConsumeTime    string  `json:"last_consume_time"`
	CreateTime         string  `json:"create_time"`
}

// memberStoredValueCards is the tenant's list, as that of the members.
func memberStoredValueCards() stream {
	return stream{
		name:    "member_stored_value_cards",
		path:    "/MemberProfile/GetTenantMemberCardList",
		list:    "tenantMemberCards",
		amounts: []string{"balance"},
		rows: func(v view) []row {
			var rows []row
			for _, m := range v.members {
				for _, c := range []*card{m.card, m.oldCard} {
					if c != nil {
						rows = append(rows, row{key: c.id, amounts: []Cents{c.balance}, raw: encode(c.record(at(m.history, v.after)))})
					}
				}
			}
			return rows
		},
	}
}

func (c *card) record(state memberState) cardRecord {
	record := cardRecord{
		ID: c.id, TenantID: tenantID, RegisterSiteID: c.member.site.id, SiteName: c.member.site.name, TenantMemberID: c.member.id,
		MemberName: state.nickname, MemberMobile: c.member.mobile, CardTypeID: id(cardTypeID, 0, 0, state.grade),
		MemberCardTypeName: c.typeName(state), Balance: c.balance, PrincipalBalance: c.principal,
		TableDiscount: 10 - float64(state.gradeOf().discount)/10, GoodsDiscount: 10, AssistantDiscount: 10,
		Status: 1, AbleCrossSite: yesNo(!c.expired), StartTime: wall(c.created), EndTime: "2225-01-01 00:00:00",
		LastConsumeTime: noNetDate, CreateTime: wall(c.created),
	}
	if c.expired {
		record.CardTypeID, record.TableDiscount, record.EndTime = id(cardTypeID, 0, 0, 9), 10, wall(c.created.AddDate(0, 1, 0))
	}
	// A member whose grade comes without a card keeps it, and what is on it, but cannot pay with it.
	if c.expired || state.grade == 0 {
		record.Status = 4
	}
	if !c.consumed.IsZero() {
		record.LastConsumeTime = wall(c.consumed)
	}
	return record
}
