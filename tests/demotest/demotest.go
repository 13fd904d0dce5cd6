// Package demotest runs the program as its users do: a binary, a copy of the reference project in a folder, an embedded
// server of its own. What its demos build is what tests compare with what the stand-in upstreams know of their business.
package demotest

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
	"github.com/terrace-elt/terrace/tests/clitest"
)

// Binary is the program under test, built by Main.
var Binary string //nolint:gochecknoglobals // TestMain has no other way to hand it on

// Main is the TestMain of a package below tests that runs the program: it builds it, runs the tests, and exits.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "terrace-test-")
	if err != nil {
		panic(err)
	}
	Binary = filepath.Join(dir, "terrace")
	build := exec.Command("go", "build", "-o", Binary, "../../cmd/terrace")
	if output, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build terrace: %v\n%s", err, output))
	}
	code := m.Run()
	_ = os.RemoveAll(dir) // a leftover in the temporary directory harms nobody
	os.Exit(code)
}

// Project is a copy of the reference project with a server of its own.
type Project struct {
	Dir string
	Env []string // NAME=value, for every command
	t   testing.TB
}

// New copies the reference project. Its server is stopped when the test ends.
func New(t testing.TB) *Project {
	t.Helper()
	installs, err := pgserver.Find(t.Context(), os.LookupEnv, "")
	if err != nil || len(installs) == 0 {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err, "no PostgreSQL binaries to test on")
		}
		t.Skip("no PostgreSQL binaries on this machine")
	}
	p := &Project{t: t, Dir: t.TempDir()}
	for _, folder := range projectFolders(t) {
		require.NoError(t, os.CopyFS(filepath.Join(p.Dir, folder), os.DirFS(filepath.Join("../..", folder))))
	}
	settings, err := os.ReadFile("../../terrace.yml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(p.Dir, "terrace.yml"), settings, 0o644))
	t.Cleanup(func() {
		require.NoError(t, pgserver.Stop(context.Background(), filepath.Join(p.Dir, ".terrace", "postgres")))
	})
	return p
}

// projectFolders are the models and what is said of them in tests, domain by domain.
func projectFolders(t testing.TB) []string {
	t.Helper()
	domains, err := os.ReadDir("../../models")
	require.NoError(t, err)
	folders := []string{"models"}
	for _, domain := range domains {
		if folder := filepath.Join("tests", domain.Name()); isFolder(filepath.Join("../..", folder)) {
			folders = append(folders, folder)
		}
	}
	return folders
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Command is a call of the program in the project, with an environment that names no other database.
func (p *Project) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(Binary, args...)
	cmd.Dir = p.Dir
	cmd.Env = append(clitest.Environ(), p.Env...)
	return cmd
}

// Run calls the program, wants the exit code, and returns standard output.
func (p *Project) Run(code int, args ...string) string {
	p.t.Helper()
	cmd := p.Command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code tells
	require.Equal(p.t, code, cmd.ProcessState.ExitCode(), "terrace %s\n%s%s", strings.Join(args, " "), stdout.String(), stderr.String())
	return stdout.String()
}

// Report is the part of a run's JSON that the tests look at.
type Report = clitest.Report

// Decode reads what the program printed with --json.
func Decode[T any](t *testing.T, text string) T {
	t.Helper()
	var into T
	require.NoError(t, json.Unmarshal([]byte(text), &into), text)
	return into
}

// URL is where the demo's database is.
func (p *Project) URL() string {
	p.t.Helper()
	return strings.Replace(strings.TrimSpace(p.Run(0, "db", "url")), "/postgres?", "/terrace_demo?", 1)
}

// Connect opens the demo's database.
func (p *Project) Connect() *pgx.Conn {
	p.t.Helper()
	return p.ConnectTo(p.URL())
}

// ConnectTo opens a database until the test ends.
func (p *Project) ConnectTo(url string) *pgx.Conn {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), url)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Assertions are the queries of the assertion files of the domain that the package is named for, by name.
func Assertions(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.sql")
	require.NoError(t, err)
	out := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		query := string(text)
		for strings.HasPrefix(query, "-- ") {
			_, query, _ = strings.Cut(query, "\n")
		}
		out[strings.TrimSuffix(file, ".sql")] = query
	}
	return out
}

// Failing counts the rows that an assertion returns.
func Failing(t *testing.T, conn *pgx.Conn, query string) int {
	t.Helper()
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from ("+query+") as failing").Scan(&n), "%s", query)
	return n
}

// Collect gives the one column that a query returns, as texts.
func Collect(t *testing.T, conn *pgx.Conn, sql string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	require.NoError(t, err)
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return texts
}
