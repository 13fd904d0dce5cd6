// Package jushuitan_test runs the domain as its owner would, on the stand-in, and compares what comes of it with what the
// stand-in knows of its business.
package jushuitan_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/jushuitan"
	"github.com/terrace-elt/terrace/tests/demotest"
)

func TestMain(m *testing.M) { demotest.Main(m) }

// first is how many days lie behind on the first run of the demo, later how many pass then.
const (
	first = 20
	later = 10
)

func ledgerAfter(days int) *jushuitan.Ledger {
	return jushuitan.New(jushuitan.Options{Days: days}).Ledger()
}

func TestDemo_comesToWhatTheLedgerSays(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	p.Run(0, "demo", "jushuitan", "--json", "--days", fmt.Sprint(first), "--later", "0")
	conn := p.Connect()
	requireLedger(t, conn, ledgerAfter(first))
	require.NoError(t, conn.Close(t.Context()))

	p.Run(0, "demo", "jushuitan", "--json", "--days", fmt.Sprint(first), "--later", fmt.Sprint(later))
	conn, ledger := p.Connect(), ledgerAfter(first+later)
	requireLedger(t, conn, ledger)
	requireHistory(t, conn, ledger)
	requireHidden(t, conn, ledger)
	requireAssertionsSeeDamage(t, conn)
	history := demotest.Collect(t, conn, historyRows)

	p.Run(0, "run", "path:models/jushuitan", "--full-refresh", "--json", "--database-url", p.URL())
	requireLedger(t, conn, ledger)
	require.Equal(t, history, demotest.Collect(t, conn, historyRows), "built anew it is what it was")
}

const historyRows = "select (to_jsonb(h) - '_batch_id')::text from jushuitan_dwd.out_order_history as h order by 1"

func requireLedger(t *testing.T, conn *pgx.Conn, l *jushuitan.Ledger) {
	t.Helper()
	for name, query := range demotest.Assertions(t) {
		want := 0
		if name == "amounts_differ" {
			want = len(l.Differing())
		}
		require.Equal(t, want, demotest.Failing(t, conn, query), name)
	}
	for relation, want := range map[string]int{
		"jushuitan_ods.orders_out": l.Orders(), "jushuitan_ods.orders_out_ts": l.Orders(),
		"jushuitan_dwd.fact_out_order": l.Orders(), "jushuitan_dwd.fact_out_order_item": l.Items(),
		"jushuitan_dwd.out_order_history where is_current": l.Orders(),
		"jushuitan_ads.amount_difference":                  len(l.Differing()),
	} {
		require.Equal(t, want, demotest.Failing(t, conn, "select from "+relation), relation)
	}
	differing := map[string]string{}
	for io, amount := range l.Differing() {
		differing[fmt.Sprint(io)] = amount.String()
	}
	for _, row := range demotest.Collect(t, conn, "select io_id || ' ' || difference_amount from jushuitan_ads.amount_difference") {
		var io, amount string
		_, err := fmt.Sscan(row, &io, &amount)
		require.NoError(t, err)
		require.Equal(t, differing[io], amount, io)
	}
	var orders, skus, shipments []string
	for _, s := range l.OrderSummary() {
		orders = append(orders, fmt.Sprint(s.ShopID, " ", s.OrderDate, " ", s.Orders, " ", s.OutOrders, " ", s.Waiting, " ", s.Shipped, " ",
			s.Cancelled, " ", s.Differing, " ", s.Quantity, ".00 ", s.Items, " ", s.Freight, " ", s.Pay, " ", s.Difference, " ", s.CancelledPay))
	}
	require.Equal(t, orders, demotest.Collect(t, conn, `select concat_ws(' ', shop_id, order_date, order_count, out_order_count, waiting_count,
    shipped_count, cancelled_count, differing_count, quantity, items_amount, freight_amount, pay_amount, difference_amount, cancelled_amount)
from jushuitan_dws.order_summary order by shop_id, order_date`))
	for _, s := range l.SKUSummary() {
		skus = append(skus, fmt.Sprint(s.SKU, " ", s.OrderDate, " ", s.OutOrders, " ", s.Quantity, ".00 ", s.GiftQuantity, ".00 ",
			s.CancelledQuantity, ".00 ", s.Amount, " ", s.CancelledAmount))
	}
	require.Equal(t, skus, demotest.Collect(t, conn, `select concat_ws(' ', sku_id, order_date, out_order_count, quantity, gift_quantity,
    cancelled_quantity, amount, cancelled_amount)
from jushuitan_dws.sku_summary order by sku_id collate "C", order_date`))
	for _, s := range l.ShipmentSummary() {
		shipments = append(shipments, fmt.Sprint(s.WarehouseID, " ", s.ShipDate, " ", s.OutOrders, " ", s.Late, " ", s.Quantity, ".00 ", s.Pay, " ", s.Seconds))
	}
	require.Equal(t, shipments, demotest.Collect(t, conn, `select concat_ws(' ', warehouse_id, ship_date, out_order_count, late_count, quantity,
    pay_amount, waited_seconds)
from jushuitan_dws.shipment_summary order by warehouse_id, ship_date`))
}

// requireHistory wants more versions than orders, and every order that was called back while the warehouse looked on to
// have been shipped before.
func requireHistory(t *testing.T, conn *pgx.Conn, l *jushuitan.Ledger) {
	t.Helper()
	require.Greater(t, demotest.Failing(t, conn, "select from jushuitan_dwd.out_order_history"), l.Orders())
	require.Positive(t, demotest.Failing(t, conn, `select
from jushuitan_dwd.out_order_history as cancelled
join jushuitan_dwd.out_order_history as shipped on shipped.io_id = cancelled.io_id and shipped.valid_to = cancelled.valid_from
where cancelled.status = 'cancelled' and shipped.status = 'shipped'`))
}

// requireHidden wants the mirror of shipped orders to hold some that were called back, and no others.
func requireHidden(t *testing.T, conn *pgx.Conn, l *jushuitan.Ledger) {
	t.Helper()
	var known []string
	for _, io := range l.Hidden() {
		known = append(known, fmt.Sprint(io))
	}
	hidden := demotest.Collect(t, conn, "select io_id::text from jushuitan_ads.hidden_cancellation")
	require.NotEmpty(t, hidden)
	require.Subset(t, known, hidden)
}

// damages are what each assertion is there to see.
func damages() map[string]string {
	const (
		fact    = "jushuitan_dwd.fact_out_order"
		item    = "jushuitan_dwd.fact_out_order_item"
		history = "jushuitan_dwd.out_order_history"
	)
	one := " where io_id = (select max(io_id) from " + fact + ")"
	return map[string]string{
		"amounts_differ":                  "update " + fact + " set difference_amount = 1",
		"codes_are_known":                 "update " + fact + " set status = 'Odd'" + one,
		"history_has_one_current_row":     "delete from " + history + one,
		"history_versions_do_not_overlap": "update " + history + " set valid_to = valid_to + interval '1 year' where valid_to is not null",
		"items_belong_to_orders":          "update " + item + " set is_sale = not is_sale" + one,
		"items_reconcile":                 "delete from " + item + one,
		"lines_price_their_quantity":      "update " + item + " set amount = amount + 0.01" + one,
		"mirror_has_nothing_else":         "update jushuitan_dwd.confirmed_mirror set io_id = 1 where io_id = (select max(io_id) from jushuitan_dwd.confirmed_mirror)",
		"money_has_its_sign":              "update " + fact + " set pay_amount = -pay_amount" + one,
		"order_summary_adds_up":           "update jushuitan_dws.order_summary set waiting_count = waiting_count + 1",
		"order_summary_equals_facts":      "update jushuitan_dws.order_summary set cancelled_amount = cancelled_amount + 0.01",
		"orders_reconcile":                "update " + fact + " set order_date = order_date - 1" + one,
		"shipment_summary_equals_facts":   "update jushuitan_dws.shipment_summary set waited_seconds = waited_seconds + 1",
		"shipped_orders_have_left":        "update " + fact + " set shipped_at = null where is_shipped",
		"sku_summary_equals_orders":       "update jushuitan_dws.sku_summary set gift_quantity = gift_quantity + 1",
		"streams_agree":                   "update jushuitan_ods.orders_out_ts set payload = payload || '{\"ts\": 1}'" + one,
	}
}

func requireAssertionsSeeDamage(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	damages := damages()
	queries := demotest.Assertions(t)
	require.Len(t, queries, len(damages))
	for name, query := range queries {
		require.Contains(t, damages, name)
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		before := demotest.Failing(t, conn, query)
		_, err = tx.Exec(t.Context(), damages[name])
		require.NoError(t, err, name)
		require.Greater(t, demotest.Failing(t, conn, query), before, name)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}
