package dag_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// age makes all that the ledger has so many days older.
func (w *world) age(days int) {
	w.t.Helper()
	for _, sql := range []string{
		"update terrace.run set started_at = started_at - $1 * interval '1 day', ended_at = ended_at - $1 * interval '1 day'",
		"update terrace.step set started_at = started_at - $1 * interval '1 day'",
		"update terrace.assertion_result set judged_at = judged_at - $1 * interval '1 day'",
		"update terrace.batch set committed_at = committed_at - $1 * interval '1 day'",
	} {
		w.exec(sql, days)
	}
}

// forgetOld deletes all of the ledger that nobody needs, whatever its age is.
func (w *world) forgetOld() dag.Forgotten {
	w.t.Helper()
	w.age(3)
	ctx := context.Background()
	ledger := dag.NewLedger(w.db.Pool)
	would, err := ledger.ForgetRuns(ctx, dag.LeastKept, true)
	require.NoError(w.t, err)
	gone, err := ledger.ForgetRuns(ctx, dag.LeastKept, false)
	require.NoError(w.t, err)
	require.Equal(w.t, would, gone, "what would be deleted is deleted")
	var arrivals []dag.Arrivals
	for _, stream := range w.streams {
		if w.value("select to_regclass($1) is not null and exists (select from terrace.stream as s where s.stream = $1)", stream) == "t" {
			arrivals = append(arrivals, dag.Arrivals{Node: stream, Relations: []string{stream, stream + "__history"}})
		}
	}
	gone.Batches, err = ledger.ForgetBatches(ctx, dag.LeastKept, arrivals, false)
	require.NoError(w.t, err)
	return gone
}

// until is true once the condition is: sessions that look after the tables hold snapshots for a moment.
func until(t testing.TB, told string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 10*time.Millisecond, told)
}

func numbers(t testing.TB) *world {
	w := newWorld(t, map[string]string{
		"models/s/sums.sql":    "-- kind: incremental\n-- key: [k]\n-- depends_on: [ods.numbers]\n-- assert: [{not_null: [k]}]\nselect n.k, sum(n.v) as v from ods.numbers as n group by n.k",
		"models/s/all.sql":     "-- kind: table\n-- depends_on: [s.sums]\nselect count(*) as n from s.sums",
		"models/s/unused.sql":  "-- kind: table\n-- depends_on: []\nselect 1 as n",
		"models/s/seen.sql":    "-- depends_on: [ods.numbers, s.sums]\nselect n.*, s.v as total from ods.numbers as n join s.sums as s using (k)", // never built again
		"models/s/few.sql":     "-- depends_on: [ods.numbers]\nselect n.k from ods.numbers as n",
		"tests/s/positive.sql": "-- on: [s.sums]\n-- severity: warn\nselect s.* from s.sums as s where s.v < 0",
	}, "ods.numbers")
	w.exec("create schema ods; create table ods.numbers (k integer, v integer)")
	w.land("ods.numbers", "insert into ods.numbers select i % 10, i from generate_series(1, 100) as i")
	return w
}

func TestForget_leavesWhatStateNeeds(t *testing.T) {
	t.Parallel()
	w := numbers(t)
	w.succeed()
	for i := range 5 {
		w.land("ods.numbers", "update ods.numbers set v = v + 1 where k = $1", i)
		w.age(10)
		w.succeed()
	}
	w.write("models/s/all.sql", "-- kind: table\n-- depends_on: [s.sums]\nselect 1 / (count(*) - 10) as n from s.sums")
	require.Equal(t, dag.Failure, w.run().Status)
	ledger := dag.NewLedger(w.db.Pool)
	ctx := context.Background()
	unwell, err := ledger.Unwell(ctx)
	require.NoError(t, err)
	require.Len(t, unwell, 1)
	newest, err := ledger.Newest(ctx, "")
	require.NoError(t, err)
	results, err := ledger.Results(ctx, newest.RunID)
	require.NoError(t, err)
	judged, err := dag.LastJudgements(ctx, w.db.Pool, "", []string{})
	require.NoError(t, err)
	require.NotEmpty(t, judged)
	before := w.rows("select n.node, n.status, n.rows_inserted, n.error from (select distinct on (s.node) s.* from terrace.step as s order by s.node, s.started_at desc) as n")

	var gone dag.Forgotten
	until(t, "old batches go", func() bool {
		more := w.forgetOld()
		gone.Runs, gone.Steps, gone.Batches = gone.Runs+more.Runs, gone.Steps+more.Steps, gone.Batches+more.Batches
		return w.value("select count(*) from terrace.batch") == "6" // the newest of each node
	})
	require.Equal(t, int64(4), gone.Runs, "of seven, the first built what never changed since, one the table before it failed, and the last failed")
	require.Positive(t, gone.Steps)
	require.Equal(t, "3", w.value("select count(*) from terrace.run"))

	again, err := ledger.Newest(ctx, "")
	require.NoError(t, err)
	require.Equal(t, newest.RunID, again.RunID)
	kept, err := ledger.Results(ctx, again.RunID)
	require.NoError(t, err)
	require.Equal(t, results, kept, "retry and result: find what they found")
	after, err := dag.LastJudgements(ctx, w.db.Pool, "", []string{})
	require.NoError(t, err)
	require.Len(t, after, len(judged))
	for name, j := range judged {
		require.Equal(t, j.RunID, after[name].RunID, name)
	}
	require.Equal(t, before, w.rows("select n.node, n.status, n.rows_inserted, n.error from (select distinct on (s.node) s.* from terrace.step as s order by s.node, s.started_at desc) as n"))

	w.write("models/s/all.sql", "-- kind: table\n-- depends_on: [s.sums]\nselect count(*) as n from s.sums")
	for _, s := range w.succeed().Steps {
		require.Equal(t, dag.Skipped, s.Status, s.Name)
	}
	w.land("ods.numbers", "update ods.numbers set v = v + 1 where k = 7")
	require.Equal(t, dag.Success, step(t, w.succeed(), "s.sums").Status)
	w.requireFull("after one group changed", "s.sums")
}

func TestForgetBatches_leavesWhatNobodyHasReadYet(t *testing.T) {
	t.Parallel()
	w := numbers(t)
	w.succeed()
	reader, err := w.db.Pool.Begin(t.Context())
	require.NoError(t, err)
	for _, sql := range []string{"set transaction isolation level repeatable read", "select count(*) from ods.numbers"} {
		_, err = reader.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	for range 3 {
		w.land("ods.numbers", "update ods.numbers set v = v + 1 where k = 1")
	}
	pending := func() string { return w.value("select count(*) from terrace.batch where node = 'ods.numbers'") }
	w.forgetOld()
	require.Equal(t, "3", w.value("select count(*) from terrace.batch where node = 'ods.numbers' and batch_id > 1"), "nobody was built since")
	w.succeed()
	w.forgetOld()
	require.Equal(t, "3", w.value("select count(*) from terrace.batch where node = 'ods.numbers' and batch_id > 1"), "somebody reads what was before them")
	require.NoError(t, reader.Rollback(context.Background()))
	until(t, "all but the newest go", func() bool { w.forgetOld(); return pending() == "1" })
}

func TestForgetBatches_leavesThoseOfRowsAndOfRejects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.exec(`create schema s; create table s.now (_batch_id bigint); create table s.then (_batch_id bigint);
insert into s.now values (2); insert into s.then values (3);
insert into terrace.batch (node, slice_id, rows_inserted, rows_updated, bytes) select 's.x', 7, 2, 1, 10 from generate_series(1, 9);
insert into terrace.reject (node, batch_id, reason, raw, replayed_at) values ('s.x', 4, 'nul', '', null), ('s.x', 5, 'nul', '', now())`)
	w.age(3)
	ledger := dag.NewLedger(w.db.Pool)
	arrivals := []dag.Arrivals{{Node: "s.x", Relations: []string{"s.now", "s.then"}}}
	until(t, "the others go", func() bool {
		_, err := ledger.ForgetBatches(t.Context(), dag.LeastKept, arrivals, false)
		require.NoError(t, err)
		return w.value("select count(*) from terrace.batch") == "4"
	})
	require.Equal(t, []string{"(2)", "(3)", "(4)", "(9)"}, w.rows("select batch_id from terrace.batch order by 1"))
	require.Equal(t, []string{"(landing,s.x,15,50)"}, w.rows("select what, name, count, bytes from terrace.forgotten"))
}

func TestForgetRuns_leavesThoseThatGoOnAndTheNewestOfEachCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := context.Background()
	ledger := dag.NewLedger(w.db.Pool)
	begin := func(db dag.Database, command, environment string) uuid.UUID {
		info := dag.RunInfo{RunID: uuid.Must(uuid.NewV7()), Command: command, Environment: environment}
		require.NoError(t, dag.NewLedger(db).Begin(ctx, &info))
		return info.RunID
	}
	ended := func(command, environment string, seconds float64) uuid.UUID {
		id := begin(w.db.Pool, command, environment)
		require.NoError(t, ledger.End(ctx, dag.Report{RunID: id.String(), Status: dag.Success}))
		w.exec("update terrace.run set ended_at = started_at + $2 * interval '1 second' where run_id = $1", id, seconds)
		return id
	}
	own, err := pgx.Connect(ctx, w.db.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = own.Close(ctx) })
	goesOn := begin(own, "run", "")
	for _, seconds := range []float64{0.5, 1, 20000} {
		ended("run", "", seconds)
	}
	dev, extract := ended("run", "dev", 1), ended("extract", "", 1)
	last := ended("run", "", 1)
	w.age(3)
	gone, err := ledger.ForgetRuns(ctx, dag.LeastKept, false)
	require.NoError(t, err)
	require.Equal(t, int64(3), gone.Runs)
	var left []uuid.UUID
	for _, id := range []uuid.UUID{goesOn, dev, extract, last} {
		info, err := ledger.Run(ctx, id)
		require.NoError(t, err)
		left = append(left, info.RunID)
	}
	require.Len(t, left, 4)
	require.Equal(t, "4", w.value("select count(*) from terrace.run"))
	require.Equal(t, []string{"(run,success,1,1,0.500000)", "(run,success,5,1,1.000000)", "(run,success,Infinity,1,20000.000000)"},
		w.rows("select name, result, below, count, seconds from terrace.forgotten where what = 'run' order by below"))
}
