// Package xiaoe_test runs the domain as its owner would, on the stand-in, and compares what comes of it with what the
// stand-in knows of its business.
package xiaoe_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/xiaoe"
	"github.com/terrace-elt/terrace/tests/demotest"
)

func TestMain(m *testing.M) { demotest.Main(m) }

// first is how many days lie behind on the first run of the demo, later how many pass then.
const (
	first = 25
	later = 10
)

func ledgerAfter(days int) *xiaoe.Ledger { return xiaoe.New(xiaoe.Options{Days: days}).Ledger() }

func TestDemo_comesToWhatTheLedgerSays(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	p.Run(0, "demo", "xiaoe", "--json", "--days", fmt.Sprint(first), "--later", "0")
	conn := p.Connect()
	requireLedger(t, conn, ledgerAfter(first))
	require.NoError(t, conn.Close(t.Context()))

	p.Run(0, "demo", "xiaoe", "--json", "--days", fmt.Sprint(first), "--later", fmt.Sprint(later))
	conn, ledger := p.Connect(), ledgerAfter(first+later)
	requireLedger(t, conn, ledger)
	requireLateRefunds(t, conn)
	requireAssertionsSeeDamage(t, conn)
	decisions := demotest.Collect(t, conn, decisionRows)

	p.Run(0, "run", "path:models/xiaoe", "--full-refresh", "--json", "--database-url", p.URL())
	requireLedger(t, conn, ledger)
	require.Equal(t, decisions, demotest.Collect(t, conn, decisionRows), "decided anew it is what it was")
}

const decisionRows = "select (to_jsonb(b) - '_batch_id')::text from xiaoe_dwd.benefit_decision as b order by 1"

func requireLedger(t *testing.T, conn *pgx.Conn, l *xiaoe.Ledger) {
	t.Helper()
	for name, query := range demotest.Assertions(t) {
		if name == "codes_are_known" { // one product is of a type that nobody has written down
			require.Equal(t, 1, demotest.Failing(t, conn, query), name)
			continue
		}
		require.Zero(t, demotest.Failing(t, conn, query), name)
	}
	for relation, want := range map[string]int{
		"xiaoe_dwd.fact_order": l.Orders(), "xiaoe_dwd.fact_order_item": l.Orders(), "xiaoe_dwd.fact_refund": l.Refunds(),
		"xiaoe_dwd.dim_user where is_current": l.Users(), "xiaoe_dwd.dim_product where is_current": l.Products(),
		"xiaoe_dwd.live_stream": l.Lives(), "xiaoe_dwd.benefit_decision where is_current": len(l.Benefits()),
	} {
		require.Equal(t, want, demotest.Failing(t, conn, "select from "+relation), relation)
	}
	requireDays(t, conn, l)
	requireBenefits(t, conn, l)
	var users []string
	for _, u := range l.UserSummary() {
		users = append(users, fmt.Sprint(u.UserID, " ", u.Orders, " ", u.Paid, " ", u.Amount, " ", u.Refund, " ", u.Amount-u.Refund))
	}
	require.Equal(t, users, demotest.Collect(t, conn, `select concat_ws(' ', user_id, order_count, paid_count, pay_amount, refund_amount, kept_amount)
from xiaoe_dws.user_summary order by user_id collate "C"`))
}

func requireDays(t *testing.T, conn *pgx.Conn, l *xiaoe.Ledger) {
	t.Helper()
	var days, refunds, products []string
	for _, d := range l.OrderSummary() {
		days = append(days, fmt.Sprint(d.Date, " ", d.Orders, " ", d.Paid, " ", d.Unpaid, " ", d.Quantity, " ", d.Amount, " ", d.Coupon, " ",
			d.Refunds, " ", d.Refund, " ", d.Amount-d.Refund))
		if d.Orders > 0 {
			refunds = append(refunds, fmt.Sprint(d.Date, " ", d.Paid, " ", d.Amount, " ", d.RefundedOrders, " ", d.OrdersRefund, " ", d.Amount-d.OrdersRefund))
		}
	}
	require.Equal(t, days, demotest.Collect(t, conn, `select concat_ws(' ', business_date, order_count, paid_count, unpaid_count, quantity, pay_amount,
    coupon_amount, refund_count, refund_amount, net_amount)
from xiaoe_dws.order_summary order by business_date`))
	require.Equal(t, refunds, demotest.Collect(t, conn, `select concat_ws(' ', order_date, paid_count, pay_amount, refunded_count, refund_amount, kept_amount)
from xiaoe_dws.order_refund_summary order by order_date`))
	for _, d := range l.ProductSummary() {
		if d.Orders > 0 {
			products = append(products, fmt.Sprint(d.Product, " ", d.Date, " ", d.Orders, " ", d.Paid, " ", d.Quantity, " ", d.Amount, " ", d.Coupon, " ",
				d.RefundedOrders, " ", d.OrdersRefund))
		}
	}
	require.Equal(t, products, demotest.Collect(t, conn, `select concat_ws(' ', resource_id, order_date, order_count, paid_count, quantity, pay_amount,
    coupon_amount, refunded_count, refund_amount)
from xiaoe_dws.product_summary order by resource_id collate "C", order_date`))
}

// requireBenefits compares every decision with its moments, and the days with their counts.
func requireBenefits(t *testing.T, conn *pgx.Conn, l *xiaoe.Ledger) {
	t.Helper()
	var decisions []string
	cancelled := 0
	at := func(moment time.Time) string { return moment.UTC().Format(time.DateTime) }
	for _, b := range l.Benefits() {
		row := b.OrderID + " grant " + at(b.Granted)
		if !b.Cancelled.IsZero() {
			row += " " + at(b.Cancelled) + "; " + b.OrderID + " cancel " + at(b.Cancelled)
			cancelled++
		}
		decisions = append(decisions, row)
	}
	require.Equal(t, decisions, demotest.Collect(t, conn, `select string_agg(
    concat_ws(' ', order_id, decision, (valid_from at time zone 'UTC')::timestamp(0), (valid_to at time zone 'UTC')::timestamp(0)),
    '; ' order by valid_from
)
from xiaoe_dwd.benefit_decision group by order_id order by order_id collate "C"`))
	require.Equal(t, []string{fmt.Sprint(len(decisions)-cancelled, " ", cancelled)},
		demotest.Collect(t, conn, "select concat_ws(' ', sum(granted_count), sum(cancelled_count)) from xiaoe_dws.benefit_summary"))
	require.Equal(t, cancelled, demotest.Failing(t, conn, "select from xiaoe_ads.benefit_to_cancel"))
}

// requireLateRefunds wants money that went back too late to change a decision, some of it too late to be seen in the order.
func requireLateRefunds(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	require.Positive(t, demotest.Failing(t, conn, `select
from xiaoe_dwd.order_refund as r
join xiaoe_dwd.benefit_decision as b on b.order_id = r.order_id and b.is_current and b.decision = 'grant'
join xiaoe_dwd.fact_order as o on o.order_id = r.order_id and o.pay_amount = r.refund_amount`))
	require.Positive(t, demotest.Failing(t, conn, `select
from xiaoe_dwd.order_refund as r
join xiaoe_dwd.fact_order as o on o.order_id = r.order_id and o.refund_amount < r.refund_amount`))
}

// damages are what each assertion is there to see.
func damages() map[string]string {
	const (
		order  = "xiaoe_dwd.fact_order"
		refund = "xiaoe_dwd.fact_refund"
		given  = "xiaoe_dwd.order_refund"
	)
	one := " where order_id = (select max(order_id) from " + order + " where is_paid)"
	return map[string]string{
		"codes_are_known":                     "update " + order + " set order_state = '12'" + one,
		"decisions_cover_paid_orders":         "delete from xiaoe_dwd.benefit_decision" + one,
		"decisions_follow_the_rule":           "update xiaoe_dwd.benefit_decision set final_at = valid_from - interval '1 second' where decision = 'cancel'",
		"dim_product_versions_do_not_overlap": "delete from xiaoe_dwd.dim_product where resource_id = (select max(resource_id) from xiaoe_dwd.dim_product)",
		"dim_user_versions_do_not_overlap":    "delete from xiaoe_dwd.dim_user where user_id = (select max(user_id) from xiaoe_dwd.dim_user)",
		"items_match_orders":                  "update xiaoe_dwd.fact_order_item set quantity = quantity + 1" + one,
		"money_has_its_sign":                  "update " + order + " set coupon_amount = -1" + one,
		"order_summary_equals_facts":          "update xiaoe_dws.order_summary set refund_amount = refund_amount + 0.01",
		"orders_know_their_refunds":           "update " + order + " set refund_amount = 0",
		"orders_reconcile":                    "update " + order + " set coupon_amount = coupon_amount * 100 where coupon_amount > 0",
		"orders_reference_dimensions":         "delete from xiaoe_dwd.dim_product",
		"refunds_belong_to_orders":            "update " + given + " set refund_amount = refund_amount * 100",
		"refunds_reconcile":                   "update " + refund + " set refund_amount = refund_amount * 100 where is_done",
		"summaries_agree":                     "update xiaoe_dws.user_summary set pay_amount = pay_amount + 0.01",
	}
}

func requireAssertionsSeeDamage(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	damages, queries := damages(), demotest.Assertions(t)
	require.Len(t, queries, len(damages))
	for name, query := range queries {
		require.Contains(t, damages, name)
		before := demotest.Failing(t, conn, query)
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), damages[name])
		require.NoError(t, err, name)
		require.Greater(t, demotest.Failing(t, conn, query), before, name)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}
