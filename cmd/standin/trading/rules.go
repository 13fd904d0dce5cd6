package trading

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// cell is a value of a row; nil is one that is missing.
type cell *string

// rules judges one row: it collects the names of the rules that the row breaks.
type rules struct{ broken []string }

func (r *rules) want(ok bool, rule string) {
	if !ok {
		r.broken = append(r.broken, rule)
	}
}

// text wants a value of so many characters at most.
func (r *rules) text(c cell, rule string, longest int) {
	r.want(c != nil && utf8.RuneCountInString(*c) <= longest, rule)
}

// code wants one of some integers.
func (r *rules) code(c cell, rule string, codes ...int) {
	n, err := strconv.Atoi(value(c))
	r.want(err == nil && slices.Contains(codes, n), rule)
}

var (
	number    = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$`)
	instant   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$`)
	limit     = big.NewRat(1e18, 1)
	tolerance = big.NewRat(1, 100)
)

// money wants an amount in fen that the condition is true of. It gives the amount wherever there is a number, nil
// otherwise.
func (r *rules) money(c cell, rule string, condition func(sign int) bool) *big.Rat {
	if !number.MatchString(value(c)) {
		r.want(false, rule)
		return nil
	}
	n, _ := new(big.Rat).SetString(*c)
	r.want(condition(n.Sign()) && n.Cmp(limit) < 0 && new(big.Rat).Mul(n, big.NewRat(100, 1)).IsInt(), rule)
	return n
}

func notNegative(sign int) bool { return sign >= 0 }
func positive(sign int) bool    { return sign > 0 }

// near wants two amounts, where both are known, to differ by a fen at most.
func (r *rules) near(a, b *big.Rat, rule string) {
	if a != nil && b != nil {
		d := new(big.Rat).Sub(a, b)
		r.want(d.Abs(d).Cmp(tolerance) <= 0, rule)
	}
}

func (r *rules) time(c cell, rule string) {
	_, err := time.Parse("2006-01-02T15:04:05", value(c))
	r.want(err == nil && instant.MatchString(*c), rule)
}

func value(c cell) string {
	if c == nil {
		return ""
	}
	return *c
}

// brokenByAccount are the rules that a row of the accounts' object breaks by itself.
func brokenByAccount(c []cell) []string {
	var r rules
	r.text(c[colAccountID], "account_id", 20)
	r.code(c[colAccountType], "account_type", accountTypes()...)
	cash := r.money(c[colCash], "cash", notNegative)
	frozen := r.money(c[colFrozenCash], "frozen_cash", notNegative)
	market := r.money(c[colMarketValue], "market_value", notNegative)
	total := r.money(c[colTotalAsset], "total_asset", notNegative)
	if cash != nil && frozen != nil && market != nil {
		sum := new(big.Rat).Add(cash, frozen)
		r.near(total, sum.Add(sum, market), "total_asset_sum")
	}
	r.time(c[colAssetUpdated], "updated_at")
	return r.broken
}

// brokenByTrade are the rules that a row of trades breaks by itself.
func brokenByTrade(c []cell) []string {
	var r rules
	r.text(c[colTradeAccount], "account_id", 20)
	r.code(c[colTradeType], "account_type", accountTypes()...)
	r.text(c[colTradedID], "traded_id", 50)
	r.text(c[colStockCode], "stock_code", 10)
	r.time(c[colTradedTime], "traded_time")
	price := r.money(c[colPrice], "traded_price", positive)
	volume, err := strconv.ParseInt(value(c[colVolume]), 10, 64)
	r.want(err == nil && volume > 0, "traded_volume")
	amount := r.money(c[colAmount], "traded_amount", positive)
	if price != nil && err == nil {
		r.near(amount, new(big.Rat).Mul(price, big.NewRat(volume, 1)), "traded_amount_product")
	}
	r.text(c[colStrategy], "strategy_name", 50)
	r.want(utf8.RuneCountInString(value(c[colRemark])) <= 100, "order_remark")
	r.code(c[colDirection], "direction", 0, 48, 49)
	r.code(c[colOffsetFlag], "offset_flag", 48, 49, 50, 51, 52, 53, 54)
	r.time(c[colCreated], "created_at")
	r.time(c[colTradeUpdated], "updated_at")
	return r.broken
}
