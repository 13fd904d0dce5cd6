package dag_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// newHistory is a world with a dimension of 50 orders, shop_dwd.orders, for which a new table is built from 30 rows on.
func newHistory(t *testing.T, header string, more map[string]string) *world {
	t.Helper()
	files := map[string]string{
		ordersFile: "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.orders]\n" + header + "select o.id, o.state, o.amount from ods.orders as o",
	}
	for name, text := range more {
		files[name] = text
	}
	w := newWorld(t, files, "ods.orders")
	w.change = func(e *dag.SQLExecutor) { e.ManyRows = 30 }
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer primary key, state text, amount numeric)")
	w.now = hour(0)
	w.land("ods.orders", "insert into ods.orders select i, case when i = 7 then 'paid' else 'open' end, i from generate_series(1, 50) as i")
	w.succeed()
	return w
}

// follow changes the amounts of the first orders and returns what the dimension's step says; the dimension has to be right.
func (w *world) follow(orders int) dag.StepReport {
	w.t.Helper()
	w.now = w.now.Add(time.Hour)
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id <= $1", orders)
	return step(w.t, w.succeed(), "shop_dwd.orders")
}

func (w *world) requireHistory(versions int) {
	w.t.Helper()
	require.Equal(w.t, w.rows("select o.id, o.state, o.amount from ods.orders as o order by 1"),
		w.rows("select d.id, d.state, d.amount from shop_dwd.orders as d where d.is_current order by 1"))
	require.Len(w.t, w.rows("select from shop_dwd.orders"), versions)
	require.Empty(w.t, w.rows(`select d.id
from (select *, lead(valid_from) over (partition by id order by valid_from) as next from shop_dwd.orders) as d
where d.valid_to is distinct from d.next`))
}

func tableOf(w *world) string { return w.value("select 'shop_dwd.orders'::regclass::oid") }

func TestSCD2_isBuiltBesideWhereMostRowsChange(t *testing.T) {
	t.Parallel()
	w := newHistory(t, "-- indexes: [[amount], {columns: [id, valid_from], unique: true, where: amount > 0}]\n", nil)
	before := tableOf(w)
	s := w.follow(5)
	require.Equal(t, dag.Rows{Inserted: 5, Updated: 5}, s.Rows)
	require.Equal(t, before, tableOf(w), s.Reason)

	w.people("table")
	w.exec("create index by_hand on shop_dwd.orders (lower(state))")
	w.exec("alter table shop_dwd.orders add constraint positive check (amount > 0), add constraint at_once unique (id, state, valid_from)")
	around := w.around()
	indexes := w.rows("select indexdef from pg_indexes where schemaname = 'shop_dwd' order by 1")
	constraints := w.rows("select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'shop_dwd.orders'::regclass order by 1")
	columns := w.rows("select column_name, data_type, is_nullable, column_default, generation_expression from information_schema.columns where table_schema = 'shop_dwd' order by ordinal_position")

	s = w.follow(40)

	require.Regexp(t, "^upstream changed: 1 row in ods.orders; built beside: 80 rows of about 5[05] changed$", s.Reason)
	require.Equal(t, dag.Rows{Inserted: 40, Updated: 40}, s.Rows)
	require.NotEqual(t, before, tableOf(w))
	w.requireHistory(95)
	require.Equal(t, around, w.around())
	require.Equal(t, indexes, w.rows("select indexdef from pg_indexes where schemaname = 'shop_dwd' order by 1"))
	require.Equal(t, constraints, w.rows("select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'shop_dwd.orders'::regclass order by 1"))
	require.Equal(t, columns, w.rows("select column_name, data_type, is_nullable, column_default, generation_expression from information_schema.columns where table_schema = 'shop_dwd' order by ordinal_position"))
	require.Equal(t, []string{"(7)", "(7)", "(7)", "(7)"}, w.rows(`select * from board."Paid twice"`))

	before = tableOf(w)
	require.Equal(t, dag.Rows{Inserted: 2, Updated: 2}, w.follow(2).Rows)
	require.Equal(t, before, tableOf(w))
	w.requireHistory(97)
}

const constraintsOf = "select k.conname, k.convalidated, obj_description(k.oid, 'pg_constraint') from pg_constraint as k where k.conrelid = 'shop_dwd.orders'::regclass order by 1"

func TestSCD2_isChangedInPlaceWhereItsTableHasMoreThanAnotherCouldHave(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"a materialized view reads it": "create materialized view ods.seen as select id from shop_dwd.orders",
		"a trigger":                    "create trigger seen before update on shop_dwd.orders for each row execute function suppress_redundant_updates_trigger()",
		"a foreign key":                "alter table shop_dwd.orders add foreign key (id) references ods.orders",
		"row security":                 "alter table shop_dwd.orders enable row level security",
		"storage parameters":           "alter table shop_dwd.orders set (fillfactor = 70)",
		"another statistics target":    "alter table shop_dwd.orders alter id set statistics 500",
		"a publication":                "alter table shop_dwd.orders add primary key (id, valid_from); create publication seen for table shop_dwd.orders",
		"statistics":                   "create statistics ods.seen on id, state from shop_dwd.orders",
		"a child":                      "create table ods.child () inherits (shop_dwd.orders)",
		"a comment on an index":        "comment on index shop_dwd.orders_one_open_version is 'ours'",
		"a comment on a constraint":    "comment on constraint orders_one_version_a_time on shop_dwd.orders is 'ours'",
		"a check that old rows break":  "alter table shop_dwd.orders add constraint seen check (id < 50) not valid",
		"replica identity":             "alter table shop_dwd.orders replica identity full",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newHistory(t, "", nil)
			w.exec(sql)
			before, constraints := tableOf(w), w.rows(constraintsOf)
			require.Equal(t, dag.Rows{Inserted: 40, Updated: 40}, w.follow(40).Rows)
			require.Equal(t, before, tableOf(w))
			require.Equal(t, constraints, w.rows(constraintsOf))
			w.requireHistory(90)
		})
	}
}

func TestSCD2_isChangedInPlaceWhereItIsReadForLong(t *testing.T) {
	t.Parallel()
	w := newHistory(t, "", map[string]string{
		"tests/shop/amounts.sql": "-- on: [shop_dwd.orders]\nselect * from shop_dwd.orders where amount < 0",
	})
	reader, err := w.db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Rollback(context.Background())) }()
	var n int
	require.NoError(t, reader.QueryRow(t.Context(), "select count(*) from shop_dwd.orders").Scan(&n))
	before := tableOf(w)

	s := w.follow(40)

	require.NotContains(t, s.Reason, "built beside")
	require.Equal(t, dag.Rows{Inserted: 40, Updated: 40}, s.Rows)
	require.Equal(t, before, tableOf(w))
	w.requireHistory(90)
	require.Equal(t, []string{"(2)"}, w.rows("select count(*) from terrace.assertion_result where status = 'pass'"))
	require.Equal(t, "0", w.value("select count(*) from pg_class where relnamespace = 'terrace_stage'::regnamespace"))
}

// Who vacuums the table reads nothing of it: autovacuum ends when it has been waited for.
func TestSCD2_isBuiltBesideWhereAutovacuumIsAtWork(t *testing.T) {
	t.Parallel()
	w := newHistory(t, "", nil)
	vacuum, err := w.db.Pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = vacuum.Exec(t.Context(), "lock table shop_dwd.orders in share update exclusive mode")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		deadline := time.Now().Add(patience)
		for waits := false; !waits && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			_ = w.db.Pool.QueryRow(t.Context(), `select exists (
    select
    from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%share update exclusive%'
)`).Scan(&waits)
		}
		ended <- vacuum.Rollback(context.Background())
	}()

	require.Contains(t, w.follow(40).Reason, "built beside")
	require.NoError(t, <-ended)
	w.requireHistory(90)
}

func TestSCD2_thatIsBuiltBesideIsJudgedBefore(t *testing.T) {
	t.Parallel()
	w := newHistory(t, "", map[string]string{
		"tests/shop/amounts.sql": "-- on: [shop_dwd.orders]\nselect * from shop_dwd.orders where amount < 0",
	})
	before, rows := tableOf(w), w.rows("select * from shop_dwd.orders order by id")
	w.land("ods.orders", "update ods.orders set amount = - amount")
	s := step(t, w.run(), "shop_dwd.orders")
	require.Equal(t, dag.Failure, s.Status)
	require.Contains(t, s.Error.Message, "not published")
	require.Equal(t, before, tableOf(w))
	require.Equal(t, rows, w.rows("select * from shop_dwd.orders order by id"))
}

func TestSCD2_whatReadsOneThatIsBuiltBesideLosesNoRow(t *testing.T) {
	t.Parallel()
	const perState = "select d.state, count(*) as versions, sum(d.amount) as amount from shop_dwd.orders as d group by d.state"
	w := newHistory(t, "", map[string]string{
		"models/shop/states.sql": "-- kind: incremental\n-- key: [state]\n-- depends_on: [shop_dwd.orders]\n" + perState,
	})
	told := func() string { return step(t, w.succeed(), "shop.states").Reason }
	for _, c := range []struct {
		orders int
		told   string
	}{
		{5, "1 group recomputed"},
		{40, "recomputed in full: the change of shop_dwd.orders is in no feed"},
		{7, "2 groups recomputed"},
	} {
		w.now = w.now.Add(time.Hour)
		w.land("ods.orders", "update ods.orders set amount = amount + 1 where id <= $1", c.orders)
		require.Contains(t, told(), c.told)
		require.Equal(t, w.rows(perState+" order by 1"), w.rows("select * from shop.states order by 1"))
	}
	// One that was not brought up to date between two changes, of which one was built beside, is told so.
	w.follow(4)
	w.now = w.now.Add(time.Hour)
	w.land("ods.orders", "update ods.orders set amount = amount + 1")
	w.succeed("shop_dwd.orders")
	w.now = w.now.Add(time.Hour)
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 1")
	require.Contains(t, told(), "recomputed in full: the change of shop_dwd.orders is in no feed")
	require.Equal(t, w.rows(perState+" order by 1"), w.rows("select * from shop.states order by 1"))
}

func TestSCD2_isWholeWhenItIsKilledWhileItIsBuiltBeside(t *testing.T) {
	t.Parallel()
	w := newHistory(t, "", nil)
	holder, err := w.db.Pool.Begin(t.Context())
	require.NoError(t, err)
	release := sync.OnceFunc(func() { require.NoError(t, holder.Rollback(context.Background())) })
	defer release()
	_, err = holder.Exec(t.Context(), "select from terrace.node_state where node = 'shop_dwd.orders' for update")
	require.NoError(t, err)
	before := tableOf(w)
	w.now = w.now.Add(time.Hour)
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id <= 40")
	s := w.open()
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(context.Background(), s) }()
	require.Eventually(t, func() bool { // the new table is in its place, and waits to be written down
		return w.value(`select count(pg_terminate_backend(a.pid, 300000)) from pg_stat_activity as a
where a.datname = current_database() and a.application_name like 'terrace:%:shop_dwd.orders' and a.wait_event_type = 'Lock'`) == "1"
	}, patience, 5*time.Millisecond)
	require.Equal(t, before, tableOf(w))
	release()

	require.Equal(t, dag.Rows{Inserted: 40, Updated: 40}, step(t, <-done, "shop_dwd.orders").Rows)
	w.requireHistory(90)
	require.NotEqual(t, before, tableOf(w))
	require.Equal(t, "0", w.value("select count(*) from pg_class where relnamespace = 'terrace_stage'::regnamespace"))
	require.Equal(t, tableOf(w), w.value("select s.relation from terrace.node_state as s where s.node = 'shop_dwd.orders'"))
}

// Where each key has one new version, the new table is made of the old one and of those: what it counts is what a difference
// would have had.
func TestSCD2_isBuiltBesideOfWhatCame(t *testing.T) {
	t.Parallel()
	const query = "select v.id, v.a, v.b, v._seen_at, v._version%s from ods.things__versions as v"
	head := func(scd2 string) string {
		return "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.things__versions]\n-- scd2: {" + scd2 + "}\n"
	}
	w := newWorld(t, map[string]string{
		"models/shop/both.sql":  head("track: [a, b]") + fmt.Sprintf(query, ""),
		"models/shop/loose.sql": head("track: [a]") + fmt.Sprintf(query, ""),
		"models/shop/ended.sql": head("track: [a], on_delete: tombstone") + fmt.Sprintf(query, ", v._deleted_at"),
		"models/shop/pair.sql":  strings.Replace(head("track: [b]"), "[id]", "[id, half]", 1) + strings.Replace(fmt.Sprintf(query, ""), "v.a,", "v.id % 2 as half,", 1),
	}, "ods.things")
	w.change = func(e *dag.SQLExecutor) { e.ManyRows = 15 }
	w.exec("create schema ods")
	w.exec(versionsTable)
	w.exec("insert into terrace.stream values ('ods.things', '{id}', '{integer}')")
	number, values := 0, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	landed := func(seen int, keys int, says func(key int) said, more ...landedVersion) {
		var versions []landedVersion
		for key := 1; key <= keys; key++ {
			number++
			versions = append(versions, landedVersion{number: number, key: key, seen: seen, said: says(key)})
		}
		w.landVersions(append(versions, more...))
	}
	landed(1, 40, func(int) said { return said{&values[0], &values[0]} },
		landedVersion{number: 1000, key: 100, seen: 1, said: said{&values[0], &values[0]}, deleted: 2})
	w.succeed()
	before := map[string]string{}
	for _, name := range []string{"both", "loose", "ended", "pair"} {
		before[name] = w.value("select 'shop." + name + "'::regclass::oid")
	}
	landed(3, 45, func(key int) said { // a quarter says what it said, another changes in b alone, the rest in a; five are new
		switch {
		case key > 40:
			return said{&values[9], &values[9]}
		case key%4 == 1:
			return said{&values[0], &values[0]}
		case key%4 == 2:
			return said{&values[0], &values[2]}
		default:
			return said{&values[3], &values[0]}
		}
	})
	report := w.succeed()
	for name, want := range map[string]struct {
		rows dag.Rows
		told string
	}{
		"both":  {dag.Rows{Inserted: 35, Updated: 30}, "45 keys continued; built beside: 65 rows of about 41 changed"},
		"loose": {dag.Rows{Inserted: 25, Updated: 30}, "45 keys continued; built beside: 55 rows of about 41 changed"},
		"ended": {dag.Rows{Inserted: 25, Updated: 30}, "45 keys continued; built beside: 55 rows of about 42 changed"},
		"pair":  {dag.Rows{Inserted: 15, Updated: 10}, "45 keys continued; built beside: 25 rows of about 41 changed"},
	} {
		s := step(t, report, "shop."+name)
		require.Equal(t, want.rows, s.Rows, name)
		require.Contains(t, s.Reason, want.told)
		require.NotEqual(t, before[name], w.value("select 'shop."+name+"'::regclass::oid"))
		before[name] = strings.Join(w.rows("select * from shop."+name+" order by id, valid_from"), "\n")
	}
	w.refreshFully()
	for name, rows := range before {
		require.Equal(t, strings.Join(w.rows("select * from shop."+name+" order by id, valid_from"), "\n"), rows, name)
	}
}

// Tables that were made before is_current became a column like others have it computed by the server.
func TestSCD2_isKeptWhereTheServerComputesWhatIsCurrent(t *testing.T) {
	t.Parallel()
	w := newHistory(t, "-- scd2: {on_delete: tombstone}\n", nil)
	w.exec(`alter table shop_dwd.orders drop constraint orders_current_while_open, drop column is_current,
    add column is_current boolean not null generated always as (valid_to is null) stored`)
	computed := func() string {
		return w.value("select attgenerated <> '' from pg_attribute where attrelid = 'shop_dwd.orders'::regclass and attname = 'is_current'")
	}

	require.Equal(t, dag.Rows{Inserted: 5, Updated: 5}, w.follow(5).Rows)
	w.requireHistory(55)
	require.Equal(t, "t", computed())

	require.Contains(t, w.follow(40).Reason, "built beside")
	w.requireHistory(95)
	require.Equal(t, "f", computed())
	_, err := w.db.Pool.Exec(t.Context(), "update shop_dwd.orders set is_current = false where valid_to is null")
	require.ErrorContains(t, err, "orders_current_while_open")

	w.follow(2)
	w.requireHistory(97)
}
