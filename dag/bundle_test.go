package dag_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// manyViews are so many views that need nothing of one another, and one that reads them all.
func manyViews(n int) map[string]string {
	files := map[string]string{}
	all := "-- depends_on:"
	for i := range n {
		name := fmt.Sprintf("v%02d", i)
		files["models/shop/dwd/"+name+".sql"] = fmt.Sprintf("-- depends_on: []\n-- description: The %dth\nselect %d as id", i, i)
		all += "\n--   - shop_dwd." + name
	}
	all += "\nselect count(*) as n from shop_dwd.v00, shop_dwd.v01"
	for i := 2; i < n; i++ {
		all += fmt.Sprintf(", shop_dwd.v%02d", i)
	}
	files["models/shop/dws/every.sql"] = all
	return files
}

func TestBundle_newViewsShareATransactionAndEachHasItsRows(t *testing.T) {
	t.Parallel()
	const views = 40
	w := newWorld(t, manyViews(views))
	report := w.succeed()
	require.Len(t, report.Steps, views+1)
	require.Equal(t, "1", w.value("select n from shop_dws.every"))
	require.Equal(t, "3", w.value("select count(distinct xmin::text) from terrace.step"), "two threads share the forty; the last waits for them")
	for _, once := range []string{"terrace.step", "terrace.node_state", "terrace.batch"} {
		require.Equal(t, fmt.Sprintf("%d,%d", views+1, views+1), w.value("select count(*), count(distinct node) from "+once), once)
	}
	require.Equal(t, "0", w.value("select count(*) from terrace.node_state as s where s.relation is distinct from to_regclass(s.node)"))
	require.Empty(t, w.rows(`select s.node, s.started_at, before.node
from terrace.step as s
join terrace.step as before
    on before.xmin::text = s.xmin::text
    and before.started_at < s.started_at
    and before.started_at + make_interval(secs => before.seconds) > s.started_at + interval '20 microseconds'`), "they share the time, one after the other")
	require.Equal(t, `"The 7th"`, w.value("select obj_description('shop_dwd.v07'::regclass)"), "what comes with a view comes here, too")
	again := w.succeed()
	require.Equal(t, views+1, again.Count(dag.Skipped))
}

// What keeps one of them from being made is told of it alone, and its neighbours are there.
func TestBundle_oneThatCannotBeMadeKeepsNoOther(t *testing.T) {
	t.Parallel()
	const file = "models/shop/dwd/v03.sql"
	for name, c := range map[string]struct {
		before  func(*world) func()
		message string
	}{
		"wrong SQL": {func(w *world) func() {
			w.write(file, "-- depends_on: []\nselect 1 as id,\n  nope")
			return func() {}
		}, `column "nope" does not exist`},
		"another's relation": {func(w *world) func() {
			w.exec("create schema shop_dwd")
			w.exec("create view shop_dwd.v03 as select 0 as theirs")
			return func() {}
		}, "shop_dwd.v03 is there already, a view that terrace did not make"},
		"held": {func(w *world) func() {
			conn := w.db.Conn(w.t)
			_, err := conn.Exec(context.Background(), "select pg_advisory_lock(hashtextextended('terrace node shop_dwd.v03', 0))")
			require.NoError(w.t, err)
			return func() { _ = conn.Close(context.Background()) }
		}, "shop_dwd.v03 is being built by another run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, manyViews(8))
			after := c.before(w)
			report := w.run()
			after()
			failed := step(t, report, "shop_dwd.v03")
			require.ErrorContains(t, failed.Err(), c.message)
			require.Equal(t, 7, report.Count(dag.Success), "%v", ends(report))
			require.Equal(t, "upstream failed: shop_dwd.v03", step(t, report, "shop_dws.every").Reason)
			require.Equal(t, "7", w.value("select count(*) from terrace.batch"))
			if name == "wrong SQL" {
				require.Equal(t, file+":3:3", place(failed.Error))
				w.write(file, manyViews(8)[file])
				require.Equal(t, 2, w.succeed().Count(dag.Success), "the next run makes what is missing, and nothing else")
			}
		})
	}
}

// Wherever the connection breaks, each view is there in the end, and is told of once.
func TestBundle_isDoneOnceWhereverTheConnectionIsCut(t *testing.T) {
	t.Parallel()
	for _, answered := range []bool{false, true} {
		t.Run(fmt.Sprintf("after the server got it: %t", answered), func(t *testing.T) {
			t.Parallel()
			cuts := 0
			for message := 0; ; message++ {
				w := newWorld(t, manyViews(6))
				w.threads = 1
				pool, cutter := w.db.Cuttable(t, 2)
				w.change = func(e *dag.SQLExecutor) { e.Pool = pool }
				s := w.open()
				cutter.Arm(message, answered, func() {})
				report := w.runOpened(t.Context(), s)
				cut := cutter.Disarm()
				for _, step := range report.Steps {
					require.NoError(t, step.Err(), "message %d: %s", message, step.Name)
				}
				require.Equal(t, "1", w.value("select n from shop_dws.every"), "message %d", message)
				require.Equal(t, "7,7", w.value("select count(*), count(distinct node) from terrace.batch"), "message %d", message)
				require.Equal(t, "7", w.value("select count(*) from terrace.step where run_id = $1", s.info.RunID), "message %d", message)
				s.pool.Close()
				pool.Close()
				if !cut {
					break
				}
				cuts++
			}
			require.Greater(t, cuts, 5, "it is cut at several messages")
		})
	}
}

// bundler performs what begins with "small" in bundles, which fail where they hold what is spoiled.
type bundler struct {
	script
	bundles [][]string
	spoiled string
}

func (b *bundler) Bundles(s dag.Step) bool { return strings.HasPrefix(s.Name, "m.small") }

func (b *bundler) ExecuteBundle(ctx context.Context, steps []dag.Step) ([]dag.Result, bool) {
	var names []string
	for _, s := range steps {
		names = append(names, s.Name[2:])
	}
	b.mu.Lock()
	b.bundles = append(b.bundles, names)
	b.mu.Unlock()
	if slices.Contains(names, b.spoiled) {
		return nil, false
	}
	results := make([]dag.Result, len(steps))
	for i, s := range steps {
		results[i] = b.Execute(ctx, s)
	}
	return results, true
}

func (b *bundler) run(p map[string][]string, t *testing.T, threads int, failFast bool) dag.Report {
	b.do = map[string]func(context.Context) dag.Result{}
	if b.spoiled != "" {
		b.do["m."+b.spoiled] = fails
	}
	runner := &dag.Runner{Threads: threads, FailFast: failFast, Execute: b, Now: time.Now}
	return runner.Run(t.Context(), firstPlan(t, inSchemaM(p)))
}

func TestRunner_bundlesWhatIsReadyInTheOrderOfThePlan(t *testing.T) {
	t.Parallel()
	deps := map[string][]string{"a": {"small2"}, "small9": {"a"}}
	for i := range 6 {
		deps[fmt.Sprintf("small%d", i)] = nil
	}
	b := &bundler{}
	report := b.run(deps, t, 1, false)
	require.Equal(t, len(deps), report.Count(dag.Success))
	require.Equal(t, [][]string{{"small2", "small0", "small1", "small3", "small4", "small5"}}, b.bundles)
	require.Equal(t, []string{"m.small2", "m.small0", "m.small1", "m.small3", "m.small4", "m.small5", "m.a", "m.small9"}, b.started)
}

func TestRunner_aBundleLeavesTheOtherThreadsTheirShareAndIsBounded(t *testing.T) {
	t.Parallel()
	deps := map[string][]string{}
	for i := range 12 {
		deps[fmt.Sprintf("small%02d", i)] = nil
	}
	b := &bundler{}
	require.Equal(t, 12, b.run(deps, t, 3, false).Count(dag.Success))
	require.Len(t, b.bundles, 3)
	for _, bundle := range b.bundles {
		require.Len(t, bundle, 4)
	}
	for i := range 500 {
		deps[fmt.Sprintf("small1%03d", i)] = nil
	}
	b = &bundler{}
	require.Equal(t, 512, b.run(deps, t, 1, false).Count(dag.Success))
	require.Len(t, b.bundles, 16, "what ends is seen to end")
}

func TestRunner_whatFailsTogetherIsTriedAlone(t *testing.T) {
	t.Parallel()
	deps := map[string][]string{"small0": nil, "small1": nil, "small2": nil, "z": {"small1"}}
	b := &bundler{spoiled: "small1"}
	report := b.run(deps, t, 2, false)
	require.Equal(t, []string{"m.small0 success", "m.small1 failure", "m.small2 success", "m.z skip"}, ends(report))

	b = &bundler{spoiled: "small1"}
	report = b.run(deps, t, 1, true)
	require.Equal(t, []string{"m.small0 skip", "m.small1 failure", "m.small2 skip", "m.z skip"}, ends(report), "--fail-fast: the longest path comes first")
	require.Equal(t, "not started: an earlier step failed (--fail-fast)", step(t, report, "m.small0").Reason)
}
