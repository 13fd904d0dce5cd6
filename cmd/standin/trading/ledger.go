package trading

import (
	"bytes"
	"crypto/md5" //nolint:gosec // what S3 calls an etag
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Ledger is what a server holds at one time. It does not change when the server goes on.
type Ledger struct {
	options Options
	days    int
	objects map[string]object
}

// object is one object of the bucket.
type object struct {
	content  []byte
	etag     string
	modified time.Time
}

// newLedger lives the days from the first one on, and writes the objects as they are after them.
func newLedger(o Options, days int) *Ledger {
	w := newWorld(o)
	w.liveUntil(days)
	l := &Ledger{options: o, days: days, objects: map[string]object{}}
	last := days - 1 // the last trading day
	for last > 0 && !o.isTradingDay(last) {
		last--
	}
	var rows [][]string
	for _, a := range w.accounts {
		if a.listedOn <= last {
			rows = append(rows, at(a.history, last))
		}
	}
	l.put(AssetsKey, last, accountColumns(), rows, nil)
	byDay := map[int][]*trade{}
	for _, t := range w.trades {
		byDay[t.day] = append(byDay[t.day], t)
	}
	for day, trades := range byDay {
		rows, changed := rows[:0:0], day
		for _, t := range trades {
			rows = append(rows, at(t.history, last))
			changed = max(changed, t.history[len(t.history)-1].from)
		}
		var tail []byte
		if day%5 == 2 && !o.Clean { // a writer that was cut off
			tail = fmt.Appendf(nil, "%d,10000000001,1,T%s9", (day+1)*100_000+99_999, o.date(day).Format("20060102"))
		}
		l.put(TradesKey(o.date(day)), changed, tradeColumns(), rows, tail)
	}
	return l
}

// TradesKey is the object of one day's trades.
func TradesKey(day time.Time) string { return day.In(Zone).Format("trades/2006/trades_2006-01-02.csv") }

func (l *Ledger) put(key string, day int, header []string, rows [][]string, tail []byte) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(append([][]string{header}, rows...)); err != nil {
		panic(fmt.Sprintf("trading: write %s: %v", key, err)) // a buffer takes everything
	}
	b.Write(tail)
	l.objects[key] = newObject(b.Bytes(), l.options.date(day+1).Add(-6*time.Hour))
}

func newObject(content []byte, modified time.Time) object {
	sum := md5.Sum(content) //nolint:gosec // see above
	return object{content: content, etag: hex.EncodeToString(sum[:]), modified: modified}
}

// with is the ledger with other content in one object.
func (l *Ledger) with(key string, content []byte) *Ledger {
	out := &Ledger{options: l.options, days: l.days, objects: maps.Clone(l.objects)}
	out.objects[key] = newObject(content, l.options.date(l.days))
	return out
}

// Keys are the objects' keys in their order.
func (l *Ledger) Keys() []string { return slices.Sorted(maps.Keys(l.objects)) }

// ETag is what S3 tells contents of an object apart by.
func (l *Ledger) ETag(key string) string { return l.objects[key].etag }

// Object is the content of one object, nil where there is none of that key.
func (l *Ledger) Object(key string) []byte { return l.objects[key].content }
