package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/demotest"

	"github.com/terrace-elt/terrace/cmd/standin/feiqiu"
)

// days keeps the demo of the tests small.
const days = 12

func TestDemo_endsWithWhatTheUpstreamKnows(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	runs := demotest.Decode[struct{ Runs []demotest.Report }](t, p.Run(0, "demo", "feiqiu", "--json", "--days", fmt.Sprint(days))).Runs
	require.Len(t, runs, 2)
	requireLedger(t, p, feiqiu.New(feiqiu.Options{Days: days + 1}).Ledger())

	t.Run("the second run touches only what changed", func(t *testing.T) {
		for _, s := range runs[1].Steps {
			require.NotContains(t, []string{"failure", "error"}, s.Status, s.Name)
			if s.Kind == "seed" {
				require.Equal(t, "skip", s.Status, s.Name)
			}
			if (s.Kind == "incremental" || s.Kind == "scd2") && s.Status == "success" {
				require.Regexp(t, `; \d+ (group|key)s? recomputed`, s.Reason, s.Name)
			}
		}
	})
}

// requireLedger compares the summary with one that Go adds up from the stand-in's own ledger, and the records with those
// that it holds.
func requireLedger(t *testing.T, p *demotest.Project, ledger *feiqiu.Ledger) {
	t.Helper()
	conn := p.Connect()
	for stream, table := range map[string]string{
		"settlement_records": "fact_settlement", "payment_transactions": "fact_payment",
		"refund_transactions": "fact_refund", "settlement_ticket_details": "fact_ticket",
	} {
		want := fmt.Sprint(ledger.Totals(stream).Count)
		require.Equal(t, []string{want}, demotest.Collect(t, conn, "select count(*)::text from feiqiu_dwd."+table), stream)
		require.Equal(t, []string{want}, demotest.Collect(t, conn, "select count(*)::text from feiqiu_ods."+stream+" where _deleted_at is null"), stream)
	}
	var want []string
	for _, s := range ledger.OrderSummary() {
		want = append(want, fmt.Sprint(s.BusinessDate, " ", s.SiteID, " ", s.Orders, " ", s.Consume, " ", s.Paid, " ", s.Balance, " ",
			s.Coupon, " ", s.OrdersRefunded, " ", s.OrdersRefund, " ", s.RefundsPaid))
	}
	got := demotest.Collect(t, conn, `select concat_ws(' ', business_date, site_id, order_count, consume_amount, pay_amount, balance_amount,
    coupon_amount, refunded_order_count, orders_refund_amount, refund_amount::numeric(14, 2))
from feiqiu_dws.order_summary
order by site_id, business_date`)
	require.Equal(t, want, got)
}

// A demo that is killed right after each step, and again and again when it is started anew, ends with the same tables
// as one that nobody disturbed.
func TestDemo_killedAtEachStepConverges(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills some fifty processes")
	}
	undisturbed := demotest.New(t)
	undisturbed.Run(0, "demo", "feiqiu", "--json", "--days", fmt.Sprint(days))
	want := content(t, undisturbed.Connect())

	p := demotest.New(t)
	kills := 0
	for killAfterStep(t, p, time.Duration(kills%7)*5*time.Millisecond) {
		kills++
		require.Less(t, kills, 200, "the demo does not get any further")
	}
	require.Greater(t, kills, 20)
	t.Logf("killed %d times", kills)
	require.Equal(t, want, content(t, p.Connect()))
	requireLedger(t, p, feiqiu.New(feiqiu.Options{Days: days + 1}).Ledger())
}
