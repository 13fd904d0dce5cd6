package crm

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// orderRow is a row of an import, as the file has it.
type orderRow struct {
	ImportID    string `json:"import_id"`
	RowNo       int    `json:"row_no"`
	OrderID     string `json:"order_id"`
	Customer    string `json:"customer_name"`
	Shop        string `json:"shop"`
	Type        string `json:"order_type"`
	Status      string `json:"order_status"`
	Amount      string `json:"amount"`
	Currency    string `json:"currency"`
	OrderDate   string `json:"order_date"`
	Salesperson string `json:"salesperson"`
	Remark      string `json:"remark"`
	CreatedAt   string `json:"created_at"`
}

// orders is one file of orders.
type orders struct {
	id     string
	day    int
	at     time.Time
	asJSON bool
	rows   []orderRow
	events []event
}

func (i orders) name() string { return i.at.In(Zone).Format("2006-01-02-1504-") + i.id[:8] }

// event announces an import, on some day.
type event struct {
	day    int
	fields map[string]any
}

// stageChange is what a salesperson did to the lead of a customer.
type stageChange struct {
	EventID   string `json:"event_id"`
	Customer  string `json:"customer_name"`
	Shop      string `json:"shop"`
	Stage     string `json:"stage"`
	ChangedAt string `json:"changed_at"`
}

// world is the business, day by day. Days are only ever appended.
type world struct {
	Options
	imports []orders
	stages  map[int][]stageChange
	known   []orderRow // last good row of every order
	days    int
	number  int // of the last order
}

func (w *world) random(topic uint64, day int) *rand.Rand {
	return rand.New(rand.NewPCG(w.Seed, topic<<56|uint64(day)))
}

// The topics of random numbers, apart so that a change in one moves nothing in the others.
const (
	importing = iota + 1
	selling
)

func (w *world) liveUntil(days int) {
	w.stages = map[int][]stageChange{}
	for ; w.days < days; w.days++ {
		r := w.random(importing, w.days)
		for n := range 1 + r.IntN(3) {
			w.bring(r, w.days, n)
		}
		w.sell(w.days)
	}
}

func shops() []string { return []string{"杭州一店", "宁波二店", "已停用店"} }

// customers are names; one name in two shops is two customers.
func customers() []string {
	names := []string{"O'Neil 贸易", `"引号" 公司`, `反\斜线`, "客户A", "客户A ", "王;drop table", "名字:冒号", "Ünïcödé GmbH"}
	for i := range 40 {
		names = append(names, fmt.Sprintf("客户%02d", i))
	}
	return names
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// chance is true in so many of a hundred cases.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// bring makes one import of the day.
func (w *world) bring(r *rand.Rand, day, n int) {
	at := w.date(day).Add(time.Duration(9+3*n)*time.Hour + time.Duration(r.IntN(3600))*time.Second)
	id := uuid.NewMD5(uuid.NameSpaceOID, fmt.Appendf(nil, "%d %d %d", w.Seed, day, n)).String()
	i := orders{id: id, day: day, at: at, asJSON: chance(r, 50)}
	for row := range max(1, w.Orders*3/4+r.IntN(1+w.Orders/2)) {
		o := w.order(r, at)
		o.ImportID, o.RowNo, o.CreatedAt = id, row+1, at.UTC().Format(time.RFC3339)
		if !w.Clean && chance(r, 4) {
			spoil(r, &o)
		} else {
			w.known = append(w.known, o)
		}
		i.rows = append(i.rows, o)
	}
	i.events = w.announce(r, i)
	w.imports = append(w.imports, i)
}

// OneImport is an import of so many rows without a mistake, as CSV, and the event that announces it.
func OneImport(rows int) (imported, event []byte) {
	w := &world{Options: Options{Orders: rows, Clean: true}.withDefaults()}
	r := w.random(importing, 0)
	at := w.date(0).AddDate(1, 0, 0)
	i := orders{id: uuid.NewMD5(uuid.NameSpaceOID, fmt.Appendf(nil, "one of %d", rows)).String(), at: at}
	for row := range rows {
		o := w.order(r, at)
		o.ImportID, o.RowNo, o.CreatedAt = i.id, row+1, at.UTC().Format(time.RFC3339)
		i.rows = append(i.rows, o)
	}
	return encodeCSV(i.rows), append(encode(w.announce(r, i)[0].fields), '\n')
}

// order is a new one, or one of before with another status.
func (w *world) order(r *rand.Rand, at time.Time) orderRow {
	statuses := []string{"待付款", "已付款", "已完成", "已退款"}
	if len(w.known) > 0 && chance(r, 15) {
		o := pick(r, w.known)
		o.Status, o.Remark = pick(r, statuses), "状态更新"
		if chance(r, 20) {
			o.Amount = amount(r)
		}
		return o
	}
	w.number++
	return orderRow{
		OrderID: fmt.Sprintf("SO-%d-%06d", at.Year(), w.number), Customer: pick(r, customers()), Shop: pick(r, shops()),
		Type: pick(r, []string{"样品单", "样衣", "大货", "大货", "未知类型X", ""}), Status: pick(r, statuses), Amount: amount(r), Currency: "CNY",
		OrderDate: at.Add(-time.Duration(r.IntN(72)) * time.Hour).In(Zone).Format(time.DateTime), Salesperson: pick(r, []string{"周敏", "李强", ""}),
	}
}

func amount(r *rand.Rand) string {
	if chance(r, 20) {
		return fmt.Sprintf("%d.%d", r.IntN(900), r.IntN(10)) // not everybody writes both decimals
	}
	return fmt.Sprintf("%d.%02d", r.IntN(60_000), r.IntN(100))
}

func spoil(r *rand.Rand, o *orderRow) {
	pick(r, []func(){
		func() { o.OrderID = "" },
		func() { o.Customer = "" },
		func() { o.Shop = "无此店" },
		func() { o.Amount = "一百" },
		func() { o.Amount = "-5.00" },
		func() { o.Amount = "1e300" },
		func() { o.OrderDate = "2025-02-30 10:00:00" },
		func() { o.CreatedAt = "gestern" },
		func() { o.Shop, o.Amount = "", "" },
	})()
}

// announce makes the events of an import: most often one that is right.
func (w *world) announce(r *rand.Rand, i orders) []event {
	fields := func(version, suffix string) map[string]any {
		return map[string]any{
			"event_id": i.id + suffix, "event": "DATA_IMPORT_COMPLETED", "event_version": version, "import_id": i.id,
			"status": "completed", "row_count": len(i.rows), "occurred_at": i.at.Add(time.Second).UTC().Format(time.RFC3339),
		}
	}
	right := fields("1.0", "/1")
	if w.Clean || i.day == 0 || !chance(r, 8) {
		return []event{{i.day, right}}
	}
	wrong := fields("1.0", "/0")
	switch r.IntN(4) {
	case 0:
		wrong["event_version"] = "2.0"
	case 1:
		delete(wrong, "import_id")
	case 2:
		delete(wrong, "status")
	default:
		wrong["status"] = "failed" // of this import nothing counts, until it is said to be complete
	}
	return []event{{i.day, wrong}, {i.day + 1, right}}
}

// sell lets salespeople change the stage of some customers' leads.
func (w *world) sell(day int) {
	r := w.random(selling, day)
	for n := range 4 + r.IntN(8) {
		o := pick(r, w.known)
		c := stageChange{
			EventID: fmt.Sprintf("%s-%d", w.date(day).Format("20060102"), n), Customer: o.Customer, Shop: o.Shop,
			Stage:     pick(r, []string{"OPEN", "COLD", "FOLLOWING", "WON", "LOST"}),
			ChangedAt: w.date(day).Add(18*time.Hour + time.Duration(r.IntN(4*3600))*time.Second).UTC().Format(time.RFC3339),
		}
		if !w.Clean && chance(r, 3) {
			c.Stage = "MAYBE"
		}
		w.stages[day] = append(w.stages[day], c)
	}
}
