package feiqiu

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// assistant plays with guests for a price per hour.
type assistant struct {
	id       int64
	site     *site
	no       string // "07", a text
	nickname string
	realName string
	mobile   string
	entered  time.Time
	history  []dated[assistantState]

	lastTable *table    // where the last service was; nil before the first
	lastUsed  time.Time // when
}

type assistantState struct {
	level    int // index into levels
	onLeave  bool
	resigned time.Time // zero: has not
	changed  time.Time // when this state was written down
}

// level is what an assistant is paid by: playing along, and beyond the hours.
type level struct {
	code               int
	name               string
	playPrice, overtop Cents
}

func levels() []level {
	return []level{{10, "初级", 9800, 15800}, {20, "中级", 10800, 16800}, {30, "高级", 12800, 18800}}
}

func (s assistantState) levelOf() level { return levels()[s.level] }

// hire opens the hall with six assistants.
func (w *world) hire(s *site) {
	r := w.random(personnel, s, 1<<32)
	for n, no := range []int{1, 2, 3, 5, 7, 12} {
		w.employ(r, s, no, w.date(0).AddDate(0, -1-n, 0))
	}
}

func (w *world) employ(r *rand.Rand, s *site, number int, entered time.Time) {
	names := []string{"小雨", "阿May", "婷婷", "小雪", "Coco", "琪琪", "阿宁", "露露"}
	s.staff = append(s.staff, &assistant{
		id: id(assistantID, s.index, 0, number), site: s, no: fmt.Sprintf("%02d", number), nickname: names[number%len(names)],
		realName: pick(r, []string{"赵*", "钱*", "孙*", "李*"}), mobile: fmt.Sprintf("137****%04d", r.IntN(10000)), entered: entered,
		history: []dated[assistantState]{{value: assistantState{level: r.IntN(3), changed: entered.Add(10 * time.Hour)}}},
	})
}

// changeStaff promotes somebody every seventh day, and every twentieth somebody leaves and another one comes.
func (w *world) changeStaff(s *site, day int) {
	r := w.random(personnel, s, day)
	now := w.date(day).Add(23*time.Hour + 30*time.Minute)
	change := func(by func(*assistantState)) {
		present := s.present(day)
		a := present[r.IntN(len(present))]
		state := at(a.history, day+1)
		by(&state)
		state.changed = now
		a.history = append(a.history, dated[assistantState]{from: day + 1, value: state})
	}
	if day%7 == 3 {
		change(func(state *assistantState) { state.level = (state.level + 1) % 3 })
	}
	if day%20 == 9 {
		change(func(state *assistantState) { state.resigned = w.date(day); state.onLeave = true })
		w.employ(r, s, 20+day, w.date(day+1))
	}
}

// present are the assistants who work on the day.
func (s *site) present(day int) []*assistant {
	var out []*assistant
	for _, a := range s.staff {
		if at(a.history, day).resigned.IsZero() {
			out = append(out, a)
		}
	}
	return out
}

type assistantLine struct {
	id      int64
	who     *assistant
	state   assistantState
	kind    int // playWith or overtime
	price   Cents
	seconds int64
	amount  Cents
}

// cancellation is an assistant who was sent away again: there is a fee, which is not on the bill.
type cancellation struct {
	id      int64
	service assistantLine // of no charge
	minutes int64
	fee     Cents
	reason  string
	at      time.Time
}

func (o *settlement) assist(r *rand.Rand, limit int64) {
	a := o.engage(r)
	a.seconds = 36 * (25 + r.Int64N(limit/36-24))
	a.amount = perHour(a.price, a.seconds)
	o.assistants = append(o.assistants, a)
}

func (o *settlement) engage(r *rand.Rand) assistantLine {
	who := pick(r, o.site.present(o.day))
	a := assistantLine{
		id:  id(serviceID, o.site.index, o.day, o.number*10+len(o.assistants)+5*len(o.cancelled)),
		who: who, state: at(who.history, o.day), kind: playWith,
	}
	a.price = a.state.levelOf().playPrice
	if chance(r, 20) {
		a.kind, a.price = overtime, a.state.levelOf().overtop
	}
	return a
}

func (o *settlement) sendAway(r *rand.Rand) {
	c := cancellation{id: id(cancellationID, o.site.index, o.day, o.number), service: o.engage(r), minutes: r.Int64N(4)}
	c.service.id += 5
	c.fee = perHour(c.service.price, c.minutes*60)
	c.reason = []string{"", "误点", "客人取消", "助教请假"}[c.minutes]
	c.at = o.opened.Add(time.Duration(c.minutes)*time.Minute + 20*time.Second)
	o.cancelled = append(o.cancelled, c)
}

// noteAssistants notes where assistants were last. A till that is offline says nothing of it.
func (o *settlement) noteAssistants() {
	for _, a := range o.assistants {
		if !o.offline && o.closed.After(a.who.lastUsed) {
			a.who.lastTable, a.who.lastUsed = o.table, o.closed
		}
	}
}

type assistantRecord struct {
	ID              int64  `json:"id"`
	TenantID        int64  `json:"tenant_id"`
	SiteID          int64  `json:"site_id"`
	ShopName        string `json:"shop_name"`
	AssistantNo     string `json:"assistant_no"`
	Nickname        string `json:"nickname"`
	RealName        string `json:"real_name"`
	Mobile          string `json:"mobile"`
	Gender          int    `json:"gender"`
	Level           int    `json:"level"`
	LevelName       string `json:"level_name"`
	PdUnitPrice     Cents  `json:"pd_unit_price"`
	CxUnitPrice     Cents  `json:"cx_unit_price"`
	AssistantStatus int    `json:"assistant_status"`
	LeaveStatus     int    `json:"leave_status"`
	EntryTime       string `json:"entry_time"`
	ResignTime      string `json:"resign_time"`
	LastTableID     int64  `json:"last_table_id"`
	LastTableName   string `json:"last_table_name"`
	CreateTime      string `json:"create_time"`
	UpdateTime      string `json:"update_time"`
	IsDelete        int    `json:"is_delete"`
}

func assistantAccountsMaster() stream {
	return stream{
		name: "assistant_accounts_master",
		path: "/PersonnelManagement/SearchAssistantInfo",
		list: "assistantInfos",
		rows: func(v view) []row {
			var rows []row
			for _, s := range v.sites {
				for _, a := range s.staff {
					rows = append(rows, row{site: s.id, key: a.id, raw: encode(a.record(v))})
				}
			}
			return rows
		},
	}
}

func (a *assistant) record(v view) assistantRecord {
	state := at(a.history, v.after)
	record := assistantRecord{
		ID: a.id, TenantID: tenantID, SiteID: a.site.id, ShopName: a.site.name, AssistantNo: a.no, Nickname: a.nickname,
		RealName: a.realName, Mobile: a.mobile, Gender: 2, Level: state.levelOf().code, LevelName: state.levelOf().name,
		PdUnitPrice: state.levelOf().playPrice, CxUnitPrice: state.levelOf().overtop, AssistantStatus: 1,
		EntryTime: wall(a.entered), ResignTime: noDate, CreateTime: wall(a.entered.Add(10 * time.Hour)),
		UpdateTime: wall(later(state.changed, a.lastUsed)),
	}
	if !state.resigned.IsZero() {
		record.AssistantStatus, record.LeaveStatus, record.ResignTime = 0, 1, wall(state.resigned)
	}
	if a.lastTable != nil {
		record.LastTableID, record.LastTableName = a.lastTable.id, a.lastTable.name
	}
	return record
}

type serviceRecord struct {
	ID                   int64       `json:"id"`
	TenantID             int64       `json:"tenant_id"`
	SiteID               int64       `json:"site_id"`
	SiteProfile          siteProfile `json:"siteProfile"`
	OrderTradeNo         int64       `json:"order_trade_no"`
	OrderSettleID        int64       `json:"order_settle_id"`
	OrderPayID           int64       `json:"order_pay_id"`
	SiteAssistantID      int64       `json:"site_assistant_id"`
	AssistantNo          string      `json:"assistant_no"`
	AssistantName        string      `json:"assistant_name"`
	AssistantLevel       int         `json:"assistant_level"`
	LevelName            string      `json:"level_name"`
	SiteTableID          int64       `json:"site_table_id"`
	TableName            string      `json:"table_name"`
	TenantMemberID       int64       `json:"tenant_member_id"`
	LedgerName           string      `json:"ledger_name"`
	LedgerUnitPrice      Cents       `json:"ledger_unit_price"`
	LedgerCount          int64       `json:"ledger_count"`
	LedgerAmount         Cents       `json:"ledger_amount"`
	ServiceType          int         `json:"service_type"`
	StartUseTime         string      `json:"start_use_time"`
	LastUseTime          string      `json:"last_use_time"`
	IncomeSeconds        int64       `json:"income_seconds"`
	RealUseSeconds       int64       `json:"real_use_seconds"`
	MemberDiscountAmount Cents       `json:"member_discount_amount"`
	ServiceMoney         Cents       `json:"service_money"`
	GradeStatus          int         `json:"grade_status"`
	IsConfirm            int         `json:"is_confirm"`
	TrashReason          string      `json:"trash_reason"`
	IsDelete             int         `json:"is_delete"`
	CreateTime           string      `json:"create_time"`
}

func assistantServiceRecords() stream {
	return stream{
		name:    "assistant_service_records",
		path:    "/AssistantPerformance/GetOrderAssistantDetails",
		former:  "/AssistantPerformance/GetFormerOrderAssistantDetails",
		list:    "orderAssistantDetails",
		events:  true,
		amounts: []string{"ledger_amount"},
		rows: func(v view) []row {
			var rows []row
			for o := range v.shown() {
				for _, a := range o.assistants {
					rows = append(rows, row{site: o.site.id, at: o.paid, key: a.id, amounts: []Cents{a.amount}, raw: encode(o.serviceRecord(a, nil))})
				}
				for _, c := range o.cancelled {
					rows = append(rows, row{site: o.site.id, at: c.at, key: c.service.id, amounts: []Cents{0}, raw: encode(o.serviceRecord(c.service, &c))})
				}
			}
			return rows
		},
	}
}

// serviceOf is a line of the assistants' ledger; one that was cancelled stays in it, marked as deleted.
func (o *settlement) serviceOf(a assistantLine) serviceRecord {
	end := o.opened.Add(time.Duration(a.seconds) * time.Second)
	record := serviceRecord{
		ID: a.id, TenantID: tenantID, SiteID: o.site.id, SiteProfile: o.site.profile(), OrderTradeNo: o.tradeNo, OrderSettleID: o.id,
		SiteAssistantID: a.who.id, AssistantNo: a.who.no, AssistantName: a.who.nickname, AssistantLevel: a.state.levelOf().code,
		LevelName: a.state.levelOf().name, SiteTableID: o.tableID(), TableName: o.table.name, TenantMemberID: o.memberID(),
		LedgerName: a.who.no + "-" + a.who.nickname, LedgerUnitPrice: a.price, LedgerCount: a.seconds, LedgerAmount: a.amount,
		ServiceType: a.kind, StartUseTime: wall(o.opened), LastUseTime: wall(end), IncomeSeconds: a.seconds,
		RealUseSeconds: a.seconds + int64(o.number%45), GradeStatus: 1, IsConfirm: 2, CreateTime: wall(o.paid),
	}
	if len(o.payments) > 0 {
		record.OrderPayID = o.payments[0].id
	}
	return record
}

func (o *settlement) serviceRecord(a assistantLine, c *cancellation) serviceRecord {
	record := o.serviceOf(a)
	if c != nil {
		record.OrderPayID, record.LastUseTime, record.CreateTime = 0, wall(c.at), wall(c.at)
		record.GradeStatus, record.TrashReason, record.IsDelete = 0, c.reason, 1
		record.RealUseSeconds = int64(c.at.Sub(o.opened) / time.Second)
	}
	return record
}

type cancellationRecord struct {
	ID                     int64       `json:"id"`
	SiteID                 int64       `json:"siteId"`
	SiteProfile            siteProfile `json:"siteProfile"`
	TableID                int64       `json:"tableId"`
	TableName              string      `json:"tableName"`
	TableAreaID            int64       `json:"tableAreaId"`
	TableArea              string      `json:"tableArea"`
	AssistantNo            string      `json:"assistantNo"`
	AssistantName          string      `json:"assistantName"`
	PdChargeMinutes        int64       `json:"pdChargeMinutes"`
	AssistantAbolishAmount Cents       `json:"assistantAbolishAmount"`
	TrashReason            string      `json:"trashReason"`
	CreateTime             string      `json:"createTime"`
}

// assistantCancellationRecords name no order: hall, table, number and time lead to the service that was cancelled.
func assistantCancellationRecords() stream {
	return stream{
		name:    "assistant_cancellation_records",
		path:    "/AssistantPerformance/GetAbolitionAssistant",
		former:  "/AssistantPerformance/GetFormerAbolitionAssistant",
		list:    "abolitionAssistants",
		events:  true,
		amounts: []string{"assistantAbolishAmount"},
		rows: func(v view) []row {
			var rows []row
			for o := range v.shown() {
				for _, c := range o.cancelled {
					rows = append(rows, row{site: o.site.id, at: c.at, key: c.id, amounts: []Cents{c.fee}, raw: encode(cancellationRecord{
						ID: c.id, SiteID: o.site.id, SiteProfile: o.site.profile(), TableID: o.table.id, TableName: o.table.name,
						TableAreaID: o.table.areaID(), TableArea: o.table.area.name, AssistantNo: c.service.who.no,
						AssistantName: c.service.who.nickname, PdChargeMinutes: c.minutes, AssistantAbolishAmount: c.fee,
						TrashReason: c.reason, CreateTime: wall(c.at),
					})})
				}
			}
			return rows
		},
	}
}
