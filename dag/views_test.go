package dag_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
			require.Equal(t, "2", w.value("select count(a.more) from shop_dws.all as a where "+map[string]string{"incremental": "true", "scd2": "a.is_current"}[kind]))
			require.Empty(t, told(w.compile()))
		})
	}
}

// A view that returns all columns of what it reads equals its query when these become more: it is made again in the run in
// which they do, or in the next one that comes to it, with what reads it; and where rows alone changed it is left alone.
func TestPublish_viewsOfAllColumnsFollow(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table", "view", "materialized_view", "incremental\n-- key: [id]\n-- on_schema_change: append", "scd2\n-- key: [id]\n-- on_schema_change: append"} {
		for _, way := range []string{"each", "together", "later"} {
			t.Run(strings.Fields(kind)[0]+" "+way, func(t *testing.T) {
				t.Parallel()
				if kind == "materialized_view" && way == "together" {
					return // is published first, without --publish together
				}
				w := shop(t, ordersOf("-- kind: "+kind, "select id, state, amount::ods.cents as amount from ods.orders"), map[string]string{
					"models/shop/dws/all.sql":  "-- kind: view\n-- depends_on: [shop_dwd.orders]\nselect o.*, 'x' as last from shop_dwd.orders as o",
					"models/shop/dws/over.sql": "-- kind: view\n-- depends_on: [shop_dws.all]\nselect * from shop_dws.all where state is not null",
					"models/shop/dws/kept.sql": "-- kind: table\n-- depends_on: [shop_dws.over]\nselect * from shop_dws.over",
				})
				w.exec("create domain ods.cents as integer")
				w.succeed()
				w.exec("create view public.ids as select id from shop_dws.over; grant select on public.ids, shop_dws.over to public")
				const views = "select string_agg(xmin::text, ' ' order by oid) from pg_class where relkind = 'v' and relname in ('all', 'over')"
				before := w.value(views)

				w.land("ods.orders", "update ods.orders set amount = amount + 1")
				w.together = way == "together"
				report := w.succeed()
				if kind != "materialized_view" { // one without a key is exchanged, and those who read it are made again
					require.Equal(t, before, w.value(views), "no column changed")
				}
				for _, view := range []string{"shop_dws.all", "shop_dws.over"} {
					require.Equal(t, "skip unchanged", fmt.Sprint(step(t, report, view).Status, " ", step(t, report, view).Reason))
				}

				w.write(ordersFile, ordersOf("-- kind: "+kind, "select id, state, amount::ods.cents as amount, 1 as more from ods.orders"))
				if way == "later" {
					w.succeed("shop_dwd.orders")
					require.Contains(t, strings.Join(told(w.compile()), "\n"), "the query of shop_dws.all returns other columns than its view has: new column more integer")
				}
				w.succeed()
				require.Contains(t, columnsIn(w, "shop_dws", "kept"), "more")
				for _, name := range []string{"all", "over", "kept"} {
					require.Equal(t, columnsIn(w, "shop_dwd", "orders")+",last", columnsIn(w, "shop_dws", name), name)
				}
				require.Equal(t, w.rows("select distinct id from ods.orders order by 1"), w.rows("select distinct id from public.ids order by 1"))
				require.Equal(t, "t", w.value("select bool_and(has_table_privilege('public', r, 'select')) from unnest(array['public.ids', 'shop_dws.over']) as r"))
				require.Empty(t, told(w.compile()))
				for _, s := range w.succeed().Steps {
					require.Equal(t, "skip", string(s.Status), s.Name)
				}
			})
		}
	}
}

// A materialized view that could be refreshed is made anew where its query returns other columns.
func TestPublish_materializedViewsOfAllColumnsFollow(t *testing.T) {
	t.Parallel()
	const header = "-- kind: incremental\n-- key: [id]\n-- on_schema_change: append"
	w := shop(t, ordersOf(header, allOrders), map[string]string{
		"models/shop/dws/all.sql": "-- kind: materialized_view\n-- indexes: [{columns: [id], unique: true}]\n-- depends_on: [shop_dwd.orders]\nselect * from shop_dwd.orders",
	})
	w.succeed()
	w.write(ordersFile, ordersOf(header, "select id, state, amount, 1 as more from ods.orders"))
	w.succeed()
	require.Equal(t, "2", w.value("select count(a.more) from shop_dws.all as a"))
	require.Empty(t, told(w.compile()))
}

func columnsIn(w *world, schema, relation string) string {
	w.t.Helper()
	return strings.Trim(w.value("select string_agg(attname, ',' order by attnum) from pg_attribute where attrelid = (quote_ident($1) || '.' || quote_ident($2))::regclass and attnum > 0 and not attisdropped", schema, relation), `"`)
}
