// Package feiqiu_test compares what the models of the domain come to with what the stand-in knows of its business.
package feiqiu_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/feiqiu"
	"github.com/terrace-elt/terrace/tests/demotest"
)

func TestMain(m *testing.M) { demotest.Main(m) }

// days keeps the demo of the tests small.
const days = 12

// halls is the stand-in of the demo at the end of so many days.
func halls(days int) *feiqiu.Ledger {
	return feiqiu.New(feiqiu.Options{Days: days, Sites: 2, Orders: 12}).Ledger()
}

// Every figure of every summary is what the stand-in's own business comes to: after the first load, after ten days of
// changes that came in one by one, after a window is computed again, and after everything is built anew.
func TestFeiqiu_summariesAreWhatTheBusinessComesTo(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	p.Run(0, "demo", "feiqiu", "--json", "--days", fmt.Sprint(days), "--later", "0")
	requireLedger(t, p, halls(days), false)

	p.Run(0, "demo", "feiqiu", "--json", "--days", fmt.Sprint(days), "--later", "10")
	then := halls(days + 10)
	requireLedger(t, p, then, true)
	requireHistory(t, p.Connect())
	before := contents(t, p.Connect())

	url := p.URL()
	p.Run(0, "run", "--json", "--database-url", url, "-s", "path:models/feiqiu/dws", "--from", "2025-09-05", "--to", "2025-09-15", "--force")
	require.Equal(t, before, contents(t, p.Connect()))

	p.Run(0, "run", "--json", "--database-url", url, "--full-refresh", "path:models/feiqiu")
	requireLedger(t, p, then, true)
	after := contents(t, p.Connect())
	for _, relation := range slices.Sorted(maps.Keys(before)) {
		require.Equal(t, before[relation], after[relation], relation)
	}
}

// requireLedger compares what is landed, what is modelled and what is summed up with the stand-in's own ledger. A complete
// one has something to say of every column.
func requireLedger(t *testing.T, p *demotest.Project, ledger *feiqiu.Ledger, complete bool) {
	t.Helper()
	conn := p.Connect()
	report := map[string]string{}
	for _, line := range demotest.Collect(t, conn, "select concat_ws(' ', stream, records_in_dwd) from feiqiu_ads.quality_report") {
		stream, records, _ := strings.Cut(line, " ")
		report[strings.TrimPrefix(stream, "feiqiu_ods.")] = records
	}
	require.Len(t, report, len(ledger.Streams()))
	for _, stream := range ledger.Streams() {
		want := fmt.Sprint(ledger.Totals(stream).Count)
		require.Equal(t, []string{want}, demotest.Collect(t, conn, "select count(*)::text from feiqiu_ods."+stream+" where _deleted_at is null"), stream)
		if stream != "stock_goods_category_tree" { // of which one record is many rows
			require.Equal(t, want, report[stream], stream)
		}
	}
	for name, figures := range ledger.Summaries() {
		requireFigures(t, conn, name, figures, complete)
	}
	balances := map[int64]string{}
	for id, balance := range ledger.Balances() {
		balances[id] = balance.String()
	}
	got := map[int64]string{}
	for _, line := range demotest.Collect(t, conn, "select concat_ws(' ', member_card_id, balance_amount) from feiqiu_dwd.dim_member_card where is_current") {
		var id int64
		var balance string
		_, err := fmt.Sscan(line, &id, &balance)
		require.NoError(t, err)
		got[id] = balance
	}
	require.Equal(t, balances, got)
}

// requireFigures compares all columns of a summary. Its key is what the primary figures are grouped by: the columns that
// are ids, days or texts.
func requireFigures(t *testing.T, conn *pgx.Conn, name string, want feiqiu.Figures, complete bool) {
	t.Helper()
	keys := []string{"site_id", "business_date"}
	for _, column := range demotest.Collect(t, conn, `select attname from pg_attribute where attrelid = 'feiqiu_dws.`+name+`'::regclass and attnum > 2 order by attnum`) {
		if strings.HasSuffix(column, "_id") || slices.Contains([]string{"payment_method", "channel"}, column) {
			keys = append(keys, column)
		}
	}
	got := map[string]map[string]any{}
	columns := map[string]bool{}
	for _, line := range demotest.Collect(t, conn, "select to_jsonb(t)::text from feiqiu_dws."+name+" as t") {
		row := map[string]any{}
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&row))
		var key []string
		for _, column := range keys {
			key = append(key, fmt.Sprint(row[column]))
			delete(row, column)
		}
		got[strings.Join(key, "|")] = row
		for column := range row {
			columns[column] = true
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)), name)
	seen := map[string]bool{}
	for key, row := range got {
		for column, value := range row {
			expected := want[key][column]
			if expected == "" {
				expected = "0"
			}
			require.Zero(t, number(t, expected).Cmp(number(t, value)), "%s of %s in %s: %s expected, %v found", column, key, name, expected, value)
		}
		for column := range want[key] {
			require.True(t, columns[column], "%s has no column %s", name, column)
			seen[column] = true
		}
	}
	for column := range columns {
		if complete && column != "discount_amount" { // goods are never sold for less
			require.True(t, seen[column], "%s.%s was compared with nothing", name, column)
		}
	}
}

func number(t *testing.T, value any) *big.Rat {
	t.Helper()
	n, ok := new(big.Rat).SetString(fmt.Sprint(value))
	require.True(t, ok, "no number: %v", value)
	return n
}

// contents are the rows of every modelled table, as text, in an order of their own.
func contents(t *testing.T, conn *pgx.Conn) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, relation := range demotest.Collect(t, conn, `select format('%I.%I', n.nspname, c.relname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('feiqiu_dwd', 'feiqiu_dws', 'feiqiu_ref') and c.relkind in ('r', 'p') and not c.relispartition`) {
		out[relation] = demotest.Collect(t, conn, "select to_jsonb(t)::text from "+relation+" as t order by 1")
	}
	require.Greater(t, len(out), 40)
	return out
}

// requireHistory wants dimensions to keep what changed, and nothing but that.
func requireHistory(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, query := range []string{
		"select from feiqiu_dwd.dim_member where not is_current",
		"select from feiqiu_dwd.dim_member_card where not is_current",
		"select from feiqiu_dwd.dim_assistant where not is_current",
		"select from feiqiu_dwd.dim_assistant where is_current and resigned_on is not null and not is_active",
		"select from feiqiu_dwd.dim_store_goods where not is_current",
		"select from feiqiu_dwd.dim_tenant_goods where not is_current",
		"select from feiqiu_dwd.dim_package where not is_current",
		"select from feiqiu_dwd.dim_package where until_minute = 1440 and from_minute = 0",
		"select from feiqiu_dwd.dim_goods_category where is_current and alias_name is not null and level = 2 and is_leaf",
		"select from feiqiu_dwd.dim_goods_category as c where not exists (select from feiqiu_dwd.dim_goods_category as n where n.category_id = c.category_id and n.is_current)",
		"select from feiqiu_dwd.dim_member_card where last_consumed_at is null and card_status = 'expired'",
		"select from feiqiu_dwd.fact_settlement where table_id is null and settle_type = 'goods' and revoked_at is null",
		"select from feiqiu_dwd.fact_ticket_line where line_type = 'table' and ended_at is null and started_at is not null",
		"select from feiqiu_dwd.fact_group_buy_redemption as g where g.coupon_status = 'revoked' and not exists (select from feiqiu_dwd.fact_settlement as s where s.order_settle_id = g.order_settle_id)",
	} {
		require.Positive(t, demotest.Failing(t, conn, query), query)
	}
	for _, query := range []string{
		"select from feiqiu_dwd.fact_settlement where least(table_id, member_id, member_card_id, revoke_settle_id) = 0",
		"select from feiqiu_dwd.fact_settlement where revoked_at < paid_at or created_at > paid_at",
		"select from feiqiu_dwd.fact_settlement where business_date <> (paid_at at time zone 'Asia/Shanghai')::date",
		"select from feiqiu_dwd.fact_settlement as f join feiqiu_ods.settlement_records as s on s.id = f.order_settle_id" +
			" where f.order_trade_no::text <> s.payload ->> 'orderTradeNo'",
		"select from feiqiu_dwd.dim_store_goods as a join feiqiu_dwd.dim_store_goods as b on b.site_goods_id = a.site_goods_id and b.valid_from = a.valid_to" +
			" where a.sale_price = b.sale_price",
	} {
		require.Zero(t, demotest.Failing(t, conn, query), query)
	}
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
		"balance_changes_are_a_chain":        "delete from feiqiu_dwd.fact_balance_change where change_type = 'gift'",
		"cancellations_find_their_service":   "update feiqiu_dwd.fact_assistant_cancellation set service_id = null" + one("fact_assistant_cancellation", "cancellation_id"),
		"card_balances_add_up":               "update feiqiu_dwd.dim_member_card set balance_amount = balance_amount + 0.01 where is_current",
		"codes_are_known":                    "update " + payment + " set pay_status = '9' where pay_status = 'failed'",
		"coupons_match_redemptions":          "update feiqiu_dwd.fact_coupon_redemption set order_settle_id = 1 where coupon_status = 'used'",
		"dim_member_has_one_current_row":     "update " + member + " set valid_to = now(), is_current = false" + oneMember,
		"dim_member_versions_do_not_overlap": "update " + member + " set valid_to = valid_to + interval '1 day'",
		"dim_table_has_one_current_row":      "delete from " + table + oneTable,
		"dim_table_versions_do_not_overlap":  "update " + table + " set valid_to = valid_to + interval '1 day'",
		"facts_reference_dimensions":         "delete from " + table + " where table_id = (select max(table_id) from " + settlement + ")",
		"landed_equals_modelled":             "update feiqiu_dwd.fact_table_fee set table_charge_amount = table_charge_amount - 0.01" + one("fact_table_fee", "table_fee_id"),
		"lines_add_up_to_settlements":        "update feiqiu_dwd.fact_table_fee_discount set is_valid = false",
		"lines_reference_dimensions":         "delete from feiqiu_dwd.dim_goods_category where level = 2",
		"money_has_its_sign":                 "update " + refund + " set refund_amount = -refund_amount" + oneRefund,
		"order_summary_equals_facts":         "update feiqiu_dws.order_summary set coupon_amount = coupon_amount + 0.01",
		"payments_add_up_to_settlements":     "update " + payment + " set pay_status = 'done' where pay_status = 'failed'",
		"payments_reconcile":                 "delete from " + payment + one("fact_payment", "payment_id"),
		"recharges_add_up":                   "update feiqiu_dwd.fact_recharge set gift_amount = 0",
		"refunds_add_up_to_settlements":      "delete from " + refund + " where order_settle_id is not null",
		"refunds_reconcile":                  "update " + refund + " set business_date = business_date + 1" + oneRefund,
		"settlement_money_adds_up":           "update " + settlement + " set cash_amount = cash_amount + 1" + oneSettlement,
		"settlement_parts_add_up":            "update " + settlement + " set service_amount = null" + oneSettlement,
		"settlements_reconcile":              "update " + settlement + " set refund_amount = 0 where refund_amount > 0",
		"stock_matches_movements":            "delete from feiqiu_dwd.fact_stock_movement where movement_type = 'count'",
		"stock_movements_are_a_chain":        "update feiqiu_dwd.fact_stock_movement set change_quantity = change_quantity + 1" + one("fact_stock_movement", "movement_id"),
		"stock_reports_match_movements":      "update feiqiu_dwd.fact_stock_report set sold_amount = sold_amount + 0.01 where sold_amount > 0",
		"summaries_equal_facts":              "delete from feiqiu_dws.coupon_summary",
		"table_fees_add_up":                  "update feiqiu_dwd.fact_table_fee set charged_seconds = charged_seconds + 36",
		"ticket_lines_add_up":                "delete from " + line + " where line_type = 'goods'",
		"ticket_lines_price_their_quantity":  "update " + line + " set seconds = seconds + 36 where line_type = 'assistant'",
		"tickets_match_settlements":          "delete from " + ticket + one("fact_ticket", "order_settle_id"),
		"tickets_reconcile":                  "update " + ticket + " set consume_amount = consume_amount + 0.01",
		"versions_do_not_overlap":            "update feiqiu_dwd.dim_package set valid_to = valid_to + interval '1 day'",
	}
}

// Each assertion is quiet on what the demo leaves, and speaks when what it is there for happens.
func TestFeiqiu_assertionsSeeWhatTheyAreThereFor(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	p.Run(0, "demo", "feiqiu", "--json", "--days", "22", "--later", "3")
	conn, damages := p.Connect(), damages()
	_, err := conn.Exec(t.Context(), "set search_path = ''; set terrace.vars = '{\"feiqiu_first_day\": \"2025-07-01\"}'")
	require.NoError(t, err)
	queries := demotest.Assertions(t)
	require.Len(t, queries, len(damages))
	for name, query := range queries {
		require.Contains(t, damages, name)
		require.Zero(t, demotest.Failing(t, conn, query), name)
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), damages[name])
		require.NoError(t, err, name)
		require.Positive(t, demotest.Failing(t, conn, query), name)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}
