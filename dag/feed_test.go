package dag_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
)

const ordersPerCustomer = "select o.customer, count(*) as orders, sum(o.amount) as amount from shop.orders as o group by o.customer"

// newFed is a world with a table, an incremental model that is driven by it, and what the test adds. The table has 3,000
// orders of 300 customers.
func newFed(t *testing.T, more map[string]string) *world {
	t.Helper()
	files := map[string]string{
		"models/shop/orders.sql": "-- kind: table\n-- key: [id]\n-- indexes: [[customer]]\n-- depends_on: [ods.orders]\nselect * from ods.orders",
		"models/shop/totals.sql": "-- kind: incremental\n-- key: [customer]\n-- depends_on: [shop.orders]\n" + ordersPerCustomer,
	}
	for name, text := range more {
		files[name] = text
	}
	w := newWorld(t, files, "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer primary key, customer integer not null, amount numeric)")
	w.land("ods.orders", "insert into ods.orders select i, i % 300, i from generate_series(1, 3000) as i")
	w.succeed()
	w.exec("analyze shop.orders, shop.totals")
	return w
}

func (w *world) requireTotals(r dag.Report, told string) {
	w.t.Helper()
	require.Contains(w.t, step(w.t, r, "shop.totals").Reason, told)
	require.Equal(w.t, w.rows(ordersPerCustomer+" order by 1"), w.rows("select t.* from shop.totals as t order by 1"))
}

func TestFeed_drivesWhatReadsIt(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.land("ods.orders", "update ods.orders set amount = 0, customer = 301 where id in (7, 307)")
	r := w.succeed()
	w.requireTotals(r, "upstream changed: 2 rows in shop.orders; 2 groups recomputed")
	require.Equal(t, dag.Rows{Inserted: 1, Updated: 1}, step(t, r, "shop.totals").Rows)
	require.Equal(t, "4", w.value(`select count(*) from terrace_changes."shop.orders"`))
	require.Equal(t, "f", w.value("select b.whole from terrace.batch as b where b.node = 'shop.orders' order by b.batch_id desc limit 1"))
}

func TestFeed_isEmptiedOfWhatEveryConsumerHasSeen(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{"models/shop/other.sql": "-- kind: incremental\n-- key: [customer]\n-- depends_on: [shop.orders]\n" + ordersPerCustomer})
	feed := `select count(*) from terrace_changes."shop.orders"`
	for i := range 3 {
		w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = $1", i+1)
		w.succeed("shop.orders", "shop.totals")
		require.Equal(t, fmt.Sprint(2*(i+1)), w.value(feed), "the other one has not seen it")
	}
	w.requireTotals(w.succeed(), "unchanged")
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 9")
	r := w.succeed()
	w.requireTotals(r, "1 group recomputed")
	require.Contains(t, step(t, r, "shop.other").Reason, "1 group recomputed")
	require.Equal(t, "2", w.value(feed))
}

func TestFeed_isEmptiedWhenAConsumerDoesNotKeepUp(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	for range 3 {
		w.land("ods.orders", "update ods.orders set amount = amount + 1 where id <= 260")
		w.succeed("shop.orders")
	}
	require.Equal(t, "520", w.value(`select count(*) from terrace_changes."shop.orders"`))
	w.requireTotals(w.succeed(), "recomputed in full: the change of shop.orders is in no feed")
}

func TestFeed_ofSizeIsEmptiedAtOnceUnlessItsRowsAreWaitedForOrRead(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	const relation = `terrace_changes."shop.orders"`
	file, rows := "select pg_relation_filenode('"+relation+"')", "select count(*) from "+relation
	fill := func(digit string) {
		w.land("ods.orders", "update ods.orders set amount = repeat($1, 3000)::numeric where id <= 450", digit)
		w.succeed("shop.orders")
	}
	fill("1")
	w.exec("alter table " + relation + " set (autovacuum_enabled = off)") // which would read it
	w.succeed()
	fill("2") // now the rows that left are long, too
	require.Equal(t, "t", w.value("select pg_relation_size('"+relation+"') >= 1024 * 1024"))

	was := w.value(file)
	w.land("ods.orders", "update ods.orders set customer = 301 where id = 1000")
	w.succeed("shop.orders")
	require.Equal(t, "902", w.value(rows), "totals have not seen them")
	require.Equal(t, was, w.value(file))
	w.requireTotals(w.succeed(), "upstream changed: 451 rows in shop.orders")

	tx, err := w.db.Pool.Begin(context.Background())
	require.NoError(t, err)
	_, err = tx.Exec(context.Background(), "select from "+relation+" limit 1")
	require.NoError(t, err)
	w.land("ods.orders", "update ods.orders set customer = 302 where id = 1001")
	w.requireTotals(w.succeed(), "upstream changed: 1 row in shop.orders")
	require.NoError(t, tx.Rollback(context.Background()))
	require.Equal(t, "2", w.value(rows), "deleted beside the reader")
	require.Equal(t, was, w.value(file))

	fill("3")
	w.succeed()
	was = w.value(file)
	w.land("ods.orders", "update ods.orders set customer = 303 where id = 1002")
	w.requireTotals(w.succeed(), "upstream changed: 1 row in shop.orders")
	require.Equal(t, "2", w.value(rows))
	require.NotEqual(t, was, w.value(file))
}

func TestFeed_tellsNothingOfAChangeOfMostRows(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id <= 2000")
	w.requireTotals(w.succeed(), "recomputed in full: the change of shop.orders is in no feed")
	require.Equal(t, "0", w.value(`select count(*) from terrace_changes."shop.orders"`))
}

func TestFeed_isNotBelievedWhenRowsAreMissing(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id in (1, 2)")
	w.succeed("shop.orders")
	w.exec(`delete from terrace_changes."shop.orders" where id = 1 and _old`)
	w.requireTotals(w.succeed(), "recomputed in full: the change of shop.orders is in no feed")
}

func TestFeed_thatIsGoneMeansEverything(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id in (1, 2)")
	w.succeed("shop.orders")
	w.exec(`drop table terrace_changes."shop.orders"`)
	w.requireTotals(w.succeed(), `recomputed in full: what changed cannot be asked: relation "terrace_changes.shop.orders" does not exist`)
}

func TestFeed_followsTheColumnsOfItsRelation(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id in (1, 2)")
	w.succeed()
	w.write("models/shop/orders.sql", "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\nselect o.*, 1 as one from ods.orders as o")
	w.requireTotals(w.succeed(), "recomputed in full: the change of shop.orders is in no feed")
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id in (1, 2)")
	w.requireTotals(w.succeed(), "2 groups recomputed")
	require.Equal(t, "1", w.value(`select distinct one from terrace_changes."shop.orders"`))
}

func TestFeed_isNotKeptWithoutAConsumer(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{"models/shop/totals.sql": "-- kind: table\n-- key: [customer]\n-- depends_on: [shop.orders]\n" + ordersPerCustomer})
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 1")
	w.succeed()
	require.Empty(t, w.rows("select c.relname from pg_class as c where c.relnamespace = 'terrace_changes'::regnamespace"))

	w.write("models/shop/totals.sql", "-- kind: incremental\n-- key: [customer]\n-- depends_on: [shop.orders]\n"+ordersPerCustomer)
	require.Equal(t, "definition changed", step(t, w.succeed(), "shop.totals").Reason)
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 1")
	w.requireTotals(w.succeed(), "1 group recomputed")
}

func TestFeed_isKeptForModelsOfOtherEnvironments(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{"models/shop/totals.sql": "-- kind: table\n-- key: [customer]\n-- depends_on: [shop.orders]\n" + ordersPerCustomer})
	built := func(node, age string) {
		w.exec(`insert into terrace.node_state (node, kind, file, file_hash, fingerprint, depends_on, snapshot, cluster, environment, built_at)
select $1, 'incremental', '', '', '', '{shop.orders}', pg_current_snapshot(), s.cluster, 'dev', now() - $2::interval from terrace.node_state as s where s.node = 'shop.orders'
on conflict (node) do update set snapshot = excluded.snapshot`, node, age)
	}
	change := func() {
		w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 1")
		w.succeed()
	}
	built("dev__shop.abandoned", "8 days")
	change()
	require.Empty(t, w.rows("select c.relname from pg_class as c where c.relnamespace = 'terrace_changes'::regnamespace"))

	built("dev__shop.totals", "1 day")
	for n := range 2 {
		change()
		require.Equal(t, fmt.Sprint(2+2*n), w.value(`select count(*) from terrace_changes."shop.orders"`), "dev has not seen it")
	}
	built("dev__shop.totals", "1 day")
	change()
	require.Equal(t, "2", w.value(`select count(*) from terrace_changes."shop.orders"`))
}

func TestFeed_isNotKeptOfColumnsThatHaveItsNames(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{"models/shop/orders.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\nselect o.*, 1 as _xid from ods.orders as o"})
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id in (1, 2)")
	w.requireTotals(w.succeed(), "recomputed in full: the change of shop.orders is in no feed")
}

func TestFeed_seedsDriveToo(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{
		"models/shop/codes.csv":  "code,rate\na,1\nb,2\nc,3\n",
		"models/shop/codes.yml":  "key: code\ncolumns: {rate: integer}\n",
		"models/shop/priced.sql": "-- kind: incremental\n-- key: [code]\n-- depends_on: [shop.codes]\nselect c.code, c.rate * 2 as price from shop.codes as c",
	})
	w.write("models/shop/codes.csv", "code,rate\na,1\nb,5\nc,3\n")
	s := step(t, w.succeed(), "shop.priced")
	require.Equal(t, "upstream changed: 1 row in shop.codes; 1 group recomputed", s.Reason)
	require.Equal(t, []string{"(a,2)", "(b,10)", "(c,6)"}, w.rows("select * from shop.priced order by 1"))
}

func TestIncremental_isRecomputedInFullWhenItsResultHangsOnTheRun(t *testing.T) {
	t.Parallel()
	const head = "-- kind: incremental\n-- key: [id]\n-- depends_on: [shop.orders]\n"
	w := newFed(t, map[string]string{
		"models/shop/seen.sql":   head + "select o.id, terrace.run_at() as seen from shop.orders as o",
		"models/shop/itself.sql": head + "select o.id from shop.orders as o",
	})
	w.write("models/shop/itself.sql", head+"select o.id from shop.orders as o where o.id > 0 or o.id in (select i.id from shop.itself as i)")
	w.succeed()
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 1")
	r := w.succeed()
	require.Contains(t, step(t, r, "shop.seen").Reason, "; recomputed in full: it uses terrace.run_at")
	require.Equal(t, int64(3000), step(t, r, "shop.seen").Rows.Updated)
	require.Contains(t, step(t, r, "shop.itself").Reason, "; recomputed in full: it reads itself")
}

func TestRun_I12_allModelsHaveOneTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/a.sql": "-- kind: table\n-- depends_on: [ods.orders]\nselect id, terrace.run_at() as at, pg_sleep(0.05)::text as slept from ods.orders",
		"models/shop/b.sql": "-- kind: incremental\n-- key: [id]\n-- depends_on: [shop.a]\nselect id, terrace.run_at() as at from shop.a",
		"models/shop/d.sql": "-- kind: scd2\n-- key: [id]\n-- depends_on: [shop.b]\nselect id from shop.b",
		"models/shop/m.sql": "-- kind: materialized_view\n-- depends_on: [shop.d]\nselect id, terrace.run_at() as at from shop.d",
	}, "ods.orders")
	w.exec("create schema ods; create table ods.orders (id integer)")
	for run := 1; run <= 2; run++ {
		w.land("ods.orders", "insert into ods.orders select coalesce(max(id), 0) + 1 from ods.orders")
		w.succeed()
		require.Equal(t, "1", w.value("select count(distinct at)::text from (select at from shop.a union all select at from shop.b union all select at from shop.m union all select max(valid_from) from shop.d) as all_of_them"))
	}
}

func TestIncremental_gatesPassOnceForAll(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{"tests/shop/positive.sql": "-- on: [shop.totals]\nselect t.* from shop.totals as t where t.orders <= 0"})
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 1")
	w.requireTotals(w.succeed(), "1 group recomputed")
	require.Equal(t, "unchanged", step(t, w.succeed(), "shop.positive").Reason)
}

func TestIncremental_keepsWhatItHasWhenAGateFails(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{"tests/shop/small.sql": "-- on: [shop.totals]\nselect t.* from shop.totals as t where t.amount > 1000000"})
	before := w.places("shop.totals")
	w.land("ods.orders", "update ods.orders set amount = 2000000 where id = 1")
	require.Contains(t, ends(w.run()), "shop.totals failure")
	require.Equal(t, before, w.places("shop.totals"))

	w.land("ods.orders", "update ods.orders set amount = 2 where id = 1")
	w.requireTotals(w.succeed(), "1 group recomputed")
}

func TestIncremental_refusesAKeyThatTwoGroupsHave(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{"models/shop/keyed.sql": "-- kind: incremental\n-- key: [id]\n-- incremental: {by: [customer]}\n-- depends_on: [shop.orders]\nselect o.amount as id, o.customer from shop.orders as o"})
	w.land("ods.orders", "update ods.orders set amount = 2 where id = 1")
	s := step(t, w.run(), "shop.keyed")
	require.Equal(t, dag.Failure, s.Status)
	require.Equal(t, "values of (id) that occur in more than one group: 1; for example (2)", s.Error.Message)
}

func TestIncremental_looksUpFewRowsOfALargeTable(t *testing.T) {
	t.Parallel()
	const odd = "select o.amount, o.customer % 2 as odd from shop.orders as o where o.customer < 300"
	w := newFed(t, map[string]string{"models/shop/odd.sql": "-- kind: incremental\n-- key: [amount]\n-- depends_on: [shop.orders]\n" + odd})
	w.change = func(e *dag.SQLExecutor) { e.ManyRows = 1000 }
	w.exec("analyze shop.odd")
	const others = "select t.ctid, t.* from shop.odd as t where t.amount > 3 order by 1"
	before := w.rows(others)
	w.land("ods.orders", "update ods.orders set customer = customer + case id when 1 then 2 when 2 then 1 else 300 end where id <= 3")
	w.land("ods.orders", "insert into ods.orders values (3001, 1, 0.5)")
	s := step(t, w.succeed(), "shop.odd")
	require.Equal(t, "upstream changed: 4 rows in shop.orders; 4 groups recomputed", s.Reason)
	require.Equal(t, dag.Rows{Inserted: 1, Updated: 1, Deleted: 1, Unchanged: 1}, s.Rows)
	require.Equal(t, w.rows(odd+" order by 1"), w.rows("select t.* from shop.odd as t order by 1"))
	require.Equal(t, before, w.rows(others))

	w.land("ods.orders", "update ods.orders set amount = 7 where id in (5, 6)")
	s = step(t, w.run(), "shop.odd")
	require.Equal(t, dag.Failure, s.Status)
	require.Equal(t, "values of (amount) that occur more than once: 1; for example (7)", s.Error.Message)
	require.Equal(t, before, w.rows(others))
}

func TestIncremental_asksAnIndexOfTheUpstreamForFewGroups(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	groups := materialize.Groups{
		By: []materialize.Column{{Name: "customer", Type: "integer"}}, Values: []string{"{1,2,300}"}, Open: []string{"customer"},
	}
	for name, sql := range map[string]string{
		"rows":    "select o.* from shop.orders as o",
		"groups":  ordersPerCustomer,
		"windows": "select o.id, o.customer, sum(o.amount) over (partition by o.customer order by o.id) as total from shop.orders as o",
		"union":   "with u as (select o.customer, 1 as n from shop.orders as o union all select o.customer, 2 from shop.orders as o) select u.customer, sum(u.n) from u group by u.customer",
		"join":    "select o.id, t.customer from shop.totals as t left join shop.orders as o on o.customer = t.customer",
	} {
		rows, err := w.db.Pool.Query(context.Background(), "explain select q.* from ("+sql+") as q where "+groups.Condition("q"))
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		plan := strings.Join(lines, "\n")
		require.Contains(t, plan, "orders_customer", name)
		require.NotContains(t, plan, "Seq Scan on orders", name)
	}
}

func TestFeed_isWholeWhenItsBuildIsKilledHalfWay(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.exec("create sequence ods.tries")
	w.exec(`create function ods.slow() returns trigger language plpgsql as $$
begin
    if nextval('ods.tries') in (3, 10) then
        perform pg_sleep(600);
    end if;
    return new;
end
$$`)
	for _, relation := range []string{"shop.orders", "shop.totals"} {
		w.exec("create trigger slow before update on " + relation + " for each row execute function ods.slow()")
	}
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id between 10 and 14")
	s := w.open()
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(context.Background(), s) }()
	for range 2 { // once while orders change, once while totals do
		require.Eventually(t, func() bool {
			return w.value("select count(pg_terminate_backend(pid, 300000)) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()") == "1"
		}, patience, 10*time.Millisecond)
	}
	w.requireTotals(<-done, "upstream changed: 5 rows in shop.orders; 5 groups recomputed")
	require.Equal(t, "10", w.value(`select count(*) from terrace_changes."shop.orders"`))
}
