package xiaoe_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/xiaoe"
	"github.com/terrace-elt/terrace/tests/demotest"
)

// Tokens are forgotten, calls are refused and the source is busy, all inside HTTP 200, and refunds show in old windows
// alone: every order is landed all the same, as it is now.
func TestExtract_missesNothingWhateverHappens(t *testing.T) {
	t.Parallel()
	const days = 12
	// The program reads the real clock, which the business reaches in the end.
	start := time.Now().In(xiaoe.Zone).AddDate(0, 0, -days-2)
	upstream := xiaoe.New(xiaoe.Options{
		Days: days, Start: start, Faults: xiaoe.Faults{ThrottleEvery: 5, BusyEvery: 7, ForgetEvery: 60},
	})
	web := httptest.NewServer(upstream.Handler())
	t.Cleanup(web.Close)
	p := demotest.New(t)
	p.Env = []string{
		"XIAOE_URL=" + web.URL, "XIAOE_START=" + start.Format(time.DateOnly), "XIAOE_WAIT=PT0.05S", "XIAOE_CALLS_PER_SECOND=1000",
		"XIAOE_APP_ID=" + xiaoe.AppID, "XIAOE_CLIENT_ID=" + xiaoe.ClientID, "XIAOE_SECRET_KEY=" + xiaoe.SecretKey,
	}
	extract := func() {
		p.Run(0, "extract", "source:xiaoe", "--json", "--to", upstream.Now().Format(time.RFC3339))
	}
	extract()
	for range 2 {
		upstream.Advance(1)
		extract()
	}
	conn, ledger := p.ConnectTo(strings.TrimSpace(p.Run(0, "db", "url"))), upstream.Ledger()
	for relation, want := range map[string]int{
		"orders": ledger.Orders(), "refunds": ledger.Refunds(), "users": ledger.Users(), "products": ledger.Products(), "live_streams": ledger.Lives(),
	} {
		require.Equal(t, want, demotest.Failing(t, conn, "select from xiaoe_ods."+relation), relation)
	}
	for id, raw := range ledger.OrderRecords() {
		var same bool
		require.NoError(t, conn.QueryRow(t.Context(), "select payload = $2::text::jsonb from xiaoe_ods.orders where order_id = $1", id, string(raw)).Scan(&same))
		require.True(t, same, string(raw))
	}
	require.Positive(t, ledger.Served()[xiaoe.OrdersPath].Refused)
	require.GreaterOrEqual(t, ledger.Served()[xiaoe.TokenPath].Requests, 3, "each day ends the tokens of the one before")
}
