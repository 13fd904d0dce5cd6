package dag_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
)

// indexes are the indexes of shop_dwd.orders that people made, whole, and of those that terrace made what they index.
func (w *world) indexes() (ours, theirs []string) {
	w.t.Helper()
	for _, row := range w.rows(`select i.relname || '|' || pg_get_indexdef(x.indexrelid) || coalesce('|' || pg_get_constraintdef(k.oid), '') as it
from pg_index as x
join pg_class as i on i.oid = x.indexrelid
left join pg_constraint as k on k.conindid = x.indexrelid and k.conrelid = x.indrelid
where x.indrelid = 'shop_dwd.orders'::regclass
order by 1`) {
		row = strings.TrimSuffix(strings.TrimPrefix(row, "("), ")")
		name, definition, _ := strings.Cut(strings.Trim(row, `"`), "|")
		if !materialize.MadeIndex(name) {
			theirs = append(theirs, row)
			continue
		}
		kind, indexed, _ := strings.Cut(definition, " USING ")
		ours = append(ours, strings.Fields(kind)[1]+" "+indexed)
	}
	slices.Sort(ours)
	return ours, theirs
}

const handmadeIndexes = `create index by_state on shop_dwd.orders (state desc nulls last) where state is not null;
create unique index "By ""hand""" on shop_dwd.orders (id) include (state) nulls not distinct with (fillfactor = 70)`

func TestIndexes_followTheHeaderAndLeaveWhatPeopleMade(t *testing.T) {
	t.Parallel()
	for kind, key := range map[string]bool{"table": true, "incremental": true, "scd2": false, "materialized_view": true} {
		for _, together := range []bool{false, true} {
			t.Run(kind+map[bool]string{true: " together"}[together], func(t *testing.T) {
				t.Parallel()
				header := "-- kind: " + kind + "\n-- key: [id]"
				keyed := func(rest ...string) []string {
					if key {
						rest = append(rest, "UNIQUE btree (id)")
					}
					slices.Sort(rest)
					return rest
				}
				w := shop(t, ordersOf(header+"\n-- indexes: [[state], [amount], {columns: [lower(state)], where: id > 1}]", allOrders), nil)
				w.together = together
				w.succeed()
				people := handmadeIndexes
				if kind == "scd2" {
					people, _, _ = strings.Cut(handmadeIndexes, ";")
				}
				w.exec(people)
				ours, theirs := w.indexes()
				require.Equal(t, keyed("INDEX btree (state)", "INDEX btree (amount)", "INDEX btree (lower(state)) WHERE (id > 1)"), ours)
				oid, places := w.value("select 'shop_dwd.orders'::regclass::oid"), w.places("shop_dwd.orders")

				w.write(ordersFile, ordersOf(header+"\n-- indexes: [{columns: [state], method: hash}, {columns: [lower(state)], where: id > 2}]", allOrders))
				w.succeed()
				ours, now := w.indexes()
				require.Equal(t, keyed("INDEX hash (state)", "INDEX btree (lower(state)) WHERE (id > 2)"), ours)
				require.Equal(t, theirs, now)
				if kind != "materialized_view" {
					require.Equal(t, oid, w.value("select 'shop_dwd.orders'::regclass::oid"))
					requireUntouched(t, places, w.places("shop_dwd.orders"), kind)
				}

				w.write(ordersFile, ordersOf(header, allOrders))
				w.succeed()
				ours, now = w.indexes()
				require.Equal(t, keyed(), ours)
				require.Equal(t, theirs, now)
			})
		}
	}
}

func TestIndexes_thatPeopleMadeSurviveAnExchange(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table", "materialized_view"} {
		for _, together := range []bool{false, true} {
			t.Run(kind+map[bool]string{true: " together"}[together], func(t *testing.T) {
				t.Parallel()
				header := "-- kind: " + kind + "\n-- key: [id]"
				w := shop(t, ordersOf(header, allOrders), nil)
				w.together = together
				w.succeed()
				w.exec(handmadeIndexes)
				if kind == "table" {
					w.exec("alter table shop_dwd.orders add constraint orders_pkey primary key (id), add constraint one unique (id) deferrable initially deferred, add exclude using btree (id with =)")
				}
				_, before := w.indexes()
				w.exec("create index of_amount on shop_dwd.orders ((amount * 2), id) where state is not null")
				oid := w.value("select 'shop_dwd.orders'::regclass::oid")

				w.write(ordersFile, ordersOf(header, "select id, state, 1 as more from ods.orders"))
				orders := step(t, w.succeed(), "shop_dwd.orders")

				require.NotEqual(t, oid, w.value("select 'shop_dwd.orders'::regclass::oid"))
				require.Contains(t, orders.Reason, "index of_amount, made by hand, is gone with column amount")
				_, after := w.indexes()
				require.Equal(t, before, after)
				require.Equal(t, dag.Skipped, step(t, w.succeed(), "shop_dwd.orders").Status)
			})
		}
	}
}

// What people said of their indexes goes with them.
func TestIndexes_thatPeopleMadeKeepWhatIsSaidOfThem(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table\n-- key: [id]", allOrders), nil)
	w.succeed()
	w.exec("create index \"By state\" on shop_dwd.orders (state); comment on index shop_dwd.\"By state\" is 'it''s ours'; alter table shop_dwd.orders cluster on \"By state\"")
	w.exec("alter table shop_dwd.orders add constraint mine primary key (id), replica identity using index mine; comment on constraint mine on shop_dwd.orders is 'the key'; comment on index shop_dwd.mine is 'its index'")
	said := func() []string {
		return w.rows(`select i.relname, x.indisclustered, x.indisreplident, obj_description(i.oid, 'pg_class'), obj_description(k.oid, 'pg_constraint')
from pg_index as x join pg_class as i on i.oid = x.indexrelid left join pg_constraint as k on k.conindid = i.oid
where x.indrelid = 'shop_dwd.orders'::regclass and i.relname in ('By state', 'mine') order by 1`)
	}
	before := said()
	require.Equal(t, []string{`("By state",t,f,"it's ours",)`, `(mine,f,t,"its index","the key")`}, before)
	w.write(ordersFile, ordersOf("-- kind: table\n-- key: [id]", "select id, state, 1 as more from ods.orders"))
	w.succeed()
	require.Equal(t, before, said())
}

func TestIndexes_ofASeedFollowItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/orders.csv": "id,state\n1,a\n2,b\n",
		"models/shop/dwd/orders.yml": "key: [id]\n",
	})
	w.succeed()
	w.exec("create index by_state on shop_dwd.orders (state)")
	w.write("models/shop/dwd/orders.yml", "key: [id, state]\n")
	w.write("models/shop/dwd/orders.csv", "id,state\n1,a\n1,b\n")
	w.succeed()
	ours, theirs := w.indexes()
	require.Equal(t, []string{"UNIQUE btree (id, state)"}, ours)
	require.Len(t, theirs, 1)
	w.write("models/shop/dwd/orders.csv", "id,state,more\n1,a,x\n")
	w.succeed()
	_, after := w.indexes()
	require.Equal(t, theirs, after)
}

// The rows that stand there may repeat the new key, and those that come may repeat the old one.
func TestIndexes_aKeyThatChangesIsFollowed(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table", "incremental", "materialized_view"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			wide := ordersOf("-- kind: "+kind+"\n-- key: [id, state]", allOrders)
			narrow := ordersOf("-- kind: "+kind+"\n-- key: [id]", "select distinct on (id) id, state, amount from ods.orders order by id, state")
			w := shop(t, narrow, map[string]string{"models/shop/dws/n.sql": "-- kind: table\n-- depends_on: [shop_dwd.orders]\nselect count(*) as n from shop_dwd.orders"})
			w.succeed()
			w.land("ods.orders", "insert into ods.orders values (1, 'paid', 11)")
			for _, c := range []struct{ text, index, n string }{
				{wide, "UNIQUE btree (id, state)", "3"}, {narrow, "UNIQUE btree (id)", "2"}, {wide, "UNIQUE btree (id, state)", "3"},
			} {
				w.write(ordersFile, c.text)
				w.succeed()
				ours, _ := w.indexes()
				require.Contains(t, ours, c.index)
				require.NotContains(t, ours, map[string]string{"3": "UNIQUE btree (id)", "2": "UNIQUE btree (id, state)"}[c.n])
				require.Equal(t, c.n, w.value("select n from shop_dws.n"))
			}
		})
	}
}

func TestIndexes_aUniqueOneThatLeftIsInNobodysWay(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table\n-- key: [id]", "incremental\n-- key: [id]", "scd2\n-- key: [id]", "table"} {
		t.Run(strings.ReplaceAll(kind, "\n-- ", " "), func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf("-- kind: "+kind+"\n-- indexes: [{columns: [state], unique: true}]", allOrders), nil)
			w.succeed()
			w.write(ordersFile, ordersOf("-- kind: "+kind, allOrders))
			w.land("ods.orders", "insert into ods.orders values (3, 'paid', 30)")
			w.succeed()
			require.Equal(t, "3", w.value("select count(*) from shop_dwd.orders"))
			ours, _ := w.indexes()
			require.NotContains(t, strings.Join(ours, " "), "state")
		})
	}
}

// Dropping an index waits for readers, and those who come behind it pass.
func TestIndexes_thatLeftAreDroppedWhenReadersAreGone(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table\n-- indexes: [[state]]", allOrders), nil)
	w.succeed()
	w.write(ordersFile, ordersOf("-- kind: table", allOrders))
	w.land("ods.orders", "insert into ods.orders values (3, 'new', 30)")
	ctx := context.Background()
	tx, err := w.db.Conn(t).Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "select from shop_dwd.orders")
	require.NoError(t, err)
	s := w.open()
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(ctx, s) }()
	require.Eventually(t, func() bool {
		return w.value("select count(*) from pg_stat_activity where application_name like 'terrace:%:shop_dwd.orders' and state = 'idle in transaction' and query like '%savepoint publish%' and datname = current_database()") == "1"
	}, patience, 5*time.Millisecond)
	require.Equal(t, "2", w.value("select count(*) from shop_dwd.orders"))
	require.NoError(t, tx.Commit(ctx))
	orders := step(t, <-done, "shop_dwd.orders")
	require.NoError(t, orders.Err())
	require.Equal(t, dag.Rows{Inserted: 1, Unchanged: 2}, orders.Rows)
	ours, _ := w.indexes()
	require.Empty(t, ours)
}

func TestIndexes_aFirstKeyIsFollowed(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders+" cross join generate_series(1, 3)"), nil)
	w.succeed()
	w.write(ordersFile, ordersOf("-- kind: table\n-- key: [id]", allOrders))
	w.succeed()
	require.Equal(t, "2", w.value("select count(*) from shop_dwd.orders"))

	w.exec("drop index shop_dwd." + w.value("select relname from pg_class where relname ~ '^orders_id_unique'"))
	oid := w.value("select 'shop_dwd.orders'::regclass::oid")
	w.land("ods.orders", "insert into ods.orders values (3, 'new', 30)")
	w.succeed()
	require.Equal(t, oid, w.value("select 'shop_dwd.orders'::regclass::oid"), "an index that somebody dropped is made again in place")
	ours, _ := w.indexes()
	require.Equal(t, []string{"UNIQUE btree (id)"}, ours)
}

func TestIndexes_aKeyThatChangesDoesNotDropWhatAppendKeeps(t *testing.T) {
	t.Parallel()
	header := "-- kind: incremental\n-- on_schema_change: append\n-- key: "
	w := shop(t, ordersOf(header+"[id]", allOrders), nil)
	w.succeed()
	w.write(ordersFile, ordersOf(header+"[id, state]", "select id, state from ods.orders"))
	orders := step(t, w.run(), "shop_dwd.orders")
	require.Equal(t, dag.Failure, orders.Status)
	require.Equal(t, "the key or a unique index of shop_dwd.orders changed, so it has to be built anew, and columns that only old rows have would be lost: amount", orders.Error.Message)
	require.Equal(t, "2", w.value("select count(amount) from shop_dwd.orders"))
	w.plan = func(o *dag.PlanOptions) { o.FullRefresh = true }
	w.succeed()
	ours, _ := w.indexes()
	require.Equal(t, []string{"UNIQUE btree (id, state)"}, ours)
}

func TestMadeIndex_tellsOurNamesFromOthers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a", "orders_id_idx", "orders_by_decade", "orders_id_unique_933d7c", "orders_pkey", "x_0123456789"} {
		require.False(t, materialize.MadeIndex(name), name)
	}
}

func TestIndexes_aMaterializedViewIsBuiltAgainWhereSomebodyDroppedTheUniqueOne(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: materialized_view\n-- key: [id]", allOrders), nil)
	w.succeed()
	before := w.value("select 'shop_dwd.orders'::regclass::oid")
	w.land("ods.orders", "update ods.orders set amount = 11 where id = 1")
	w.succeed()
	require.Equal(t, before, w.value("select 'shop_dwd.orders'::regclass::oid"), "it is refreshed")

	w.exec("do $$ begin execute 'drop index ' || (select indexrelid::regclass from pg_index where indrelid = 'shop_dwd.orders'::regclass); end $$")
	w.land("ods.orders", "update ods.orders set amount = 12 where id = 1")
	w.succeed()
	require.Equal(t, "1,open,12", w.value("select * from shop_dwd.orders where id = 1"))
	ours, _ := w.indexes()
	require.Equal(t, []string{"UNIQUE btree (id)"}, ours)
}
