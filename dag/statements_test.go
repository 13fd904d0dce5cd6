package dag_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

func TestConnect_countsWhatIsSent(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(pgtest.New(t).URL)
	require.NoError(t, err)
	var statements atomic.Int64
	pool, err := dag.Connect(t.Context(), config, dag.Session{RunID: uuid.New(), Timezone: "UTC", Connections: 1, Statements: &statements})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.NoError(t, pool.Ping(t.Context())) // opens the session
	sent := func(do func()) int64 {
		before := statements.Load()
		do()
		return statements.Load() - before
	}
	exec := func(sql string, args ...any) {
		_, err := pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, sent(func() { exec("create temporary table kept (text text)") }))
	require.EqualValues(t, 1, sent(func() { exec("insert into kept values ($1)", strings.Repeat("E Q ", 100_000)) }), "what looks like a message within one is none")
	require.EqualValues(t, 3, sent(func() {
		batch := &pgx.Batch{}
		for range 3 {
			batch.Queue("select 1")
		}
		require.NoError(t, pool.SendBatch(t.Context(), batch).Close())
	}))
	rows := make([][]any, 20_000)
	for i := range rows {
		rows[i] = []any{"EQEQEQ"}
	}
	require.EqualValues(t, 1, sent(func() {
		_, err := pool.CopyFrom(t.Context(), pgx.Identifier{"kept"}, []string{"text"}, pgx.CopyFromRows(rows))
		require.NoError(t, err)
	}), "COPY is one statement, however many rows it has")
}
