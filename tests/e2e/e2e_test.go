// Package e2e runs the program as its users do: a binary, a project in a folder, an embedded server of its own. What it
// builds is compared with what the stand-in upstream knows of its business.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/pgserver"
)

// binary is the program under test, built once.
var binary string //nolint:gochecknoglobals // TestMain has no other way to hand it on

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "terrace-e2e-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "terrace")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/terrace")
	if output, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build terrace: %v\n%s", err, output))
	}
	code := m.Run()
	_ = os.RemoveAll(dir) // a leftover in the temporary directory harms nobody
	os.Exit(code)
}

// project is a copy of the reference project with a server of its own.
type project struct {
	t   *testing.T
	dir string
}

// newProject copies the reference project. Its server is stopped when the test ends.
func newProject(t *testing.T) *project {
	t.Helper()
	installs, err := pgserver.Find(t.Context(), os.LookupEnv, "")
	if err != nil || len(installs) == 0 {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err, "no PostgreSQL binaries to test on")
		}
		t.Skip("no PostgreSQL binaries on this machine")
	}
	p := &project{t: t, dir: t.TempDir()}
	for _, folder := range []string{"models", "tests/feiqiu"} {
		require.NoError(t, os.CopyFS(filepath.Join(p.dir, folder), os.DirFS(filepath.Join("../..", folder))))
	}
	settings, err := os.ReadFile("../../terrace.yml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "terrace.yml"), settings, 0o644))
	t.Cleanup(func() {
		require.NoError(t, pgserver.Stop(context.Background(), filepath.Join(p.dir, ".terrace", "postgres")))
	})
	return p
}

// command is a call of the program in the project, with an environment that names no other database.
func (p *project) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = p.dir
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "PG") && !strings.HasPrefix(name, "TERRACE_") && name != "DATABASE_URL" {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	return cmd
}

// run calls the program, wants the exit code, and returns standard output.
func (p *project) run(code int, args ...string) string {
	p.t.Helper()
	cmd := p.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code tells
	require.Equal(p.t, code, cmd.ProcessState.ExitCode(), "terrace %s\n%s%s", strings.Join(args, " "), stdout.String(), stderr.String())
	return stdout.String()
}

// report is the part of a run's JSON that the tests look at.
type report struct {
	Status string
	Steps  []struct {
		Name, Kind, Status, Reason string
		Rows                       struct{ Inserted, Updated, Deleted, Unchanged, Rejected int64 }
	}
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var into T
	require.NoError(t, json.Unmarshal([]byte(text), &into), text)
	return into
}

// connect opens the demo's database.
func (p *project) connect() *pgx.Conn {
	p.t.Helper()
	config, err := pgx.ParseConfig(strings.TrimSpace(p.run(0, "db", "url")))
	require.NoError(p.t, err)
	config.Database = "terrace_demo"
	conn, err := pgx.ConnectConfig(p.t.Context(), config)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// content is every row of every relation of the project's schemas, as text, in an order of its own. Columns that name a
// run, a batch or a time of the warehouse's own clock differ between two runs and are left out.
func content(t *testing.T, conn *pgx.Conn) map[string][]string {
	t.Helper()
	relations := collect(t, conn, `select format('%I.%I', n.nspname, c.relname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname like 'feiqiu%' and c.relkind = 'r'
order by 1`)
	require.NotEmpty(t, relations)
	out := map[string][]string{}
	for _, relation := range relations {
		out[relation] = collect(t, conn, fmt.Sprintf(
			"select (to_jsonb(t) - '_batch_id' - '_version')::text from %s as t order by 1", relation))
	}
	return out
}

func collect(t *testing.T, conn *pgx.Conn, sql string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	require.NoError(t, err)
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return texts
}
