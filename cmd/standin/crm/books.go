package crm

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Books say what a warehouse has that has read the folder. They go through the files row by row, as a program would:
// nothing in them comes from the business that made the files.
type Books struct {
	Orders    []Order
	Customers []Customer
	Leads     []Lead
	Imports   []Import
	Rejects   []Reject
}

// Order is an order as the last row that could be used has it.
type Order struct {
	ID, Customer, Type, Status string
	Shop                       int
	Amount                     *big.Rat
	Strategy                   string // new, reuse
	at                         time.Time
	first, last                orderRow
}

// Customer is a name in a shop.
type Customer struct {
	Shop                       int
	Name                       string
	FirstOrder                 string
	Orders, Leads              int
	SampleCount, BulkCount     int
	SampleAmount, BulkAmount   *big.Rat
	CurrentStage, CurrentOrder string // of the newest lead: its stage, and the order that opened it
}

// Lead is what became of a customer's interest.
type Lead struct {
	FirstOrder, LastOrder    string
	Shop                     int
	Customer, Stage          string
	SampleCount, BulkCount   int
	SampleAmount, BulkAmount *big.Rat
}

// Import is what became of one file.
type Import struct {
	ID             string
	Success, Error int
	Status         string // success, partial_success, failed
}

// Reject is a rule that a row breaks.
type Reject struct {
	ImportID string
	RowNo    int
	Rule     string
}

// shopIDs are the shops of crm_ref.shop_config.
func shopIDs() map[string]int {
	return map[string]int{"杭州一店": 1, "宁波二店": 2, "已停用店": 3}
}

func isOpen(stage string) bool { return stage == "OPEN" || stage == "COLD" }

// NewBooks reads the folder.
func NewBooks(l *Ledger) *Books {
	b := &Books{}
	rows, announced, stages := read(l)
	accepted := b.judge(rows, announced)
	b.order(accepted)
	b.lead(stages)
	return b
}

// read takes the files apart.
func read(l *Ledger) (rows []orderRow, announced map[string]bool, stages []stageChange) {
	announced = map[string]bool{}
	for _, name := range l.Names() {
		content := l.File(name)
		switch {
		case strings.HasSuffix(name, ".json"):
			var file struct{ Rows []orderRow }
			decode(content, &file)
			rows = append(rows, file.Rows...)
		case strings.HasSuffix(name, ".csv"):
			rows = append(rows, decodeCSV(content)...)
		case strings.HasPrefix(name, "events/"):
			for line := range bytes.Lines(content) {
				var e struct {
					Event    string `json:"event"`
					Version  string `json:"event_version"`
					ImportID string `json:"import_id"`
					Status   string `json:"status"`
				}
				decode(line, &e)
				if e.Event == "DATA_IMPORT_COMPLETED" && e.Version == "1.0" && e.ImportID != "" && e.Status == "completed" {
					announced[e.ImportID] = true
				}
			}
		default:
			for line := range bytes.Lines(content) {
				var c stageChange
				decode(line, &c)
				if slices.Contains([]string{"OPEN", "COLD", "FOLLOWING", "WON", "LOST"}, c.Stage) {
					stages = append(stages, c)
				}
			}
		}
	}
	return rows, announced, stages
}

func decode(raw []byte, into any) {
	if err := json.Unmarshal(raw, into); err != nil {
		panic(fmt.Sprintf("crm: read %s: %v", raw, err)) // this package has written it
	}
}

func decodeCSV(content []byte) []orderRow {
	lines, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("crm: read CSV: %v", err)) // this package has written it
	}
	var rows []orderRow
	for _, c := range lines[1:] {
		n, _ := strconv.Atoi(c[1])
		rows = append(rows, orderRow{c[0], n, c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11], c[12]})
	}
	return rows
}

var decimal = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$`)

// broken are the rules that a row breaks.
func broken(r orderRow, announced bool) []string {
	var rules []string
	want := func(ok bool, rule string) {
		if !ok {
			rules = append(rules, rule)
		}
	}
	want(r.OrderID != "", "order_id")
	want(r.Customer != "", "customer_name")
	want(shopIDs()[r.Shop] > 0, "shop")
	amount, ok := new(big.Rat).SetString(r.Amount)
	want(ok && decimal.MatchString(r.Amount) && amount.Sign() >= 0 && amount.Cmp(big.NewRat(1e12, 1)) < 0, "amount")
	_, err := time.Parse(time.DateTime, r.OrderDate)
	want(err == nil, "order_date")
	_, err = time.Parse(time.RFC3339, r.CreatedAt)
	want(err == nil, "created_at")
	want(announced, "import_unknown")
	return rules
}

// judge sorts the rows into those that can be used and those that cannot.
func (b *Books) judge(rows []orderRow, announced map[string]bool) (accepted []orderRow) {
	imports := map[string]*Import{}
	for _, r := range rows {
		i := imports[r.ImportID]
		if i == nil {
			i = &Import{ID: r.ImportID}
			imports[r.ImportID] = i
		}
		rules := broken(r, announced[r.ImportID])
		if len(rules) == 0 {
			i.Success++
			accepted = append(accepted, r)
			continue
		}
		i.Error++
		for _, rule := range rules {
			b.Rejects = append(b.Rejects, Reject{r.ImportID, r.RowNo, rule})
		}
	}
	for _, i := range imports {
		switch {
		case i.Error == 0:
			i.Status = "success"
		case i.Success == 0:
			i.Status = "failed"
		default:
			i.Status = "partial_success"
		}
		b.Imports = append(b.Imports, *i)
	}
	slices.SortFunc(b.Imports, func(x, y Import) int { return strings.Compare(x.ID, y.ID) })
	slices.SortFunc(b.Rejects, func(x, y Reject) int {
		return cmp.Or(cmp.Compare(x.ImportID, y.ImportID), cmp.Compare(x.RowNo, y.RowNo), cmp.Compare(x.Rule, y.Rule))
	})
	return accepted
}

// order lets the last row of each order win.
func (b *Books) order(accepted []orderRow) {
	slices.SortFunc(accepted, func(x, y orderRow) int {
		return cmp.Or(cmp.Compare(x.CreatedAt, y.CreatedAt), cmp.Compare(x.ImportID, y.ImportID), cmp.Compare(x.RowNo, y.RowNo))
	})
	types := map[string]string{"样品单": "SAMPLE", "样衣": "SAMPLE"}
	byID := map[string]*Order{}
	var ids []string
	for _, r := range accepted {
		o := byID[r.OrderID]
		if o == nil {
			at, _ := time.Parse(time.RFC3339, r.CreatedAt)
			o = &Order{ID: r.OrderID, at: at, first: r}
			byID[r.OrderID] = o
			ids = append(ids, r.OrderID)
		}
		o.last = r
		o.Customer, o.Shop, o.Status, o.Type = r.Customer, shopIDs()[r.Shop], r.Status, cmp.Or(types[r.Type], "BULK")
		amount, _ := new(big.Rat).SetString(r.Amount)
		o.Amount, _ = new(big.Rat).SetString(amount.FloatString(2))
	}
	for _, id := range ids {
		b.Orders = append(b.Orders, *byID[id])
	}
}

// lead goes through each customer's orders and stages in the order of time.
func (b *Books) lead(stages []stageChange) {
	type who struct {
		shop int
		name string
	}
	customers := map[who][]*Order{}
	for i := range b.Orders { // in the order in which they came
		o := &b.Orders[i]
		customers[who{o.Shop, o.Customer}] = append(customers[who{o.Shop, o.Customer}], o)
	}
	slices.SortFunc(stages, func(x, y stageChange) int {
		return cmp.Or(cmp.Compare(x.ChangedAt, y.ChangedAt), cmp.Compare(x.EventID, y.EventID))
	})
	for c, orders := range customers {
		var own []stageChange
		for _, s := range stages {
			if shopIDs()[s.Shop] == c.shop && s.Customer == c.name {
				own = append(own, s)
			}
		}
		b.customer(c.shop, c.name, orders, own)
	}
	slices.SortFunc(b.Customers, func(x, y Customer) int {
		return cmp.Or(cmp.Compare(x.Shop, y.Shop), cmp.Compare(x.Name, y.Name))
	})
	slices.SortFunc(b.Leads, func(x, y Lead) int { return cmp.Compare(x.FirstOrder, y.FirstOrder) })
	slices.SortFunc(b.Orders, func(x, y Order) int { return cmp.Compare(x.ID, y.ID) })
}

func (b *Books) customer(shop int, name string, orders []*Order, stages []stageChange) {
	customer := Customer{Shop: shop, Name: name, FirstOrder: orders[0].ID, SampleAmount: new(big.Rat), BulkAmount: new(big.Rat)}
	var leads []*Lead
	advance := func(until time.Time) {
		for ; len(stages) > 0; stages = stages[1:] {
			at, _ := time.Parse(time.RFC3339, stages[0].ChangedAt)
			if at.After(until) {
				return
			}
			if len(leads) > 0 {
				leads[len(leads)-1].Stage = stages[0].Stage
			}
		}
	}
	for _, o := range orders {
		advance(o.at)
		o.Strategy = "reuse"
		if len(leads) == 0 || !isOpen(leads[len(leads)-1].Stage) {
			o.Strategy = "new"
			leads = append(leads, &Lead{
				FirstOrder: o.ID, Shop: shop, Customer: name, Stage: "OPEN", SampleAmount: new(big.Rat), BulkAmount: new(big.Rat),
			})
		}
		l := leads[len(leads)-1]
		l.LastOrder = o.ID
		customer.Orders++
		if o.Type == "SAMPLE" {
			l.SampleCount++
			customer.SampleCount++
			l.SampleAmount.Add(l.SampleAmount, o.Amount)
			customer.SampleAmount.Add(customer.SampleAmount, o.Amount)
		} else {
			l.BulkCount++
			customer.BulkCount++
			l.BulkAmount.Add(l.BulkAmount, o.Amount)
			customer.BulkAmount.Add(customer.BulkAmount, o.Amount)
		}
	}
	advance(time.Unix(1<<40, 0))
	customer.Leads = len(leads)
	customer.CurrentStage, customer.CurrentOrder = leads[len(leads)-1].Stage, leads[len(leads)-1].FirstOrder
	b.Customers = append(b.Customers, customer)
	for _, l := range leads {
		b.Leads = append(b.Leads, *l)
	}
}
