package trading_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/trading"
)

func contents(s *trading.Server) map[string]string {
	all := map[string]string{}
	for _, key := range s.Ledger().Keys() {
		all[key] = string(s.Ledger().Object(key))
	}
	return all
}

func TestServer_sameSeedSameBytes(t *testing.T) {
	t.Parallel()
	a, b := trading.New(trading.Options{Seed: 7, Days: 12}), trading.New(trading.Options{Seed: 7, Days: 12})
	require.Equal(t, contents(a), contents(b))
	require.NotEqual(t, contents(a), contents(trading.New(trading.Options{Seed: 8, Days: 12})))
}

func TestAdvance_equalsAServerStartedLater(t *testing.T) {
	t.Parallel()
	advanced := trading.New(trading.Options{Days: 9})
	for range 3 {
		advanced.Advance(1)
	}
	later := trading.New(trading.Options{Days: 12})
	require.Equal(t, later.Now(), advanced.Now())
	require.Equal(t, contents(later), contents(advanced))
}

func TestAdvance_bringsWhatADayBrings(t *testing.T) {
	t.Parallel()
	s := trading.New(trading.Options{Days: 14})
	corrected := 0
	for range 7 {
		before, day := contents(s), s.Now()
		s.Advance(1)
		after := contents(s)
		if weekday := day.Weekday(); weekday == 0 || weekday == 6 {
			require.Equal(t, before, after)
			continue
		}
		require.Contains(t, after, trading.TradesKey(day))
		require.Len(t, after, len(before)+1)
		require.NotEqual(t, before[trading.AssetsKey], after[trading.AssetsKey])
		for key, content := range before {
			if key != trading.AssetsKey && after[key] != content {
				corrected++
			}
		}
	}
	require.Positive(t, corrected)
}

func TestBooks_findNothingWrongInACleanBucket(t *testing.T) {
	t.Parallel()
	s := trading.New(trading.Options{Days: 12, Clean: true})
	var b trading.Books
	b.Read(s.Ledger())
	for _, r := range b.Rejects() {
		require.Equal(t, "account_unknown", r.Rule, "%v", r) // accounts come late, clean or not
	}
	require.Zero(t, b.Unreadable())
	require.Len(t, b.Assets(), b.Landed("account_assets"))
}

func TestBooks_meetEveryRule(t *testing.T) {
	t.Parallel()
	s := trading.New(trading.Options{Days: 20, Trades: 15})
	found := map[string]bool{}
	var b trading.Books
	for range 40 {
		b.Read(s.Ledger())
		for _, r := range b.Rejects() {
			stream, _, _ := strings.Cut(r.Object, "/")
			found[stream+" "+r.Rule] = true
		}
		s.Advance(1)
	}
	for _, rule := range []string{
		"account_id", "account_id_twice", "account_type", "cash", "frozen_cash", "market_value", "total_asset", "total_asset_sum", "updated_at",
	} {
		require.True(t, found[trading.AssetsKey+" "+rule], rule)
	}
	for _, rule := range []string{
		"account_id", "account_type", "account_unknown", "direction", "offset_flag", "order_remark", "stock_code", "strategy_name",
		"traded_amount", "traded_amount_product", "traded_id", "traded_id_twice", "traded_price", "traded_time", "traded_volume",
	} {
		require.True(t, found["trades "+rule], rule)
	}
	require.Positive(t, b.Unreadable())
}

func client(t *testing.T, s *trading.Server, key string) *minio.Core {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	core, err := minio.NewCore(strings.TrimPrefix(server.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(key, trading.DefaultSecretKey, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
	require.NoError(t, err)
	return core
}

func TestHandler_listsAndServesAsS3Does(t *testing.T) {
	t.Parallel()
	s := trading.New(trading.Options{Days: 60})
	core := client(t, s, trading.DefaultAccessKey)
	var keys []string
	for info := range core.ListObjectsIter(t.Context(), trading.DefaultBucket, minio.ListObjectsOptions{Prefix: "trades", Recursive: true}) {
		require.NoError(t, info.Err)
		require.Equal(t, s.Ledger().ETag(info.Key), strings.Trim(info.ETag, `"`))
		keys = append(keys, info.Key)
	}
	require.Equal(t, s.Ledger().Keys()[1:], keys, "in more than one listing")

	var options minio.GetObjectOptions
	require.NoError(t, options.SetMatchETag(s.Ledger().ETag(keys[0])))
	require.NoError(t, options.SetRange(3, 0))
	body, _, _, err := core.GetObject(t.Context(), trading.DefaultBucket, keys[0], options)
	require.NoError(t, err)
	got, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, string(s.Ledger().Object(keys[0])[3:]), string(got))

	require.NoError(t, options.SetMatchETag("0"))
	_, _, _, err = core.GetObject(t.Context(), trading.DefaultBucket, keys[0], options)
	require.Equal(t, http.StatusPreconditionFailed, minio.ToErrorResponse(err).StatusCode)
	_, _, _, err = core.GetObject(t.Context(), "other", keys[0], minio.GetObjectOptions{})
	require.Equal(t, "NoSuchBucket", minio.ToErrorResponse(err).Code)
	_, _, _, err = core.GetObject(t.Context(), trading.DefaultBucket, "none", minio.GetObjectOptions{})
	require.Equal(t, "NoSuchKey", minio.ToErrorResponse(err).Code)
	_, _, _, err = client(t, s, "somebody").GetObject(t.Context(), trading.DefaultBucket, keys[0], minio.GetObjectOptions{})
	require.Equal(t, minio.InvalidAccessKeyID, minio.ToErrorResponse(err).Code)
}
