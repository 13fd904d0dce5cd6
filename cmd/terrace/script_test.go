package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// TestMain lets scripts run this binary as terrace. It repeats requests without the waits.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"terrace": func() {
		os.Exit(Main(os.Args[1:], Env{
			Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv, Now: time.Now,
			Retry: extract.Retry{Attempts: 2, Min: time.Millisecond, Max: time.Millisecond},
		}))
	}})
}

// TestScripts runs tests/script, each file on a database of its own. UPDATE_GOLDEN=1 rewrites what they expect.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("../../tests/script/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			outside := newOutside(t)
			testscript.Run(t, testscript.Params{
				Files:               []string{script},
				UpdateScripts:       os.Getenv("UPDATE_GOLDEN") != "",
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"exits": exits, "sql": sql, "absent": absent, "hold": hold, "daytime": daytime,
				},
				Setup: func(env *testscript.Env) error {
					env.Setenv("TERRACE_DATABASE_URL", db.URL)
					env.Setenv("TERRACE_THREADS", "1") // one after the other, so that the order of lines is known
					for name, value := range outside {
						env.Setenv(name, value)
					}
					return nil
				},
			})
		})
	}
}

// exits runs a command and compares its exit code: exits 2 terrace ls nothing. What it prints, less all that changes
// from run to run, becomes the script's stdout and stderr.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT]...")
	}
	wanted, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = ended.ExitCode()
	}
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	clean := newScrubber(ts)
	fmt.Fprint(ts.Stdout(), clean.text(stdout))
	fmt.Fprint(ts.Stderr(), clean.text(stderr))
	if got != wanted {
		ts.Fatalf("exit code %d, not %d\n[stdout]\n%s[stderr]\n%s", got, wanted, stdout, stderr)
	}
}

// sql prints the rows of the queries, values separated by bars.
func sql(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sql QUERIES")
	}
	for _, row := range query(ts, args[0]) {
		fmt.Fprintln(ts.Stdout(), strings.Join(row, "|"))
	}
}

func query(ts *testscript.TestScript, sql string) [][]string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, ts.Getenv("TERRACE_DATABASE_URL"))
	ts.Check(err)
	defer conn.Close(ctx)
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	ts.Check(err)
	var out [][]string
	for _, result := range results {
		for _, row := range result.Rows {
			var values []string
			for _, value := range row {
				values = append(values, string(value))
			}
			out = append(out, values)
		}
	}
	return out
}

// daytime waits until midnight has passed where it is near, for scripts that ask twice which day it is.
func daytime(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: daytime ZONE")
	}
	zone, err := time.LoadLocation(args[0])
	ts.Check(err)
	year, month, day := time.Now().In(zone).Date()
	if left := time.Until(time.Date(year, month, day+1, 0, 0, 0, 0, zone)); left < 5*time.Minute {
		time.Sleep(left + time.Second)
	}
}

// hold takes an advisory lock by its name, as another run would, until the script ends.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold NAME")
	}
	ctx := context.Background()
	config, err := pgx.ParseConfig(ts.Getenv("TERRACE_DATABASE_URL"))
	ts.Check(err)
	config.RuntimeParams["application_name"] = "terrace:another run"
	conn, err := pgx.ConnectConfig(ctx, config)
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close(ctx) })
	_, err = conn.Exec(ctx, "begin")
	ts.Check(err)
	_, err = conn.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended($1, 0))", args[0])
	ts.Check(err)
}

// absent fails when a text is in one of the files (stdout and stderr among them), or anywhere in schema terrace when
// one of them is called schema: absent TEXT stdout schema.
func absent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: absent TEXT FILE...")
	}
	for _, file := range args[1:] {
		text := ""
		if file == "schema" {
			text = everything(ts)
		} else {
			text = ts.ReadFile(file)
		}
		if strings.Contains(text, args[0]) {
			ts.Fatalf("%s holds %s:\n%s", file, args[0], text)
		}
	}
}

// everything is the content of all tables of schema terrace, bytes as text.
func everything(ts *testscript.TestScript) string {
	var out strings.Builder
	for _, table := range query(ts, "select tablename from pg_tables where schemaname = 'terrace' order by tablename") {
		fmt.Fprintf(&out, "== %s\n", table[0])
		for _, row := range query(ts, fmt.Sprintf("select to_jsonb(t) from terrace.%s as t", pgx.Identifier{table[0]}.Sanitize())) {
			fmt.Fprintln(&out, row[0])
		}
	}
	for _, raw := range query(ts, "select encode(raw, 'escape') from terrace.reject") {
		fmt.Fprintln(&out, raw[0])
	}
	return out.String()
}
