package dag_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A run for a stretch of time may change columns: what stands outside of it follows in the next run without one.
func TestRun_aWindowWithOtherColumns(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"fail", "append", "sync"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			header := "-- kind: incremental\n-- key: [id]\n-- window: day\n-- on_schema_change: " + policy
			w := shop(t, ordersOf(header, "select id, date '2026-01-01' + id as day, state from ods.orders"), nil)
			w.succeed()
			const after = "select id, date '2026-01-01' + id as day, state, amount from ods.orders"
			w.write(ordersFile, ordersOf(header, after))
			w.window = [2]time.Time{time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)}
			report := w.run()
			if policy == "fail" {
				require.Contains(t, step(t, report, "shop_dwd.orders").Error.Message, "no longer match its table: new column amount numeric")
				require.Equal(t, "id,day,state", columnsIn(w, "shop_dwd", "orders"))
				return
			}
			require.Equal(t, "success", string(step(t, report, "shop_dwd.orders").Status))
			require.Equal(t, "10", w.value("select amount from shop_dwd.orders where day = '2026-01-02'"))
			w.window = [2]time.Time{}
			w.succeed()
			require.Equal(t, w.rows(after+" order by 1"), w.rows("select * from shop_dwd.orders order by 1"))
			require.Equal(t, "skip", string(step(t, w.succeed(), "shop_dwd.orders").Status))
		})
	}
}
