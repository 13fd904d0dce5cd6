package crm

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Ledger is what the folder holds at one time.
type Ledger struct {
	days  int
	files map[string][]byte
}

// newLedger lives the days from the first one on, and writes the files that they brought.
func newLedger(o Options, days int) *Ledger {
	w := &world{Options: o}
	w.liveUntil(days)
	l := &Ledger{days: days, files: map[string][]byte{}}
	for _, i := range w.imports {
		name := i.name()
		if i.asJSON {
			l.files["orders/"+name+".json"] = encode(map[string]any{"import_id": i.id, "rows": i.rows})
		} else {
			l.files["orders/"+name+".csv"] = encodeCSV(i.rows)
		}
		for _, e := range i.events {
			if e.day < days {
				name := "events/" + w.date(e.day).Format("2006-01-02") + ".ndjson"
				l.files[name] = append(append(l.files[name], encode(e.fields)...), '\n')
			}
		}
	}
	for day, changes := range w.stages {
		var lines bytes.Buffer
		for _, c := range changes {
			lines.Write(append(encode(c), '\n'))
		}
		l.files["stages/"+w.date(day).Format("2006-01-02")+".ndjson"] = lines.Bytes()
	}
	return l
}

// Names are the files' names in their order, relative to the folder.
func (l *Ledger) Names() []string { return slices.Sorted(maps.Keys(l.files)) }

// File is the content of a file, nil where there is none of that name.
func (l *Ledger) File(name string) []byte { return l.files[name] }

// encode cannot fail for the types of this package.
func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("crm: encode %T: %v", v, err))
	}
	return raw
}

func encodeCSV(rows []orderRow) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	lines := [][]string{{
		"import_id", "row_no", "order_id", "customer_name", "shop", "order_type", "order_status", "amount", "currency",
		"order_date", "salesperson", "remark", "created_at",
	}}
	for _, r := range rows {
		lines = append(lines, []string{
			r.ImportID, fmt.Sprint(r.RowNo), r.OrderID, r.Customer, r.Shop, r.Type, r.Status, r.Amount, r.Currency,
			r.OrderDate, r.Salesperson, r.Remark, r.CreatedAt,
		})
	}
	if err := w.WriteAll(lines); err != nil {
		panic(fmt.Sprintf("crm: write CSV: %v", err)) // a buffer takes everything
	}
	return b.Bytes()
}
