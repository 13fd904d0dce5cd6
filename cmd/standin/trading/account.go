package trading

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// accountColumns are the columns of account_assets.csv.
func accountColumns() []string {
	return []string{"id", "account_id", "account_type", "cash", "frozen_cash", "market_value", "total_asset", "updated_at"}
}

// The columns that mistakes are made in.
const (
	colAccountID = iota + 1
	colAccountType
	colCash
	colFrozenCash
	colMarketValue
	colTotalAsset
	colAssetUpdated
)

// accountTypes are the codes that are in use; 4 and 8 to 10 are gaps.
func accountTypes() []int { return []int{1, 2, 3, 5, 6, 7, 11} }

// account is one row of the accounts' object.
type account struct {
	row         int // its id
	number      string
	kind        int
	listedOn    int // first day on which the object has it
	cash        cents
	frozen      cents
	marketValue cents
	history     []dated[[]string] // the row's cells
}

// open makes an account that trades from the given day on and is listed from another one on.
func (w *world) open(r *rand.Rand, day, listed int) *account {
	w.lastRow++
	a := &account{
		row: w.lastRow, number: fmt.Sprintf("%011d", 10000000000+w.lastRow), kind: pick(r, accountTypes()), listedOn: listed,
		cash: cents(5_000_000 + r.IntN(50_000_000)), frozen: cents(r.IntN(100_000)), marketValue: cents(r.IntN(20_000_000)),
	}
	if w.lastRow%9 == 3 { // what reads these as numbers loses their zeros
		a.number = fmt.Sprintf("%011d", w.lastRow)
	}
	w.accounts = append(w.accounts, a)
	a.record(day, w.date(day).Add(9*time.Hour+time.Duration(r.IntN(3600))*time.Second))
	return a
}

// record writes down the account's balances as they are.
func (a *account) record(day int, when time.Time) {
	a.history = append(a.history, dated[[]string]{from: day, value: []string{
		strconv.Itoa(a.row), a.number, strconv.Itoa(a.kind), a.cash.String(), a.frozen.String(), a.marketValue.String(),
		(a.cash + a.frozen + a.marketValue).String(), stamp(when),
	}})
}

// change writes the account's last row anew, with other cells.
func (a *account) change(day int, by func(cells []string)) {
	cells := append([]string(nil), a.history[len(a.history)-1].value...)
	by(cells)
	a.history = append(a.history, dated[[]string]{from: day, value: cells})
}

// spoilAccounts makes the mistakes of the accounts' object of one day. Rows of accounts are right again on the next
// trading day on which their account trades; rows that belong to no account stay as they are.
func (w *world) spoilAccounts(day int) {
	r := w.random(mistakes, day)
	if day == 0 {
		for _, cells := range [][]string{
			{w.accounts[0].number, "2", "1.00", "0.00", "0.00", "1.00"}, // a second row of an account
			{"", "1", "1.00", "0.00", "0.00", "1.00"},                   // of nobody
			{"123456789012345678901", "7", "1.00", "0.00", "0.00", "1.00"},
			{"10000099999", "1", "100.00", "0.00", "0.00", "100.01"}, // off by a fen, which is allowed
		} {
			w.lastRow++
			row := append(append([]string{strconv.Itoa(w.lastRow)}, cells...), stamp(w.date(0)))
			w.accounts = append(w.accounts, &account{row: w.lastRow, history: []dated[[]string]{{value: row}}})
		}
		return
	}
	faults := []func(cells []string){
		func(c []string) { c[colAccountType] = "4" },
		func(c []string) { c[colCash] = "-1.00" },
		func(c []string) { c[colCash] = "NULL" },
		func(c []string) { c[colFrozenCash] = "1.005" },
		func(c []string) { c[colMarketValue] = "n/a" },
		func(c []string) { c[colTotalAsset] = "150.02" },
		func(c []string) { c[colTotalAsset] = "1e40" },
		func(c []string) { c[colAssetUpdated] = "2025/12/22 14:31" },
		func(c []string) { c[colAssetUpdated] = "2025-13-01T00:00:00" },
		func(c []string) { c[colCash], c[colAccountType] = "-0.01", "" },
	}
	for range 1 + r.IntN(2) {
		if a := pick(r, w.accounts); a.number != "" {
			a.change(day, pick(r, faults))
		}
	}
}
