package dag_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// Who calls a column otherwise, in a model and in the views of the project that read it, has both in one run, whatever reads
// the relation beside.
func TestPublish_renamesAColumnThatViewsOfTheProjectRead(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table", "view", "incremental\n-- key: [id]\n-- on_schema_change: sync", "scd2\n-- key: [id]\n-- on_schema_change: sync"} {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s together %t", strings.Fields(kind)[0], together), func(t *testing.T) {
				t.Parallel()
				const first = "-- kind: view\n-- depends_on: [shop_dwd.orders]\n-- description: What was paid.\n"
				const second = "-- kind: view\n-- depends_on: [shop_dws.paid]\n"
				const all = "-- kind: view\n-- depends_on: [shop_dwd.orders]\nselect o.* from shop_dwd.orders as o"
				w := shop(t, ordersOf("-- kind: "+kind, allOrders), map[string]string{
					"models/shop/dws/paid.sql": first + "select o.id, o.amount from shop_dwd.orders as o",
					"models/shop/dws/sum.sql":  second + "select sum(p.amount) as amount from shop_dws.paid as p",
					"models/shop/dws/all.sql":  all,
				})
				w.succeed()
				w.exec("create view public.ids as select o.id from shop_dwd.orders as o; grant select on public.ids, shop_dws.sum to public")
				w.exec("comment on column shop_dws.paid.amount is 'of people'")

				w.write(ordersFile, ordersOf("-- kind: "+kind, "select id, state, amount as money from ods.orders"))
				w.write("models/shop/dws/paid.sql", first+"select o.id, o.money from shop_dwd.orders as o")
				w.write("models/shop/dws/sum.sql", second+"select sum(p.money) as money from shop_dws.paid as p")
				w.together = together
				w.succeed()

				require.Equal(t, []string{"(1,10)", "(2,20)"}, w.rows("select p.id, p.money from shop_dws.paid as p where p.money is not null order by 1"))
				require.Equal(t, "30", w.value("select s.money from shop_dws.sum as s"))
				require.Equal(t, "30", w.value("select sum(a.money) from shop_dws.all as a"))
				require.Equal(t, []string{"(1)", "(2)"}, w.rows("select distinct i.id from public.ids as i order by 1"))
				require.Equal(t, "What was paid.", strings.Trim(w.value("select obj_description('shop_dws.paid'::regclass)"), `"`))
				require.Equal(t, "2", w.value("select count(*) from unnest(array['public.ids', 'shop_dws.sum']) as r (name) where has_table_privilege('public', r.name, 'select')"))
				require.Empty(t, told(w.compile()))
				for _, s := range w.succeed().Steps {
					require.Equal(t, "skip", string(s.Status), s.Name)
				}
			})
		}
	}
}

// A view that reads a column keeps its type from no change, and its grants and comments through it: it is made again.
func TestPublish_widensAColumnThatViewsRead(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"incremental", "scd2"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			header := "-- kind: " + kind + "\n-- key: [id]\n-- on_schema_change: append"
			w := shop(t, ordersOf(header, allOrders), map[string]string{
				"models/shop/dws/all.sql": "-- kind: view\n-- depends_on: [shop_dwd.orders]\nselect o.* from shop_dwd.orders as o",
			})
			w.succeed()
			w.exec("create view public.ids as select o.id, o.amount from shop_dwd.orders as o; create view public.less as select i.id from public.ids as i; grant select on public.less to public")
			w.exec("comment on column public.ids.id is 'of people'")

			w.write(ordersFile, ordersOf(header, "select id::bigint as id, state, amount, 1 as more from ods.orders"))
			w.succeed()

			require.Equal(t, "bigint", w.value("select pg_typeof(l.id) from public.less as l limit 1"))
			require.Equal(t, "of people", strings.Trim(w.value("select col_description('public.ids'::regclass, 1)"), `"`))
			require.Equal(t, "t", w.value("select has_table_privilege('public', 'public.less', 'select')"))
			require.Contains(t, strings.Join(told(w.compile()), "\n"), "warning: the query of shop_dws.all returns other columns than its view has: new column more integer")
			w.plan = func(o *dag.PlanOptions) { o.Force = true }
			w.succeed("shop_dws.all")
			w.plan = nil
			require.Equal(t, "2", w.value("select count(a.more) from shop_dws.all as a where "+map[string]string{"incremental": "true", "scd2": "a.is_current"}[kind]))
			require.Empty(t, told(w.compile()))
		})
	}
}
