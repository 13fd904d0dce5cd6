package feiqiu_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/feiqiu"
)

// assertions are the queries of the assertion files by name.
func assertions(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.sql")
	require.NoError(t, err)
	out := map[string]string{}
	for _, file := range files {
		_, query := parts(t, file)
		out[strings.TrimSuffix(file, ".sql")] = query
	}
	return out
}

// failing counts the rows that an assertion returns.
func (w warehouse) failing(query string) int {
	w.t.Helper()
	var n int
	require.NoError(w.t, w.QueryRow(w.ctx, "select count(*) from ("+query+") as failing").Scan(&n), "%s", query)
	return n
}

// one is the condition for one row of a table.
func one(table, key string) string {
	return fmt.Sprintf(" where %[2]s = (select max(%[2]s) from feiqiu_dwd.%[1]s)", table, key)
}

// damages are what each assertion is there to see.
func damages() map[string]string {
	const (
		member     = "feiqiu_dwd.dim_member"
		table      = "feiqiu_dwd.dim_table"
		payment    = "feiqiu_dwd.fact_payment"
		refund     = "feiqiu_dwd.fact_refund"
		settlement = "feiqiu_dwd.fact_settlement"
		ticket     = "feiqiu_dwd.fact_ticket"
		line       = "feiqiu_dwd.fact_ticket_line"
	)
	oneMember, oneTable := one("dim_member", "member_id"), one("dim_table", "table_id")
	oneRefund, oneSettlement := one("fact_refund", "refund_id"), one("fact_settlement", "order_settle_id")
	return map[string]string{
		"codes_are_known":                    "update " + payment + " set pay_status = '9' where pay_status = 'failed'",
		"dim_member_has_one_current_row":     "update " + member + " set is_current = false" + oneMember,
		"dim_member_versions_do_not_overlap": "insert into " + member + " select * from " + member + " limit 1",
		"dim_table_has_one_current_row":      "delete from " + table + oneTable,
		"dim_table_versions_do_not_overlap":  "update " + table + " set valid_to = valid_from, is_current = false" + oneTable,
		"facts_reference_dimensions":         "delete from " + table + " where table_id = (select max(table_id) from " + settlement + ")",
		"money_has_its_sign":                 "update " + refund + " set refund_amount = -refund_amount" + oneRefund,
		"order_summary_equals_facts":         "update feiqiu_dws.order_summary set coupon_amount = coupon_amount + 0.01",
		"payments_add_up_to_settlements":     "update " + payment + " set pay_status = 'done' where pay_status = 'failed'",
		"payments_reconcile":                 "delete from " + payment + one("fact_payment", "payment_id"),
		"refunds_add_up_to_settlements":      "delete from " + refund + oneRefund,
		"refunds_reconcile":                  "update " + refund + " set business_date = business_date + 1" + oneRefund,
		"settlement_money_adds_up":           "update " + settlement + " set cash_amount = cash_amount + 1" + oneSettlement,
		"settlement_parts_add_up":            "update " + settlement + " set service_amount = null" + oneSettlement,
		"settlements_reconcile":              "update " + settlement + " set refund_amount = 0 where refund_amount > 0",
		"ticket_lines_add_up":                "delete from " + line + " where line_type = 'goods'",
		"ticket_lines_price_their_quantity":  "update " + line + " set seconds = seconds + 36 where line_type = 'assistant'",
		"tickets_match_settlements":          "delete from " + ticket + one("fact_ticket", "order_settle_id"),
		"tickets_reconcile":                  "update " + ticket + " set consume_amount = consume_amount + 0.01",
	}
}

func TestAssertions_seeWhatTheyAreThereFor(t *testing.T) {
	t.Parallel()
	w, upstream := newWarehouse(t), feiqiu.New(feiqiu.Options{Days: 20})
	w.land(upstream.Ledger(), 1, upstream.Now())
	w.build()
	queries, damages := assertions(t), damages()
	require.Len(t, queries, len(damages))
	for name, query := range queries {
		require.Contains(t, damages, name)
		require.Zero(t, w.failing(query), name)
		w.exec("begin")
		w.exec(damages[name])
		require.Positive(t, w.failing(query), name)
		w.exec("rollback")
	}
}
