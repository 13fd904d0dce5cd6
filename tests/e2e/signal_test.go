package e2e

import (
	_ "embed"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

//go:embed signal.txtar
var signalled []byte

// forever bounds what would else wait for a test that failed. Nothing is told by how long it takes.
const forever = 5 * time.Minute

// A signal ends the program wherever it is, while what it waits for goes on to keep it waiting: with the signal's exit code,
// nothing of it left on the server, and an end in the ledger where a run had begun.
func TestSignal_endsTheProgramWhereverItWaits(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), db: pgtest.NewEmpty(t)}
	write := func(files []txtar.File) {
		for _, f := range files {
			path := filepath.Join(s.dir, f.Name)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, f.Data, 0o644))
		}
	}
	write(txtar.Parse(signalled).Files)
	asked, over := make(chan struct{}, 1), make(chan struct{})
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		if r.URL.Path == "/busy" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		select { // it never answers
		case <-r.Context().Done():
		case <-over:
		}
	}))
	t.Cleanup(func() { close(over); source.Close() })
	s.env = []string{"TERRACE_TEST_SOURCE=" + source.URL}
	s.succeed("at first", "run")
	write([]txtar.File{{Name: "models/shop/changed.sql", Data: []byte("-- kind: table\n-- depends_on: [shop_ref.gate]\nselect g.n, g.n || 'x' as more from shop_ref.gate as g\n")}})

	const waitsForLock = "a.wait_event_type = 'Lock'"
	for _, c := range []struct {
		name   string
		args   []string
		hold   string // by another session, from before the program starts until after it has ended
		waits  string // how a session a of the program is known to have come so far; "" where the source knows
		begins bool   // the ledger has the run
	}{
		{"schema", []string{"run"}, "lock table terrace.schema_migrations", waitsForLock, false},
		{"plan", []string{"run"}, "lock table terrace.node_state", waitsForLock, false},
		{"ledger", []string{"run"}, "lock table terrace.run in exclusive mode", waitsForLock, false},
		{"variables", []string{"run", "--force"}, "lock table terrace.variable", waitsForLock, true},
		{"a node", []string{"run", "--wait", "--force", "shop.slow"}, "select pg_advisory_xact_lock(hashtextextended('terrace node shop.slow', 0))", waitsForLock, true},
		{"a node, together", []string{"run", "--wait", "--force", "--publish", "together"}, "select pg_advisory_xact_lock(hashtextextended('terrace node shop.slow', 0))", waitsForLock, true},
		{"a stream", []string{"extract", "--wait", "shop_ods.silent"}, "select pg_advisory_xact_lock(hashtextextended('terrace.stream:shop_ods.silent', 0))", waitsForLock, true},
		{"a build", []string{"run", "--force", "shop.slow"}, "lock table shop_ref.gate", waitsForLock, true},
		{"a build, together", []string{"run", "--force", "--publish", "together"}, "lock table shop_ref.gate", waitsForLock, true},
		{"a gate", []string{"run", "--force", "shop.judged"}, "lock table shop_ref.watch", waitsForLock, true},
		{"a publish", []string{"run", "shop.changed"}, "select from shop.changed", "a.query like '%savepoint publish%'", true},
		{"a publish, together", []string{"run", "--publish", "together"}, "select from shop.changed", "a.query like '%savepoint publish%'", true},
		{"test", []string{"test", "--no-unit"}, "lock table shop_ref.watch", waitsForLock, true},
		{"a unit test", []string{"test", "--unit"}, "select pg_advisory_xact_lock(1)", waitsForLock, false},
		{"check", []string{"check"}, "lock table terrace.node_state", waitsForLock, false},
		{"plan --diff", []string{"plan", "--diff"}, "lock table shop_ref.gate", waitsForLock, false},
		{"preview", []string{"preview", "shop.slow"}, "lock table shop_ref.gate", waitsForLock, false},
		{"status", []string{"status"}, "lock table terrace.run", waitsForLock, false},
		{"retry", []string{"retry"}, "lock table terrace.run", waitsForLock, false},
		{"schedule start", []string{"schedule", "start"}, "lock table terrace.schedule", waitsForLock, false},
		{"serve", []string{"serve", "--no-pages", "--no-schedules"}, "lock table shop_ref.gate", waitsForLock, true},
		{"a source that is silent", []string{"extract", "shop_ods.silent"}, "select 1", "", true},
		{"a source that is busy", []string{"extract", "shop_ods.busy"}, "select 1", "", true},
	} {
		for code, signal := range map[int]syscall.Signal{130: syscall.SIGINT, 143: syscall.SIGTERM} {
			if (len(c.name)+code)%2 == 0 { // one of both each
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				ctx := t.Context()
				runs := s.rows("select run_id::text from terrace.run")
				holder := s.db.Conn(t)
				tx, err := holder.Begin(ctx)
				require.NoError(t, err)
				_, err = tx.Exec(ctx, c.hold)
				require.NoError(t, err)
				select {
				case <-asked: // by the one before
				default:
				}

				cmd, out, talk := s.terrace(s.db.URL, c.args...)
				require.NoError(t, cmd.Start())
				t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended where the test passed
				ended := make(chan error, 1)
				go func() { ended <- cmd.Wait() }()
				if c.waits == "" {
					<-asked
				} else {
					require.Eventually(t, func() bool { return s.any(c.waits, holder) }, forever, 5*time.Millisecond)
				}
				require.NoError(t, cmd.Process.Signal(signal))
				start := time.Now()
				select {
				case <-ended:
				case <-time.After(forever):
					require.Fail(t, "it goes on")
				}
				t.Logf("%v after the signal", time.Since(start))
				require.Equal(t, code, cmd.ProcessState.ExitCode(), "%s%s", out, talk)
				require.NotRegexp(t, "user request|hint: Somebody|context canceled", talk.String(), "what was cancelled is nobody's mistake")
				require.Eventually(t, func() bool { return !s.any("true", holder) }, forever, 5*time.Millisecond, "what it began goes on")
				require.NoError(t, tx.Rollback(ctx))

				began := s.rows("select concat_ws(' ', r.status, r.ended_at is not null) from terrace.run as r where r.run_id <> all ($1::uuid[])", runs)
				if c.begins {
					require.Equal(t, []string{"cancelled t"}, began, "%s%s", out, talk)
				} else {
					require.Empty(t, began)
				}
			})
		}
	}
}

// any reports whether a session a, of whom is neither the test nor the holder, is so.
func (s *site) any(so string, holder *pgx.Conn) bool {
	s.t.Helper()
	return len(s.rows(`select a.pid::text from pg_stat_activity as a
where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid() and a.pid <> $1 and `+so, holder.PgConn().PID())) > 0
}

// A server that takes the connection and says nothing is waited for no longer than the signal.
func TestSignal_endsTheProgramWhileItConnects(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	s := &site{t: t, dir: project(t, false)}
	cmd, out, talk := s.terrace("postgres://nobody@"+listener.Addr().String()+"/none?connect_timeout=3600", "run")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended where the test passed
	conn, err := listener.Accept()
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	require.Equal(t, 143, cmd.ProcessState.ExitCode(), "%s%s", out, talk)
}
