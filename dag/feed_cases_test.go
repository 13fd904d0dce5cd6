package dag_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/ods"
)

func TestIncremental_followsAVersionBehindOneThatLandedLate(t *testing.T) {
	t.Parallel()
	const sql = "select c.payload ->> 'region' as region, count(*) as customers from ods.customers as c group by 1"
	s := newSource(t, newWorld(t, map[string]string{
		"models/shop/regions.sql": "-- kind: incremental\n-- key: [region]\n-- depends_on: [ods.customers]\n" + sql,
	}, "ods.customers"), customersStream)
	s.land(customersStream, `{"id": 1, "rev": 10, "region": "north"}`)
	s.land(customersStream, `{"id": 1, "rev": 5, "region": "south"}`)
	s.succeed()
	require.Equal(t, []string{"(north,1)"}, s.rows("select * from shop.regions"))

	s.land(customersStream, `{"id": 1, "rev": 20, "region": "west"}`)

	require.Contains(t, step(t, s.succeed(), "shop.regions").Reason, "; 3 groups recomputed")
	require.Equal(t, []string{"(west,1)"}, s.rows("select * from shop.regions"))
}

func TestIncremental_followsAnUpstreamThatIsPartitionedByTheGroup(t *testing.T) {
	t.Parallel()
	s := newSource(t, newWorld(t, map[string]string{
		"models/shop/orders.sql": "-- kind: table\n-- key: [id, day]\n-- partition_by: {range: day, step: 1 day}\n-- depends_on: [ods.orders]\nselect o.id, (o.payload ->> 'at')::date as day, (o.payload ->> 'amount')::numeric as amount from ods.orders as o",
		"models/shop/days.sql":   "-- kind: incremental\n-- key: [day]\n-- depends_on: [shop.orders]\nselect o.day, count(*) as orders, sum(o.amount) as amount from shop.orders as o group by o.day",
	}, "ods.orders"), ordersStream)
	s.land(ordersStream, at(1, "2020-01-01", 1), at(2, "2020-01-02", 1), at(3, "2020-01-03", 1))
	s.succeed()
	s.land(ordersStream, at(1, "2020-01-03", 1), at(4, "2020-01-04", 1))
	require.Contains(t, step(t, s.succeed(), "shop.days").Reason, "; 3 groups recomputed")
	require.Equal(t, []string{"(2020-01-02,1,1)", "(2020-01-03,2,2)", "(2020-01-04,1,1)"}, s.rows("select * from shop.days order by 1"))
}

func TestIncremental_followsGroupsOfTypesThatAreLimited(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"varchar", "varchar(2)", "char(3)", "numeric(4,1)", "timestamp(0)"} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			value := map[bool]string{true: "amount", false: "at"}[typ != "timestamp(0)"]
			s := newSource(t, newWorld(t, map[string]string{
				"models/shop/totals.sql": "-- kind: incremental\n-- key: [value]\n-- depends_on: [ods.orders]\nselect (o.payload ->> '" + value + "')::" + typ + " as value, count(*) as orders from ods.orders as o group by 1",
			}, "ods.orders"), ordersStream)
			s.land(ordersStream, at(1, "2020-01-01", 1), at(2, "2020-01-02", 2), at(3, "2020-01-02", 2))
			s.succeed()
			s.land(ordersStream, at(1, "2020-01-02", 2))
			require.Contains(t, step(t, s.succeed(), "shop.totals").Reason, "; 2 groups recomputed")
			s.requireFull(typ)
		})
	}
}

func TestIncremental_isRecomputedInFullWhenMostRecordsChanged(t *testing.T) {
	t.Parallel()
	s := newSource(t, newWorld(t, map[string]string{
		"models/shop/customers.sql": "-- kind: incremental\n-- key: [id]\n-- depends_on: [ods.customers]\nselect c.id, c.payload ->> 'region' as region from ods.customers as c",
		"models/shop/history.sql":   "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.customers__versions]\nselect v.id, v.payload ->> 'region' as region, v._seen_at, v._version from ods.customers__versions as v order by v._version",
	}, "ods.customers"), customersStream)
	land := func(n, rev int) {
		records := make([]string, n)
		for i := range records {
			records[i] = fmt.Sprintf(`{"id": %d, "rev": %d, "region": "r%d"}`, i, rev, rev)
		}
		s.land(customersStream, records...)
	}
	land(3200, 1)
	s.succeed()
	s.exec("analyze ods.customers, shop.customers, shop.history")

	land(1050, 2)
	r := s.succeed()
	require.Contains(t, step(t, r, "shop.customers").Reason, "; 1050 groups recomputed")
	require.Contains(t, step(t, r, "shop.history").Reason, "; 1050 keys recomputed")

	land(1100, 3)
	r = s.succeed()
	for _, model := range []string{"shop.customers", "shop.history"} {
		require.Contains(t, step(t, r, model).Reason, "; recomputed in full: 1100 rows of about 3200 in ods.customers changed")
	}
	require.Equal(t, dag.Rows{Updated: 1100, Unchanged: 2100}, step(t, r, "shop.customers").Rows)
	require.Equal(t, dag.Rows{Inserted: 1100, Updated: 1100}, step(t, r, "shop.history").Rows)
}

func TestIncremental_followsWhatPartitionsHold(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{
		"models/shop/orders.sql": "-- kind: table\n-- key: [id]\n-- indexes: [[customer]]\n-- depends_on: [ods.orders]\n-- partition_by: {range: id, step: 1500}\nselect * from ods.orders",
	})
	require.Len(t, w.partitions("shop.orders"), 3)
	w.land("ods.orders", "update ods.orders set amount = 0, customer = 301 where id in (7, 2707)")
	w.requireTotals(w.succeed(), "upstream changed: 2 rows in shop.orders; 2 groups recomputed")
}

func TestIncremental_isRecomputedInFullWhenAFunctionReadsWhatChanged(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.exec("create function ods.total(integer) returns numeric language plpgsql stable as 'begin return (select sum(o.amount) from shop.orders as o where o.customer = $1); end'")
	w.write("models/shop/called.sql", "-- kind: incremental\n-- key: [customer]\n-- depends_on: [shop.totals, shop.orders]\n"+
		"select t.customer, ods.total(t.customer) as amount from shop.totals as t where (select count(*) from shop.orders as o where false) = 0")
	w.succeed()
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 7")
	s := step(t, w.succeed(), "shop.called")
	require.Contains(t, s.Reason, "; recomputed in full: no expression gives the group of a row of shop.orders")
	require.Equal(t, dag.Rows{Updated: 1, Unchanged: 299}, s.Rows)

	// The scan says which group a row of orders belongs to, and the function reads others.
	w.write("models/shop/beside.sql", "-- kind: incremental\n-- key: [id]\n-- depends_on: [shop.totals, shop.orders]\n"+
		"select o.id, ods.total(7) as amount, o.amount as own from shop.orders as o")
	w.succeed()
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 7")
	s = step(t, w.succeed(), "shop.beside")
	require.Contains(t, s.Reason, "; recomputed in full: ods.total() may read tables: it is not declared immutable")
	require.Equal(t, dag.Rows{Updated: 3000}, s.Rows)
}

func TestIncremental_isRecomputedInFullWhenAWordMeansTheDay(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{"models/shop/recent.sql": "-- kind: incremental\n-- key: [id]\n-- depends_on: [shop.orders]\n" +
		"select o.id, o.amount from shop.orders as o where date '2000-01-01' + o.id < timestamp 'Today 10:00'"})
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 7")
	require.Contains(t, step(t, w.succeed(), "shop.recent").Reason, "; recomputed in full: it uses 'Today 10:00'")
}

func TestIncremental_knowsItsGroupsFromTheResultsOfSubqueries(t *testing.T) {
	t.Parallel()
	const chosen = "(select c.region from ods.customers as c where c.id = %d)"
	w := newFed(t, nil)
	w.streams = append(w.streams, "ods.customers")
	w.exec("create table ods.customers (id integer primary key, region integer)")
	w.land("ods.customers", "insert into ods.customers values (1, 7), (2, 8)")
	w.write("models/shop/chosen.sql", "-- kind: incremental\n-- key: [id]\n-- depends_on: [ods.customers, shop.orders]\n"+
		"select o.id, o.amount from shop.orders as o where o.customer <> "+fmt.Sprintf(chosen, 1)+" and o.customer = "+fmt.Sprintf(chosen, 2))
	w.succeed()
	w.land("ods.orders", "update ods.orders set customer = 8, amount = 5 where id = 2000")
	require.Contains(t, step(t, w.succeed(), "shop.chosen").Reason, "; 1 group recomputed")
	require.Contains(t, w.rows("select * from shop.chosen"), "(2000,5)")
}

// What a subquery returns has a name in the plan alone, another one since version 17.
func TestIncremental_isRecomputedInFullWhenASubqueryGivesAPartOfTheGroup(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.streams = append(w.streams, "ods.customers")
	w.exec("create table ods.customers (id integer primary key, region integer)")
	w.land("ods.customers", "insert into ods.customers values (1, 7)")
	w.write("models/shop/either.sql", "-- kind: incremental\n-- key: [customer]\n-- depends_on: [ods.customers, shop.orders]\n"+
		"select coalesce(nullif(o.customer, 1), (select max(c.region) from ods.customers as c)) as customer, count(*) as orders from shop.orders as o group by 1")
	w.succeed()
	w.land("ods.orders", "update ods.orders set customer = 1 where id = 2000")
	require.Contains(t, step(t, w.succeed(), "shop.either").Reason, "; recomputed in full: no expression gives the group of a row of shop.orders")
}

// A hashed semi join may have either side as its outer one since version 18.
func TestIncremental_looksUpWhatExists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/regions.sql": "-- kind: incremental\n-- key: [region]\n-- depends_on: [ods.orders, ods.customers]\n" +
			"select c.payload ->> 'region' as region, count(*) as customers from ods.customers as c where exists (select from ods.orders as o where (o.payload ->> 'customer')::integer = c.id) group by 1",
	}, "ods.orders", "ods.customers")
	for _, way := range []string{"nestloop", "mergejoin", "hashagg"} {
		w.exec("do $$begin execute format('alter database %I set enable_" + way + " = off', current_database()); end$$")
	}
	s := newSource(t, w, ordersStream, customersStream)
	s.land(ordersStream, `{"id": 1, "customer": 1}`, `{"id": 2, "customer": 2}`)
	s.land(customersStream, `{"id": 1, "rev": 1, "region": "a"}`, `{"id": 2, "rev": 1, "region": "b"}`, `{"id": 3, "rev": 1, "region": "a"}`)
	s.succeed()
	s.land(ordersStream, `{"id": 2, "customer": 3}`)
	r := s.succeed()
	s.requireFull("an order")
	require.Equal(t, "groups", took(step(t, r, "shop.regions")), step(t, r, "shop.regions").Reason)
	s.land(customersStream, `{"id": 3, "rev": 2, "region": "c"}`)
	r = s.succeed()
	s.requireFull("a customer")
	require.Equal(t, "groups", took(step(t, r, "shop.regions")), step(t, r, "shop.regions").Reason)
}

// A row that meets any of several others is looked up among them; those that it is one of several for are not.
func TestIncremental_looksUpWhatIsOneOfSeveral(t *testing.T) {
	t.Parallel()
	const several = "array[(o.payload ->> 'customer')::integer, (o.payload ->> 'next')::integer]"
	const head = "-- kind: incremental\n-- key: [%s]\n-- depends_on: [ods.orders, ods.customers]\n"
	w := newWorld(t, map[string]string{
		"models/shop/orders.sql":    fmt.Sprintf(head, "id") + "select o.id, (select count(*) from ods.customers as c where c.id = any (" + several + ")) as met from ods.orders as o",
		"models/shop/customers.sql": fmt.Sprintf(head, "id") + "select c.id, (select count(*) from ods.orders as o where c.id = any (" + several + ")) as met from ods.customers as c",
	}, "ods.orders", "ods.customers")
	s := newSource(t, w, ordersStream, customersStream)
	s.land(ordersStream, `{"id": 1, "customer": 1, "next": 2}`, `{"id": 2, "customer": 2}`, `{"id": 3, "customer": 3, "next": 3}`)
	s.land(customersStream, `{"id": 1, "rev": 1}`, `{"id": 2, "rev": 1}`, `{"id": 4, "rev": 1}`)
	s.succeed()
	s.land(customersStream, `{"id": 3, "rev": 1}`)
	r := s.succeed()
	s.requireFull("a customer")
	require.Equal(t, "groups", took(step(t, r, "shop.orders")), step(t, r, "shop.orders").Reason)
	s.land(ordersStream, `{"id": 3, "customer": 4, "next": 1}`)
	r = s.succeed()
	s.requireFull("an order")
	require.Contains(t, step(t, r, "shop.customers").Reason, "; recomputed in full: no expression gives the group of a row of ods.orders")
}

func TestModels_ofDomainsFitTheirTables(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.exec("create domain ods.number as integer; create domain ods.positive as ods.number check (value > 0); create domain ods.short as varchar(20)")
	for _, kind := range []string{"table", "incremental"} {
		w.write("models/shop/"+kind+".sql", "-- kind: "+kind+"\n-- key: [id]\n-- depends_on: [shop.orders]\n"+
			"select o.id::ods.positive as id, o.amount::text::ods.short as amount from shop.orders as o")
	}
	w.succeed()
	before := w.written("shop")
	w.land("ods.orders", "update ods.orders set amount = 0 where id = 7")
	r := w.succeed()
	for _, name := range []string{"shop.table", "shop.incremental"} {
		relation := `"` + strings.Replace(name, ".", `"."`, 1) + `"`
		require.Equal(t, int64(1), step(t, r, name).Rows.Updated, name)
		require.Contains(t, w.rows("select * from "+relation), "(7,0)")
		requireUntouched(t, before[relation], w.places(relation), name)
	}
	require.Contains(t, step(t, r, "shop.incremental").Reason, "; 1 group recomputed")
}

// newDays is a world with sums per day of a stream that test cases land in.
func newDays(t *testing.T) *source {
	t.Helper()
	const sql = "select (o.payload ->> 'at')::date as day, count(*) as orders, sum((o.payload ->> 'amount')::numeric) as amount from ods.orders as o where o._deleted_at is null group by 1"
	return newSource(t, newWorld(t, map[string]string{
		"models/shop/days.sql": "-- kind: incremental\n-- key: [day]\n-- window: day\n-- depends_on: [ods.orders]\n" + sql,
	}, "ods.orders"), ordersStream)
}

func at(id int, day string, amount int) string {
	return fmt.Sprintf(`{"id": %d, "at": "%s", "amount": %d}`, id, day, amount)
}

func TestIncremental_I14_daysOnWhichNothingRanAreFilled(t *testing.T) {
	t.Parallel()
	s := newDays(t)
	s.land(ordersStream, at(1, "2020-01-01", 1), at(2, "2020-01-02", 1))
	s.succeed()
	s.land(ordersStream, at(3, "2020-01-03", 1)) // a day without a run
	s.land(ordersStream, at(4, "2020-01-04", 1))
	require.Contains(t, step(t, s.succeed(), "shop.days").Reason, "; 2 groups recomputed")
	require.Equal(t, []string{"(2020-01-01,1,1)", "(2020-01-02,1,1)", "(2020-01-03,1,1)", "(2020-01-04,1,1)"}, s.rows("select * from shop.days order by 1"))
}

func TestIncremental_I15_aLateRowOfAClosedDayCounts(t *testing.T) {
	t.Parallel()
	s := newDays(t)
	s.land(ordersStream, at(1, "2020-01-01", 1), at(2, "2020-01-02", 1), at(3, "2020-01-03", 1))
	s.succeed()
	before := s.places("shop.days")
	s.land(ordersStream, at(4, "2020-01-01", 5), at(2, "2020-01-03", 1)) // and one that moves to another day
	require.Contains(t, step(t, s.succeed(), "shop.days").Reason, "; 3 groups recomputed")
	require.Equal(t, []string{"(2020-01-01,2,6)", "(2020-01-03,2,2)"}, s.rows("select * from shop.days order by 1"))
	s.land(ordersStream, at(5, "2020-01-05", 1))
	require.Equal(t, dag.Rows{Inserted: 1}, step(t, s.succeed(), "shop.days").Rows)
	requireUntouched(t, before, s.places("shop.days"), "days")
}

func TestIncremental_I16_aWindowEndsBeforeTheInstantThatItNames(t *testing.T) {
	t.Parallel()
	const sql = "select o.id, (o.payload ->> 'at')::timestamp as at, (o.payload ->> 'amount')::numeric as amount from ods.orders as o"
	s := newSource(t, newWorld(t, map[string]string{
		"models/shop/orders.sql": "-- kind: incremental\n-- key: [id]\n-- window: at\n-- depends_on: [ods.orders]\n" + sql,
	}, "ods.orders"), ordersStream)
	s.land(ordersStream, at(1, "2020-01-02 00:00", 1), at(2, "2020-01-02 23:59:59.999999", 1), at(3, "2020-01-03 00:00", 1))
	s.succeed()
	s.land(ordersStream, at(1, "2020-01-02 00:00", 2), at(2, "2020-01-02 23:59:59.999999", 2), at(3, "2020-01-03 00:00", 2))
	s.window = [2]time.Time{time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2020, 1, 3, 0, 0, 0, 0, time.UTC)}
	s.plan = func(o *dag.PlanOptions) { o.Windowed = true }
	for range 2 {
		s.succeed()
		require.Equal(t, []string{"(1,2)", "(2,2)", "(3,1)"}, s.rows("select id, amount from shop.orders order by 1"))
	}
	s.window, s.plan = [2]time.Time{}, nil
	s.succeed() // what the window left out is still known to be new
	require.Equal(t, []string{"(1,2)", "(2,2)", "(3,2)"}, s.rows("select id, amount from shop.orders order by 1"))
}

func TestRun_whatAWindowCutIsBuiltAnewWithoutIt(t *testing.T) {
	t.Parallel()
	const all = "from shop.orders as o where (terrace.window_start() is null or date '2026-01-01' + o.id >= terrace.window_start())"
	models := map[string]string{
		"table":       "-- key: [id]\n-- depends_on: [shop.orders]\nselect o.id, o.amount " + all,
		"incremental": "-- key: [customer]\n-- depends_on: [shop.orders]\nselect o.customer, count(*) as orders " + all + " group by 1",
	}
	w := newFed(t, nil)
	for kind, text := range models {
		w.write("models/shop/"+kind+".sql", "-- kind: "+kind+"\n"+text)
	}
	w.write("models/shop/recent.sql", "-- depends_on: [shop.orders]\nselect o.customer "+all)
	w.write("models/shop/behind.sql", "-- kind: table\n-- depends_on: [shop.recent]\nselect r.customer from shop.recent as r")
	w.succeed()
	names := []string{"shop.table", "shop.incremental", "shop.behind"}
	content := func() []string {
		return append(w.rows("select t from shop.\"table\" as t order by 1"), append(w.rows("select t from shop.incremental as t order by 1"), w.rows("select t from shop.behind as t order by 1")...)...)
	}
	before := content()

	w.land("ods.orders", "update ods.orders set amount = amount where id = 7")
	w.window = [2]time.Time{time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 2, 1, 0, 0, 0, 0, time.UTC)}
	w.plan = func(o *dag.PlanOptions) { o.Windowed, o.Force = true, true }
	w.succeed()
	require.NotEqual(t, before, content())

	w.window, w.plan = [2]time.Time{}, nil
	r := w.succeed()
	for _, name := range names {
		require.Equal(t, "built for a window", strings.SplitN(step(t, r, name).Reason, ";", 2)[0], name)
	}
	require.Equal(t, before, content())
	for _, s := range w.succeed().Steps {
		require.Equal(t, dag.Skipped, s.Status, s.Name)
	}
}

// What must not be NULL may become so through rows whose group has a value. A run that follows groups fails as one of
// everything does.
func TestIncremental_seesWhatBecomesNULLWithoutAChangedRowOfItsOwn(t *testing.T) {
	t.Parallel()
	const (
		joined = "select (o.payload ->> 'customer')::integer as customer, min(c.id) as id, count(*) as orders from ods.customers as c left join ods.orders as o on (o.payload ->> 'customer')::integer = c.id group by 1"
		full   = "select o.customer, c.id from (select (o.payload ->> 'customer')::integer as customer from ods.orders as o group by 1) as o full join ods.customers as c on c.id = o.customer"
		branch = "select (o.payload ->> 'customer')::integer as customer, o.id from ods.orders as o union all select null, c.id from ods.customers as c where c.payload ->> 'region' = 'nowhere'"
	)
	for name, m := range map[string]struct{ header, sql, told string }{
		"key":      {"kind: incremental\n-- key: [customer]", joined, "rows with NULL in (customer): 1; for example ()"},
		"of_two":   {"kind: incremental\n-- key: [customer, id]\n-- incremental: {by: [customer]}", full, "rows with NULL in (customer, id): 1; for example (,2)"},
		"declared": {"kind: incremental\n-- key: [id]\n-- incremental: {by: [customer]}\n-- columns: {customer: {not_null: true}}", joined, "not_null_customer"},
		"told":     {"kind: incremental\n-- key: [customer]\n-- incremental: {changed: {ods.orders: [\"(payload ->> 'customer')::integer\"], ods.customers: [id]}}", joined, "rows with NULL in (customer): 1; for example ()"},
		"branch":   {"kind: incremental\n-- key: [customer]", branch, "rows with NULL in (customer): 1; for example ()"},
		"replayed": {
			"kind: scd2\n-- key: [customer]",
			"select (o.payload ->> 'customer')::integer as customer, v._version, v._seen_at from ods.customers__versions as v left join ods.orders as o on (o.payload ->> 'customer')::integer = v.id",
			"rows with NULL in (customer): 1; for example ()",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deps := "[ods.customers, ods.orders]"
			if name == "replayed" {
				deps = "[ods.customers__versions, ods.orders]"
			}
			s := newSource(t, newWorld(t, map[string]string{
				"models/shop/m.sql": "-- " + m.header + "\n-- depends_on: " + deps + "\n" + m.sql,
			}, "ods.orders", "ods.customers"), ordersStream, customersStream)
			s.land(customersStream, `{"id": 1, "rev": 1}`, `{"id": 2, "rev": 1}`)
			s.land(ordersStream, `{"id": 1, "customer": 1}`, `{"id": 2, "customer": 2}`)
			s.succeed()

			if name == "branch" {
				s.land(customersStream, `{"id": 3, "rev": 1, "region": "nowhere"}`)
			} else {
				s.land(ordersStream, `{"id": 2, "customer": 1}`)
			}
			before := s.rows("select t::text from shop.m as t order by 1")
			for _, anew := range []bool{false, true} { // a run that follows what changed, and one of everything
				s.plan = func(o *dag.PlanOptions) { o.FullRefresh, o.Force = anew, anew }
				report := s.run()
				failed := step(t, report, "shop.m")
				require.True(t, failed.Status.Bad(), "%v", ends(report))
				require.Contains(t, failed.Error.Message, m.told)
				require.Equal(t, before, s.rows("select t::text from shop.m as t order by 1"))
			}
			s.plan = nil

			if name == "branch" {
				s.land(customersStream, `{"id": 3, "rev": 2, "region": "north"}`)
			} else {
				s.land(ordersStream, `{"id": 2, "customer": 2}`)
			}
			s.succeed()
			s.requireFull(name)
		})
	}
}

// A plan writes neither the names of a row's values nor the collation of an expression: neither gives a group.
func TestIncremental_isRecomputedInFullWhenAPlanDoesNotTellTheGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/named.sql":    "-- kind: incremental\n-- key: [region]\n-- depends_on: [ods.customers]\nselect q.x ->> 'region' as region, count(*) as customers from (select to_jsonb(y.*) as x from (select c.payload ->> 'region' as region from ods.customers as c) as y) as q group by 1",
		"models/shop/collated.sql": "-- kind: incremental\n-- key: [region]\n-- depends_on: [ods.customers]\nselect upper((c.payload ->> 'region') collate \"tr-x-icu\") as region, count(*) as customers from ods.customers as c group by 1",
		"models/shop/upper.sql":    "-- depends_on: [ods.customers]\nselect upper((c.payload ->> 'region') collate \"tr-x-icu\") as region from ods.customers as c",
		"models/shop/seen.sql":     "-- kind: incremental\n-- key: [region]\n-- depends_on: [shop.upper]\nselect u.region, count(*) as customers from shop.upper as u group by 1",
	}, "ods.customers")
	if !w.hasICU() {
		for _, name := range []string{"collated", "upper"} {
			file := "models/shop/" + name + ".sql"
			w.write(file, strings.Replace(string(w.files[file].Data), "tr-x-icu", "POSIX", 1))
		}
	}
	s := newSource(t, w, customersStream)
	s.land(customersStream, `{"id": 1, "rev": 1, "region": "izmir"}`, `{"id": 2, "rev": 1, "region": "izmir"}`)
	s.succeed()
	s.land(customersStream, `{"id": 2, "rev": 2, "region": "ilgaz"}`)
	r := s.succeed()
	s.requireFull("moved")
	require.Contains(t, step(t, r, "shop.named").Reason, "; recomputed in full: no expression gives the group of a row of ods.customers")
	for _, name := range []string{"shop.collated", "shop.seen"} {
		require.Contains(t, step(t, r, name).Reason, "; recomputed in full: the group of a row of ods.customers is computed, and something collated")
	}
}

// Equal numbers, days and rows may read differently. A condition on how they read is moved below what takes them for one.
func TestIncremental_isRecomputedInFullWhenAGroupIsHowAValueReadsThatAnotherEquals(t *testing.T) {
	t.Parallel()
	const amount = "(o.payload ->> 'amount')::numeric"
	models := map[string]string{
		"grouped":  "select " + amount + "::text as g, count(*) as n from ods.orders as o group by " + amount,
		"distinct": "select a.v || '' as g, 1 as n from (select distinct " + amount + " as v from ods.orders as o) as a",
		"united":   "select concat(a.v) as g, 1 as n from (select " + amount + " as v from ods.orders as o union select p.v from shop.plain as p) as a",
		"table":    "select to_json(p.v)::text as g, count(*) as n from shop.plain as p group by p.v",
		"windowed": "select a.v::text as g, a.n from (select p.v, count(*) over (partition by p.v) as n, row_number() over (partition by p.v order by p.id desc) as place from shop.plain as p) as a where a.place = 1",
		"scaled":   "select p.cents::text as g, count(*) as n from shop.plain as p group by p.cents",
		"added":    "select a.v as g, count(*) as n from (select p.v + 1 as v from shop.plain as p) as a group by a.v",
		// Of one group the server takes the first row where, since version 16, all that it would tell apart is given.
		"given": "select a.v::text as g, a.v, 1 as n from (select distinct " + amount + " as v from ods.orders as o) as a",
		"first": "select a.v::text as g, a.v, 1 as n from (select distinct on (p.v) p.v, p.id from shop.plain as p order by p.v, p.id desc) as a",
	}
	by := map[string]string{"given": "-- incremental: {by: [g, v]}\n", "first": "-- incremental: {by: [g, v]}\n"}
	w := newWorld(t, map[string]string{
		"models/shop/plain.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\nselect o.id, " + amount + " as v, " + amount + "::numeric(9,2) as cents from ods.orders as o",
	}, "ods.orders")
	for name, sql := range models {
		w.write("models/shop/"+name+".sql", "-- kind: incremental\n-- key: [g]\n"+by[name]+dependsOn(t, sql)+sql)
	}
	s := newSource(t, w, ordersStream)
	s.land(ordersStream, `{"id": 1, "amount": 1.0}`, `{"id": 2, "amount": 1.0}`, `{"id": 3, "amount": 2}`)
	s.succeed()
	s.land(ordersStream, `{"id": 4, "amount": 1.00}`)
	r := s.succeed()
	for name, sql := range models {
		want := "; recomputed in full: the group of a row of "
		if name == "scaled" || name == "added" {
			want = "; 1 group recomputed"
		}
		require.Contains(t, step(t, r, "shop."+name).Reason, want, name)
		require.Equal(t, "2", s.value("select count(*) from shop.\""+name+"\""), name)
		require.Equal(t, s.value("select sum(q.n) from ("+sql+") as q"), s.value("select sum(t.n) from shop.\""+name+"\" as t"), name)
	}
}

// Of more types than numbers equal values may differ, and more tells them apart than how they read.
func TestIncremental_isRecomputedInFullWhenAGroupIsMadeOfAValueThatAnotherEquals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ typ, was, comes, group, took string }{
		"member":    {"jsonb", `{"x": 1.0}`, `{"x": 1.00}`, "p.v ->> 'x'", "full"},
		"document":  {"jsonb", `{"x": 1.0}`, `{"x": 1.00}`, "p.v::text", "full"},
		"path":      {"jsonb", `{"x": {"y": [1.0]}}`, `{"x": {"y": [1.00]}}`, "p.v #>> '{x,y}'", "full"},
		"array":     {"numeric[]", "{1.0}", "{1.00}", "p.v::text", "full"},
		"element":   {"numeric[]", "{1.0}", "{1.00}", "scale(p.v[1])", "full"},
		"range":     {"numrange", "[1.0,2)", "[1.00,2)", "lower(p.v)::text", "full"},
		"composite": {"ods.pair", "(1.0,a)", "(1.00,a)", "(p.v).n::text", "full"},
		"domain":    {"ods.price", "1.0", "1.00", "p.v::text", "full"},
		"quotient":  {"numeric", "1.0", "1.000000000000000000000000000000", "length((p.v / 3)::text)", "full"},
		"month":     {"interval", "1 month", "30 days", "extract(month from p.v)", "full"},
		"date":      {"interval", "1 month", "30 days", "date '2026-02-01' + p.v", "full"},
		"zero":      {"double precision", "0", "-0", "p.v::text", "full"},
		"blanks":    {"bpchar", "a", "a  ", "octet_length(p.v)", "full"},
		// Of these, equal values are the same.
		"cents": {"numeric(9,2)", "1.0", "1.00", "p.v::text", "groups"},
		"money": {"money", "1", "1.00", "p.v::text", "groups"},
		"zone":  {"timetz", "10:00+01", "09:00+00", "p.v::text", "groups"},
		"mood":  {"ods.mood", "glad", "glad", "p.v::text", "groups"},
		"exact": {"ods.exact", "(1,a)", "(1,a)", "(p.v).n::text", "groups"},
		"days":  {"daterange", "[2026-01-01,2026-01-01]", "[2026-01-01,2026-01-02)", "lower(p.v)::text", "groups"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			models := map[string]string{
				"grouped":  "select " + c.group + " as g, count(*) as n from shop.plain as p group by p.v",
				"distinct": "select " + c.group + " as g, 1::bigint as n from (select distinct q.v from shop.plain as q) as p",
				"united":   "select " + c.group + " as g, 1::bigint as n from (select q.v from shop.plain as q where q.id < 100 union select o.v from shop.plain as o where o.id >= 100) as p",
				"twice":    "select q.g, sum(q.n)::bigint as n from (select " + c.group + " as g, count(*) as n from shop.plain as p group by p.v) as q group by 1",
				"first":    "select " + c.group + " as g, p.n from (select q.v, count(*) over (partition by q.v) as n, row_number() over (partition by q.v order by q.id) as place from shop.plain as q) as p where p.place = 1",
				"by_text":  "select p.v as g, count(*) as n from (select q.v::text as v from shop.plain as q) as p group by p.v", // nothing that differs is equal
			}
			w := newWorld(t, map[string]string{
				"models/shop/plain.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.vals]\nselect o.id, o.v from ods.vals as o",
			}, "ods.vals")
			for name, sql := range models {
				w.write("models/shop/"+name+".sql", "-- kind: incremental\n-- key: [g]\n-- depends_on: [shop.plain]\n"+sql)
			}
			w.exec("create schema ods")
			w.exec("create type ods.pair as (n numeric, t text); create type ods.exact as (n integer, t text); create type ods.mood as enum ('sad', 'glad'); create domain ods.price as numeric")
			w.exec("create table ods.vals (id integer primary key, v " + c.typ + ")")
			w.land("ods.vals", "insert into ods.vals values (1, '"+c.was+"')")
			w.succeed()
			w.land("ods.vals", "insert into ods.vals values (2, '"+c.comes+"')")
			r := w.succeed()
			for name, sql := range models {
				require.Equal(t, w.rows("select count(*), sum(q.n) from ("+sql+") as q"), w.rows("select count(*), sum(t.n) from shop.\""+name+"\" as t"), name)
				want := c.took
				if name == "by_text" {
					want = "groups"
				}
				require.Equal(t, want, took(step(t, r, "shop."+name)), "%s: %s", name, step(t, r, "shop."+name).Reason)
			}
		})
	}
}

// A collation may take a for A. Where a plan does not tell whether one is at work, no group is taken for proven.
func TestIncremental_equalsFullWhereTextsThatDifferAreEqual(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]struct{ key, sql, took string }{
		"itself":   {"g", "select p.v as g, count(*) as n from shop.plain as p group by p.v", "groups"},
		"letter":   {"g", "select ascii(p.v) as g, count(*) as n from shop.plain as p group by p.v", "full"},
		"distinct": {"g", "select ascii(p.v) as g, 1::bigint as n from (select distinct q.v from shop.plain as q) as p", "full"},
		"array":    {"g", "select ascii(p.v[1]) as g, count(*) as n from (select array[q.v] as v from shop.plain as q) as p group by p.v", "full"},
		"row":      {"g", "select ascii((p.r).v) as g, count(*) as n from shop.plain as p group by p.r", "full"},
		"again":    {"g", "select p.v collate \"C\" as g, 1::bigint as n from (select distinct q.v from shop.plain as q) as p", "full"},
		"declared": {"g", "select ascii(p.v) as g, count(*) as n from (select q.w collate ods.any_case as v from shop.plain as q) as p group by p.v", "full"},
		"domain":   {"g", "select ascii(p.v) as g, count(*) as n from (select q.w::ods.code as v from shop.plain as q) as p group by p.v", "full"},
		"inlined":  {"g", "select ascii(p.v) as g, count(*) as n from (select ods.blind(q.w) as v from shop.plain as q) as p group by p.v", "full"},
		"record":   {"g", "select (o.code collate ods.any_case) as g, count(*) as n from ods.codes as o group by 1", "full"},
		"each":     {"id", "select p.id, p.v, p.w, 1::bigint as n from shop.plain as p", "groups"},
		"joined":   {"id", "select p.id, q.w, 1::bigint as n from shop.plain as p join shop.plain as q on q.v = p.v where q.id < 100", "groups"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{
				"models/shop/plain.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.vals]\nselect o.id, o.v, o.r, o.w from ods.vals as o",
				"models/shop/m.sql":     "-- kind: incremental\n-- key: [" + m.key + "]\n" + dependsOn(t, m.sql) + m.sql,
			}, "ods.vals", "ods.codes")
			if !w.hasICU() {
				t.Skip("no collation takes different texts for equal: the server was built without ICU")
			}
			for _, sql := range []string{
				"create schema if not exists ods", "create collation ods.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
				"create type ods.named as (v text collate ods.any_case)",
				"create table ods.vals (id integer primary key, v text collate ods.any_case, r ods.named, w text)",
			} {
				w.exec(sql)
			}
			switch name {
			case "domain":
				w.exec("create domain ods.code as text collate ods.any_case")
			case "inlined":
				w.exec("create function ods.blind(text) returns text language sql immutable as 'select $1 collate ods.any_case'")
			}
			codes := ods.Stream{Name: "ods.codes", Key: []ods.KeyColumn{{Name: "code", Path: "$.code", Type: "text"}}}
			s := newSource(t, w, codes)
			follow := func(code string, change string) {
				s.land(codes, `{"code": "`+code+`"}`)
				w.land("ods.vals", change)
				r := s.succeed()
				require.Equal(t, w.rows("select count(*), sum(q.n) from ("+m.sql+") as q"), w.rows("select count(*), sum(t.n) from shop.m as t"))
				if m.key == "id" {
					require.Equal(t, w.rows("select q::text as c from ("+m.sql+") as q order by 1"), w.rows("select t::text as c from shop.m as t order by 1"))
				}
				if code != "A" {
					require.Equal(t, m.took, took(step(t, r, "shop.m")), step(t, r, "shop.m").Reason)
				}
			}
			follow("A", "insert into ods.vals values (1, 'A', row('A'), 'A'), (3, 'b', row('b'), 'b')")
			follow("a", "insert into ods.vals values (102, 'a', row('a'), 'a')")
			follow("B", "update ods.vals set v = 'B', r = row('B'), w = 'B' where id = 3")
		})
	}
}

// Rows that met and then both changed meet neither of them as they are.
func TestIncremental_followsWhatTwoRelationsGiveTogetherWhenBothChanged(t *testing.T) {
	t.Parallel()
	const sql = "select (o.payload ->> 'at')::date as day, p.region, count(*) as orders from ods.orders as o join shop.places as p on p.id = (o.payload ->> 'place')::integer group by 1, 2"
	s := newSource(t, newWorld(t, map[string]string{
		"models/shop/places.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.customers]\nselect c.id, c.payload ->> 'region' as region from ods.customers as c",
		"models/shop/days.sql":   "-- kind: incremental\n-- key: [day, region]\n-- depends_on: [ods.orders, shop.places]\n" + sql,
	}, "ods.orders", "ods.customers"), ordersStream, customersStream)
	s.land(customersStream, `{"id": 1, "rev": 1, "region": "north"}`, `{"id": 2, "rev": 1, "region": "south"}`)
	s.land(ordersStream, `{"id": 1, "place": 1, "at": "2026-01-01"}`, `{"id": 2, "place": 2, "at": "2026-01-02"}`, `{"id": 3, "place": 2, "at": "2026-01-03"}`)
	s.succeed()
	s.land(customersStream, `{"id": 1, "rev": 2, "region": "west"}`)
	s.land(ordersStream, `{"id": 1, "place": 2, "at": "2026-01-02"}`)
	require.Contains(t, step(t, s.succeed(), "shop.days").Reason, " groups recomputed")
	require.Equal(t, []string{"(2026-01-02,south,2)", "(2026-01-03,south,1)"}, s.rows("select * from shop.days order by 1, 2"))
}

// A plan shows by names which rows meet, and a join which of them count for nothing unless they do. Where a name may mean the
// rows of another relation, or a row counts by itself, nothing is looked up.
func TestIncremental_looksGroupsUpOnlyWhereThePlanProvesThem(t *testing.T) {
	t.Parallel()
	const orders, amount = "(o.payload ->> 'customer')::integer as customer", "(o.payload ->> 'amount')::numeric as amount"
	models := map[string]struct{ header, sql, took string }{
		"met":       {"key: [id]", "select o.id, c.payload ->> 'region' as region from ods.orders as o join ods.customers as c on c.id = (o.payload ->> 'customer')::integer", "groups"},
		"first_of":  {"key: [id]", "select o.id, c.payload ->> 'region' as region from (select o.id, " + orders + " from ods.orders as o union all select p.id + 100, 1 + (p.payload ->> 'customer')::integer from ods.orders as p) as o join ods.customers as c on c.id = o.customer", "full"},
		"preserved": {"key: [id]", "select o.id, c.id as customer from ods.customers as c left join ods.orders as o on c.id = (o.payload ->> 'customer')::integer where coalesce(o.id, 0) >= 0 and o.id is not null", "groups"},
		"unequal":   {"key: [id]", "select o.id, (select count(*) from ods.customers as c where c.id > (o.payload ->> 'customer')::integer) as above from ods.orders as o", "full"},
		"either":    {"key: [id]", "select o.id, (select count(*) from ods.customers as c where c.id = (o.payload ->> 'customer')::integer or c.id = 2) as met from ods.orders as o", "full"},
		"in_list":   {"key: [id]", "select o.id, (o.payload ->> 'customer')::integer not in (select c.id from ods.customers as c) as nobody from ods.orders as o", "full"},
		"both":      {"key: [id]\n-- incremental: {by: [id]}", "select coalesce(o.id, -c.id) as id, c.payload ->> 'region' as region from ods.orders as o full join ods.customers as c on c.id = (o.payload ->> 'customer')::integer", "full"},
		// Where a row may be missing, NULL may stand for it: a row that comes, or goes, takes or leaves the place of that.
		"last_of_two": {"key: [id]", "select o.id, c.payload ->> 'region' as region from ods.orders as o left join ods.orders as p on (p.payload ->> 'next')::integer = o.id left join ods.customers as c on c.id = (p.payload ->> 'customer')::integer", "groups"},
		"or_else":     {"key: [id]", "select o.id, c.payload ->> 'region' as region from ods.orders as o left join ods.orders as p on (p.payload ->> 'next')::integer = o.id left join ods.customers as c on c.id = coalesce((p.payload ->> 'customer')::integer, 2)", "full"},
		"beside_else": {"key: [id]", "select o.id, n.met from ods.orders as o left join ods.orders as p on (p.payload ->> 'next')::integer = o.id cross join lateral (select count(*) as met from ods.customers as c where c.id = coalesce((p.payload ->> 'customer')::integer, 3)) as n", "full"},
		"takes_place": {"key: [id]", "select t.id, count(s.id) as n from ods.orders as t join (select o.id, (c.payload ->> 'rate')::integer as rate from ods.orders as o left join ods.customers as c on c.id = (o.payload ->> 'customer')::integer) as s on coalesce(s.rate, 0) = (t.payload ->> 'amount')::integer group by t.id", "full"},
		"in_sets":     {"key: [customer, region]\n-- incremental: {by: [customer]}\n-- columns: {customer: {not_null: true}}", "select s.customer, c.payload ->> 'region' as region, count(*) as n from (select (o.payload ->> 'customer')::integer as customer, (o.payload ->> 'amount')::integer as amount from ods.orders as o group by grouping sets ((1, 2), (1))) as s join ods.customers as c on c.id = coalesce(s.amount, 2) group by 1, 2", "full"},
		"counted":     {"key: [id]", "select o.id, n.orders, " + amount + " from ods.orders as o join lateral (select count(*) as orders from ods.customers as c where c.id = (o.payload ->> 'customer')::integer) as n on true", "groups"},
	}
	files := map[string]string{}
	for name, m := range models {
		files["models/shop/"+name+".sql"] = "-- kind: incremental\n-- " + m.header + "\n-- depends_on: [ods.orders, ods.customers]\n" + m.sql
	}
	w := newWorld(t, files, "ods.orders", "ods.customers")
	s := newSource(t, w, ordersStream, customersStream)
	s.land(ordersStream, `{"id": 1, "customer": 1, "amount": 1, "next": 2}`, `{"id": 2, "customer": 2, "amount": 2}`, `{"id": 3, "customer": 3, "amount": 3}`, `{"id": 4, "customer": 9, "amount": 0}`)
	s.land(customersStream, `{"id": 1, "rev": 1, "region": "a"}`, `{"id": 2, "rev": 1, "region": "b"}`)
	s.succeed()
	for round, page := range []string{`{"id": 2, "rev": 2, "region": "c"}`, `{"id": 3, "rev": 1, "region": "d", "rate": 1}`, `{"id": 4, "rev": 1, "region": "e"}`} {
		s.land(customersStream, page)
		r := s.succeed()
		s.requireFull(fmt.Sprint("round ", round))
		for name, m := range models {
			require.Equal(t, m.took, took(step(t, r, "shop."+name)), "%s: %s", name, step(t, r, "shop."+name).Reason)
		}
	}
}
