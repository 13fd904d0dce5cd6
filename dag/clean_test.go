package dag_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

func TestGivingWay_keepsNoReaderWaitingBehindAReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.exec("create schema s; create table s.x as select 1 as n")
	ctx := context.Background()
	first, err := w.db.Pool.Begin(ctx)
	require.NoError(t, err)
	_, err = first.Exec(ctx, "select from s.x")
	require.NoError(t, err)

	tried, dropped := make(chan struct{}), make(chan error)
	go func() {
		conn, err := pgx.Connect(ctx, w.db.URL)
		if err != nil {
			close(tried)
			dropped <- err
			return
		}
		defer conn.Close(ctx)
		attempts := 0
		dropped <- dag.GivingWay(ctx, conn, nil, func(tx pgx.Tx) error {
			if attempts++; attempts == 2 {
				close(tried)
			}
			_, err := tx.Exec(ctx, "drop table s.x")
			return err
		})
	}()
	<-tried
	for range 3 { // each waits for one attempt at most
		second, err := w.db.Pool.Begin(ctx)
		require.NoError(t, err)
		_, err = second.Exec(ctx, "set local lock_timeout = '5min'")
		require.NoError(t, err)
		_, err = second.Exec(ctx, "select from s.x")
		require.NoError(t, err)
		require.NoError(t, second.Rollback(ctx))
	}
	require.NoError(t, first.Rollback(ctx))
	require.NoError(t, <-dropped)
	require.Equal(t, []string{"()"}, w.rows("select to_regclass('s.x')"))
}

func TestGivingWay_saysWhoKeptIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.exec("create schema s; create table s.x as select 1 as n")
	ctx := context.Background()
	reader := w.db.Conn(t)
	_, err := reader.Exec(ctx, "set application_name = 'her report'; begin; select *, 'secret' as word from s.x")
	require.NoError(t, err)

	err = dag.GivingWayTimes(ctx, w.db.Conn(t), 2, []string{`table "s"."x"`}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "drop table s.x")
		return err
	})

	require.ErrorContains(t, err, fmt.Sprintf("nothing was dropped: in 2 tries others had it locked, by reading it for one: process %d (her report, role ", reader.PgConn().PID()))
	require.NotContains(t, err.Error(), "secret")
	var told *dag.StepError
	require.ErrorAs(t, err, &told)
	require.Contains(t, told.Hint, fmt.Sprintf("pg_terminate_backend(%d)", reader.PgConn().PID()))
}

func TestDrop_namesTheRunThatHoldsANode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"models/s/x.sql": "-- depends_on: []\nselect 1 as n"})
	w.succeed()
	ctx := context.Background()
	holder, err := w.db.Pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, holder.Rollback(ctx)) }()
	_, err = holder.Exec(ctx, "select set_config('application_name', 'somebody', true), pg_advisory_xact_lock(hashtextextended('terrace node s.x', 0))")
	require.NoError(t, err)

	built, err := dag.LoadBuilt(ctx, w.db.Pool, "")
	require.NoError(t, err)
	require.Len(t, built, 1)
	err = pgx.BeginFunc(ctx, w.db.Pool, func(tx pgx.Tx) error { return dag.Drop(ctx, tx, built) })
	var held *dag.HeldError
	require.ErrorAs(t, err, &held)
	require.Contains(t, held.Holder, "somebody (process ")
}
