package dag_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

func TestLedger_tellsForWhomAStepWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := context.Background()
	holder, release := w.db.Blocked(t, "terrace:0123456789ab:shop_dwd.sales", "report")
	ledger := dag.NewLedger(w.db.Pool)
	waiting, err := ledger.Waiting(ctx)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.NotNil(t, waiting[0].Since)
	waiting[0].Since, waiting[0].Role = nil, ""
	require.Equal(t, dag.Waiting{
		Node: "shop_dwd.sales", PID: int32(holder.PgConn().PID()), Application: "report", State: "idle in transaction", Statement: "lock table public.sales",
	}, waiting[0])

	release()
	waiting, err = ledger.Waiting(ctx)
	require.NoError(t, err)
	require.Empty(t, waiting)
}

// A step waits under its own name, also for what it only reads.
func TestLedger_tellsForWhomAStepWaitsThatReads(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		w := shop(t, ordersOf("-- kind: table", allOrders), nil)
		w.together = together
		holder := w.db.Conn(t)
		ctx := context.Background()
		for _, sql := range []string{"begin", "lock table ods.orders"} {
			_, err := holder.Exec(ctx, sql)
			require.NoError(t, err)
		}
		ended := make(chan dag.Report)
		run := w.open()
		go func() { ended <- w.runOpened(ctx, run) }()
		var waiting []dag.Waiting
		require.Eventually(t, func() bool {
			var err error
			waiting, err = dag.NewLedger(w.db.Pool).Waiting(ctx)
			return err == nil && len(waiting) > 0
		}, patience, 10*time.Millisecond)
		require.Equal(t, map[bool]string{false: "shop_dwd.orders", true: dag.AllNodes}[together], waiting[0].Node)
		require.Equal(t, int32(holder.PgConn().PID()), waiting[0].PID)
		_, err := holder.Exec(ctx, "rollback")
		require.NoError(t, err)
		require.Equal(t, dag.Success, (<-ended).Status)
	}
}

func TestLedger_listsWhatIsUnwellAndWhatWaitsForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := context.Background()
	ledger := dag.NewLedger(w.db.Pool)
	run := func(environment string, steps ...dag.StepReport) {
		info := dag.RunInfo{RunID: uuid.Must(uuid.NewV7()), Command: "run", Environment: environment}
		require.NoError(t, ledger.Begin(ctx, &info))
		require.NoError(t, ledger.End(ctx, dag.Report{RunID: info.RunID.String(), Status: dag.Failure, Steps: steps}))
	}
	unwell := func() []string {
		found, err := ledger.Unwell(ctx)
		require.NoError(t, err)
		var out []string
		for _, u := range found {
			text := u.Node + " " + string(u.Status) + " " + u.Reason
			if !u.Waits() {
				text += u.Error.Message
			}
			out = append(out, text)
		}
		return out
	}
	step := func(name string, status dag.Status, reason string) dag.StepReport {
		s := dag.StepReport{Name: name, Kind: dag.KindTable, Status: status, Reason: reason}
		if status.Bad() {
			s.Error, s.Reason = &dag.StepFault{Message: reason}, ""
		}
		return s
	}

	run("", step("d.a", dag.Success, ""), step("d.b", dag.Failure, "division by zero"), step("d.c", dag.Skipped, "upstream failed: d.b"), step("d.d", dag.Skipped, "unchanged"))
	run("dev", step("d.a", dag.Failure, "in dev"))
	require.Equal(t, []string{"d.b failure division by zero", "d.c skip upstream failed: d.b"}, unwell())
	run("", step("d.b", dag.Success, ""))
	require.Equal(t, []string{"d.c skip upstream failed: d.b"}, unwell())
	run("", step("d.c", dag.Success, ""), step("d.a", dag.Timeout, "too long"))
	require.Equal(t, []string{"d.a timeout too long"}, unwell())

	// Whoever puts the file back as it was has nothing to build, and nothing that is stale.
	run("", step("d.b", dag.Failure, "no such column"), step("d.c", dag.Skipped, "upstream failed: d.b"), step("d.e", dag.Cancelled, "stopped"))
	run("dev", step("d.b", dag.Skipped, "unchanged"))
	require.Equal(t, []string{
		"d.a timeout too long", "d.b failure no such column", "d.c skip upstream failed: d.b", "d.e cancelled stopped",
	}, unwell())
	run("", step("d.b", dag.Skipped, "unchanged"), step("d.c", dag.Skipped, "unchanged"), step("d.d", dag.Skipped, "unchanged"))
	require.Equal(t, []string{"d.a timeout too long", "d.e cancelled stopped"}, unwell())
	require.Equal(t, "0", w.value("select count(*)::text from terrace.step where node = 'd.d'"), "what was well before has no step")
}
