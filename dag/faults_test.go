package dag_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// everyKind are the files of a project with every kind of model, each read by others, in two versions of which the second
// has other columns, other layouts and another seed.
func everyKind(version int) map[string]string {
	second := func(a, b string) string { return []string{a, b}[version] }
	more := second("", ", o.amount * 2 as twice")
	sum := second("", ", sum(o.twice) as twice")
	files := map[string]string{
		"dwd/orders": "kind: table\nkey: [id]\ngrants: {select: [pg_monitor]}\nindexes: [[customer]" + second("", ", [at]") + "]\n" +
			"rejects: {negative: amount < 0}\nassert: [{expression: \"id is not null\"}]\ndescription: Orders.\ndepends_on: [ods.orders]\n" +
			"select o.id, o.customer as customer, o.amount as amount, o.at as at" + more + " from ods.orders as o where o._deleted_at is null",
		"dwd/bag":         "kind: table\ndepends_on: [ods.orders]\nselect o.customer as customer, o.amount as amount from ods.orders as o where o._deleted_at is null",
		"dwd/labelled":    "kind: view\ndepends_on: [shop_dwd.orders, shop_ref.region]\nselect o.id, o.customer, r.label, o.amount" + second("", ", o.twice") + " from shop_dwd.orders as o left join shop_ref.region as r on r.code::integer = o.customer % 3",
		"dwd/observed":    "kind: scd2\nkey: [id]\ndepends_on: [ods.customers]\nselect c.id, c.region as region, c.rate as rate from ods.customers as c where c._deleted_at is null",
		"dwd/replayed":    "kind: scd2\nkey: [id]\nscd2: {valid_from: at}\ndepends_on: [ods.customers__versions]\nselect v.id, v.region as region, v.at as at, v._version from ods.customers__versions as v",
		"dws/by_customer": "kind: incremental\nkey: [customer]\non_schema_change: sync\ndepends_on: [shop_dwd.orders]\nselect coalesce(o.customer, 0) as customer, count(*) as orders, sum(o.amount) as amount" + sum + " from shop_dwd.orders as o group by 1",
		"dws/of_bag":      "kind: incremental\nkey: [customer]\ndepends_on: [shop_dwd.bag]\nselect coalesce(b.customer, 0) as customer, count(*) as orders from shop_dwd.bag as b group by 1",
		"dws/of_view":     "kind: incremental\nkey: [id]\non_schema_change: sync\ndepends_on: [shop_dwd.labelled]\nselect o.id, o.label, o.amount" + second("", ", o.twice") + " from shop_dwd.labelled as o",
		"dws/of_history":  "kind: incremental\nkey: [id]\ndepends_on: [shop_dwd.observed, shop_dwd.replayed]\nselect o.id, count(*) as versions from shop_dwd.observed as o left join shop_dwd.replayed as r on r.id = o.id group by o.id",
		"dws/of_rejects":  "kind: incremental\nkey: [rule]\ndepends_on: [shop_dwd.orders__rejects]\nselect r.rule, count(*) as n from shop_dwd.orders__rejects as r group by r.rule",
		"dws/by_month":    "kind: incremental\nkey: [at, id]\npartition_by: {range: at, step: 1 " + second("month", "week") + "}\ndepends_on: [shop_dwd.orders]\nselect o.id, o.at, o.amount from shop_dwd.orders as o",
		"dws/by_list":     "kind: table\npartition_by: {list: customer, default: true}\ndepends_on: [shop_dwd.orders]\nselect o.customer, o.id" + second("", ", o.twice") + " from shop_dwd.orders as o",
		"dws/refreshed":   "kind: materialized_view\ndepends_on: [ods.orders]\nselect o.customer as customer, count(*) as orders" + second("", ", 1 as one") + " from ods.orders as o where o._deleted_at is null group by 1",
		"job/filled":      "kind: sql\ntarget: ods.filled\ndepends_on: [ods.orders]\nmerge into ods.filled as f using (select o.id, o.amount as amount from ods.orders as o where o._deleted_at is null) as n on n.id = f.id\nwhen matched and f.amount is distinct from n.amount then update set amount = n.amount\nwhen not matched then insert values (n.id, n.amount);\ndelete from ods.filled as f where not exists (select from ods.orders as o where o.id = f.id and o._deleted_at is null)",
	}
	out := map[string]string{
		"models/shop/ref/region.csv": "code,label\n0,north\n1," + second("east", "orient") + "\n" + second("2,south\n", ""),
		"tests/shop/agree.sql":       "-- on: shop_dws.by_customer\nselect * from shop_dws.by_customer as b where b.orders < 0",
		"tests/shop/alone.sql":       "-- on: [shop_dws.by_customer, shop_dwd.orders]\nselect 1 where (select sum(b.orders) from shop_dws.by_customer as b) <> (select count(*) from shop_dwd.orders)",
	}
	for name, text := range files {
		header, sql := text, ""
		for _, verb := range []string{"\nselect ", "\nmerge "} {
			if at := strings.Index(text, verb); at >= 0 {
				header, sql = text[:at], text[at+1:]
				break
			}
		}
		if strings.Contains(header, "ods.") {
			sql = typed.Replace(sql)
		}
		out["models/shop/"+name+".sql"] = "-- " + strings.ReplaceAll(header, "\n", "\n-- ") + "\n" + sql
	}
	return out
}

// subject is a world of everyKind that faults are tried on, or one that meets none.
type subject struct {
	*source
	r       *rand.Rand
	version int
}

func newSubject(t *testing.T, together bool) *subject {
	t.Helper()
	w := newWorld(t, everyKind(0), "ods.orders", "ods.customers")
	w.threads, w.together = 1, together // the order of statements is to be the same each time
	w.change = func(e *dag.SQLExecutor) { e.ManyRows = 30 }
	s := &subject{source: newSource(t, w, ordersStream, customersStream), r: rand.New(rand.NewPCG(1, 1))}
	s.exec("create table ods.filled (id integer primary key, amount numeric)")
	s.anew()
	s.succeed()
	return s
}

// anew forgets all that was built and lands the first records.
func (s *subject) anew() {
	s.exec("drop schema if exists board cascade")
	s.begin()
	s.exec("truncate ods.filled")
	s.pages(60, 30)
}

// pages lands random records of both streams.
func (s *subject) pages(orders, customers int) {
	page := func(n int, record func(int) string) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = record(i)
		}
		return out
	}
	s.land(ordersStream, page(orders, func(i int) string {
		id := i + 1
		if orders < 60 {
			id = 1 + s.r.IntN(70)
		}
		return strings.Replace(order(s.r, id), `"id": `, fmt.Sprintf(`"rev": %d, "id": `, s.r.Int()), 1)
	})...)
	s.land(customersStream, page(customers, func(int) string { return customer(s.r) })...)
}

// situations are what a run finds, each with other ways for content to reach its place.
var situations = map[string]func(*subject){
	"few":  func(s *subject) { s.pages(3, 2) },
	"most": func(s *subject) { s.pages(60, 40) },
	"files": func(s *subject) {
		if s.version == 1 {
			s.release(0)
			s.anew()
			s.succeed()
			s.people()
		}
		s.pages(2, 1)
		s.release(1)
	},
	"first": func(s *subject) { s.anew() },
}

func (s *subject) release(version int) {
	s.version = version
	for name, text := range everyKind(version) {
		s.write(name, text)
	}
}

// people puts a view, a grant and a comment of others on what is built, if it is not there.
func (s *subject) people() {
	s.exec("create schema if not exists board; create or replace view board.amounts as select id, amount from shop_dwd.orders; grant select on board.amounts to pg_monitor; grant select on shop_dws.by_customer to pg_monitor; comment on view board.amounts is 'ours'")
}

// contents are the rows of every relation, and the definitions of views.
func (s *subject) contents() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	for _, name := range s.rows(`select format('%I.%I', n.nspname, c.relname) from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where (n.nspname like 'shop%' or n.nspname = 'board' or c.relname = 'filled') and c.relkind in ('r', 'm', 'v', 'p') and not c.relispartition`) {
		name = strings.Trim(name, "()")
		sql := "select (to_jsonb(t) - 'run')::text from " + name + " as t order by 1"
		if s.value("select relkind = 'v' from pg_class where oid = $1::regclass", name) == "t" {
			s.rows(sql) // it can be read; what it gives follows what it reads
			sql = "select pg_get_viewdef('" + name + "'::regclass)"
		}
		out[name] = strings.Join(s.rows(sql), "\n")
	}
	return out
}

// catalog is all else that a relation has.
func (s *subject) catalog() []string {
	s.t.Helper()
	return s.rows(`select n.nspname, c.relname, c.relkind, c.relacl, obj_description(c.oid, 'pg_class'), pg_get_expr(c.relpartbound, c.oid),
    array(select pg_get_indexdef(i.indexrelid) from pg_index as i where i.indrelid = c.oid order by 1),
    array(select concat_ws(' ', k.conname, pg_get_constraintdef(k.oid)) from pg_constraint as k where k.conrelid = c.oid order by 1),
    array(select concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull) from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where (n.nspname like 'shop%' or n.nspname = 'board') and c.relkind in ('r', 'm', 'v', 'p') order by 1, 2`)
}

// places are the oids and files of tables, by name.
func (s *subject) places() map[string]string {
	out := map[string]string{}
	rows, err := s.db.Pool.Query(context.Background(), `select format('%I.%I', n.nspname, c.relname), concat_ws(' ', c.oid, c.relfilenode)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where n.nspname like 'shop%' and c.relkind in ('r', 'p', 'v')`)
	require.NoError(s.t, err)
	var name, place string
	for rows.Next() {
		require.NoError(s.t, rows.Scan(&name, &place))
		out[name] = place
	}
	require.NoError(s.t, rows.Err())
	return out
}

// fault is a way for a run to be disturbed.
type fault struct {
	// make makes the fault of a run that cancel stops.
	make func(s *subject, cancel context.CancelCauseFunc) pgtest.Fault
	// passes says that the run has to get over it by itself.
	passes bool
}

func raise(state string) func(*subject, context.CancelCauseFunc) pgtest.Fault {
	return func(*subject, context.CancelCauseFunc) pgtest.Fault {
		return pgtest.Fault{SQL: "do $$ begin raise exception 'a fault' using errcode = '" + state + "'; end $$"}
	}
}

var faults = map[string]fault{
	"terminated": {func(s *subject, _ context.CancelCauseFunc) pgtest.Fault {
		return pgtest.Fault{Before: func(pid uint32) { s.exec("select pg_terminate_backend($1, 300000)", pid) }}
	}, true},
	"unanswered":    {func(*subject, context.CancelCauseFunc) pgtest.Fault { return pgtest.Fault{Unanswered: true} }, true},
	"serialization": {raise("40001"), true},
	"deadlock":      {raise("40P01"), true},
	"disk full":     {raise("53100"), false},
	"stopped": {func(_ *subject, cancel context.CancelCauseFunc) pgtest.Fault {
		return pgtest.Fault{Before: func(uint32) { cancel(errors.New("stopped")) }}
	}, false},
}

// disturbed makes one run with a fault at the statement after n others, and wants the database to be as such a run may
// leave it. It returns false when the run needed fewer statements.
func (s *subject) disturbed(f fault, n int, before, after map[string]string, told string) bool {
	t := s.t
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	places := s.places()
	s.faults = &pgtest.Faults{}
	run := s.open()
	s.faults.Arm(n, f.make(s, cancel))
	conn := s.db.Conn(t)
	run.ledger = dag.NewLedger(conn) // faults of the run's own session are another matter
	report := s.runOpened(ctx, run)
	statement := s.faults.Disarm()
	run.pool.Close()
	require.NoError(t, conn.Close(context.Background()))
	s.faults = nil
	told += ", at " + statement

	s.hushed()
	if f.passes || statement == "" {
		require.Contains(t, []dag.Status{dag.Success, dag.PartialSuccess}, report.Status, "%s: %s", told, faultsOf(report))
	}
	found := s.contents()
	for name, text := range found {
		if text != before[name] && text != after[name] {
			require.Equal(t, after[name], text, "%s: %s", told, name)
		}
	}
	for name := range before {
		require.Contains(t, found, name, told)
	}
	if s.together {
		require.True(t, maps.Equal(found, before) || maps.Equal(found, after), "%s: some are visible", told)
	}
	now := s.places()
	for _, step := range report.Steps {
		written := s.rows("select s.status from terrace.step as s where s.run_id = $1 and s.node = $2", report.RunID, step.Name)
		state := s.value("select count(*) from terrace.node_state as s where s.run_id = $1 and s.node = $2", report.RunID, step.Name)
		if step.Kind == dag.KindAssertion || step.Kind == dag.KindStream {
			continue
		}
		if step.Status == dag.Success {
			require.Equal(t, []string{"(success)"}, written, "%s: %s", told, step.Name)
			require.Equal(t, "1", state, "%s: %s", told, step.Name)
			require.Equal(t, after[step.Name], found[step.Name], "%s: %s", told, step.Name)
			continue
		}
		require.NotContains(t, written, "(success)", "%s: %s", told, step.Name)
		require.Equal(t, "0", state, "%s: %s", told, step.Name)
		if step.Kind != dag.KindView {
			require.Equal(t, places[step.Name], now[step.Name], "%s: %s", told, step.Name)
			require.Equal(t, before[step.Name], found[step.Name], "%s: %s", told, step.Name)
		}
	}
	require.Equal(t, "("+string(report.Status)+",t)", s.rows("select r.status, r.ended_at is not null from terrace.run as r where r.run_id = $1", report.RunID)[0], told)
	require.Empty(t, s.rows("select c.relname from pg_class as c where c.relnamespace = 'terrace_stage'::regnamespace"), told)
	require.Equal(t, "0", s.value("select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"), told)
	return statement != ""
}

// faultsOf is what went wrong in a run.
func faultsOf(r dag.Report) string {
	var said []string
	for _, s := range r.Steps {
		if s.Status.Bad() {
			said = append(said, fmt.Sprintf("%s %s: %v", s.Name, s.Status, s.Err()))
		}
	}
	return strings.Join(said, "\n")
}

// TestRun_meetsAFaultAtAnyStatement disturbs runs of every kind of model at one of their statements: the session is ended,
// the server refuses, the answer is lost, the run is stopped. Then every relation has its old or its new content, whole; the
// ledger says which; and the next run ends with what a run that met no fault gives, also in what reads it. Each seed tries one
// statement, with TERRACE_TEST_FAULTS=1 each of them, with 5 each fifth.
func TestRun_meetsAFaultAtAnyStatement(t *testing.T) {
	t.Parallel()
	if each := os.Getenv("TERRACE_TEST_FAULTS"); each != "" {
		step, err := strconv.Atoi(each)
		require.NoError(t, err)
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("together %t", together), func(t *testing.T) {
				t.Parallel()
				p := newPair(t, together)
				for _, name := range slices.Sorted(maps.Keys(faults)) {
					for _, situation := range slices.Sorted(maps.Keys(situations)) {
						n := rand.IntN(step)
						for p.try(name, situation, n) {
							n += step
						}
						t.Logf("together %t, %s, %s: %d statements", together, name, situation, n)
						require.Greater(t, n, 20)
					}
				}
			})
		}
		return
	}
	pairs := []pair{newPair(t, false), newPair(t, true)}
	for _, seed := range seeds(t) {
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 9))
		name, situation, n := pick(r, faults), pick(r, situations), r.IntN(450)
		for !pairs[seed%2].try(name, situation, n) {
			n /= 2
		}
	}
}

// A session that stands still in a transaction is ended by the server, and its locks with it; the step is done again.
func TestRun_goesOnAfterTheServerTookItForStopped(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		w := shop(t, ordersOf("-- kind: table\n-- key: [id]", allOrders), nil)
		w.together = together
		w.silence = 3 * time.Second // of a test's own silences none is as long; one that is costs one more attempt
		w.faults = &pgtest.Faults{}
		run := w.open()
		// It comes alone: the server has answered all that came before.
		w.faults.Arm(0, pgtest.Fault{Of: allOrders, Before: func(pid uint32) {
			require.Eventually(t, func() bool {
				return w.value("select count(*) from pg_stat_activity where pid = $1 and datname = current_database()", pid) == "0"
			}, patience, 10*time.Millisecond)
		}})
		report := w.runOpened(context.Background(), run)
		require.NotEmpty(t, w.faults.Disarm())
		require.Equal(t, dag.Success, report.Status, faultsOf(report))
		require.Equal(t, "2", w.value("select count(*) from shop_dwd.orders"))
		w.faults = nil
	}
}

func pick[V any](r *rand.Rand, of map[string]V) string {
	names := slices.Sorted(maps.Keys(of))
	return names[r.IntN(len(names))]
}

// pair is a subject, and one to which the same happens but for the faults.
type pair struct{ tried, spared *subject }

func newPair(t *testing.T, together bool) pair {
	return pair{newSubject(t, together), newSubject(t, together)}
}

// try brings both to a situation, and the one through a fault.
func (p pair) try(name, situation string, n int) bool {
	t := p.tried.t
	t.Helper()
	told := fmt.Sprintf("together %t, %s, %s, after %d statements", p.tried.together, name, situation, n)
	for _, s := range []*subject{p.spared, p.tried} {
		if situation != "first" {
			s.people()
		}
		situations[situation](s)
	}
	before := p.spared.contents()
	require.Equal(t, before, p.tried.contents(), told)
	p.spared.succeed()
	after := p.spared.contents()
	met := p.tried.disturbed(faults[name], n, before, after, told)
	p.tried.succeed()
	require.Equal(t, after, p.tried.contents(), told)
	require.Equal(t, p.spared.catalog(), p.tried.catalog(), told)
	return met
}
