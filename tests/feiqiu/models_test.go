// Package feiqiu_test runs the SQL of the feiqiu models and assertions on records of the stand-in, without terrace:
// what the files say by themselves, compared with what the stand-in knows of its business.
package feiqiu_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/feiqiu"
)

func (w warehouse) requireLedger(l *feiqiu.Ledger) {
	w.t.Helper()
	for name, query := range assertions(w.t) {
		require.Zero(w.t, w.failing(query), name)
	}
	for relation, stream := range map[string]string{
		"feiqiu_dwd.fact_settlement":             "settlement_records",
		"feiqiu_dwd.fact_ticket":                 "settlement_ticket_details",
		"feiqiu_dwd.fact_payment":                "payment_transactions",
		"feiqiu_dwd.fact_refund":                 "refund_transactions",
		"feiqiu_dwd.dim_member where is_current": "member_profiles",
		"feiqiu_dwd.dim_table where is_current":  "site_tables_master",
	} {
		require.Equal(w.t, l.Totals(stream).Count, w.failing("select from "+relation), relation)
	}
	rows, err := w.Query(w.ctx, `select array_to_string(array[site_id, order_count, table_order_count, goods_order_count,
    member_order_count, consume_amount, table_charge_amount, goods_amount, assistant_amount, service_amount,
    member_discount_amount, adjust_amount, coupon_amount, point_amount, rounding_amount, balance_amount, pay_amount,
    cash_amount, online_amount, refunded_order_count, orders_refund_amount, refund_amount::numeric(14, 2)]::text[], ' ')
    || ' ' || business_date
from feiqiu_dws.order_summary order by site_id, business_date`)
	require.NoError(w.t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	var want []string
	for _, s := range l.OrderSummary() {
		want = append(want, fmt.Sprint(s.SiteID, s.Orders, s.TableOrders, s.GoodsOrders, s.MemberOrders, s.Consume, s.TableCharge,
			s.Goods, s.Assistant, s.Service, s.Discount, s.Adjust, s.Coupon, s.Point, s.Rounding, s.Balance, s.Paid, s.Cash,
			s.Online, s.OrdersRefunded, s.OrdersRefund, s.RefundsPaid)+" "+s.BusinessDate)
	}
	require.Equal(w.t, want, got)
}

func TestModels_giveWhatTheLedgerSays(t *testing.T) {
	t.Parallel()
	w, upstream := newWarehouse(t), feiqiu.New(feiqiu.Options{Days: 20, Sites: 2})
	for day := range 3 {
		w.land(upstream.Ledger(), day+1, upstream.Now())
		w.build()
		w.requireLedger(upstream.Ledger())
		upstream.Advance(1)
	}
	var members, versions int
	require.NoError(t, w.QueryRow(t.Context(),
		"select count(distinct member_id), count(*) from feiqiu_dwd.dim_member").Scan(&members, &versions))
	require.Equal(t, members+8, versions, "two days changed two members of each hall")
}

func TestModels_readZeroDatesAndZeroIDsAsNull(t *testing.T) {
	t.Parallel()
	w, upstream := newWarehouse(t), feiqiu.New(feiqiu.Options{Days: 20})
	w.land(upstream.Ledger(), 1, upstream.Now())
	w.build()
	for _, query := range []string{
		"select from feiqiu_dwd.dim_member where registered_at is null",
		"select from feiqiu_dwd.dim_member where referrer_member_id is null",
		"select from feiqiu_dwd.fact_settlement where revoked_at is null and revoke_settle_id is null",
		"select from feiqiu_dwd.fact_settlement where table_id is null and settle_type = 'goods'",
		"select from feiqiu_dwd.fact_ticket_line where line_type = 'table' and ended_at is null and started_at is not null",
	} {
		require.Positive(t, w.failing(query), query)
	}
	for _, query := range []string{
		"select from feiqiu_dwd.fact_settlement where least(table_id, member_id, member_card_id, revoke_settle_id) = 0",
		"select from feiqiu_dwd.fact_settlement where revoked_at < paid_at or created_at > paid_at",
		"select from feiqiu_dwd.fact_settlement where business_date <> (paid_at at time zone 'Asia/Shanghai')::date",
		"select from feiqiu_dwd.fact_settlement as f join feiqiu_ods.settlement_records as s on s.id = f.order_settle_id" +
			" where f.order_trade_no::text <> s.payload ->> 'orderTradeNo'",
	} {
		require.Zero(t, w.failing(query), query)
	}
}
