package main

import "github.com/terrace-elt/terrace/cmd/standin/trading"

// tradingDemo is a broker's bucket.
func tradingDemo() demoDomain {
	return demoDomain{
		name:  "trading",
		later: "the object of accounts replaced, a new day's trades, corrected rows, an account that the trades named before",
		start: func(days int, _ string) (standin, error) {
			return standin{
				handler: trading.New(trading.Options{Days: days}).Handler(),
				env: func(url string) map[string]string {
					return map[string]string{
						"TRADING_S3_ENDPOINT": url, "TRADING_BUCKET": trading.DefaultBucket,
						"TRADING_S3_ACCESS_KEY": trading.DefaultAccessKey, "TRADING_S3_SECRET_KEY": trading.DefaultSecretKey,
					}
				},
			}, nil
		},
		shows: []shownQuery{
			{"Trades in trading_dws.trade_statistics", `select dimension, label, trade_count, total_volume, total_amount, average_price
from trading_dws.trade_statistics
where dimension in ('overall', 'strategy')
order by dimension, label`},
		},
	}
}
