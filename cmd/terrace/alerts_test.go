package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

// alerted is a project whose rules send to a webhook.
type alerted struct {
	t     *testing.T
	dir   string
	env   map[string]string
	taken chan string
	// broken makes the webhook answer with a failure.
	broken atomic.Bool
}

func newAlerted(t *testing.T, rules string) *alerted {
	t.Helper()
	a := &alerted{t: t, dir: t.TempDir(), taken: make(chan string, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || a.broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		a.taken <- string(body)
	}))
	t.Cleanup(server.Close)
	a.env = map[string]string{"TERRACE_DATABASE_URL": pgtest.New(t).URL, "HOOK": server.URL}
	a.write("terrace.yml", "name: shop\nenvironments: {dev: {}}\nalerts:\n  channels:\n    hook: {type: webhook, url: \"${HOOK}\"}\n  rules:\n"+rules)
	a.write("models/dwd/a.sql", "-- kind: table\n-- depends_on: []\nselect 1 / 0 as n\n")
	a.write("models/dwd/b.sql", "-- kind: table\n-- depends_on: []\nselect 1 as n\n")
	return a
}

func (a *alerted) write(name, text string) {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	require.NoError(a.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(a.t, os.WriteFile(path, []byte(text), 0o644))
}

// terrace runs a command, and returns its exit code and what it printed.
func (a *alerted) terrace(args ...string) (int, string) {
	a.t.Helper()
	var out bytes.Buffer
	code := Main(append([]string{"-C", a.dir}, args...), Env{
		Stdout: &out, Stderr: &out, Now: time.Now,
		LookupEnv: func(name string) (string, bool) { value, ok := a.env[name]; return value, ok },
	})
	return code, out.String()
}

// messages are those that arrived since they were asked for last.
func (a *alerted) messages() []string {
	var out []string
	for {
		select {
		case m := <-a.taken:
			out = append(out, m)
		default:
			return out
		}
	}
}

func TestAlerts_neverChangeHowARunEnds(t *testing.T) {
	t.Parallel()
	a := newAlerted(t, "    - {name: broken, to: hook}\n")
	a.broken.Store(true)
	for range 2 {
		code, said := a.terrace("run")
		require.Equal(t, exitFailed, code, said)
		require.Contains(t, said, "an alert was not sent")
	}
	code, said := a.terrace("run", "dwd.b", "--force")
	require.Equal(t, exitDone, code, said)
	a.broken.Store(false)
	code, said = a.terrace("run", "dwd.b")
	require.Equal(t, exitDone, code, said)
	got := a.messages()
	require.Len(t, got, 1, "the next command sends what waits, once: %s", got)
	require.Contains(t, got[0], `"subject":"dwd.a"`)
	for range 2 {
		a.terrace("run")
	}
	require.Empty(t, a.messages())

	a.write("models/dwd/a.sql", "-- kind: table\n-- depends_on: []\nselect 1 as n\n")
	code, said = a.terrace("retry")
	require.Equal(t, exitDone, code, said)
	got = a.messages()
	require.Len(t, got, 1)
	require.Contains(t, got[0], `"event":"recovered"`)
}

func TestAlerts_areNotSentOfEnvironmentsUnlessARuleSaysSo(t *testing.T) {
	t.Parallel()
	a := newAlerted(t, "    - {name: broken, to: hook}\n")
	code, said := a.terrace("run", "--env", "dev", "dwd.a")
	require.Equal(t, exitFailed, code, said)
	require.Empty(t, a.messages())

	a = newAlerted(t, "    - {name: broken, to: hook, environments: [dev], select: dwd.a}\n")
	code, said = a.terrace("run", "--env", "dev", "dwd.a")
	require.Equal(t, exitFailed, code, said)
	got := a.messages()
	require.Len(t, got, 1, said)
	require.Contains(t, got[0], `"subject":"dev__dwd.a"`)
	require.Contains(t, got[0], `"environment":"dev"`)
	require.Contains(t, got[0], ` --env dev"`)
}

// Absence is told by whoever is there: a command, serve, or cron that asks.
func TestAlerts_tellThatNothingRan(t *testing.T) {
	t.Parallel()
	a := newAlerted(t, "    - {name: quiet, on: [absent, recovered], select: dwd.b, within: P1D, to: hook}\n")
	code, said := a.terrace("alerts", "check")
	require.Equal(t, exitDone, code, said)
	require.Empty(t, a.messages(), "nothing ever ran: a new warehouse has time")
	code, said = a.terrace("run", "dwd.b")
	require.Equal(t, exitDone, code, said)
	require.Empty(t, a.messages())
	conn, err := pgx.Connect(t.Context(), a.env["TERRACE_DATABASE_URL"])
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "update terrace.run set started_at = started_at - interval '25 hours', ended_at = ended_at - interval '25 hours'")
	require.NoError(t, err)
	code, said = a.terrace("run", "dwd.a")
	require.Equal(t, exitFailed, code, said)
	got := a.messages()
	require.Len(t, got, 1, "a run of another node is none of this one")
	require.Contains(t, got[0], `"subject":"runs of dwd.b","kind":"absent","message":"no run ended well in 24 h; the last one did`)
	code, said = a.terrace("run", "dwd.b")
	require.Equal(t, exitDone, code, said)
	got = a.messages()
	require.Len(t, got, 1)
	require.Contains(t, got[0], `"event":"recovered"`)
}

func TestAlerts_measureTheDatabase(t *testing.T) {
	t.Parallel()
	a := newAlerted(t, "    - {name: size, on: disk, disk_over: 1MB, to: hook}\n")
	code, said := a.terrace("alerts", "check")
	require.Equal(t, exitDone, code, said)
	got := a.messages()
	require.Len(t, got, 1)
	require.Contains(t, got[0], "more than 1.0 MB")
	_, _ = a.terrace("alerts", "check")
	require.Empty(t, a.messages())
}

func TestAlerts_checkFailsWhenNobodyCanBeTold(t *testing.T) {
	t.Parallel()
	a := newAlerted(t, "    - {name: size, on: disk, disk_over: 1MB, to: hook}\n")
	a.broken.Store(true)
	code, said := a.terrace("alerts", "check")
	require.Equal(t, exitSurroundings, code, said)
	require.Contains(t, said, "HTTP 503")
}

// What fails before there is a run is in no ledger.
func TestAlerts_tellOfCommandsThatCameToNothing(t *testing.T) {
	t.Parallel()
	a := newAlerted(t, "    - {name: broken, to: hook}\n    - {name: only, to: hook, select: dwd.b}\n")
	a.write("models/dwd/a.sql", "-- kind: tabel\n-- depends_on: []\nselect 1 as n\n")
	code, said := a.terrace("run", "-s", "dwd.b")
	require.Equal(t, exitInput, code, said)
	got := a.messages()
	require.Len(t, got, 2, "one for each rule")
	for _, m := range got {
		require.Contains(t, m, `"subject":"terrace run dwd.b","kind":"failure","message":"nothing was run: 1 mistake in the project, first models/dwd/a.sql:1:10:`)
		require.Contains(t, m, `"next":"terrace check"`)
	}
	code, said = a.terrace("run", "-s", "dwd.b")
	require.Equal(t, exitInput, code, said)
	require.Empty(t, a.messages(), "the same again")
	a.write("models/dwd/a.sql", "-- kind: table\n-- depends_on: []\nselect 1 as n\n")
	code, said = a.terrace("run", "-s", "dwd.b")
	require.Equal(t, exitDone, code, said)
	got = a.messages()
	require.Len(t, got, 2)
	require.Contains(t, got[0], `"event":"recovered"`)
	require.Contains(t, got[1], `"event":"recovered"`)
}

// A database that is down keeps no outbox: the channels are told straight away, once.
func TestAlerts_tellThatTheDatabaseIsGone(t *testing.T) {
	t.Parallel()
	a := newAlerted(t, "    - {name: broken, to: hook}\n    - {name: too, to: hook}\n")
	up := a.env["TERRACE_DATABASE_URL"]
	a.env["TERRACE_DATABASE_URL"] = fmt.Sprintf("postgres://shop:%s@%s/shop?sslmode=disable", canary, refusingPort(t))
	a.broken.Store(true)
	code, said := a.terrace("run", "dwd.b")
	require.Equal(t, exitSurroundings, code, said)
	a.broken.Store(false)
	for range 2 {
		code, said = a.terrace("run", "dwd.b")
		require.Equal(t, exitSurroundings, code, said)
	}
	got := a.messages()
	require.Len(t, got, 1, "once for a channel, when it was there")
	require.Contains(t, got[0], `"subject":"connection to the database","kind":"error","message":"connect to the database: `)
	require.NotContains(t, got[0], canary)
	a.env["TERRACE_DATABASE_URL"] = up
	code, said = a.terrace("run", "dwd.b")
	require.Equal(t, exitDone, code, said)
	got = a.messages()
	require.Len(t, got, 2, "one for each rule")
	require.Contains(t, got[0], `"event":"recovered"`)
	require.Contains(t, got[0], `"subject":"connection to the database"`)
	code, said = a.terrace("run", "dwd.b")
	require.Equal(t, exitDone, code, said)
	require.Empty(t, a.messages())
}

// Serving sends what waits, and looks at the clock.
func TestServe_sendsAlertsBesideItsRuns(t *testing.T) {
	t.Parallel()
	a := newAlerted(t, "    - {name: broken, to: hook}\n    - {name: size, on: disk, disk_over: 1MB, to: hook}\n")
	a.broken.Store(true)
	code, said := a.terrace("run", "dwd.a")
	require.Equal(t, exitFailed, code, said)
	a.broken.Store(false)
	conn, err := pgx.Connect(t.Context(), a.env["TERRACE_DATABASE_URL"])
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "update terrace.alert set next_attempt_at = clock_timestamp()")
	require.NoError(t, err)

	app := &App{Globals: &Globals{Project: a.dir}, Env: Env{
		Stdout: io.Discard, Stderr: io.Discard, Now: time.Now,
		LookupEnv: func(name string) (string, bool) { value, ok := a.env[name]; return value, ok },
	}}
	require.NoError(t, app.open("serve"))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { app.watchAlerts(ctx); close(done) }()
	got := []string{<-a.taken, <-a.taken}
	stop()
	<-done
	require.Contains(t, strings.Join(got, "\n"), `"subject":"dwd.a"`)
	require.Contains(t, strings.Join(got, "\n"), `"subject":"database"`)
}

// A variable that is not set is a mistake; one that is empty switches the channel off.
func TestAlerts_wantTheirVariablesSet(t *testing.T) {
	t.Parallel()
	a := newAlerted(t, "    - {name: broken, to: hook}\n")
	delete(a.env, "HOOK")
	code, said := a.terrace("check", "--offline")
	require.Equal(t, exitInput, code)
	require.Contains(t, said, "terrace.yml:5:32: error: environment variable HOOK is not set")
	a.env["HOOK"] = ""
	code, said = a.terrace("run")
	require.Equal(t, exitFailed, code)
	require.False(t, strings.Contains(said, "alert"), said)
	code, said = a.terrace("alerts", "--json")
	require.Equal(t, exitDone, code)
	require.JSONEq(t, `{"messages": [], "problems": []}`, said, fmt.Sprint(code))
}
