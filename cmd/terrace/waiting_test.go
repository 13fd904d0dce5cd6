package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// A run that stands still says why, once, and only of its own steps.
func TestProgress_tellsForWhomAStepWaits(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	connect := func(name string) *pgx.Conn {
		config, err := pgx.ParseConfig(db.URL)
		require.NoError(t, err)
		config.RuntimeParams["application_name"] = name
		conn, err := pgx.ConnectConfig(ctx, config)
		require.NoError(t, err)
		t.Cleanup(func() { hangUp(conn) })
		return conn
	}
	holder, step := connect("report"), connect("terrace:0123456789ab:shop_dwd.sales")
	for _, sql := range []string{"create table public.sales (n integer)", "begin", "lock table public.sales"} {
		_, err := holder.Exec(ctx, sql)
		require.NoError(t, err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := step.Exec(ctx, "select from public.sales")
		ended <- err
	}()
	ledger := dag.NewLedger(db.Pool)
	require.Eventually(t, func() bool {
		waiting, err := ledger.Waiting(ctx)
		return err == nil && len(waiting) == 1
	}, 5*time.Minute, 10*time.Millisecond)

	var said bytes.Buffer
	now := time.Now()
	app := &App{Env: Env{Stderr: &said, Now: func() time.Time { return now }}, Globals: &Globals{}}
	tell := func(p *progress) string {
		said.Reset()
		p.tellWaiting(ctx, ledger)
		return said.String()
	}
	other, own := app.newProgress(1), app.newProgress(1)
	other.observe(dag.Event{Step: dag.Step{Name: "shop_dwd.orders"}, Started: true})
	own.observe(dag.Event{Step: dag.Step{Name: "shop_dwd.sales"}, Started: true})
	now = now.Add(waitingEvery - time.Second)
	require.Empty(t, tell(own), "it may be over in a moment")
	now = now.Add(time.Second)
	require.Empty(t, tell(other))
	text := tell(own)
	require.Contains(t, text, fmt.Sprintf("waiting: shop_dwd.sales, for process %d (report, role ", holder.PgConn().PID()))
	require.Contains(t, text, "idle in transaction")
	require.Contains(t, text, fmt.Sprintf("select pg_terminate_backend(%d) ends it\n", holder.PgConn().PID()))
	require.Empty(t, tell(own), "it is told once")

	_, err := holder.Exec(ctx, "rollback")
	require.NoError(t, err)
	require.NoError(t, <-ended)
}
