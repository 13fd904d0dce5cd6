package dag_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

func TestLedger_tellsARunThatGoesOnFromOneThatWasLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := context.Background()
	own, err := pgx.Connect(ctx, w.db.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = own.Close(ctx) })
	info := dag.RunInfo{RunID: uuid.New(), Command: "run"}
	require.NoError(t, dag.NewLedger(own).Begin(ctx, &info))
	ledger := dag.NewLedger(w.db.Pool)
	last := func() dag.RunInfo {
		last, err := ledger.Run(ctx, info.RunID)
		require.NoError(t, err)
		runs, err := ledger.Runs(ctx, 1)
		require.NoError(t, err)
		require.Equal(t, last.Status, runs[0].Status)
		report, err := ledger.Report(ctx, info.RunID)
		require.NoError(t, err)
		require.Equal(t, last.Status, string(report.Status))
		return last
	}

	require.Equal(t, "running", last().Status)
	require.False(t, last().Lost())
	require.False(t, last().Ended())

	require.NoError(t, own.Close(ctx))
	// The session may end between two of last's questions, so only one is asked until it has ended.
	require.Eventually(t, func() bool {
		info, err := ledger.Run(ctx, info.RunID)
		return err == nil && info.Status == "error"
	}, patience, 10*time.Millisecond, "its session is gone")
	require.Equal(t, "error", last().Status)
	require.True(t, last().Lost())

	require.NoError(t, ledger.End(ctx, dag.Report{RunID: info.RunID.String(), Status: dag.Success}))
	require.Equal(t, "success", last().Status)
	require.False(t, last().Lost())
	require.True(t, last().Ended())
}

// failing is an executor under which everything fails.
type failing struct{}

func (failing) Execute(context.Context, dag.Step) dag.Result {
	return dag.Result{Status: dag.Failure, Err: errors.New("no")}
}

func TestLedger_hasWhenAStepWasGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := context.Background()
	ledger := dag.NewLedger(w.db.Pool)
	info := dag.RunInfo{RunID: uuid.New(), Command: "run"}
	require.NoError(t, ledger.Begin(ctx, &info))
	clock := info.StartedAt
	runner := dag.Runner{Threads: 1, FailFast: true, Execute: failing{}, Now: func() time.Time { clock = clock.Add(time.Second); return clock }}
	report := runner.Run(ctx, dag.Plan{Steps: []dag.Step{{Name: "a.first", Action: dag.Run}, {Name: "a.second", Action: dag.Run}}})
	report.RunID = info.RunID.String()
	require.NoError(t, ledger.End(ctx, report))

	kept, err := ledger.Report(ctx, info.RunID)
	require.NoError(t, err)
	require.Equal(t, "a.first", kept.Steps[0].Name, "they come in the order in which they began")
	require.Equal(t, "a.second", kept.Steps[1].Name)
	var after time.Duration
	require.NoError(t, w.db.Pool.QueryRow(ctx, `select s.started_at - r.started_at
from terrace.step as s
join terrace.run as r
    on r.run_id = s.run_id
where s.node = 'a.second'`).Scan(&after))
	require.Greater(t, after, time.Second, "after the step that failed")
}

func TestLedger_findsRunsByWhatTheirIdsBeginWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := context.Background()
	ledger := dag.NewLedger(w.db.Pool)
	var ids []uuid.UUID
	for _, id := range []string{"01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac97-774b-bcce-b302099a8057"} {
		info := dag.RunInfo{RunID: uuid.MustParse(id), Command: "run"}
		require.NoError(t, ledger.Begin(ctx, &info))
		ids = append(ids, info.RunID)
	}
	for text, want := range map[string][]uuid.UUID{"01890A5D-AC96": ids[:1], "01890a5d-ac97-7": ids[1:], "01890": {ids[1], ids[0]}, "02": nil, "0%": nil} {
		found, err := ledger.Beginning(ctx, text)
		require.NoError(t, err)
		require.ElementsMatch(t, want, found, text)
	}
}
