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

// Who is on call sees what a run is at, and since when: a model that is built, and a stream that is read.
func TestLedger_tellsWhatARunWorksOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.exec("insert into terrace.stream (stream, key_columns, key_types) values ('shop_ods.orders', '{id}', '{bigint}'), ('shop_ods.refunds', '{id}', '{bigint}')")
	ctx := context.Background()
	run, other := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	id := run.String()
	session := func(name string, statements ...string) *pgx.Conn {
		conn := w.db.Conn(t)
		for _, sql := range append([]string{"set application_name = '" + name + "'"}, statements...) {
			_, err := conn.Exec(ctx, sql)
			require.NoError(t, err)
		}
		return conn
	}
	reads := session("terrace:"+id, "select pg_advisory_lock(hashtextextended('terrace.stream:shop_ods.orders', 0))")
	session("terrace:"+other.String(), "select pg_advisory_lock(hashtextextended('terrace.stream:shop_ods.refunds', 0))")
	session("terrace:"+id[len(id)-12:]+":shop_dwd.slow", "begin", "select 1")

	ledger := dag.NewLedger(w.db.Pool)
	working, err := ledger.Working(ctx, run)
	require.NoError(t, err)
	require.Len(t, working, 2)
	for i, node := range []string{"shop_ods.orders", "shop_dwd.slow"} {
		require.Equal(t, node, working[i].Node, "the one that began first comes first")
		require.NotNil(t, working[i].Since)
		require.WithinRange(t, *working[i].Since, time.Now().Add(-patience), time.Now().Add(patience))
	}
	_, err = reads.Exec(ctx, "select pg_advisory_unlock_all()")
	require.NoError(t, err)
	working, err = ledger.Working(ctx, run)
	require.NoError(t, err)
	require.Len(t, working, 1)
}

// A process that was stopped, or waits for a source, is silent; one that has a statement going is not.
func TestLedger_tellsSinceWhenARunIsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := context.Background()
	ledger := dag.NewLedger(w.db.Pool)
	own := w.db.Conn(t)
	info := dag.RunInfo{RunID: uuid.New(), Command: "run"}
	require.NoError(t, dag.NewLedger(own).Begin(ctx, &info))
	silent := func(most time.Duration) *time.Time {
		since, err := ledger.Silent(ctx, info.RunID, most)
		require.NoError(t, err)
		return since
	}
	require.Eventually(t, func() bool { return silent(0) != nil }, patience, 10*time.Millisecond)
	require.WithinRange(t, *silent(0), info.StartedAt.Add(-patience), time.Now().Add(patience))
	require.Nil(t, silent(24*time.Hour))

	w.exec("select pg_advisory_lock(77)")
	waited := make(chan error, 1)
	go func() {
		_, err := own.Exec(ctx, "select pg_advisory_lock(77)")
		waited <- err
	}()
	require.Eventually(t, func() bool { return silent(0) == nil }, patience, 10*time.Millisecond, "it waits in a statement")
	ended, err := w.db.Pool.Exec(ctx, dag.EndSessions(info.RunID))
	require.NoError(t, err)
	require.EqualValues(t, 1, ended.RowsAffected())
	require.Error(t, <-waited)
	other, err := ledger.Silent(ctx, uuid.New(), 0)
	require.NoError(t, err)
	require.Nil(t, other)
}
