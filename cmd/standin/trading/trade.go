package trading

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// tradeColumns are the columns of the objects of trades.
func tradeColumns() []string {
	return []string{
		"id", "account_id", "account_type", "traded_id", "stock_code", "traded_time", "traded_price", "traded_volume",
		"traded_amount", "strategy_name", "order_remark", "direction", "offset_flag", "created_at", "updated_at",
	}
}

// The columns that mistakes are made in.
const (
	colTradeAccount = iota + 1
	colTradeType
	colTradedID
	colStockCode
	colTradedTime
	colPrice
	colVolume
	colAmount
	colStrategy
	colRemark
	colDirection
	colOffsetFlag
	colCreated
	colTradeUpdated
)

// trade is one row of the object of its day.
type trade struct {
	day     int
	wrong   bool              // a mistake was made in it that the next trading day corrects
	history []dated[[]string] // the row's cells
}

func (w *world) deal(day int) {
	r := w.random(dealing, day)
	var dealers []*account
	for _, a := range w.accounts {
		if a.number != "" {
			dealers = append(dealers, a)
		}
	}
	count := w.Trades*3/4 + r.IntN(1+w.Trades/2)
	for n := range count {
		a := pick(r, dealers)
		when := w.date(day).Add(9*time.Hour + 30*time.Minute + time.Duration(n*5*3600/count)*time.Second)
		w.trades = append(w.trades, w.strike(r, a, day, n+1, when))
		a.record(day, when)
	}
	// Accounts that did not trade have a row that is right, too, when a mistake was made in their last one.
	for _, a := range dealers {
		if last := a.history[len(a.history)-1]; last.from < day {
			a.record(day, w.date(day).Add(15*time.Hour))
		}
	}
}

// strike makes a trade and moves the account's money.
func (w *world) strike(r *rand.Rand, a *account, day, n int, when time.Time) *trade {
	stocks := []string{"600000", "000001", "300750", "IF2601", "510300", "000858"}
	strategies := []string{"均值回归", "动量", "套利, 跨期", `"网格"`, "index tracking"}
	remarks := []string{"", "正常交易", "", "NULL", "客户电话下单, 已确认", "两行\n备注", "it's fine"}
	price, volume := cents(100+r.IntN(40_000)), 100*(1+r.IntN(40))
	amount := price * cents(volume)
	if chance(r, 3) { // the exchange's own rounding
		amount++
	}
	direction, flag := pick(r, []int{0, 48, 49}), 48+r.IntN(7)
	if flag == 48 {
		a.cash, a.marketValue = a.cash-min(a.cash, amount), a.marketValue+min(a.cash, amount)
	} else {
		a.cash, a.marketValue = a.cash+min(a.marketValue, amount), a.marketValue-min(a.marketValue, amount)
	}
	return &trade{day: day, history: []dated[[]string]{{from: day, value: []string{
		strconv.Itoa((day+1)*100_000 + n), a.number, strconv.Itoa(a.kind), fmt.Sprintf("T%s%06d", w.date(day).Format("20060102"), n),
		pick(r, stocks), stamp(when), price.String(), strconv.Itoa(volume), amount.String(), pick(r, strategies), pick(r, remarks),
		strconv.Itoa(direction), strconv.Itoa(flag), stamp(when.Add(time.Second)), stamp(when.Add(time.Second)),
	}}}}
}

func (t *trade) change(day int, by func(cells []string)) {
	cells := append([]string(nil), at(t.history, day)...)
	by(cells)
	t.history = append(t.history, dated[[]string]{from: day, value: cells})
}

// correct puts the mistakes of the trading day before right, and restates some rows that had none.
func (w *world) correct(day int) {
	r := w.random(corrections, day)
	updated := stamp(w.date(day).Add(8 * time.Hour))
	for _, t := range w.trades {
		switch {
		case t.day == day:
		case t.wrong:
			right := t.history[0].value
			t.wrong = false
			t.change(day, func(c []string) {
				copy(c, right)
				c[colTradeUpdated] = updated
			})
		case t.day >= day-3 && chance(r, 1):
			t.change(day, func(c []string) {
				c[colStrategy], c[colTradeUpdated] = "套利, 跨期", updated
			})
		}
	}
}

// spoilTrades makes the mistakes of one day's trades, and takes a row of an earlier day for wrong that was right. Some of
// them are never corrected.
func (w *world) spoilTrades(day int) {
	r := w.random(mistakes, day)
	faults := []func(cells []string){
		func(c []string) { c[colDirection] = "1" },
		func(c []string) { c[colOffsetFlag] = "55" },
		func(c []string) { c[colAmount] += "9" },
		func(c []string) { c[colPrice], c[colAmount] = "0", "0" },
		func(c []string) { c[colVolume], c[colAmount] = "-10", "-"+c[colAmount] },
		func(c []string) { c[colVolume] = "10.5" },
		func(c []string) { c[colVolume] = "99999999999999999999" },
		func(c []string) { c[colTradeAccount] = "99999999999" },
		func(c []string) { c[colTradeAccount] = "null" },
		func(c []string) { c[colTradeType] = "4" },
		func(c []string) { c[colStockCode] = "SH600000.XSHG" },
		func(c []string) { c[colStrategy] = "" },
		func(c []string) { c[colStrategy] = strings.Repeat("长", 51) },
		func(c []string) { c[colRemark] = strings.Repeat("x", 101) },
		func(c []string) { c[colTradedTime] = "22.12.2025 14:31" },
		func(c []string) { c[colTradedID] = "" },
		func(c []string) { c[colTradedID] = strings.Repeat("T", 51) },
		func(c []string) { c[colDirection], c[colAmount] = "", "1.00" },
	}
	var today, before []*trade
	for _, t := range w.trades {
		if t.day == day {
			today = append(today, t)
		} else if t.day >= day-10 && !t.wrong {
			before = append(before, t)
		}
	}
	for range 1 + r.IntN(3) {
		t := pick(r, today)
		right := at(t.history, day)
		fault := pick(r, faults)
		if t.wrong = chance(r, 70); t.wrong {
			t.change(day, fault)
		} else {
			t.history[0].value = append([]string(nil), right...)
			fault(t.history[0].value)
		}
	}
	if len(today) > 3 && chance(r, 30) { // the same trade twice, under two numbers of rows
		today[3].history[0].value[colTradedID] = today[0].history[0].value[colTradedID]
	}
	if len(before) > 0 && chance(r, 50) {
		t := pick(r, before)
		t.wrong = true
		t.change(day, pick(r, faults))
	}
}
