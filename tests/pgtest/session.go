package pgtest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Blocked has a session called waiter wait for the table public.sales, which one called holder has locked. It returns the
// holder's connection, and what lets the table go and returns when the waiter has had it.
func (db *DB) Blocked(t testing.TB, waiter, holder string) (held *pgx.Conn, release func()) {
	t.Helper()
	ctx := context.Background()
	held, waiting := db.session(t, holder), db.session(t, waiter)
	for _, sql := range []string{"create table public.sales (n integer)", "begin", "lock table\n    public.sales"} {
		_, err := held.Exec(ctx, sql)
		require.NoError(t, err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := waiting.Exec(ctx, "select from public.sales")
		ended <- err
	}()
	require.Eventually(t, func() bool {
		var waits bool
		err := db.Pool.QueryRow(ctx, "select coalesce(a.wait_event_type = 'Lock', false) from pg_stat_activity as a where a.pid = $1", waiting.PgConn().PID()).Scan(&waits)
		return err == nil && waits
	}, wait, 10*time.Millisecond)
	return held, func() {
		_, err := held.Exec(ctx, "rollback")
		require.NoError(t, err)
		require.NoError(t, <-ended)
	}
}

// session is a connection with a name that others see.
func (db *DB) session(t testing.TB, name string) *pgx.Conn {
	t.Helper()
	conn := db.Conn(t)
	_, err := conn.Exec(context.Background(), "select set_config('application_name', $1, false)", name)
	require.NoError(t, err)
	return conn
}
