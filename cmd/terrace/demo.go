package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/dag"
)

// DemoCmd is terrace demo.
type DemoCmd struct {
	Domains []string `arg:"" optional:"" help:"Which reference systems (default: all): ${demo_domains}."`
	Listen  string   `default:"127.0.0.1:0" placeholder:"ADDRESS" help:"Where the first stand-in upstream listens; further ones take the ports after it (default: free ports)."`
	Days    int      `default:"60" help:"Business days that lie behind on the first run."`
	Later   int      `default:"1" help:"Days that pass afterwards, with a run at the end of each."`
}

// demoDatabase is a database of its own, so that a demo touches nothing else on the server.
const demoDatabase = "terrace_demo"

// Run implements the command: from nothing, then day by day. Killed in between, it goes on where it was.
func (c *DemoCmd) Run(ctx context.Context, a *App) error {
	if err := a.needProject(); err != nil {
		return err
	}
	domains, err := chooseDemos(c.Domains)
	if err != nil {
		return err
	}
	for _, domain := range domains {
		if _, err := os.Stat(filepath.Join(a.Dir, "models", domain.name)); err != nil {
			return &inputError{
				message: fmt.Sprintf("this project has no models/%s: the demo runs the reference project", domain.name),
				hint:    "Run it in a clone of terrace's own repository. For a project of your own: terrace init DIR.",
			}
		}
	}
	if c.Days < 1 || c.Later < 0 {
		return &inputError{
			message: fmt.Sprintf("a demo of %d days and %d later ones is none", c.Days, c.Later),
			hint:    "Write --days 1 or more, and --later 0 or more.",
		}
	}
	host, port, err := listenAddress(c.Listen)
	if err != nil {
		return err
	}
	// An address that is taken is found before the last demo's database is dropped.
	_, stop, err := serve(c.Listen, http.NotFoundHandler())
	if err != nil {
		return err
	}
	stop()
	d := &demo{app: a, command: c, domains: domains, host: host, port: port}
	defer d.close()
	if err := d.openDatabase(ctx); err != nil {
		return err
	}
	return d.run(ctx)
}

// demo is one demonstration.
type demo struct {
	app     *App
	command *DemoCmd
	domains []demoDomain
	host    string    // where stand-ins listen
	port    int       // of the first one, or 0 for free ports
	server  *pgx.Conn // the server's own database, where the demo's is made and its progress is noted
	reports []dag.Report
}

func (d *demo) close() {
	if d.server != nil {
		hangUp(d.server)
	}
}

// openDatabase makes the demo's database, or finds one whose demo did not end.
func (d *demo) openDatabase(ctx context.Context) error {
	config, err := d.app.projectConfig(ctx)
	if err != nil {
		return err
	}
	if d.server, err = pgx.ConnectConfig(ctx, config.ConnConfig); err != nil {
		return err
	}
	var alone bool
	if err := d.server.QueryRow(ctx, "select pg_try_advisory_lock(hashtextextended('terrace demo', 0))").Scan(&alone); err != nil {
		return fmt.Errorf("lock the demo: %w", err)
	}
	if !alone {
		return &dag.HeldError{Node: "the demo", Holder: "another terrace demo"}
	}
	d.app.databaseName = demoDatabase
	return nil
}

// run goes through the days that are not over yet.
func (d *demo) run(ctx context.Context) error {
	day, err := d.resume(ctx)
	if err != nil {
		return err
	}
	for ; day <= d.command.Later; day++ {
		if err := d.day(ctx, day); err != nil {
			return err
		}
		if err := d.note(ctx, day+1); err != nil {
			return err
		}
	}
	if d.app.JSON {
		return d.app.printJSON(map[string]any{"runs": d.reports})
	}
	return d.epilogue(ctx)
}

// notePrefix begins the comment on the demo's database that says how far the demo came.
const notePrefix = "terrace demo: days done: "

// resume returns the day to go on with: that of a demo which was killed, or the first, on a new database.
func (d *demo) resume(ctx context.Context) (int, error) {
	var note *string
	err := d.server.QueryRow(ctx, "select shobj_description(oid, 'pg_database') from pg_database where datname = $1", demoDatabase).Scan(&note)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("look for a demo that did not end: %w", err)
	}
	if note != nil {
		days, what, _ := strings.Cut(strings.TrimPrefix(*note, notePrefix), " of ")
		day, wrong := strconv.Atoi(days)
		if wrong == nil && what == d.what() && day <= d.command.Later {
			fmt.Fprintf(d.app.Stderr, "the last demo did not end: going on with it\n")
			return day, nil
		}
	}
	for _, sql := range []string{
		"drop database if exists " + demoDatabase + " with (force)",
		"create database " + demoDatabase,
	} {
		if _, err := d.server.Exec(ctx, sql); err != nil {
			return 0, fmt.Errorf("make the demo's database: %w", err)
		}
	}
	return 0, d.note(ctx, 0)
}

func (d *demo) note(ctx context.Context, days int) error {
	_, err := d.server.Exec(ctx, fmt.Sprintf("comment on database %s is '%s%d of %s'", demoDatabase, notePrefix, days, d.what()))
	if err != nil {
		return fmt.Errorf("note how far the demo came: %w", err)
	}
	return nil
}

// what tells this demo from others: its size and its domains, whose names need no quoting.
func (d *demo) what() string {
	what := fmt.Sprintf("%d+%d", d.command.Days, d.command.Later)
	for _, domain := range d.domains {
		what += " " + domain.name
	}
	return what
}

// day starts the stand-ins as they are on that day and brings the warehouse up to it.
func (d *demo) day(ctx context.Context, day int) error {
	days := d.command.Days + day
	outer := d.app.LookupEnv
	stop, err := d.startStandins(days)
	defer func() {
		d.app.LookupEnv = outer
		stop()
	}()
	if err != nil {
		return err
	}
	if !d.app.JSON {
		d.sayDay(day, days)
	}
	report, err := d.update(ctx, func() time.Time { return demoNow(days) })
	if err != nil {
		return err
	}
	d.reports = append(d.reports, report)
	if !d.app.JSON {
		if err := d.app.printReport(report, nil); err != nil {
			return err
		}
	}
	if reportCode(report) != exitDone { // rows that were rejected are a part of the demonstration
		return &reportError{report}
	}
	return nil
}

// startStandins starts the upstreams of all domains at the end of so many days, and points the sources to them.
func (d *demo) startStandins(days int) (func(), error) {
	var stops []func()
	stop := func() {
		for _, stop := range stops {
			stop()
		}
	}
	variables, port := map[string]string{}, d.port
	for _, domain := range d.domains {
		dir := filepath.Join(d.app.Dir, ".terrace", "demo", domain.name)
		s, err := domain.start(days, dir)
		if err != nil {
			return stop, fmt.Errorf("start the stand-in of %s: %w", domain.name, err)
		}
		url := ""
		if s.handler != nil {
			address, stopServer, err := serve(net.JoinHostPort(d.host, strconv.Itoa(port)), s.handler)
			if err != nil {
				return stop, err
			}
			stops = append(stops, stopServer)
			url = "http://" + address
			if port != 0 {
				port++
			}
		}
		maps.Copy(variables, s.env(url))
	}
	outer := d.app.LookupEnv
	d.app.LookupEnv = func(name string) (string, bool) {
		if value, ok := variables[name]; ok {
			return value, true
		}
		return outer(name)
	}
	return stop, nil
}

// listenAddress splits an address to listen on.
func listenAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = net.LookupPort("tcp", text)
	}
	if err != nil {
		return "", 0, &inputError{
			message: fmt.Sprintf("--listen %s is no address: %v", address, err),
			hint:    "Write HOST:PORT, such as 127.0.0.1:8701, or leave it out for free ports.",
		}
	}
	return host, port, nil
}

// sayDay announces a day, and on the later one what has happened meanwhile.
func (d *demo) sayDay(day, days int) {
	if day == 0 {
		d.app.printf("\n%s", d.app.paint(cyan, fmt.Sprintf("== %d days of business, from nothing", days)))
		return
	}
	d.app.printf("\n%s", d.app.paint(cyan, fmt.Sprintf("== a day later (day %d)", days)))
	for _, domain := range d.domains {
		d.app.printf("%s: %s", domain.name, domain.later)
	}
}

// update is terrace update with the stand-ins' clock.
func (d *demo) update(ctx context.Context, now func() time.Time) (dag.Report, error) {
	selection := Selection{}
	for _, domain := range d.domains {
		selection.Select = append(selection.Select, "path:models/"+domain.name)
	}
	w, err := d.app.prepare(ctx, request{
		command: "update", extract: true, models: true, assertions: true, now: now, Selection: selection,
	})
	if err != nil {
		return dag.Report{}, err
	}
	defer w.close()
	return w.run(ctx)
}

// serve listens and answers until stop is called.
func serve(address string, handler http.Handler) (string, func(), error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, &surroundingsError{
			err:  fmt.Errorf("start the stand-in upstream: %w", err),
			hint: "Choose another address with --listen, or leave it out for a free port.",
		}
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: connectTimeout}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with stop
	}()
	return listener.Addr().String(), func() {
		_ = server.Close() // open requests belong to a run that is over
		<-done
	}, nil
}

// epilogue shows what there is to look at.
func (d *demo) epilogue(ctx context.Context) error {
	conn, err := d.app.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	for _, domain := range d.domains {
		for _, shown := range domain.shows {
			if err := d.show(ctx, conn, shown.title, shown.sql); err != nil {
				return err
			}
		}
	}
	url := strings.Replace(conn.Config().ConnString(), "/postgres?", "/"+demoDatabase+"?", 1)
	d.app.printf("\nLook around: psql %q", url)
	return nil
}

func (d *demo) show(ctx context.Context, conn *pgx.Conn, title, sql string) error {
	names, rows, err := dag.Preview(ctx, conn, dag.Query{SQL: sql, Limit: 10, Timezone: "Asia/Shanghai"})
	if err != nil {
		return fmt.Errorf("show %s: %w", title, err)
	}
	d.app.printf("\n%s", d.app.paint(cyan, "== "+title))
	d.app.printRows(names, rows)
	return nil
}

// printRows prints a query's rows.
func (a *App) printRows(names []string, rows [][]*string) {
	header := make(table.Row, len(names))
	for i, name := range names {
		header[i] = name
	}
	t := newTable(a.Stdout, header...)
	for _, row := range rows {
		cells := make(table.Row, len(row))
		for i, value := range row {
			cells[i] = "NULL"
			if value != nil {
				cells[i] = *value
			}
		}
		t.AppendRow(cells)
	}
	t.Render()
}
