package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// A run that stands still says why, once, and only of its own steps.
func TestProgress_tellsForWhomAStepWaits(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	holder, release := db.Blocked(t, "terrace:0123456789ab:shop_dwd.sales", "report")
	ledger := dag.NewLedger(db.Pool)

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
	release()
}
