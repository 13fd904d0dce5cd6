package trading

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"
)

// AssetStatistics is one row of trading_dws.asset_statistics.
type AssetStatistics struct {
	Dimension, Value                           string // "overall", "all"; "account_type", "1"
	Records                                    int
	Cash, FrozenCash, MarketValue, TotalAssets string // yuan with two decimals
	AverageCash, AverageTotal                  string // with four
}

// TradeStatistics is one row of trading_dws.trade_statistics.
type TradeStatistics struct {
	Dimension, Value            string
	Records                     int
	Volume                      int64
	Amount                      string // yuan with two decimals
	AveragePrice, AverageVolume string // with four
}

type group struct{ dimension, value string }

func (g group) compare(other group) int {
	return cmp.Or(cmp.Compare(g.dimension, other.dimension), cmp.Compare(g.value, other.value))
}

// grouped puts things into the groups that they are counted in, and gives the groups in their order.
func grouped[T any](things []T, groupsOf func(T) []group) ([]group, map[group][]T) {
	members := map[group][]T{}
	var groups []group
	for _, thing := range things {
		for _, g := range groupsOf(thing) {
			if members[g] == nil {
				groups = append(groups, g)
			}
			members[g] = append(members[g], thing)
		}
	}
	slices.SortFunc(groups, group.compare)
	return groups, members
}

func sum[T any](things []T, of func(T) *big.Rat) *big.Rat {
	total := new(big.Rat)
	for _, thing := range things {
		total.Add(total, of(thing))
	}
	return total
}

func average(total *big.Rat, count int) string {
	return new(big.Rat).Quo(total, big.NewRat(int64(count), 1)).FloatString(4)
}

// AssetStatistics adds up what the accounts have, overall and by their type.
func (b *Books) AssetStatistics() []AssetStatistics {
	groups, members := grouped(b.Assets(), func(a Asset) []group {
		return []group{{"overall", "all"}, {"account_type", strconv.Itoa(a.AccountType)}}
	})
	var out []AssetStatistics
	for _, g := range groups {
		m := members[g]
		cash, total := sum(m, func(a Asset) *big.Rat { return a.Cash }), sum(m, func(a Asset) *big.Rat { return a.Total })
		out = append(out, AssetStatistics{
			Dimension: g.dimension, Value: g.value, Records: len(m), Cash: cash.FloatString(2),
			FrozenCash:  sum(m, func(a Asset) *big.Rat { return a.FrozenCash }).FloatString(2),
			MarketValue: sum(m, func(a Asset) *big.Rat { return a.MarketValue }).FloatString(2),
			TotalAssets: total.FloatString(2), AverageCash: average(cash, len(m)), AverageTotal: average(total, len(m)),
		})
	}
	return out
}

// TradeStatistics adds up the trades, overall, by type of account, by offset flag and by strategy.
func (b *Books) TradeStatistics() []TradeStatistics {
	groups, members := grouped(b.trades, func(t Trade) []group {
		return []group{
			{"overall", "all"}, {"account_type", strconv.Itoa(t.AccountType)}, {"offset_flag", strconv.Itoa(t.OffsetFlag)}, {"strategy", t.Strategy},
		}
	})
	var out []TradeStatistics
	for _, g := range groups {
		m := members[g]
		volume := sum(m, func(t Trade) *big.Rat { return big.NewRat(t.Volume, 1) })
		out = append(out, TradeStatistics{
			Dimension: g.dimension, Value: g.value, Records: len(m), Volume: volume.Num().Int64(),
			Amount:       sum(m, func(t Trade) *big.Rat { return t.Amount }).FloatString(2),
			AveragePrice: average(sum(m, func(t Trade) *big.Rat { return t.Price }), len(m)), AverageVolume: average(volume, len(m)),
		})
	}
	return out
}
