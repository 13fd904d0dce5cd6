package dag_test

import (
	"context"
	"fmt"
	"testing"

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
