package dag_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// release is a project in which every kind of model reads the others, in two versions: the second one has another column
// in every relation. Each assertion compares two relations, so that it fails where they are of two versions.
func release(version int) map[string]string {
	column := []string{"", ", amount * 2 as twice"}[version]
	twice := []string{"", ", o.twice"}[version]
	kind := []string{"view", "scd2\n-- key: [id]"}[version]
	files := map[string]string{
		"models/shop/dwd/orders.sql":  "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\nselect id, state, amount" + column + " from ods.orders",
		"models/shop/dwd/paid.sql":    "-- depends_on: [shop_dwd.orders]\nselect o.id, o.amount" + twice + " from shop_dwd.orders as o where o.state = 'paid'",
		"models/shop/dwd/still.sql":   "-- depends_on: [shop_dwd.paid]\nselect p.id from shop_dwd.paid as p",
		"models/shop/dws/states.sql":  "-- kind: incremental\n-- key: [state]\n-- on_schema_change: sync\n-- depends_on: [shop_dwd.orders]\nselect o.state, count(*) as n, sum(o.amount) as amount" + strings.Replace(twice, "o.twice", "sum(o.twice) as twice", 1) + " from shop_dwd.orders as o group by o.state",
		"models/shop/dws/total.sql":   "-- kind: table\n-- depends_on: [shop_dwd.paid, shop_dwd.still]\nselect count(*) as n, sum(shop_dwd.paid.amount) as amount from shop_dwd.paid join shop_dwd.still using (id)",
		"models/shop/dws/history.sql": "-- kind: scd2\n-- key: [id]\n-- on_schema_change: sync\n-- depends_on: [shop_dwd.paid]\nselect o.id, o.amount" + twice + " from shop_dwd.paid as o",
		"models/shop/dws/kept.sql":    "-- kind: " + kind + "\n-- depends_on: [shop_dwd.orders]\n-- assert:\n--   - not_null: [state]\nselect o.id, o.state" + twice + " from shop_dwd.orders as o",
		"models/shop/dws/ids.sql":     "-- kind: table\n-- key: [id]\n-- depends_on: [shop_dws.kept]\nselect k.id, count(*) as n" + strings.Replace(twice, "o.twice", "max(k.twice) as twice", 1) + " from shop_dws.kept as k group by k.id",
		"models/shop/ref/state.csv":   []string{"state\nopen\npaid\n", "state,label\nopen,Open\npaid,Paid\n"}[version],
		"models/shop/dws/known.sql":   "-- kind: table\n-- depends_on: [shop_ref.state, shop_dws.states]\nselect r.*, s.n from shop_ref.state as r left join shop_dws.states as s using (state)",
		"tests/shop/agree.sql":        "-- on: [shop_dws.total, shop_dwd.orders]\nselect * from shop_dws.total as t where t.n <> (select count(*) from shop_dwd.orders where shop_dwd.orders.state = 'paid')",
		"tests/shop/agree_too.sql":    "-- on: shop_dws.states\nselect * from shop_dws.states as s where s.amount <> (select sum(o.amount) from shop_dwd.orders as o where o.state = s.state)",
	}
	return files
}

func newRelease(t *testing.T) *world {
	w := newWorld(t, release(0), "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer, state text, amount numeric)")
	w.land("ods.orders", "insert into ods.orders values (1, 'open', 10), (2, 'paid', 20), (3, 'paid', 30)")
	w.together = true
	return w
}

func (w *world) release(version int) {
	for name, text := range release(version) {
		w.write(name, text)
	}
}

// everything is all that a run may change: which relations there are, where their rows are, and what is remembered.
func (w *world) everything() []string {
	w.t.Helper()
	out := w.rows(`select n.nspname, c.relname, c.oid, pg_relation_filenode(c.oid), pg_get_viewdef(c.oid)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname like 'shop%' or n.nspname in ('terrace_stage', 'terrace_changes') order by 1, 2`)
	out = append(out, w.rows("select * from terrace.node_state where kind <> 'assertion' order by node")...)
	out = append(out, w.rows("select * from terrace.batch order by batch_id")...)
	for relation, places := range w.written("shop_dwd", "shop_dws", "shop_ref") {
		for content, place := range places {
			out = append(out, fmt.Sprint(relation, content, place))
		}
	}
	slices.Sort(out)
	return out
}

func TestTogether_publishesEveryKindOverAnOlderVersionOfAll(t *testing.T) {
	t.Parallel()
	w := newRelease(t)
	w.succeed()
	w.exec("create view public.people as select id from shop_dwd.paid")
	w.exec("create view public.keepers as select id, state from shop_dws.kept")
	w.land("ods.orders", "insert into ods.orders values (4, 'paid', 40)")
	w.release(1)

	report := w.succeed()

	require.Equal(t, []string{"(2,20,40)", "(3,30,60)", "(4,40,80)"}, w.rows("select * from shop_dwd.paid order by id"))
	require.Equal(t, []string{"(3,90)"}, w.rows("select * from shop_dws.total"))
	require.Equal(t, []string{"(open,1,10,20)", "(paid,3,90,180)"}, w.rows("select state, n, amount, twice from shop_dws.states order by 1"))
	require.Equal(t, []string{"(open,Open,1)", "(paid,Paid,3)"}, w.rows("select state, label, n from shop_dws.known order by 1"))
	require.Equal(t, "3", w.value("select count(*) from public.people"))
	require.Equal(t, []string{"(2,20,40)", "(3,30,60)", "(4,40,80)"}, w.rows("select id, amount, twice from shop_dws.history where is_current order by id"))
	require.Equal(t, []string{"(1,open,20,t)", "(2,paid,40,t)", "(3,paid,60,t)", "(4,paid,80,t)"}, w.rows("select id, state, twice, is_current from shop_dws.kept order by id"))
	require.Equal(t, "4", w.value("select count(*) from public.keepers join shop_dws.ids using (id)"))
	require.Empty(t, w.rows("select relname from pg_class where relnamespace = 'terrace_stage'::regnamespace"))
	require.Equal(t, []string{"(12,1)"}, w.rows("select count(*), count(distinct xid) from terrace.node_state where run_id = $1", report.RunID),
		"all but the view that did not change")

	for _, s := range w.succeed().Steps {
		require.Equal(t, dag.Skipped, s.Status, s.Name)
	}
}

func TestTogether_leavesEverythingAsItWasWhenSomethingFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, text string
		failed     string
		message    string
	}{
		"an assertion over two models": {
			"tests/shop/agree.sql", "-- on: [shop_dws.total, shop_dwd.orders]\nselect t.n, o.twice from shop_dws.total as t cross join shop_dwd.orders as o",
			"shop.agree", "4 failing rows",
		},
		"an assertion of one":  {"tests/shop/agree_too.sql", "-- on: shop_dws.states\nselect s.twice from shop_dws.states as s", "shop_dws.states", "shop.agree_too failed"},
		"a build at its end":   {"models/shop/dws/known.sql", "-- kind: table\n-- depends_on: [shop_dws.states]\nselect s.state,\n    1 / (s.n - s.n) as never\nfrom shop_dws.states as s", "shop_dws.known", "division by zero"},
		"a query, at its line": {"models/shop/dws/total.sql", "-- kind: table\n-- depends_on: [shop_dwd.paid]\nselect shop_dwd.paid.id,\n    (select 1 from shop_dwd.paid as p where p.none) as never\nfrom shop_dwd.paid", "shop_dws.total", "column p.none does not exist"},
		"a key":                {"models/shop/dws/known.sql", "-- kind: table\n-- key: [n]\n-- depends_on: [shop_dws.states]\nselect 1 as n from shop_dws.states", "shop_dws.known", "occur more than once"},
		"a dimension that was a view, by its assertion": {
			"models/shop/dws/kept.sql", "-- kind: scd2\n-- key: [id]\n-- depends_on: [shop_dwd.orders]\n-- assert:\n--   - not_null: [state]\nselect o.id, nullif(o.state, 'paid') as state from shop_dwd.orders as o",
			"shop_dws.kept", "not published: shop_dws.kept.not_null_state failed",
		},
		"a dimension whose columns change, by its key": {
			"models/shop/dws/history.sql", "-- kind: scd2\n-- key: [id]\n-- on_schema_change: sync\n-- depends_on: [shop_dwd.paid]\nselect 1 as id, o.amount, o.twice from shop_dwd.paid as o", "shop_dws.history", "occur more than once",
		},
		"a deferred constraint": {
			"models/shop/dws/known.sql", "-- kind: sql\n-- depends_on: [shop_dws.states]\n-- target: ods.once\ninsert into ods.once select 1 from shop_dws.states", "shop_dws.known", "duplicate key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newRelease(t)
			w.exec("create table ods.once (n integer unique deferrable initially deferred)")
			w.succeed()
			w.land("ods.orders", "insert into ods.orders values (4, 'new', 40)")
			before := w.everything()
			w.release(1)
			w.write(c.file, c.text)

			report := w.run()

			failed := step(t, report, c.failed)
			require.Equal(t, dag.Failure, failed.Status)
			require.Contains(t, failed.Error.Message+failed.Reason, c.message)
			if strings.Contains(name, "line") {
				require.Equal(t, []int{4, 45}, []int{failed.Error.Line, failed.Error.Column})
			}
			require.Equal(t, before, w.everything())
			blame := c.failed
			if strings.HasPrefix(c.file, "tests") && c.failed != "shop.agree" {
				blame = "shop.agree_too" // the gate comes before its model in the plan, or after it
			}
			orders := step(t, report, "shop_dwd.orders")
			require.Equal(t, dag.Skipped, orders.Status)
			require.Contains(t, []string{"not published: " + c.failed + " failed", "not published: " + blame + " failed"}, orders.Reason)
			require.Zero(t, orders.Rows)
			require.Equal(t, "skip", w.value("select status from terrace.step where run_id = $1 and node = 'shop_dwd.orders'", report.RunID))

			w.release(1)
			w.succeed()
			require.Equal(t, "4", w.value("select count(twice) from shop_dwd.orders"))
		})
	}
}

// A random history of a project, published together, is the history of one that publishes step by step.
func TestTogether_givesWhatStepsOneByOneGive(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			one, all := newRelease(t), newRelease(t)
			one.together = false
			r := rand.New(rand.NewPCG(seed, 12))
			for version := 0; version < 2; version += r.IntN(2) * r.IntN(2) {
				var changes []string
				for range r.IntN(4) {
					changes = append(changes, []string{
						fmt.Sprintf("insert into ods.orders values (%d, 'open', %d)", 10+r.IntN(1000), r.IntN(50)),
						fmt.Sprintf("update ods.orders set state = 'paid', amount = %d where id %% 3 = %d", r.IntN(50), r.IntN(3)),
						fmt.Sprintf("update ods.orders set state = 'lost' where id %% 5 = %d", r.IntN(5)),
						fmt.Sprintf("delete from ods.orders where id %% 7 = %d", r.IntN(7)),
					}[r.IntN(4)])
				}
				changes = append(changes, "delete from ods.orders as o using ods.orders as p where o.id = p.id and o.ctid > p.ctid")
				for _, w := range []*world{one, all} {
					for _, sql := range changes {
						w.land("ods.orders", sql)
					}
					w.release(version)
					w.succeed()
				}
				for _, relation := range []string{"shop_dwd.orders", "shop_dwd.paid", "shop_dwd.still", "shop_dws.states", "shop_dws.total", "shop_dws.known", "shop_dws.ids", "shop_ref.state"} {
					sql := "select to_jsonb(t) from " + relation + " as t order by 1"
					require.Equal(t, one.rows(sql), all.rows(sql), "%s, seed %d", relation, seed)
				}
				for _, history := range []string{
					"select to_jsonb(h) from shop_dws.history as h order by h.id, h.valid_from",
					"select to_jsonb(k) from shop_dws.kept as k order by 1",
				} {
					require.Equal(t, one.rows(history), all.rows(history), "seed %d", seed)
				}
				for _, s := range all.succeed().Steps {
					require.Equal(t, dag.Skipped, s.Status, "%s, seed %d", s.Name, seed)
				}
				one.now = all.now // versions begin when they are seen
			}
		})
	}
}

// A table that is exchanged early in the run and a view that is replaced can be read all the while, and what is read is
// old until all of it is new.
func TestTogether_keepsNoReaderWaitingForASlowStep(t *testing.T) {
	t.Parallel()
	w := newRelease(t)
	w.succeed()
	w.release(1)
	w.write("models/shop/dws/slow.sql", "-- kind: table\n-- depends_on: [shop_dws.total, shop_dws.states, shop_dws.kept, shop_dws.history]\nselect t.n, "+heldUp+" as waited from shop_dws.total as t")
	s := w.open()
	ctx, stop := context.WithCancel(context.Background())
	var readers sync.WaitGroup
	reads := make([]atomic.Int64, 4)
	for i, sql := range []string{
		"select count(*), (select count(*) from pg_attribute where attrelid = 'shop_dwd.orders'::regclass and attname = 'twice'), (select count(*) from pg_attribute where attrelid = 'shop_dwd.paid'::regclass and attname = 'twice') from shop_dwd.orders join shop_dwd.paid using (id)",
		"select count(*), 0, 0 from shop_dwd.still cross join shop_dws.total where n = 2",
		"select sum(n), 0, 0 from shop_dws.states",
		"select count(*), 0, 0 from shop_dws.kept join shop_dws.history using (id)",
	} {
		conn := w.db.Conn(t)
		readers.Go(func() {
			for ctx.Err() == nil {
				var n, table, view int
				err := conn.QueryRow(context.Background(), sql).Scan(&n, &table, &view)
				reads[i].Add(1)
				if err != nil || n < 2 {
					t.Errorf("reader %d: %d rows, %v", i, n, err)
				}
			}
		})
	}
	defer readers.Wait()
	defer stop()
	release, done := w.holdUp(), make(chan dag.Report, 1)
	defer release()
	go func() { done <- w.runOpened(context.Background(), s) }()
	w.untilHeldUp()
	for i := range reads {
		before := reads[i].Load()
		require.Eventually(t, func() bool { return reads[i].Load() > before+3 }, patience, time.Millisecond, "reader %d waits for the slow step", i)
	}
	release()
	report := <-done
	require.Equal(t, dag.Success, report.Status)
	require.Equal(t, dag.Success, step(t, report, "shop_dws.slow").Status)
}

func TestTogether_isRepeatedAfterItsSessionWasEnded(t *testing.T) {
	t.Parallel()
	w := newRelease(t)
	w.succeed()
	w.release(1)
	w.exec("create sequence ods.tries")
	w.write("models/shop/dws/slow.sql", "-- kind: table\n-- depends_on: [shop_dws.total]\nselect t.n, pg_sleep(case when nextval('ods.tries') = 1 then 600 else 0 end)::text as slept from shop_dws.total as t")
	s := w.open()
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(context.Background(), s) }()
	require.Eventually(t, func() bool {
		return w.value(`select count(pg_terminate_backend(pid)) from pg_stat_activity
where application_name like 'terrace:%:shop_dws.slow' and wait_event = 'PgSleep' and datname = current_database()`) == "1"
	}, patience, 10*time.Millisecond)
	report := <-done
	require.Equal(t, dag.Success, report.Status, step(t, report, "shop_dws.slow").Err())
	require.Equal(t, "3", w.value("select count(twice) from shop_dwd.orders"))
	require.Equal(t, "10", w.value("select count(*) from terrace.step where run_id = $1 and status = 'success' and kind <> 'assertion'", report.RunID))
}

func TestTogether_cancelledLeavesEverythingAsItWas(t *testing.T) {
	t.Parallel()
	w := newRelease(t)
	w.succeed()
	before := w.everything()
	w.release(1)
	w.write("models/shop/dws/slow.sql", "-- kind: table\n-- depends_on: [shop_dws.total]\nselect t.n, pg_sleep(600)::text as slept from shop_dws.total as t")
	s := w.open()
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(ctx, s) }()
	require.Eventually(t, func() bool {
		return w.value("select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()") == "1"
	}, patience, 10*time.Millisecond)
	cancel(errors.New("interrupted"))
	report := <-done
	require.Equal(t, dag.Cancelled, report.Status)
	require.Equal(t, "not published: interrupted", step(t, report, "shop_dwd.orders").Reason)
	require.Equal(t, dag.Cancelled, step(t, report, "shop_dwd.orders").Status)
	require.Equal(t, before, w.everything())
}

func TestTogether_buildsNothingWhenAStreamFailed(t *testing.T) {
	t.Parallel()
	w := newRelease(t)
	w.plan = func(o *dag.PlanOptions) { o.Extract = true }
	s := w.open()
	runner := &dag.Runner{Threads: 2, Execute: broken{}, Together: s.executor, Now: time.Now}
	report := runner.Run(context.Background(), s.plan)
	require.Equal(t, dag.Failure, step(t, report, "ods.orders").Status)
	require.Equal(t, "not published: ods.orders failed", step(t, report, "shop_dwd.orders").Reason)
	require.Empty(t, w.rows("select * from terrace.node_state"))
}

type broken struct{}

func (broken) Execute(context.Context, dag.Step) dag.Result {
	return dag.Result{Status: dag.Failure, Err: errors.New("no such host")}
}

func TestTogether_namesTheOtherRunThatHoldsANode(t *testing.T) {
	t.Parallel()
	w := newRelease(t)
	w.hold("shop_dws.total")
	report := w.run()
	for _, s := range report.Steps {
		var held *dag.HeldError
		if errors.As(s.Err(), &held) {
			require.Equal(t, "shop_dws.total", held.Node)
			require.Empty(t, w.rows("select * from terrace.node_state"))
			return
		}
	}
	require.Fail(t, "no step says that a node is held")
}

func TestTogether_waitsForReadersAMomentAtATime(t *testing.T) {
	t.Parallel()
	w := newRelease(t)
	w.succeed()
	w.release(1)
	ctx := context.Background()
	tx, err := w.db.Conn(t).Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "select * from shop_dwd.paid")
	require.NoError(t, err)
	s := w.open()
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(ctx, s) }()
	require.Eventually(t, func() bool {
		return w.value("select count(*) from pg_stat_activity where state = 'idle in transaction' and query like '%savepoint publish%' and application_name like 'terrace:%' and datname = current_database()") == "1"
	}, patience, 5*time.Millisecond)
	require.Equal(t, "2", w.value("select count(*) from shop_dwd.paid"), "who comes after the waiting publish reads")
	require.NoError(t, tx.Commit(ctx))
	require.Equal(t, dag.Success, (<-done).Status)
}

// What a run exchanged at its end is what it built: the next run goes on from it.
func TestTogether_knowsItsOwnRelationsAfterwards(t *testing.T) {
	t.Parallel()
	w := newRelease(t)
	w.succeed()
	w.release(1)
	w.succeed()
	w.land("ods.orders", "insert into ods.orders values (5, 'paid', 50)")
	for _, together := range []bool{true, false} {
		w.together = together
		w.plan = func(o *dag.PlanOptions) { o.Force = true }
		w.succeed()
	}
	require.Equal(t, "3", w.value("select count(*) from shop_dwd.paid"))
}
