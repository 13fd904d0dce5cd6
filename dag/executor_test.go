package dag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

func TestExecutor_buildsEveryKindAndSkipsAllOnTheSecondRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/ref/state.csv":   "code,label\n1,open\n2,\"\"\n3,\n",
		"models/shop/dwd/orders.sql":  "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders, shop_ref.state]\n-- description: Orders\nselect o.id, o.state, s.label, o.amount from ods.orders as o left join shop_ref.state as s on s.code = o.state::text\n",
		"models/shop/dwd/recent.sql":  "-- depends_on: [shop_dwd.orders]\nselect id, amount from shop_dwd.orders\n",
		"models/shop/dws/totals.sql":  "-- kind: incremental\n-- key: [state]\n-- depends_on: [shop_dwd.orders]\nselect state, sum(amount) as amount from shop_dwd.orders group by state\n",
		"models/shop/dws/by_hour.sql": "-- kind: materialized_view\n-- key: [state]\n-- depends_on: [shop_dwd.recent, shop_dwd.orders]\nselect o.state, count(*) as n from shop_dwd.orders as o join shop_dwd.recent as r on r.id = o.id group by o.state\n",
		"models/shop/dwd/dim.sql":     "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.orders]\nselect id, state, amount from ods.orders\n",
		"tests/shop/positive.sql":     "-- on: shop_dwd.orders\n-- description: none negative\nselect * from shop_dwd.orders where amount < 0\n",
	}, "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer primary key, state integer, amount numeric)")
	w.land("ods.orders", "insert into ods.orders values (1, 1, 10.0), (2, 2, 20), (3, 1, 5)")

	first := w.succeed()
	require.Equal(t, []string{"(1,15.0)", "(2,20)"}, w.rows("select state, amount from shop_dws.totals order by 1"))
	require.Equal(t, []string{"(1,2)", "(2,1)"}, w.rows("select state, n from shop_dws.by_hour order by 1"))
	require.Equal(t, []string{"(1,open)", "(2,\"\")", "(3,)"}, w.rows("select code, label from shop_ref.state order by 1"))
	require.Equal(t, 3, int(step(t, first, "shop_dwd.dim").Rows.Inserted))

	second := w.succeed()
	for _, s := range second.Steps {
		require.Equal(t, dag.Skipped, s.Status, "%s: %s", s.Name, s.Reason)
	}
}
