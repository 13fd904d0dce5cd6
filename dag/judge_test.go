package dag_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// withRules is a model with rules of every kind that single rows can break, of one severity. Which of them are broken, the
// data says: the name of a rule is that of the column that breaks it.
func withRules(severity string) string {
	rules := []string{
		"not_null: [missing]", "not_null: [id]", "values: {column: odd, in: [open, paid]}", "values: {column: state, in: [open, paid]}",
		"expression: amount > 0", "expression: id > 0", "not_null: [missing], where: id > 100", "unique: [id]", "row_count: {max: 2}",
	}
	var b strings.Builder
	for i, rule := range rules {
		kind, where, scoped := strings.Cut(rule, ", where")
		fmt.Fprintf(&b, "--   - %s\n--     name: r%d\n--     severity: %s\n", kind, i, severity)
		if scoped {
			fmt.Fprintf(&b, "--     where%s\n", where)
		}
	}
	return "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\n-- assert:\n" + b.String() + "select * from ods.orders"
}

func newJudged(t *testing.T, severity string) *world {
	t.Helper()
	w := newWorld(t, map[string]string{"models/shop/orders.sql": withRules(severity)}, "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer, missing text, odd text, state text, amount numeric)")
	w.land("ods.orders", "insert into ods.orders select i, 'm', 'open', 'paid', 1 from generate_series(1, 2) as i")
	return w
}

const badOrders = "insert into ods.orders values (3, null, 'void', 'open', 1), (4, 'm', 'void', 'open', -1), (5, 'm', null, 'open', null)"

// verdictsOf are what the ledger has of the last run.
func (w *world) verdictsOf() []string {
	w.t.Helper()
	return w.rows(`select split_part(r.assertion, '.', 3), r.status, r.failing_rows, jsonb_array_length(r.samples)
from terrace.assertion_result as r
where r.run_id = (select s.run_id from terrace.run as s order by s.started_at desc limit 1)
order by 1`)
}

func TestJudge_saysOfEachAssertionWhatItWouldSayAlone(t *testing.T) {
	t.Parallel()
	broken := []string{"(r0,%[1]s,1,1)", "(r1,pass,0,)", "(r2,%[1]s,2,2)", "(r3,pass,0,)", "(r4,%[1]s,2,2)", "(r5,pass,0,)", "(r6,pass,0,)", "(r7,pass,0,)", "(r8,%[1]s,1,1)"}
	for severity, status := range map[string]string{"error": "fail", "warn": "warn"} {
		w := newJudged(t, severity)
		w.succeed()
		require.Equal(t, 9, strings.Count(strings.Join(w.verdictsOf(), " "), "pass,0"))
		w.land("ods.orders", badOrders)
		w.run()
		want := strings.Split(fmt.Sprintf(strings.Join(broken, " "), status), " ")
		require.Equal(t, want, w.verdictsOf(), severity)
		require.Equal(t, map[string]string{"error": "2", "warn": "5"}[severity], w.value("select count(*) from shop.orders"))
	}
}

func TestJudge_findsTheOneThatTheServerRefusesAmongOthers(t *testing.T) {
	t.Parallel()
	w := newJudged(t, "warn")
	w.write("models/shop/orders.sql", strings.Replace(withRules("warn"), "expression: id > 0", "expression: 1 / (id - 1) >= 0", 1))
	report := w.run()
	require.Equal(t, dag.Failure, step(t, report, "shop.orders.r5").Status)
	require.Contains(t, step(t, report, "shop.orders.r5").Error.Message, "division by zero")
	require.Equal(t, dag.Success, step(t, report, "shop.orders.r4").Status)
	require.Equal(t, dag.Success, step(t, report, "shop.orders.r0").Status)
	require.Len(t, report.Steps, 10)
}

func TestJudge_readsARelationOnceForAllThatSingleRowsCanBreak(t *testing.T) {
	t.Parallel()
	w := newJudged(t, "warn")
	w.succeed("shop.orders")
	w.hushed()
	scans := func() (n int) {
		require.NoError(t, w.db.Pool.QueryRow(t.Context(), "select seq_scan from pg_stat_all_tables where relid = 'shop.orders'::regclass").Scan(&n))
		return n
	}
	before := scans()
	require.Positive(t, before)

	var names []string
	for i := range 7 {
		names = append(names, fmt.Sprintf("shop.orders.r%d", i))
	}
	report := w.succeed(names...)

	require.Len(t, report.Steps, 7)
	for _, s := range report.Steps {
		require.Equal(t, dag.Success, s.Status, s.Name)
	}
	w.hushed()
	require.Equal(t, before+1, scans())
	require.Equal(t, []string{"(7)"}, w.rows("select count(*) from terrace.node_state where kind = 'assertion'"))
	for _, s := range w.succeed(names...).Steps {
		require.Equal(t, "unchanged", s.Reason)
	}
}

func TestJudge_comparesTheCountWithItsThresholds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/orders.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\nselect * from ods.orders",
		"tests/shop/strict.sql":  "-- on: [shop.orders]\n-- error_if: \"> 10\"\n-- warn_if: \"> 5\"\nselect * from shop.orders",
		"tests/shop/lenient.sql": "-- on: [shop.orders]\n-- severity: warn\n-- error_if: \"> 10\"\n-- warn_if: \"> 5\"\nselect * from shop.orders",
	}, "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer)")
	for _, c := range []struct {
		rows            int
		strict, lenient string
	}{{3, "pass", "pass"}, {7, "warn", "warn"}, {12, "fail", ""}} {
		w.land("ods.orders", fmt.Sprintf("with gone as (delete from ods.orders) insert into ods.orders select i from generate_series(1, %d) as i", c.rows))
		w.run()
		status := func(name string) string {
			return strings.Join(w.rows(`select r.status from terrace.assertion_result as r
where r.run_id = (select s.run_id from terrace.run as s order by s.started_at desc limit 1) and r.assertion = $1`, name), "")
		}
		require.Equal(t, "("+c.strict+")", status("shop.strict"), c.rows)
		if c.lenient != "" { // what is not published has no other assertions
			require.Equal(t, "("+c.lenient+")", status("shop.lenient"), c.rows)
		}
	}
	w.write("tests/shop/strict.sql", "-- on: [shop.orders]\n-- severity: warn\n-- error_if: \"> 10\"\n-- warn_if: \"> 5\"\nselect * from shop.orders")
	w.plan = func(o *dag.PlanOptions) { o.Force = true }
	w.succeed()
	require.Equal(t, []string{"(warn,12)", "(warn,12)"}, w.rows(`select r.status, r.failing_rows from terrace.assertion_result as r
where r.run_id = (select s.run_id from terrace.run as s order by s.started_at desc limit 1)`))
}

func TestJudge_countsWhateverFailsWithoutKeepingIt(t *testing.T) {
	t.Parallel()
	w := newJudged(t, "warn")
	w.write("tests/shop/wide.sql", "-- on: [shop.orders]\n-- severity: warn\n"+
		"select o.id, g as n, repeat('x', 1000) as f, g as failing from shop.orders as o cross join generate_series(1, 20000) as g")
	w.exec("do $$ begin execute format('alter database %I set temp_file_limit = ''2MB''', current_database()); end $$")
	w.db.Pool.Reset()
	w.succeed()
	require.Equal(t, []string{"(warn,40000,5)"}, w.rows(`select r.status, r.failing_rows, jsonb_array_length(r.samples)
from terrace.assertion_result as r where r.assertion = 'shop.wide'`))
}

// One scan answers for most of them, the one that some row breaks is asked once more, and each says how long it took.
func TestJudge_saysHowLongQuestionsTook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/s/x.sql": "-- kind: table\n-- depends_on: []\n-- assert: [{not_null: [n]}, {not_null: [m]}, {expression: n > 1}]\nselect n, n as m from generate_series(1, 3) as n",
	})
	var asked atomic.Int64
	w.change = func(e *dag.SQLExecutor) {
		e.Now = func() time.Time { return time.Unix(6*asked.Add(1), 0) } // six seconds from look to look
	}
	require.Equal(t, dag.Failure, w.run().Status)
	require.Equal(t, []string{"(2,pass)", "(2,pass)", "(8,fail)"}, w.rows("select seconds, status from terrace.assertion_result order by seconds"))
}
