package e2e

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/clitest"
	"github.com/terrace-elt/terrace/tests/demotest"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

//go:embed every_kind.txtar
var everyKind []byte

// changed is what the names of files begin with that the project gets later.
const changed = "changed/"

// project writes the files of the project, as it is at first or as it is later.
func project(t *testing.T, later bool) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse(everyKind).Files {
		name, isLater := strings.CutPrefix(f.Name, changed)
		if isLater && !later {
			continue
		}
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, f.Data, 0o644))
	}
	return dir
}

// together are the arguments of an update that makes everything visible at once.
var together = []string{"--publish", "together"}

// site is a project and a database.
type site struct {
	t   *testing.T
	dir string
	db  *pgtest.DB
	// env is the processes' own.
	env []string
}

// terrace is a call of the program on a database.
func (s *site) terrace(url string, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	cmd = exec.Command(demotest.Binary, args...)
	cmd.Dir = s.dir
	cmd.Env = append(append(clitest.Environ(), "TERRACE_DATABASE_URL="+url), s.env...)
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// succeed runs the program and returns what it printed.
func (s *site) succeed(told string, args ...string) (stdout, stderr string) {
	s.t.Helper()
	cmd, out, talk := s.terrace(s.db.URL, args...)
	require.NoError(s.t, cmd.Run(), "%s: terrace %s\n%s%s", told, strings.Join(args, " "), out, talk)
	return out.String(), talk.String()
}

func (s *site) rows(sql string, args ...any) []string {
	s.t.Helper()
	rows, err := s.db.Pool.Query(s.t.Context(), sql, args...)
	require.NoError(s.t, err, sql)
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err, sql)
	return texts
}

// hushed waits until the processes' sessions have ended.
func (s *site) hushed() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		return len(s.rows("select pid::text from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'")) == 0
	}, 5*time.Minute, 10*time.Millisecond)
}

// contentOf are the rows of a relation, less what names a run, a batch or a place in an order of landing. Times at which
// versions begin and end are those of the runs that saw them: what counts is which comes first.
const contentOf = `with rows as (
    select (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(to_jsonb(t)) as e where not starts_with(e.key, '_') and e.key <> 'run') as r
    from %s as t
),
times as (
    select d.t, dense_rank() over (order by d.t) as n
    from (select r ->> 'valid_from' as t from rows union select r ->> 'valid_to' from rows) as d
    where d.t is not null
)
select (r || case when r ? 'valid_from' then jsonb_build_object(
    'valid_from', (select n from times where t = r ->> 'valid_from'), 'valid_to', (select n from times where t = r ->> 'valid_to')) else '{}' end)::text
from rows order by 1`

// contents are the rows of every relation, and the definitions of views, by name.
func (s *site) contents() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	for _, named := range s.rows(`select format('%s%I.%I', c.relkind, n.nspname, c.relname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where (n.nspname like 'shop%' or c.relname = 'filled') and c.relkind in ('r', 'm', 'v', 'p') and not c.relispartition`) {
		kind, name := named[:1], named[1:]
		sql := fmt.Sprintf(contentOf, name)
		if kind == "v" {
			s.rows("select 'it can be read' from " + name + " limit 1")
			sql = "select pg_get_viewdef('" + name + "'::regclass)"
		}
		out[name] = strings.Join(s.rows(sql), "\n")
	}
	return out
}

// catalog is all else that relations have.
func (s *site) catalog() []string {
	s.t.Helper()
	return s.rows(`select row(n.nspname, c.relname, c.relkind, c.relacl, obj_description(c.oid, 'pg_class'), pg_get_expr(c.relpartbound, c.oid),
    array(select pg_get_indexdef(i.indexrelid) from pg_index as i where i.indrelid = c.oid order by 1),
    array(select concat_ws(' ', k.conname, pg_get_constraintdef(k.oid)) from pg_constraint as k where k.conrelid = c.oid order by 1),
    array(select concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull) from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attname))::text
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where (n.nspname like 'shop%' or n.nspname like 'terrace%') and c.relkind in ('r', 'm', 'v', 'p') order by 1`)
}

// situation is what an update finds, and what it is to make of it.
type situation struct {
	*site
	args []string
	// statements is how many an undisturbed update sends.
	statements int
	// before and after are the contents, catalog all else after it, runs the ids of runs before it.
	before, after map[string]string
	catalogAfter  []string
	runs          []string
}

// situate makes the update on a twin of the database that meets no fault.
func situate(t *testing.T, dir string, db *pgtest.DB, args ...string) *situation {
	t.Helper()
	s := &situation{site: &site{t: t, dir: dir, db: db}, args: append([]string{"update"}, args...)}
	s.before = s.contents()
	if slices.Equal(s.rows("select to_regclass('terrace.run') is not null || ''"), []string{"true"}) {
		s.runs = s.rows("select run_id::text from terrace.run")
	}
	twin := &site{t: t, dir: dir, db: db.Clone(t)}
	faults := &pgtest.Faults{}
	cmd, _, talk := twin.terrace(faults.Relay(t, twin.db.URL), s.args...)
	require.NoError(t, cmd.Run(), talk)
	s.statements, s.after, s.catalogAfter = faults.Count(), twin.contents(), twin.catalog()
	require.NotEqual(t, s.before, s.after)
	return s
}

// kill starts the update on a clone of the database and kills it, as kill -9 does, when it has sent the statement after n
// others. What it has sent by then arrives, as it does when a process dies; or, unsent, what it sent before that statement, as
// when a machine does. It returns the clone and the statement, "" where the update needed fewer.
func (s *situation) kill(t *testing.T, n int, unsent bool, env ...string) (killed *site, statement string) {
	t.Helper()
	killed = &site{t: t, dir: s.dir, db: s.db.Clone(t)}
	killed.env = env
	faults := &pgtest.Faults{}
	cmd, _, talk := killed.terrace(faults.Relay(t, killed.db.URL), s.args...)
	started, ended := make(chan struct{}), make(chan struct{})
	faults.Arm(n, pgtest.Fault{Unsent: unsent, Before: func(uint32) {
		<-started
		_ = cmd.Process.Kill() // whether it was killed is seen below
		<-ended
	}})
	require.NoError(t, cmd.Start())
	close(started)
	err := cmd.Wait()
	close(ended)
	statement = faults.Disarm()
	if statement == "" {
		require.NoError(t, err, talk)
	} else {
		require.Equal(t, -1, cmd.ProcessState.ExitCode(), "%s: it was killed\n%s", statement, talk)
	}
	killed.hushed()
	return killed, statement
}

// requireTruth wants every relation to have its old or its new content, whole, and the ledger to say which. It returns
// whether a run began and left no end.
func (s *situation) requireTruth(killed *site, told string) (lost bool) {
	t := killed.t
	t.Helper()
	found := killed.contents()
	for name := range s.before {
		require.Contains(t, found, name, told)
	}
	require.Empty(t, killed.rows("select c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where n.nspname = 'terrace_stage' or n.nspname like 'pg_temp%'"), told)
	require.Empty(t, killed.rows("select mode from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"), told)
	done, ended := map[string]bool{}, false
	if slices.Equal(killed.rows("select to_regclass('terrace.run') is not null || ''"), []string{"true"}) {
		for _, run := range killed.rows("select run_id::text from terrace.run where not run_id = any($1::uuid[])", append([]string{}, s.runs...)) {
			require.False(t, lost || ended, "%s: one run", told)
			ended = killed.rows("select (ended_at is not null)::text from terrace.run where run_id = $1", run)[0] == "true"
			lost = !ended
			for _, node := range killed.rows("select node from terrace.step where run_id = $1 and status = 'success'", run) {
				done[node] = true
			}
			if lost {
				require.Empty(t, killed.rows("select node from terrace.step where run_id = $1 and status <> 'success'", run), told)
			}
			// What an assertion found beside its model's step is an assertion's result.
			require.Empty(t, killed.rows(`select s.node from terrace.node_state as s where s.run_id = $1
and not exists (select from terrace.step as d where d.run_id = s.run_id and d.node = s.node)
and not exists (select from terrace.assertion_result as a where a.run_id = s.run_id and a.assertion = s.node)`, run), told)
		}
	}
	for name, text := range found {
		switch base, _ := strings.CutSuffix(name, "__rejects"); {
		case strings.HasPrefix(name, "shop_ods."): // a page at a time
		case name == "public.filled":
			require.Equal(t, s.expected(done["shop_job.filled"])[name], text, "%s: %s", told, name)
		default:
			require.Equal(t, s.expected(ended || done[base])[name], text, "%s: %s", told, name)
		}
	}
	for name := range done {
		if want, made := s.after[name]; made {
			require.Equal(t, want, found[name], "%s: %s", told, name)
		}
	}
	return lost
}

func (s *situation) expected(done bool) map[string]string {
	if done {
		return s.after
	}
	return s.before
}

// try kills an update with one to three threads at a statement.
func (s *situation) try(t *testing.T, n int, unsent bool) {
	t.Helper()
	t.Run(fmt.Sprintf("after %d unsent %t", n, unsent), func(t *testing.T) {
		killed, statement := s.kill(t, n, unsent, fmt.Sprintf("TERRACE_THREADS=%d", 1+n%3))
		s.requireConverges(killed, n%2 == 0, fmt.Sprintf("killed at %q", statement))
	})
}

// requireConverges wants the truth after a kill, and then all that an undisturbed update brings about.
func (s *situation) requireConverges(killed *site, retry bool, told string) {
	t := killed.t
	t.Helper()
	lost := s.requireTruth(killed, told)
	next := s.args
	if lost {
		_, talk := killed.succeed(told, "runs")
		require.Contains(t, talk, "left no end", told)
		if retry {
			next = []string{"retry"}
		}
	}
	killed.succeed(told, next...)
	found := killed.contents()
	for _, name := range slices.Sorted(maps.Keys(s.after)) {
		require.Equal(t, s.after[name], found[name], "%s, then terrace %s: %s", told, next[0], name)
	}
	require.Equal(t, s.after, found, told)
	require.Equal(t, s.catalogAfter, killed.catalog(), told)
	out, _ := killed.succeed(told, "run", "--json")
	for _, step := range demotest.Decode[demotest.Report](t, out).Steps {
		require.Equal(t, "skip", step.Status, "%s: %s is done", told, step.Name)
	}
}

// TestUpdate_killedAtAnyStatement kills the program at one of its statements: not some time about then, but when that
// statement was sent, or just before. In CI some are tried, with TERRACE_TEST_FAULTS=1 each of them, with 5 each fifth.
func TestUpdate_killedAtAnyStatement(t *testing.T) {
	t.Parallel()
	step := 0
	if each := os.Getenv("TERRACE_TEST_FAULTS"); each != "" {
		var err error
		step, err = strconv.Atoi(each)
		require.NoError(t, err)
	}
	first, later := project(t, false), project(t, true)
	empty := pgtest.NewEmpty(t)
	_, err := empty.Pool.Exec(t.Context(), "create table public.filled (id integer primary key, amount numeric)")
	require.NoError(t, err)
	built := &site{t: t, dir: first, db: empty.Clone(t)}
	built.succeed("first", "update")
	more := project(t, false)
	for _, name := range []string{"data/orders/2.ndjson", "data/customers/2.ndjson"} {
		require.NoError(t, os.Link(filepath.Join(later, name), filepath.Join(more, name)))
	}
	for i, found := range []struct {
		name, dir string
		db        *pgtest.DB
		args      []string
	}{
		{"nothing is there", first, empty, nil},
		{"nothing is there, together", first, empty, together},
		{"records came", more, built.db, nil},
		{"records came, together", more, built.db, together},
		{"all changed", later, built.db, nil},
		{"all changed, together", later, built.db, together},
	} {
		if step == 0 && i%2 != 0 && i != 5 {
			continue
		}
		t.Run(found.name, func(t *testing.T) {
			s := situate(t, found.dir, found.db, found.args...)
			t.Logf("%d statements", s.statements)
			if step == 0 {
				s.try(t, s.statements*(i+2)/9, i%4 == 0)
				return
			}
			for n := rand.IntN(step); n < s.statements+step; n += step {
				s.try(t, n, false)
				s.try(t, n, true)
			}
		})
	}
}
