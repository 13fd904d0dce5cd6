package main

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/dag/openlineage"
)

// readOpenLineage reads the section of that name, and the variables, and hides what is secret in it.
func (p *project) readOpenLineage(a *App) (problems []strict.Problem) {
	p.openLineage, problems = openlineage.Parse(p.Config.OpenLineage, a.LookupEnv)
	a.secrets.addValue(p.openLineage.APIKey)
	if file := p.openLineage.File; file != "" && !filepath.IsAbs(file) {
		p.openLineage.File = filepath.Join(a.Dir, file)
	}
	return problems
}

// lineageTeller tells the lineage service of a run, through a connection of its own. A nil one tells nobody.
type lineageTeller struct {
	*openlineage.Teller
	app  *App
	conn *pgx.Conn // opened by the teller's goroutine; nil before
}

func (w *work) tellLineage(ctx context.Context, run uuid.UUID) *lineageTeller {
	a, p := w.app, w.project
	if !p.openLineage.On() {
		return nil
	}
	t := &lineageTeller{app: a}
	server := w.config.ConnConfig
	o := openlineage.Options{
		Config: p.openLineage, Project: p.Config.Name, Command: w.request.command, Version: version(), RunID: run,
		Host: hostAndPort(server.Host, server.Port), Database: server.Database, Graph: p.graph, Together: w.request.together,
		Redact: a.redact, Now: a.Now,
		Origin: func(stream string) (string, string, bool) { return p.streams[stream].Origin(a.LookupEnv) },
		Columns: func(ctx context.Context, relations []string) (map[string][]materialize.Column, error) {
			if t.conn == nil {
				var err error
				if t.conn, err = pgx.ConnectConfig(ctx, server.Copy()); err != nil {
					return nil, err
				}
			}
			return dag.LoadColumns(ctx, t.conn, relations)
		},
	}
	if a.Occurrence != nil {
		o.ScheduledFor = &a.Occurrence.ScheduledFor
	}
	t.Teller = openlineage.NewTeller(ctx, o)
	return t
}

// hostAndPort names a server for others; one that is reached through a socket is this machine's.
func hostAndPort(host string, port uint16) string {
	if strings.HasPrefix(host, "/") {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

func (t *lineageTeller) observe(e dag.Event) {
	if t != nil {
		t.Observe(e)
	}
}

// lineageTimeout is how long a command waits, at its end, for the lineage service to take what it was told.
const lineageTimeout = 10 * time.Second

func (t *lineageTeller) end(report dag.Report) {
	if t != nil {
		t.End(report)
	}
}

// close waits for the lineage service, and says what it did not take.
func (t *lineageTeller) close() {
	if t == nil {
		return
	}
	if lost, err := t.Close(lineageTimeout); lost > 0 {
		t.app.Log.Warn("not every OpenLineage event was taken", "events", lost, "error", t.app.redact(message(err)),
			"hint", "openlineage.url of terrace.yml, or OPENLINEAGE_URL, says where they go; OPENLINEAGE_DISABLED=true sends none")
	}
	if t.conn != nil {
		hangUp(t.conn)
	}
}
