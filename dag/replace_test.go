package dag_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// people gives shop_dwd.orders what others put on it: a view of a view with grants and comments, and an owner.
func (w *world) people(kind string) {
	owner, role := w.role("owner"), w.role("reader")
	w.exec("create schema board")
	w.exec("grant all on schema shop_dwd, ods to " + owner)
	w.exec("grant select on ods.orders to " + owner)
	w.exec("create view board.paid with (security_barrier) as select id from shop_dwd.orders where state = 'paid'")
	w.exec("create view board.\"Paid twice\" as select a.id from board.paid as a join shop_dwd.orders as o using (id)")
	w.exec("grant select on board.paid to " + role + " with grant option")
	w.exec("comment on view board.paid is 'Who paid; it''s \\ ours'")
	w.exec("comment on column board.paid.id is 'The order'")
	w.exec("grant select on shop_dwd.orders to " + role)
	w.exec("grant update (state) on shop_dwd.orders to " + role + " with grant option")
	w.exec("comment on " + kind + " shop_dwd.orders is 'Told by hand'")
	w.exec("comment on column shop_dwd.orders.state is 'State by hand'")
	w.exec("alter table shop_dwd.orders owner to " + owner)
}

// role makes a role of this test's own: roles belong to the server, not to a database.
func (w *world) role(name string) string {
	name += "_" + strings.TrimPrefix(w.value("select current_database()"), "terrace_test_")
	w.exec("create role " + name)
	w.t.Cleanup(func() {
		w.exec("reassign owned by " + name + " to current_user")
		w.exec("drop owned by " + name)
		w.exec("drop role " + name)
	})
	return name
}

// around is everything that people put on and around a relation.
func (w *world) around() []string {
	return w.rows(`select c.relname, c.relkind, pg_get_userbyid(c.relowner), array_to_string(array(select x::text from unnest(c.relacl) as x order by 1), ' '), c.reloptions, obj_description(c.oid, 'pg_class'),
    array(select concat_ws(' ', a.attname, a.attacl, col_description(c.oid, a.attnum)) from pg_attribute as a where a.attrelid = c.oid and a.attname in ('id', 'state') order by 1)
from pg_class as c
where c.relname in ('orders', 'paid', 'Paid twice') and c.relnamespace in ('shop_dwd'::regnamespace, 'board'::regnamespace)
order by 1`)
}

func TestPublish_keepsWhatPeoplePutOnATableWhenItsColumnsChange(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table", "view"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf("-- kind: "+kind, allOrders), nil)
			w.succeed()
			w.people(kind)
			before, oid := w.around(), w.value("select 'shop_dwd.orders'::regclass::oid")

			w.write(ordersFile, ordersOf("-- kind: "+kind, "select id, amount * 2 as twice, state, null::text as note from ods.orders"))
			w.succeed()

			require.NotEqual(t, oid, w.value("select 'shop_dwd.orders'::regclass::oid"))
			require.Equal(t, before, w.around())
			require.Equal(t, []string{"(2)"}, w.rows(`select * from board."Paid twice"`))
		})
	}
}

// Default privileges, as terrace migrate --roles sets them, are for what is new: a right that was taken away stays away from
// a relation that takes the place of another, and from the views that are made again over it.
func TestPublish_aRightThatWasTakenAwayDoesNotComeBackWithANewRelation(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table", "view"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf("-- kind: "+kind, allOrders), nil)
			reader, guest := w.role("reader"), w.role("guest")
			w.exec("create schema board")
			w.exec("alter default privileges grant select on tables to " + reader)
			w.exec("alter default privileges in schema board grant select, insert on tables to " + guest)
			w.succeed()
			w.exec("create view board.paid as select id from shop_dwd.orders where state = 'paid'")
			w.exec("create view board.\"Paid twice\" as select id from board.paid")
			w.exec("revoke all on shop_dwd.orders, board.paid from " + reader)
			w.exec("revoke all on board.\"Paid twice\", board.paid from " + guest)
			w.exec("grant insert on board.paid to " + guest)
			before, oid := w.around(), w.value("select 'shop_dwd.orders'::regclass::oid")

			w.write(ordersFile, ordersOf("-- kind: "+kind, "select id, amount * 2 as twice, state, null::text as note from ods.orders"))
			w.succeed()

			require.NotEqual(t, oid, w.value("select 'shop_dwd.orders'::regclass::oid"))
			require.Equal(t, before, w.around())
		})
	}
}

func TestPublish_keepsSettingsOfATableWhenItsColumnsChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ set, ask string }{
		"row security":       {"alter table shop_dwd.orders enable row level security, force row level security", "select relrowsecurity, relforcerowsecurity from pg_class where oid = 'shop_dwd.orders'::regclass"},
		"storage":            {"alter table shop_dwd.orders set (fillfactor = 70, autovacuum_enabled = false)", "select reloptions from pg_class where oid = 'shop_dwd.orders'::regclass"},
		"identity, full":     {"alter table shop_dwd.orders replica identity full", "select relreplident from pg_class where oid = 'shop_dwd.orders'::regclass"},
		"identity, none":     {"alter table shop_dwd.orders replica identity nothing", "select relreplident from pg_class where oid = 'shop_dwd.orders'::regclass"},
		"statistics":         {"alter table shop_dwd.orders alter state set statistics 500", "select attstattarget from pg_attribute where attrelid = 'shop_dwd.orders'::regclass and attname = 'state'"},
		"options of columns": {"alter table shop_dwd.orders alter state set (n_distinct = 3)", "select attoptions from pg_attribute where attrelid = 'shop_dwd.orders'::regclass and attname = 'state'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf("-- kind: table\n-- key: [id]", allOrders), nil)
			w.succeed()
			unset := w.rows(c.ask)
			w.exec(c.set)
			before := w.rows(c.ask)
			require.NotEqual(t, unset, before)
			w.write(ordersFile, ordersOf("-- kind: table\n-- key: [id]", "select id, state, amount * 2 as twice from ods.orders"))
			require.Equal(t, "definition changed", step(t, w.succeed(), "shop_dwd.orders").Reason)
			require.Equal(t, before, w.rows(c.ask))
		})
	}
}

func TestPublish_leavesStorageToPartitions(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table\n-- key: [id]", allOrders), nil)
	w.succeed()
	w.exec("alter table shop_dwd.orders set (fillfactor = 70), alter state set statistics 500")
	w.write(ordersFile, ordersOf("-- kind: table\n-- key: [id]\n-- partition_by: {range: id, step: 1000}", allOrders))
	w.succeed()
	require.Equal(t, []string{"(p,,500)"}, w.rows("select c.relkind, c.reloptions, a.attstattarget from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attname = 'state' where c.oid = 'shop_dwd.orders'::regclass"))
}

func TestPublish_keepsTheSettingsOfAMaterializedView(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: materialized_view", allOrders), nil)
	w.succeed()
	w.exec("alter materialized view shop_dwd.orders set (fillfactor = 70)")
	w.write(ordersFile, ordersOf("-- kind: materialized_view", "select id, state from ods.orders"))
	w.succeed()
	require.Equal(t, []string{"({fillfactor=70})"}, w.rows("select reloptions from pg_class where oid = 'shop_dwd.orders'::regclass"))
}

func TestPublish_refusesToDropAColumnThatAForeignViewReads(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table", "view", "incremental\n-- key: [id]\n-- on_schema_change: sync", "scd2\n-- key: [id]\n-- on_schema_change: sync"} {
		t.Run(strings.Fields(kind)[0], func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf("-- kind: "+kind, allOrders), nil)
			w.succeed()
			w.exec("create view public.paid as select id from shop_dwd.orders where state = 'paid'")

			w.write(ordersFile, ordersOf("-- kind: "+kind, "select id, amount from ods.orders"))
			orders := step(t, w.run(), "shop_dwd.orders")

			require.Equal(t, dag.Failure, orders.Status)
			require.Contains(t, orders.Error.Message, "view public.paid")
			require.Contains(t, orders.Error.Message, "state")
			require.NotEmpty(t, orders.Error.Hint)
			require.Equal(t, []string{"(2)"}, w.rows("select * from public.paid"))
		})
	}
}

func TestPublish_refusesToDropWhatCannotBeMadeAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ setup, told string }{
		"materialized view": {"create materialized view public.m as select id from shop_dwd.orders", "materialized view public.m"},
		"foreign key":       {"create table public.lines (id integer references shop_dwd.orders (id))", "constraint lines_id_fkey on table public.lines"},
		"trigger":           {"create trigger told before insert on shop_dwd.orders for each row execute function suppress_redundant_updates_trigger()", "trigger told on table shop_dwd.orders"},
		"policy":            {"create policy mine on shop_dwd.orders using (true)", "policy mine on table shop_dwd.orders"},
		"publication":       {"create publication p for table shop_dwd.orders", "publication of table shop_dwd.orders in publication p"},
		"rule":              {"create rule told as on delete to shop_dwd.orders do also notify told", "rule told on table shop_dwd.orders"},
		"rule of a view":    {"create view public.v as select id from shop_dwd.orders; create rule told as on delete to public.v do instead nothing", "rule told on view public.v"},
		"trigger of a view": {"create view public.v as select id from shop_dwd.orders; create function public.f() returns trigger language plpgsql as 'begin return null; end'; create trigger told instead of delete on public.v for each row execute function public.f()", "trigger told on view public.v"},
		"sequence":          {"create sequence shop_dwd.numbers owned by shop_dwd.orders.id", "sequence shop_dwd.numbers"},
		"foreign key to":    {"create table public.states (state text primary key); insert into public.states select state from shop_dwd.orders; alter table shop_dwd.orders add constraint known foreign key (state) references public.states", "constraint known on table shop_dwd.orders"},
		"check":             {"alter table shop_dwd.orders add constraint positive check (amount > 0)", "constraint positive on table shop_dwd.orders"},
		"parent":            {"create table public.parent (id integer); alter table shop_dwd.orders inherit public.parent", "table public.parent"},
		"child":             {"create table public.child () inherits (shop_dwd.orders)", "table public.child"},
		"statistics":        {"create statistics public.told on id, state from shop_dwd.orders", "statistics object public.told"},
		"default of a view": {"create view public.v as select id from shop_dwd.orders; alter view public.v alter id set default 7", "default value for column id of view public.v"},
		"function":          {"create function public.f() returns bigint begin atomic select count(*) from shop_dwd.orders; end", "function public.f()"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf("-- kind: table\n-- key: [id]", allOrders), nil)
			w.succeed()
			w.exec(c.setup)
			w.write(ordersFile, ordersOf("-- kind: table\n-- key: [id]", "select id, state from ods.orders"))
			orders := step(t, w.run(), "shop_dwd.orders")
			require.Equal(t, dag.Failure, orders.Status)
			require.Contains(t, orders.Error.Message, c.told)
			require.Equal(t, "3", w.value("select count(*) from pg_attribute where attrelid = 'shop_dwd.orders'::regclass and attnum > 0"))
		})
	}
}

func TestPublish_replacesAViewInPlaceWhenItOnlyGainsColumns(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: view", allOrders), nil)
	w.succeed()
	oid := w.value("select 'shop_dwd.orders'::regclass::oid")
	w.write(ordersFile, ordersOf("-- kind: view", "select id, state, amount, 1 as one from ods.orders where id > 1"))
	w.succeed()
	require.Equal(t, oid, w.value("select 'shop_dwd.orders'::regclass::oid"))
	require.Equal(t, "1", w.value("select count(*) from shop_dwd.orders"))
}

func TestPublish_followsAModelFromKindToKind(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: view", allOrders), nil)
	w.succeed()
	w.exec("create view public.reader as select id from shop_dwd.orders")
	w.exec("comment on view shop_dwd.orders is 'Told by hand'")
	for _, kind := range []string{"table", "view", "incremental\n-- key: [id]", "view"} {
		w.write(ordersFile, ordersOf("-- kind: "+kind, allOrders))
		w.succeed()
		require.Equal(t, "2", w.value("select count(*) from public.reader"), kind)
		require.Equal(t, `"Told by hand"`, w.value("select obj_description('shop_dwd.orders'::regclass)"), kind)
	}
	w.write(ordersFile, ordersOf("-- kind: scd2\n-- key: [id]", allOrders))
	w.succeed()
	require.Equal(t, "2", w.value("select count(*) from public.reader"))
	require.Equal(t, `"Told by hand"`, w.value("select obj_description('shop_dwd.orders'::regclass)"))
}

func TestPublish_givesWayToReadersAndThenSucceeds(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), nil)
	w.succeed()
	w.write(ordersFile, ordersOf("-- kind: table", "select id from ods.orders"))
	ctx := context.Background()
	reader := w.db.Conn(t)
	tx, err := reader.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "select * from shop_dwd.orders")
	require.NoError(t, err)
	s := w.open()
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(ctx, s) }()
	require.Eventually(t, func() bool {
		return w.value("select count(*) from pg_stat_activity where application_name like 'terrace:%:shop_dwd.orders' and state = 'idle in transaction' and query like '%savepoint publish%' and datname = current_database()") == "1"
	}, patience, 5*time.Millisecond)
	require.Equal(t, "2", w.value("select count(*) from shop_dwd.orders"), "who comes after the waiting publish reads")
	require.NoError(t, tx.Commit(ctx))
	report := <-done
	require.Equal(t, dag.Success, step(t, report, "shop_dwd.orders").Status, step(t, report, "shop_dwd.orders").Err())
}

func TestRun_changesAWindowAndNothingElse(t *testing.T) {
	t.Parallel()
	w := shop(t, "-- kind: incremental\n-- key: [id]\n-- window: day\n-- depends_on: [ods.orders]\nselect id, date '2026-01-01' + id as day, amount from ods.orders", nil)
	w.succeed()
	w.land("ods.orders", "update ods.orders set amount = amount + 1")
	w.land("ods.orders", "insert into ods.orders values (3, 'open', 30), (4, 'open', 40)")
	w.window = [2]time.Time{time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)}
	w.plan = func(o *dag.PlanOptions) { o.Windowed = true }
	w.write("tests/shop/whole.sql", "-- on: [shop_dwd.orders]\n-- description: Judges the whole relation, not the window.\nselect count(*) as orders from shop_dwd.orders having count(*) < 3")
	require.Equal(t, dag.Rows{Inserted: 1, Updated: 1}, step(t, w.succeed(), "shop_dwd.orders").Rows)
	require.Equal(t, []string{"(1,10)", "(2,21)", "(3,30)"}, w.rows("select id, amount from shop_dwd.orders order by id"))

	w.window[0] = time.Time{}
	require.Equal(t, dag.Rows{Updated: 1, Unchanged: 2}, step(t, w.succeed(), "shop_dwd.orders").Rows, "no start is the beginning of time")

	w.window, w.plan = [2]time.Time{}, nil
	rest := step(t, w.succeed(), "shop_dwd.orders")
	require.Contains(t, rest.Reason, "upstream changed", "what is outside the window is still to do")
	require.Equal(t, "4", w.value("select count(*) from shop_dwd.orders"))
}

func TestSeeds_areKeptAsTheirFileIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/ref/state.csv":   "code,label,since,rate\n1,\"a,b\",2026-01-01,1.50\n2,\"\",,\n3,,2026-02-01,2\n",
		"models/shop/ref/state.yml":   "key: [code]\ndescription: States\ncolumns:\n  code: {type: int4}\n  since: {type: date}\n  rate: {type: \"numeric(10,2)\", description: Rate}\n",
		"models/shop/dwd/labels.sql":  "-- depends_on: [shop_ref.state]\nselect label from shop_ref.state",
		"models/shop/dwd/counted.sql": "-- kind: table\n-- depends_on: [shop_ref.state]\nselect count(*) as n from shop_ref.state",
	})
	w.succeed()
	require.Equal(t, []string{`(1,"a,b",2026-01-01,1.50)`, `(2,"",,)`, `(3,,2026-02-01,2.00)`}, w.rows("select * from shop_ref.state order by code"))
	require.Equal(t, "States", w.value("select obj_description('shop_ref.state'::regclass)"))
	before := w.places("shop_ref.state")

	w.write("models/shop/ref/state.csv", "\ufeffcode,label,since,rate\r\n1,\"a,b\",2026-01-01,1.5\r\n2,x,,\r\n4,,,\r\n")
	report := w.succeed()
	require.Equal(t, dag.Rows{Inserted: 1, Updated: 1, Deleted: 1, Unchanged: 1}, step(t, report, "shop_ref.state").Rows)
	require.Equal(t, dag.Success, step(t, report, "shop_dwd.counted").Status)
	requireUntouched(t, before, w.places("shop_ref.state"), "state")

	w.write("models/shop/ref/state.csv", "code,label,since,rate,more\n1,a,2026-01-01,1.5,m\n")
	w.succeed()
	require.Equal(t, "1,a,2026-01-01,1.50,m", w.value("select * from shop_ref.state"))
	require.Equal(t, "a", w.value("select * from shop_dwd.labels"))

	for text, want := range map[string]string{
		"code,label,since,rate,more\n1,a,2026-13-01,1.5,m\n":                                 "date/time field value out of range",
		"code,label,since,rate,more\n1,a,,1.5\n":                                             "",
		"code,label,since,rate,more\n1,a,,1.5,m\n1,b,,1.5,m\n":                               "values of (code) that occur more than once: 1; for example (1)",
		"code,label,since,rate,more\n,a,,1.5,m\n":                                            "rows with NULL in (code): 1",
		"code,label,since,rate,more\n1,a,,1.5,m\n2,\"" + strings.Repeat("x", 9) + "\",,x,\n": "invalid input syntax for type numeric",
	} {
		if want == "" {
			continue // the reader of the project refuses a short line before the server does
		}
		w.write("models/shop/ref/state.csv", text)
		require.Contains(t, step(t, w.run(), "shop_ref.state").Error.Message, want)
	}
	require.Equal(t, "1,a,2026-01-01,1.50,m", w.value("select * from shop_ref.state"))
}

// The numbers are those of the field notes on on_schema_change.
func TestIncremental_onSchemaChange(t *testing.T) {
	t.Parallel()
	wide := "select id, state, amount, id * 10 as f3, 'x'::text as f4 from ods.orders"
	narrow := "select id, amount, id * 10 as f3 from ods.orders"
	for _, c := range []struct{ id, policy, sql, want, columns string }{
		{"O-01 no policy refuses", "", wide, "the columns of shop_dwd.orders no longer match its table: new column f3 integer; new column f4 text", "id,state,amount"},
		{"O-02 append adds", "append", wide, "", "id,state,amount,f3,f4"},
		{"O-03 append keeps what is gone", "append", narrow, "", "id,state,amount,f3"},
		{"O-04 sync adds and drops", "sync", narrow, "", "id,amount,f3"},
		{"O-05 sync drops", "sync", "select id, amount from ods.orders", "", "id,amount"},
		{"O-06 fail lists", "fail", "select id, amount::text as amount, 1 as f3 from ods.orders", "new column f3 integer; missing column state text; column amount is text and was numeric", "id,state,amount"},
		{"O-08 odd names", "sync", `select id, state, amount, 1 as "select", 2 as "a b", 3 as "it's ""q"""  from ods.orders`, "", `id,state,amount,select,a b,it's "q"`},
		{"O-09 wider", "append", "select id::bigint as id, state, amount from ods.orders", "", "id,state,amount"},
		{"O-09 other type", "sync", "select id, state, amount::text as amount from ods.orders", "column amount is text and was numeric", "id,state,amount"},
	} {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			header := "-- kind: incremental\n-- key: [id]"
			if c.policy != "" {
				header += "\n-- on_schema_change: " + c.policy
			}
			w := shop(t, ordersOf(header, allOrders), nil)
			w.succeed()
			w.land("ods.orders", "insert into ods.orders values (3, 'new', 30)")
			w.write(ordersFile, ordersOf(header, c.sql))
			orders := step(t, w.run(), "shop_dwd.orders")
			columns := `select string_agg(attname, ',' order by attnum) from pg_attribute where attrelid = 'shop_dwd.orders'::regclass and attnum > 0 and not attisdropped`
			require.Equal(t, []string{c.columns}, scan(w, columns))
			if c.want != "" {
				require.Contains(t, orders.Error.Message, c.want)
				require.Equal(t, "2", w.value("select count(*) from shop_dwd.orders"))
				w.plan = func(o *dag.PlanOptions) { o.FullRefresh = true }
				w.succeed()
			} else {
				require.NoError(t, orders.Err())
			}
			require.Equal(t, "3", w.value("select count(*) from shop_dwd.orders"))
			require.Empty(t, w.rows("select q.id from ("+c.sql+") as q where not exists (select from shop_dwd.orders as o where to_jsonb(o) @> to_jsonb(q))"), "rows are what the query says")
			if c.id[:4] == "O-03" {
				require.Equal(t, []string{"(1,open)", "(2,paid)", "(3,)"}, w.rows("select id, state from shop_dwd.orders order by id"))
			}
		})
	}
}

func scan(w *world, sql string) []string {
	var out string
	require.NoError(w.t, w.db.Pool.QueryRow(context.Background(), sql).Scan(&out))
	return []string{out}
}

func TestIncremental_I01_aNullOutsideTheKeyIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/places.sql": "-- kind: incremental\n-- key: [state]\n-- depends_on: [ods.places]\nselect distinct on (state) state, county, city, seen from ods.places order by state, seen desc",
	}, "ods.places")
	w.exec("create schema ods")
	w.exec("create table ods.places (state text, county text, city text, seen date)")
	w.land("ods.places", `insert into ods.places values ('CT', 'Hartford', 'Hartford', '2020-09-23'), ('MA', 'Suffolk', 'Boston', '2020-02-12'), ('CO', 'Denver', null, '2021-06-18')`)
	w.succeed()
	before := w.places("shop_dwd.places")
	w.land("ods.places", "insert into ods.places values ('CT', 'Hartford', 'Hartford', '2022-02-14')")
	require.Equal(t, dag.Rows{Updated: 1, Unchanged: 2}, step(t, w.succeed(), "shop_dwd.places").Rows)
	require.Equal(t, []string{"(CO,)", "(CT,Hartford)", "(MA,Boston)"}, w.rows("select state, city from shop_dwd.places order by 1"))
	requireUntouched(t, before, w.places("shop_dwd.places"), "places")
}

func TestIncremental_I03_aKeyThatTheQueryDoesNotReturnIsNamed(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: incremental\n-- key: [nothing]", allOrders), nil)
	require.Equal(t, fmt.Sprintf("the key names column %q, which the query does not return", "nothing"), step(t, w.run(), "shop_dwd.orders").Error.Message)
}

func TestRun_anExchangeThatLeavesNoRowIsAChange(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{
		"models/shop/dws/n.sql": "-- kind: table\n-- depends_on: [shop_dwd.orders]\nselect count(*) as n from shop_dwd.orders",
		"models/shop/dws/i.sql": "-- kind: incremental\n-- key: [id]\n-- depends_on: [shop_dwd.orders]\nselect id from shop_dwd.orders",
	})
	w.succeed()
	w.write(ordersFile, ordersOf("-- kind: table", "select id, state from ods.orders where false"))
	w.succeed()
	require.Equal(t, "0", w.value("select n from shop_dws.n"))
	require.Equal(t, "0", w.value("select count(*) from shop_dws.i"))
}

func TestPublish_refusesAQueryWithoutColumns(t *testing.T) {
	t.Parallel()
	headers := []string{"-- kind: table", "-- kind: view", "-- kind: materialized_view", "-- kind: scd2\n-- key: [id]\n-- on_schema_change: sync"}
	for _, policy := range []string{"fail", "append", "sync"} {
		headers = append(headers, "-- kind: incremental\n-- key: [id]\n-- on_schema_change: "+policy)
	}
	for _, header := range headers {
		t.Run(strings.ReplaceAll(header, "\n-- ", " "), func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf(header, allOrders), nil)
			w.succeed()
			before := w.rows("select * from shop_dwd.orders")
			for _, sql := range []string{"select from ods.orders", "select o.* from (select from ods.orders) as o"} {
				w.write(ordersFile, ordersOf(header, sql))
				require.Contains(t, strings.Join(told(w.compile()), "\n"), "error: the query returns no columns")
				orders := step(t, w.run(), "shop_dwd.orders")
				require.Equal(t, dag.Failure, orders.Status)
				require.Equal(t, "the query returns no columns", orders.Error.Message)
				require.Equal(t, before, w.rows("select * from shop_dwd.orders"))
			}
		})
	}
}

func TestSCD2_onSchemaChange(t *testing.T) {
	t.Parallel()
	const narrow, wide = "select id, amount from ods.orders", "select id, state, amount, 'x'::text as f3 from ods.orders"
	history := []string{"(1,open,10,t)", "(2,paid,20,f)", "(2,sent,20,t)"}
	for _, c := range []struct {
		id, policy, sql, fails, columns string
		want                            []string // id, state, amount, f3 where there are such columns, is_current
	}{
		{"fail refuses", "fail", wide, "the columns of shop_dwd.orders no longer match its table: new column f3 text", "id,state,amount", history},
		{"append adds, and a new value makes a version", "append", wide, "", "id,state,amount,f3", []string{"(1,open,10,,f)", "(1,open,10,x,t)", "(2,paid,20,,f)", "(2,sent,20,,f)", "(2,sent,20,x,t)"}},
		{"append keeps what is gone", "append", narrow, "", "id,state,amount", history},
		{"append widens", "append", "select id::bigint as id, state, amount from ods.orders", "", "id,state,amount", history},
		{"sync drops, and what differed in nothing else is one version", "sync", narrow, "", "id,amount", []string{"(1,10,t)", "(2,20,t)"}},
		{"sync adds and drops", "sync", "select id, amount, 'x'::text as f3 from ods.orders", "", "id,amount,f3", nil},
		{"sync does not narrow", "sync", "select id, state, amount::integer as amount from ods.orders", "column amount is integer and was numeric", "id,state,amount", history},
	} {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s together %t", c.id, together), func(t *testing.T) {
				t.Parallel()
				header := "-- kind: scd2\n-- key: [id]\n-- on_schema_change: " + c.policy
				w := shop(t, ordersOf(header, allOrders), nil)
				w.succeed()
				w.land("ods.orders", "update ods.orders set state = 'sent' where id = 2")
				w.succeed()
				rows := func() []string {
					return w.rows("select " + c.columns + ", is_current from shop_dwd.orders order by id, valid_from")
				}

				w.write(ordersFile, ordersOf(header, c.sql))
				w.together = together
				orders := step(t, w.run(), "shop_dwd.orders")

				columns := "select string_agg(attname, ',' order by attnum) from pg_attribute where attrelid = 'shop_dwd.orders'::regclass and attnum > 0 and not attisdropped and attname not in ('valid_from', 'valid_to', 'is_current')"
				require.Equal(t, []string{c.columns}, scan(w, columns))
				if c.fails != "" {
					require.Contains(t, orders.Error.Message, c.fails)
				} else {
					require.NoError(t, orders.Err())
				}
				if c.want != nil {
					require.Equal(t, c.want, rows())
				}
				if c.fails == "" {
					require.Equal(t, dag.Skipped, step(t, w.succeed(), "shop_dwd.orders").Status)
					w.land("ods.orders", "select 1")
					require.Zero(t, step(t, w.succeed(), "shop_dwd.orders").Rows.Changed(), "the next run finds nothing to do")
				}
			})
		}
	}
}
