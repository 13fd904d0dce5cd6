package dag_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// What the ledger has of a publish that gave up says for whom it waited, since those are gone when somebody reads it.
func TestPublish_thatGivesUpSaysWhoKeptIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header, read string
		together     bool
	}{
		{"-- kind: table", "shop_dwd.orders", false},
		{"-- kind: table", "shop_dwd.orders", true},
		{"-- kind: table\n-- assert:\n--   - not_null: [id]", "public.reader", false},
		{"-- kind: incremental\n-- key: [id]\n-- on_schema_change: sync", "shop_dwd.orders", false},
		{"-- kind: table\n-- partition_by: {range: id, step: 1}", "shop_dwd.orders__p2", false},
	} {
		t.Run(fmt.Sprintf("%s, together %t", c.header, c.together), func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf(c.header, allOrders), nil)
			w.succeed()
			w.exec("create view public.reader as select id from shop_dwd.orders")
			w.write(ordersFile, ordersOf(c.header, "select id, id * 2 as twice from ods.orders"))
			w.together = c.together
			w.change = func(e *dag.SQLExecutor) { e.PublishTries = 2 }
			before := w.value("select array_agg(o.ctid order by o.ctid) from shop_dwd.orders as o")
			reader := w.db.Conn(t)
			ctx := context.Background()
			_, err := reader.Exec(ctx, "set application_name = 'her report'")
			require.NoError(t, err)
			tx, err := reader.Begin(ctx)
			require.NoError(t, err)
			_, err = tx.Exec(ctx, "select *, 'secret' as word from "+c.read)
			require.NoError(t, err)

			report := w.run()

			require.Equal(t, dag.Timeout, step(t, report, "shop_dwd.orders").Status)
			message := w.value("select s.error ->> 'message' from terrace.step as s where s.run_id = $1 and s.node = 'shop_dwd.orders'", report.RunID)
			require.Contains(t, message, fmt.Sprintf("process %d (her report, role ", reader.PgConn().PID()))
			require.Contains(t, message, "idle in transaction, its transaction since 20")
			require.Contains(t, message, "select *, '…' as word from "+c.read)
			require.Contains(t, step(t, report, "shop_dwd.orders").Error.Hint, fmt.Sprintf("pg_terminate_backend(%d)", reader.PgConn().PID()))
			require.NoError(t, tx.Rollback(ctx))
			require.Equal(t, before, w.value("select array_agg(o.ctid order by o.ctid) from shop_dwd.orders as o"))
			w.succeed()
			require.Equal(t, "6", w.value("select sum(twice) from shop_dwd.orders"))
		})
	}
}

// Autovacuum ends when somebody waits for it as long as deadlock_timeout. A publish waits less, since readers queue behind it;
// so it waits for it aside, in a mode that keeps nobody from reading.
func TestPublish_hasAutovacuumGiveWay(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprintf("together %t", together), func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf("-- kind: table", allOrders), nil)
			w.succeed()
			w.write(ordersFile, ordersOf("-- kind: table", "select id, id * 2 as twice from ods.orders"))
			w.together = together
			w.change = func(e *dag.SQLExecutor) { e.PublishTries = 3 }
			ctx := context.Background()
			vacuum, err := w.db.Conn(t).Begin(ctx)
			require.NoError(t, err)
			_, err = vacuum.Exec(ctx, "lock table shop_dwd.orders in share update exclusive mode")
			require.NoError(t, err)
			s := w.open()
			done := make(chan dag.Report)
			go func() { done <- w.runOpened(ctx, s) }()

			// The server asks for the worker's end when this has waited for a second.
			require.Eventually(t, func() bool {
				return w.value(`select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and query like '%share update exclusive%'
    and clock_timestamp() - query_start > current_setting('deadlock_timeout')::interval`) == "1"
			}, patience, 10*time.Millisecond)
			w.exec("select count(*) from shop_dwd.orders") // nobody waits behind it
			require.NoError(t, vacuum.Rollback(ctx))

			report := <-done
			require.Equal(t, dag.Success, step(t, report, "shop_dwd.orders").Status, step(t, report, "shop_dwd.orders").Err())
			require.Equal(t, "6", w.value("select sum(twice) from shop_dwd.orders"))
		})
	}
}
