// Package trading_test runs the trading domain as its owner does, from objects in S3 to statistics, and compares what is
// there with books that were kept beside it in Go.
package trading_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/trading"
	"github.com/terrace-elt/terrace/tests/clitest"
	"github.com/terrace-elt/terrace/tests/s3test"
)

func TestMain(m *testing.M) { os.Exit(clitest.Main(m)) }

// newProject is the domain with the bucket of an upstream.
func newProject(t *testing.T, upstream *trading.Server) *clitest.Project {
	t.Helper()
	server := httptest.NewServer(upstream.Handler())
	t.Cleanup(server.Close)
	p := clitest.New(t, "trading")
	p.Env = environment(server.URL, trading.DefaultBucket, trading.DefaultAccessKey, trading.DefaultSecretKey)
	return p
}

func environment(endpoint, bucket, access, secret string) []string {
	return []string{
		"TRADING_S3_ENDPOINT=" + endpoint, "TRADING_BUCKET=" + bucket,
		"TRADING_S3_ACCESS_KEY=" + access, "TRADING_S3_SECRET_KEY=" + secret,
	}
}

// requireBooks compares every figure with the books.
func requireBooks(t *testing.T, p *clitest.Project, b *trading.Books, bucket string) {
	t.Helper()
	var assets []string
	for _, a := range b.Assets() {
		assets = append(assets, fmt.Sprint(a.AccountID, " ", a.AccountType, " ", a.Cash.FloatString(2), " ", a.FrozenCash.FloatString(2), " ",
			a.MarketValue.FloatString(2), " ", a.Total.FloatString(2)))
	}
	require.Equal(t, assets, p.Rows(`select concat_ws(' ', account_id, account_type, cash, frozen_cash, market_value, total_asset)
from trading_dwd.account_asset order by account_id collate "C"`))
	var trades []string
	for _, x := range b.Trades() {
		trades = append(trades, fmt.Sprint(x.TradedID, " ", x.AccountID, " ", x.Date, " ", x.Amount.FloatString(2), " ", x.Volume, " ", x.Strategy))
	}
	require.Equal(t, trades, p.Rows(`select concat_ws(' ', traded_id, account_id, trade_date, traded_amount::numeric(20, 2), traded_volume, strategy_name)
from trading_dwd.fact_trade order by row_id`))
	var rejects []string
	for _, r := range b.Rejects() {
		rejects = append(rejects, fmt.Sprint("s3://", bucket, "/", r.Object, " ", r.Row, " ", r.Rule))
	}
	require.Equal(t, rejects, p.Rows(`select concat_ws(' ', object, row_id, rule)
from trading_dwd.rejected_row order by object collate "C", row_id, rule collate "C"`))
	for stream, fact := range map[string]string{"account_assets": "fact_asset", "trades": "fact_trade"} {
		require.Equal(t, []string{fmt.Sprint(b.Landed(stream))}, p.Rows("select count(*)::text from trading_ods."+stream), fact)
	}
	require.Equal(t, []string{fmt.Sprint(b.AssetVersions())}, p.Rows("select count(*)::text from trading_dwd.fact_asset"))
	requireStatistics(t, p, b)
}

// requireLines compares the places of rejected rows. A row that did not change keeps the line on which it was landed, so
// that this holds for objects that were read once.
func requireLines(t *testing.T, p *clitest.Project, b *trading.Books) {
	t.Helper()
	var lines []string
	for _, r := range b.Rejects() {
		lines = append(lines, fmt.Sprint(r.Row, " ", r.Line, " ", r.Rule))
	}
	slices.Sort(lines)
	require.Equal(t, lines, p.Rows(`select concat_ws(' ', row_id, line, rule) from trading_dwd.rejected_row
order by concat_ws(' ', row_id, line, rule) collate "C"`))
}

func requireStatistics(t *testing.T, p *clitest.Project, b *trading.Books) {
	t.Helper()
	var assets []string
	for _, s := range b.AssetStatistics() {
		assets = append(assets, fmt.Sprint(s.Dimension, " ", s.Value, " ", s.Records, " ", s.Cash, " ", s.FrozenCash, " ", s.MarketValue, " ",
			s.TotalAssets, " ", s.AverageCash, " ", s.AverageTotal))
	}
	require.Equal(t, assets, p.Rows(`select concat_ws(' ', dimension, value, account_count, total_cash, total_frozen_cash, total_market_value,
    total_assets, average_cash, average_total_asset)
from trading_dws.asset_statistics order by dimension collate "C", value collate "C"`))
	var trades []string
	for _, s := range b.TradeStatistics() {
		trades = append(trades, fmt.Sprint(s.Dimension, " ", s.Value, " ", s.Records, " ", s.Volume, " ", s.Amount, " ", s.AveragePrice, " ", s.AverageVolume))
	}
	require.Equal(t, trades, p.Rows(`select concat_ws(' ', dimension, value, trade_count, total_volume, total_amount, average_price, average_volume)
from trading_dws.trade_statistics order by dimension collate "C", value collate "C"`))
}

// Ten days of changes, each landed as it comes: a bad row that is put right, a good one that is not any more, accounts
// that come after their trades. A full refresh changes nothing.
func TestTrading_givesWhatTheBooksSay(t *testing.T) {
	t.Parallel()
	upstream := trading.New(trading.Options{Seed: 3, Days: 10, Trades: 40})
	p := newProject(t, upstream)
	var books trading.Books
	for day := range 11 {
		books.Read(upstream.Ledger())
		r := p.Report(0, "update")
		requireBooks(t, p, &books, trading.DefaultBucket)
		if day == 0 {
			requireLines(t, p, &books)
		} else {
			require.NotContains(t, r.Step(t, "trading_dwd.fact_trade").Reason, "whole", "an account that comes concerns its trades alone")
		}
		upstream.Advance(1)
	}
	require.NotEmpty(t, books.Rejects())
	before := p.Content("trading")
	p.Run(0, "run", "--full-refresh")
	require.Equal(t, before, p.Content("trading"))
}

// The same against a server that others have made.
func TestTrading_readsARealServer(t *testing.T) {
	t.Parallel()
	server := s3test.New(t)
	upstream := trading.New(trading.Options{Seed: 4, Days: 10, Trades: 50})
	p := clitest.New(t, "trading")
	p.Env = environment(server.Endpoint, server.Bucket, server.AccessKey, server.SecretKey)
	put := func() (changed int) {
		for _, key := range upstream.Ledger().Keys() {
			old, err := server.Client.StatObject(t.Context(), server.Bucket, key, minio.StatObjectOptions{})
			if err != nil || old.ETag != upstream.Ledger().ETag(key) {
				server.Put(t, key, upstream.Ledger().Object(key))
				changed++
			}
		}
		return changed
	}
	var books trading.Books
	for day := range 2 {
		changed := put()
		books.Read(upstream.Ledger())
		r := p.Report(0, "update")
		requireBooks(t, p, &books, server.Bucket)
		read := r.Step(t, "trading_ods.trades").Reason
		require.Regexp(t, fmt.Sprintf(` in %d pages?`, changed-1), read, "day %d: objects that did not change are not read", day)
		upstream.Advance(1)
	}
	r := p.Report(0, "update")
	require.Equal(t, "0 records in 0 pages", r.Step(t, "trading_ods.trades").Reason)
	p.Env[3] = "TRADING_S3_SECRET_KEY=wrong"
	p.Run(1, "extract", "trading_ods.trades")
	p.Env[0] = "TRADING_S3_ENDPOINT=http://127.0.0.1:1"
	p.Run(3, "extract", "trading_ods.trades")
}

// What is sent as text and taken for a number loses zeros; what is no number, or too large for one, must hurt nobody else.
func TestTrading_keepsWhatTheSamplesAreAbout(t *testing.T) {
	t.Parallel()
	p := newProject(t, trading.New(trading.Options{Days: 30}))
	p.Run(0, "update")
	for _, query := range []string{
		"select from trading_dwd.account_asset where account_id like '0%' and length(account_id) = 11",
		"select from trading_dwd.fact_trade where stock_code = '000001'",
		"select from trading_dwd.account_asset where account_id = '10000099999' and total_asset = 100.01",
		"select from trading_dwd.fact_trade where abs(traded_amount - traded_price * traded_volume) = 0.01",
		"select from trading_dwd.fact_trade where order_remark is null",
		`select from trading_dwd.fact_trade where order_remark = E'两行\n备注'`,
		"select from trading_dwd.rejected_row where stream = 'account_assets' and field = 'account_id' and value is null",
		"select from trading_dwd.rejected_row where rule = 'account_id_twice' and value is not null and message <> ''",
		"select from terrace.reject where reason = 'ragged' and place like 's3://broker/trades/2025/trades_%.csv:%'",
	} {
		require.NotEqual(t, []string{"0"}, p.Rows("select count(*)::text from ("+query+") as found"), query)
	}
}

// An object that went wrong as a whole is landed and goes no further: what was published stays, until it is put right.
func TestTrading_refusesAnObjectThatIsWrongAsAWhole(t *testing.T) {
	t.Parallel()
	upstream := trading.New(trading.Options{Days: 10, Trades: 30})
	p := newProject(t, upstream)
	p.Run(0, "update")
	before := p.Content("trading_dw")
	key := trading.TradesKey(upstream.Now().AddDate(0, 0, -1))
	right := upstream.Ledger().Object(key)
	shifted := strings.Replace(string(right), "traded_price,traded_volume", "traded_volume,traded_price", 1)
	upstream.Replace(key, []byte(strings.ReplaceAll(shifted, ",IF2601,", ",IF2601 ,")))
	r := p.Report(4, "update")
	require.Equal(t, "failure", r.Step(t, "trading_dwd.fact_trade").Status)
	require.Equal(t, before["trading_dwd.fact_trade"], p.Content("trading_dw")["trading_dwd.fact_trade"])
	require.Equal(t, before["trading_dws.trade_statistics"], p.Content("trading_dw")["trading_dws.trade_statistics"])
	p.Run(0, "update", "--var", "trading_reject_limit=1")
	require.NotEqual(t, before["trading_dwd.fact_trade"], p.Content("trading_dw")["trading_dwd.fact_trade"])
	upstream.Replace(key, right)
	p.Run(0, "update")
	require.Equal(t, before, p.Content("trading_dw"))
}

// Wrong input is told before anything is executed.
func TestTrading_wantsItsKeys(t *testing.T) {
	t.Parallel()
	p := newProject(t, trading.New(trading.Options{Days: 3, Trades: 5}))
	p.Env = p.Env[:2]
	_, said := p.Run(2, "update")
	require.Contains(t, said, "TRADING_S3_ACCESS_KEY")
}
