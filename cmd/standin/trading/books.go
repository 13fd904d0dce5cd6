package trading

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Books say what a warehouse has that has read the bucket whenever the books did. They follow the rules of the domain in
// Go, row by row, from the bytes of the objects: nothing in them comes from the business that made the objects.
// The zero value has read nothing.
type Books struct {
	accountRows map[int]string   // last content of each row of accounts
	assets      map[string]Asset // the last row of each account that broke no rule
	versions    int              // rows of accounts that broke no rule, every change of one counted
	rejectedOld int              // the same of those that broke one
	trades      []Trade
	landed      map[string]int
	rejects     []Reject
	unreadable  int
}

// Asset is what an account had when it was last told well.
type Asset struct {
	AccountID                            string
	AccountType                          int
	Cash, FrozenCash, MarketValue, Total *big.Rat
}

// Trade is a trade that breaks no rule.
type Trade struct {
	TradedID, AccountID, Strategy string
	AccountType, OffsetFlag       int
	Date                          string
	Price, Amount                 *big.Rat
	Volume                        int64
}

// Reject is a rule that a current row breaks.
type Reject struct {
	Object string
	Row    int // its id
	Line   int // on which it stands now
	Rule   string
}

// row is one row of an object.
type row struct {
	id    int
	line  int
	cells []cell
	text  string
}

// Read brings the books up to what the bucket holds now.
func (b *Books) Read(l *Ledger) {
	if b.accountRows == nil {
		b.accountRows, b.assets = map[int]string{}, map[string]Asset{}
	}
	b.rejects, b.trades, b.unreadable = nil, nil, 0
	b.landed = map[string]int{}
	b.readAccounts(l)
	b.readTrades(l)
	slices.SortFunc(b.rejects, func(x, y Reject) int {
		return cmp.Or(cmp.Compare(x.Object, y.Object), cmp.Compare(x.Row, y.Row), cmp.Compare(x.Rule, y.Rule))
	})
}

func (b *Books) readAccounts(l *Ledger) {
	rows := b.rows(l.Object(AssetsKey))
	b.landed["account_assets"] = len(rows)
	holders := map[string]int{}
	for _, r := range rows {
		broken := brokenByAccount(r.cells)
		if number := value(r.cells[colAccountID]); number != "" {
			if holder, taken := holders[number]; taken && holder < r.id {
				broken = append(broken, "account_id_twice")
			} else {
				holders[number] = r.id
			}
		}
		b.reject(AssetsKey, r, broken)
		if b.accountRows[r.id] == r.text {
			continue
		}
		b.accountRows[r.id] = r.text
		if len(broken) > 0 {
			b.rejectedOld += len(broken)
			continue
		}
		b.versions++
		b.assets[*r.cells[colAccountID]] = Asset{
			AccountID: *r.cells[colAccountID], AccountType: integer(r.cells[colAccountType]),
			Cash: rational(r.cells[colCash]), FrozenCash: rational(r.cells[colFrozenCash]),
			MarketValue: rational(r.cells[colMarketValue]), Total: rational(r.cells[colTotalAsset]),
		}
	}
}

func (b *Books) readTrades(l *Ledger) {
	type found struct {
		key string
		row row
	}
	var all []found
	for _, key := range l.Keys() {
		if key == AssetsKey {
			continue
		}
		for _, r := range b.rows(l.Object(key)) {
			all = append(all, found{key, r})
		}
	}
	b.landed["trades"] = len(all)
	slices.SortFunc(all, func(x, y found) int { return cmp.Compare(x.row.id, y.row.id) })
	named := map[string]bool{}
	for _, f := range all {
		c := f.row.cells
		broken := brokenByTrade(c)
		if id := value(c[colTradedID]); id != "" {
			if named[id] {
				broken = append(broken, "traded_id_twice")
			}
			named[id] = true
		}
		if account := value(c[colTradeAccount]); account != "" {
			if _, known := b.assets[account]; !known {
				broken = append(broken, "account_unknown")
			}
		}
		b.reject(f.key, f.row, broken)
		if len(broken) == 0 {
			b.trades = append(b.trades, Trade{
				TradedID: *c[colTradedID], AccountID: *c[colTradeAccount], Strategy: *c[colStrategy],
				AccountType: integer(c[colTradeType]), OffsetFlag: integer(c[colOffsetFlag]), Date: (*c[colTradedTime])[:10],
				Price: rational(c[colPrice]), Amount: rational(c[colAmount]), Volume: int64(integer(c[colVolume])),
			})
		}
	}
}

func (b *Books) reject(key string, r row, broken []string) {
	for _, rule := range broken {
		b.rejects = append(b.rejects, Reject{Object: key, Row: r.id, Line: r.line, Rule: rule})
	}
}

// rows are those of an object that can be read, in their order.
func (b *Books) rows(content []byte) []row {
	reader := csv.NewReader(bytes.NewReader(content))
	reader.FieldsPerRecord = -1
	var rows []row
	for columns := 0; ; {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if columns == 0 {
			columns = len(cells)
			continue
		}
		if err != nil || len(cells) != columns {
			b.unreadable++
			continue
		}
		line, _ := reader.FieldPos(0)
		r := row{line: line, text: strings.Join(cells, "\x00")}
		for _, text := range cells {
			r.cells = append(r.cells, orMissing(text))
		}
		r.id = integer(r.cells[0])
		rows = append(rows, r)
	}
}

func orMissing(text string) cell {
	switch text {
	case "", "NULL", "null", "None":
		return nil
	default:
		return &text
	}
}

func integer(c cell) int {
	n, _ := strconv.Atoi(value(c)) // the rules have been asked
	return n
}

func rational(c cell) *big.Rat {
	n, _ := new(big.Rat).SetString(value(c)) // the rules have been asked
	return n
}

// Landed counts the rows of a stream that can be landed.
func (b *Books) Landed(stream string) int { return b.landed[stream] }

// Unreadable counts the lines of all objects that are no rows.
func (b *Books) Unreadable() int { return b.unreadable }

// Assets are the accounts with what they have, by their numbers.
func (b *Books) Assets() []Asset {
	var out []Asset
	for _, a := range b.assets {
		out = append(out, a)
	}
	slices.SortFunc(out, func(x, y Asset) int { return strings.Compare(x.AccountID, y.AccountID) })
	return out
}

// AssetVersions counts the rows of accounts that broke no rule when they were read; a row counts again when it changed.
func (b *Books) AssetVersions() int { return b.versions }

// Trades are those that break no rule, in the order of their rows.
func (b *Books) Trades() []Trade { return b.trades }

// Rejects are the rules that rows break now, by object, row and rule.
func (b *Books) Rejects() []Reject { return b.rejects }
