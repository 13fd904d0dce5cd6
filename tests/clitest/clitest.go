// Package clitest runs the program on a part of the reference project, as people do: a binary, a folder, an environment.
// The database is a private one of the test's server.
package clitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

// root is the repository, from the folder of a package below tests/.
const root = "../.."

// program builds the program, once for all tests of the process. It lies in the user's cache, where another process finds
// most of it made.
var program = sync.OnceValues(func() (string, error) { //nolint:gochecknoglobals // built once
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp(cache, "terrace-clitest-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "terrace")
	var said bytes.Buffer
	build := exec.Command("go", "build", "-o", path, root+"/cmd/terrace")
	build.Stdout, build.Stderr = &said, &said
	if err := build.Run(); err != nil {
		return "", &buildError{said: said.String(), err: err}
	}
	return path, nil
})

type buildError struct {
	said string
	err  error
}

func (e *buildError) Error() string { return "build terrace: " + e.err.Error() + "\n" + e.said }
func (e *buildError) Unwrap() error { return e.err }

// Main runs a package's tests and removes the program that they built.
func Main(m *testing.M) int {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path)) // a leftover in the cache harms nobody
	}
	return code
}

// Project is a part of the reference project in a folder of its own.
type Project struct {
	Dir string
	// Env is what commands find in the environment beside the database: NAME=value.
	Env []string

	t    testing.TB
	url  string
	conn *pgx.Conn
}

// New copies the models and tests of domains, and gives them an empty database.
func New(t testing.TB, domains ...string) *Project {
	t.Helper()
	db := pgtest.NewEmpty(t)
	p := &Project{Dir: t.TempDir(), t: t, url: db.URL}
	config, err := pgx.ParseConfig(db.URL)
	require.NoError(t, err)
	config.RuntimeParams["search_path"] = ""
	config.RuntimeParams["timezone"] = "Asia/Shanghai"
	p.conn, err = pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.conn.Close(context.Background()) })
	p.copy("terrace.yml")
	for _, domain := range domains {
		p.copy("models/" + domain)
		p.copy("tests/" + domain)
	}
	return p
}

// copy takes a file or folder of the repository into the project, Go files left out.
func (p *Project) copy(name string) {
	p.t.Helper()
	err := filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".go") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		p.Write(inside, content)
		return nil
	})
	require.NoError(p.t, err)
}

// Write makes a file of the project.
func (p *Project) Write(name string, content []byte) {
	p.t.Helper()
	path := filepath.Join(p.Dir, name)
	require.NoError(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(p.t, os.WriteFile(path, content, 0o644))
}

// Command is a call of the program in the project.
func (p *Project) Command(args ...string) *exec.Cmd {
	p.t.Helper()
	path, err := program()
	require.NoError(p.t, err)
	cmd := exec.Command(path, args...)
	cmd.Dir = p.Dir
	cmd.Env = append(append(Environ(), "TERRACE_DATABASE_URL="+p.url), p.Env...)
	return cmd
}

// Environ is this process's environment without what would name a database or set the program otherwise.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "TERRACE_") || name == "DATABASE_URL"
	})
}

// Run calls the program, wants the exit code, and gives what it wrote to standard output and to standard error.
func (p *Project) Run(code int, args ...string) (stdout, stderr string) {
	p.t.Helper()
	cmd := p.Command(args...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	_ = cmd.Run() // the exit code tells
	require.Equal(p.t, code, cmd.ProcessState.ExitCode(), "terrace %s\n%s%s", strings.Join(args, " "), out.String(), talk.String())
	return out.String(), talk.String()
}

// Report is the part of a run's JSON that tests look at.
type Report struct {
	Status  string
	Seconds float64
	Steps   []Step
	// Statements is how many the program says that it sent.
	Statements int64
}

// Step is one step of a report.
type Step struct {
	Name, Kind, Status, Reason string
	Rows                       struct{ Inserted, Updated, Deleted, Unchanged, Rejected int64 }
}

// Report calls the program with --json and gives its report.
func (p *Project) Report(code int, args ...string) Report {
	p.t.Helper()
	stdout, _ := p.Run(code, append(args, "--json")...)
	var r Report
	require.NoError(p.t, json.Unmarshal([]byte(stdout), &r), stdout)
	return r
}

// Step finds a step of the report.
func (r Report) Step(t testing.TB, name string) Step {
	t.Helper()
	for _, s := range r.Steps {
		if s.Name == name {
			return s
		}
	}
	require.Failf(t, "no such step", "%s is not in the report", name)
	return Step{}
}

// Rows are the rows of a query with one column, as text, in the query's order.
func (p *Project) Rows(sql string) []string {
	p.t.Helper()
	rows, err := p.conn.Query(p.t.Context(), sql)
	require.NoError(p.t, err, sql)
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(p.t, err, sql)
	return texts
}

// Exec changes the database.
func (p *Project) Exec(sql string, args ...any) {
	p.t.Helper()
	_, err := p.conn.Exec(p.t.Context(), sql, args...)
	require.NoError(p.t, err, sql)
}

// Content is every row of every table of the schemas that begin so, streams left out, as text in an order of its own.
// Columns that name a run, a batch or a landing differ between two warehouses and are left out.
func (p *Project) Content(schemas string) map[string][]string {
	p.t.Helper()
	out := map[string][]string{}
	for _, relation := range p.Rows(`select format('%I.%I', n.nspname, c.relname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname like '` + schemas + `%' and n.nspname not like '%\_ods' and c.relkind in ('r', 'p') and not c.relispartition
order by 1`) {
		out[relation] = p.Rows("select (to_jsonb(t) - '{run,_batch_id,_version,_seen_at}'::text[] #- '{row,_batch_id}' #- '{row,_version}' #- '{row,_seen_at}')::text from " + relation + " as t order by 1")
	}
	require.NotEmpty(p.t, out)
	return out
}
