package jushuitan_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/jushuitan"
	"github.com/terrace-elt/terrace/tests/demotest"
)

// Calls are refused with both codes inside HTTP 200 and broken off, tokens end, and orders are touched while their pages
// are read: each is landed all the same, and the newest version of it.
func TestExtract_missesNothingWhateverHappens(t *testing.T) {
	t.Parallel()
	const days = 15
	// The program reads the real clock, which the business reaches in the end.
	start := time.Now().In(jushuitan.Zone).AddDate(0, 0, -days-2)
	upstream := jushuitan.New(jushuitan.Options{
		Days: days, Start: start, Tolerance: 96 * time.Hour, TokenLife: 96 * time.Hour, PerSecond: -1, PerMinute: -1,
		Faults: jushuitan.Faults{ThrottleEvery: 6, BrokenEvery: 25, TouchEvery: 1},
	})
	web := httptest.NewServer(upstream.Handler())
	t.Cleanup(web.Close)
	p := demotest.New(t)
	p.Env = []string{
		"JUSHUITAN_URL=" + web.URL, "JUSHUITAN_OLD_URL=" + web.URL, "JUSHUITAN_START=" + start.Format(time.DateOnly),
		"JUSHUITAN_CALLS_PER_SECOND=1000", "JUSHUITAN_CALLS_PER_MINUTE=60000",
		"JUSHUITAN_SETTLE=PT0S", "JUSHUITAN_SECOND_WAIT=PT0.05S", "JUSHUITAN_MINUTE_WAIT=PT0.1S",
		"JUSHUITAN_APP_KEY=" + jushuitan.AppKey, "JUSHUITAN_APP_SECRET=" + jushuitan.AppSecret, "JUSHUITAN_REFRESH_TOKEN=" + jushuitan.RefreshToken,
		"JUSHUITAN_PARTNER_ID=" + jushuitan.PartnerID, "JUSHUITAN_PARTNER_KEY=" + jushuitan.PartnerKey,
		"JUSHUITAN_PARTNER_TOKEN=" + jushuitan.PartnerToken,
	}
	extract := func() {
		p.Run(0, "extract", "source:jushuitan", "source:jushuitan_old", "--json", "--to", upstream.Now().Format(time.RFC3339))
	}
	extract()
	for range 2 {
		upstream.Advance(1)
		extract()
	}
	// The windows of the last day may have had an order touched after its new row version could be read: once more, at a
	// time at which the windows have nothing new and nothing is touched.
	extract()
	conn, ledger := p.ConnectTo(strings.TrimSpace(p.Run(0, "db", "url"))), upstream.Ledger()
	// What is touched while a run reads it is found by the next one; the row version is always the newest.
	require.Equal(t, ledger.Orders(), demotest.Failing(t, conn, "select from jushuitan_ods.orders_out"))
	for io, raw := range ledger.Records() {
		var same bool
		require.NoError(t, conn.QueryRow(t.Context(),
			"select payload = $2::text::jsonb from jushuitan_ods.orders_out_ts where io_id = $1", io, string(raw)).Scan(&same))
		require.True(t, same, string(raw))
	}
	require.Positive(t, ledger.Served()[jushuitan.NewGateway].Refused)
	require.Positive(t, ledger.Served()[jushuitan.OldGateway].Refused)
}
