package dag

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Session is what every connection of a run is set to.
type Session struct {
	RunID    uuid.UUID
	RunAt    time.Time // one value for the whole run
	Vars     map[string]string
	Timezone string
	// From and To limit what --from and --to limit; zero without them.
	From, To time.Time
	// Connections is the greatest number of connections of the pool.
	Connections int
	// Silence is how long a session may be idle in a transaction; 0 is ten minutes.
	Silence time.Duration
	// Statements, where it is set, counts what all connections send.
	Statements *atomic.Int64
}

// silence is how long the server waits within a transaction for what its client says next. No transaction is open while
// anything but the server is waited for, so that the longest silences are of seconds: one of minutes is a process that was
// stopped, whose locks others wait for. It ends then, undone; the process, once it goes on, does the step again.
const silence = 10 * time.Minute

// Connect opens a pool whose sessions cannot outlive their client by more than half a second, nor one that stands still in a
// transaction by more than ten minutes, resolve no unqualified name, and answer terrace.var() and its like. It does not wait
// for the server: the first use does.
func Connect(ctx context.Context, config *pgxpool.Config, s Session) (*pgxpool.Pool, error) {
	vars, err := json.Marshal(s.Vars)
	if err != nil {
		return nil, fmt.Errorf("encode vars: %w", err)
	}
	config = config.Copy()
	config.MaxConns = int32(max(s.Connections, 1))
	config.ConnConfig.RuntimeParams["application_name"] = sessionName(s.RunID)
	config.ConnConfig.BuildContextWatcherHandler = CancelledByServer
	if s.Statements != nil {
		config.ConnConfig.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			return pgproto3.NewFrontend(r, &counted{Writer: w, statements: s.Statements})
		}
	}
	// A value's text is read back as that value, and is the same whoever runs: groups, bounds of partitions and rows without a key
	// are told by it. A database or a role may be set to show floats in fewer digits than they have, or times with the letters
	// of a zone that several zones share. Whether dates begin with the day stays as it is set.
	//
	// JIT is off: rows out of JSONB arrays are guessed at a hundred times what they are, and a statement of 0.2 s spent
	// 1.5 s on being compiled.
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `select
    set_config('search_path', '', false),
    set_config('timezone', $1, false),
    set_config('client_connection_check_interval', '500ms', false),
    set_config('idle_in_transaction_session_timeout', $7, false),
    set_config('jit', 'off', false),
    set_config('client_encoding', 'UTF8', false),
    set_config('datestyle', 'ISO', false),
    set_config('intervalstyle', 'postgres', false),
    set_config('extra_float_digits', '1', false),
    set_config('bytea_output', 'hex', false),
    set_config('quote_all_identifiers', 'off', false),
    set_config('terrace.run_id', $2, false),
    set_config('terrace.run_at', $3, false),
    set_config('terrace.vars', $4, false),
    set_config('terrace.window_start', $5, false),
    set_config('terrace.window_end', $6, false)`,
			s.Timezone, s.RunID.String(), instant(s.RunAt), string(vars), instant(s.From), instant(s.To), milliseconds(cmp.Or(s.Silence, silence)))
		return err
	}
	return pgxpool.NewWithConfig(ctx, config)
}

// CancelledByServer has the server end a statement whose context is over, and waits for it to say so, five seconds at most:
// nothing goes on there when the process has ended, and the connection stays usable, so that the run's end can be written.
func CancelledByServer(c *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 5 * time.Second}
}

// sessionName is what a session of a run is called while it works on no node.
func sessionName(run uuid.UUID) string { return "terrace:" + run.String() }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Ready makes the schemas that a run writes to, and stores the values of terrace.var() for sessions that no run opened,
// where they changed. With nil for vars those stay as they are.
func Ready(ctx context.Context, db Database, schemas []string, vars map[string]string) error {
	encoded, err := json.Marshal(vars)
	if err != nil {
		return fmt.Errorf("encode vars: %w", err)
	}
	var missing []string
	var varsDiffer *bool
	err = db.QueryRow(ctx, `select
    array(select s from unnest($1::text[]) as s where not exists (select from pg_namespace as n where n.nspname = s)),
    (select coalesce(jsonb_object_agg(v.name, v.value), '{}') from terrace.variable as v) <> nullif($2::jsonb, 'null')`,
		schemas, string(encoded)).Scan(&missing, &varsDiffer)
	if err != nil {
		return fmt.Errorf("look for schemas: %w", err)
	}
	for _, schema := range missing {
		_, err := db.Exec(ctx, "create schema if not exists "+pgx.Identifier{schema}.Sanitize())
		if err != nil && sqlState(err) != "23505" { // another run made it between the look and the statement
			return fmt.Errorf("make schema %s: %w", schema, err)
		}
	}
	if varsDiffer == nil || !*varsDiffer {
		return nil
	}
	_, err = db.Exec(ctx, `with wanted as (
    select name, value from jsonb_each_text($1::jsonb) as v (name, value)
),
gone as (
    delete from terrace.variable as v where not exists (select from wanted as w where w.name = v.name)
)
insert into terrace.variable (name, value)
select w.name, w.value from wanted as w
on conflict (name) do update set value = excluded.value`, string(encoded))
	return wrap("store vars", err)
}
