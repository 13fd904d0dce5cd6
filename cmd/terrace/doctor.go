package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/cmd/pgserver"
	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/migrations"
)

// DoctorCmd is terrace doctor.
type DoctorCmd struct{}

// verdict is how a check ended.
type verdict string

const (
	verdictOK   verdict = "ok"
	verdictWarn verdict = "warn"
	verdictFail verdict = "fail"
)

// check is one line of the doctor's report.
type check struct {
	Name   string  `json:"name"`
	Status verdict `json:"status"`
	Detail string  `json:"detail"`
	Hint   string  `json:"hint,omitempty"`
	// code is the exit code that a failure asks for.
	code int
}

// doctor looks at everything and stops at nothing.
type doctor struct {
	app    *App
	checks []check
	// url is the database that was found, "" for none.
	url      string
	embedded bool
}

// Run implements the command. Nothing is changed, but that the embedded server is started where it is the one to be
// looked at.
func (c *DoctorCmd) Run(ctx context.Context, a *App) error {
	d := &doctor{app: a}
	p := d.project()
	d.settings(p)
	d.binaries(ctx)
	d.state()
	d.database(ctx)
	d.psql()
	d.variables(p)
	d.sources(ctx, p)
	d.alerts(p)
	return d.report()
}

func (d *doctor) ok(name, detail string) {
	d.checks = append(d.checks, check{Name: name, Status: verdictOK, Detail: detail})
}

func (d *doctor) warn(name, detail, hint string) {
	d.checks = append(d.checks, check{Name: name, Status: verdictWarn, Detail: detail, Hint: hint})
}

// fail notes what is wrong; its error says what to do about it and which exit code it asks for.
func (d *doctor) fail(ctx context.Context, name string, err error) {
	d.checks = append(d.checks, check{
		Name: name, Status: verdictFail, Detail: message(err), Hint: hintOf(err), code: exitCode(ctx, err),
	})
}

// project looks at the project's files, and returns them unless there is no project.
func (d *doctor) project() *project {
	if err := d.app.needProject(); err != nil {
		d.fail(context.Background(), "project", err)
		return nil
	}
	p := d.app.read()
	problems := p.problems
	if p.Project != nil {
		problems = strict.Sort(append(problems, p.CheckSQL(nil)...))
	}
	switch {
	case strict.HasErrors(problems):
		d.fail(context.Background(), "project", &inputError{
			message: fmt.Sprintf("%s in %s", &problemsError{problems: problems}, d.app.Dir), hint: "terrace check lists them with their places.",
		})
	case len(problems) > 0:
		d.warn("project", fmt.Sprintf("%d warnings in %s", len(problems), d.app.Dir), "terrace check lists them with their places.")
	default:
		d.ok("project", fmt.Sprintf("%s in %s, %d nodes", p.Config.Name, d.app.Dir, p.graph.Len()))
	}
	return p
}

// settings says which of the layers names the database, and which database that is.
func (d *doctor) settings(p *project) {
	from := d.app.settings.databaseFrom
	d.url = d.app.settings.databaseURL
	if d.url == "" && p != nil && p.Project != nil {
		d.url, from = p.database(d.app), "terrace.yml"
	}
	if d.url == "" {
		d.embedded = p != nil
		if d.embedded {
			d.ok("settings", "no database is named: the embedded server is used")
		} else {
			d.warn("settings", "no database is named, and there is no project to keep one in", "Set TERRACE_DATABASE_URL, or go to a project.")
		}
		return
	}
	config, err := d.app.poolConfig(d.url)
	if err != nil {
		d.url = ""
		d.fail(context.Background(), "settings", err)
		return
	}
	c := config.ConnConfig
	d.ok("settings", fmt.Sprintf("%s names database %s on %s as %s", from, c.Database, c.Host, c.User))
}

// binaries matter to the embedded server alone.
func (d *doctor) binaries(ctx context.Context) {
	found, err := pgserver.Find(ctx, d.app.LookupEnv, filepath.Dir(d.app.dataDir()))
	switch {
	case err == nil:
		d.ok("binaries", "PostgreSQL "+found[0].String())
	case d.embedded:
		d.fail(ctx, "binaries", err)
	default:
		d.warn("binaries", "no PostgreSQL to embed is installed; the database that is named needs none", "")
	}
}

// state looks whether the folder for what terrace keeps beside the project can be written.
func (d *doctor) state() {
	if d.app.Dir == "" {
		return
	}
	dir := filepath.Join(d.app.Dir, ".terrace")
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		dir = d.app.Dir // where it would be made
	}
	probe, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		d.fail(context.Background(), "folder", &surroundingsError{
			err: fmt.Errorf("%s cannot be written: %w", dir, err), hint: "Give yourself the right to write there, or make room on the disk.",
		})
		return
	}
	_ = probe.Close()           // nothing was written
	_ = os.Remove(probe.Name()) // what cannot be removed is empty and has a name that says whose it is
	d.ok("folder", dir+" can be written")
}

// database connects, starting the embedded server where that is the one.
func (d *doctor) database(ctx context.Context) {
	if d.embedded {
		url, err := d.app.databaseURL(ctx, "")
		if err != nil {
			d.fail(ctx, "database", err)
			return
		}
		d.url = url
	}
	if d.url == "" {
		return
	}
	config, err := d.app.poolConfig(d.url)
	if err != nil {
		d.fail(ctx, "database", err)
		return
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		d.fail(ctx, "database", err)
		return
	}
	defer hangUp(conn)
	d.server(ctx, conn)
	d.schema(ctx, conn)
}

// slowClock is the difference between two clocks from which windows that end now miss records or wait for them.
const slowClock = time.Minute

// server looks at what kind of server answers.
func (d *doctor) server(ctx context.Context, conn *pgx.Conn) {
	var version, encoding string
	var number int
	var mayCreate, readOnly bool
	var theirs time.Time
	err := conn.QueryRow(ctx, `select
    current_setting('server_version'), current_setting('server_version_num')::integer, current_setting('server_encoding'),
    has_database_privilege(current_database(), 'create'), current_setting('transaction_read_only')::boolean, clock_timestamp()`).
		Scan(&version, &number, &encoding, &mayCreate, &readOnly, &theirs)
	if err != nil {
		d.fail(ctx, "database", fmt.Errorf("ask the server what it is: %w", err))
		return
	}
	difference := d.app.Now().Sub(theirs)
	switch {
	case number < pgserver.OldestMajor*10000:
		d.wrong("database", fmt.Sprintf("PostgreSQL %s is too old", version), fmt.Sprintf("terrace needs PostgreSQL %d or later.", pgserver.OldestMajor))
	case encoding != "UTF8":
		d.wrong("database", "the database's encoding is "+encoding, "Make one with encoding UTF8: others cannot hold what sources send.")
	case readOnly:
		d.wrong("database", fmt.Sprintf("PostgreSQL %s takes no changes", version),
			"It is a standby, or default_transaction_read_only is on. Name the primary in the database URL.")
	case !mayCreate:
		d.wrong("database", fmt.Sprintf("PostgreSQL %s, where %s may not create schemas", version, conn.Config().User),
			fmt.Sprintf("Let its owner run: grant create on database %s to %s", pgx.Identifier{conn.Config().Database}.Sanitize(), pgx.Identifier{conn.Config().User}.Sanitize()))
	default:
		d.ok("database", fmt.Sprintf("PostgreSQL %s answers, and schemas can be made", version))
	}
	if difference.Abs() > slowClock {
		d.warn("clock", fmt.Sprintf("this machine's clock and the database's differ by %s", difference.Abs().Round(time.Second)), "Let both follow a time server.")
		return
	}
	d.ok("clock", "this machine's clock and the database's agree")
}

func (d *doctor) wrong(name, detail, hint string) {
	d.fail(context.Background(), name, &surroundingsError{err: errors.New(detail), hint: hint})
}

// schema compares schema terrace with what this binary expects. It is left as it is.
func (d *doctor) schema(ctx context.Context, conn *pgx.Conn) {
	version, err := migrations.Version(ctx, conn)
	switch latest := migrations.Latest(); {
	case err != nil:
		d.fail(ctx, "schema", schemaError(err))
	case version > latest:
		d.wrong("schema", fmt.Sprintf("schema terrace is at version %d, this terrace knows %d", version, latest),
			"Install the newer terrace that made it, or name another database.")
	case version == 0:
		d.ok("schema", "schema terrace is not there yet: the first run makes it")
	case version < latest:
		d.ok("schema", fmt.Sprintf("schema terrace is at version %d; the next run brings it to %d", version, latest))
	default:
		d.ok("schema", fmt.Sprintf("schema terrace is at version %d", version))
	}
}

func (d *doctor) psql() {
	path, err := exec.LookPath("psql")
	if err != nil {
		d.warn("psql", "psql is not on the PATH, so terrace db psql does not work", "Install the PostgreSQL client.")
		return
	}
	d.ok("psql", path)
}

// sources asks those that count no requests: S3 and other PostgreSQL servers.
func (d *doctor) sources(ctx context.Context, p *project) {
	if p == nil || p.Project == nil || strict.HasErrors(p.problems) {
		return
	}
	for _, s := range p.probe(ctx, d.app, nil, cheap) {
		if s.OK {
			d.ok("source", fmt.Sprintf("%s answers (%s)", s.Source, s.Stream))
			continue
		}
		d.fail(ctx, "source", &surroundingsError{err: s.err, hint: s.Hint})
	}
}

// alerts says who would be told. Nothing is sent.
func (d *doctor) alerts(p *project) {
	if p == nil || p.Project == nil || len(p.alerts.Rules) == 0 {
		return
	}
	var on []string
	for _, c := range p.alerts.Channels {
		if !c.Off() {
			on = append(on, c.Name)
		}
	}
	told := "nobody, since every channel is off"
	if len(on) > 0 {
		told = strings.Join(on, ", ") + "; terrace alerts test tries them"
	}
	d.ok("alerts", fmt.Sprintf("%s to %s", counted(len(p.alerts.Rules), "rule"), told))
}

// variables looks whether everything is set that sources will ask the environment for.
func (d *doctor) variables(p *project) {
	if p == nil || len(p.sources) == 0 {
		return
	}
	asked := 0
	var unset []string
	for _, source := range p.sources {
		asked += len(source.Variables())
		for _, name := range d.app.unset(source) {
			unset = append(unset, fmt.Sprintf("%s (source %s)", name, source.Name))
		}
	}
	switch {
	case len(unset) > 0:
		d.fail(context.Background(), "variables", &inputError{
			message: "not set: " + strings.Join(unset, ", "), hint: "Set them in .env or in the environment; without them these sources cannot be read.",
		})
	case asked > 0:
		d.ok("variables", "everything is set that the sources ask for")
	default:
		d.ok("variables", "the sources ask for none")
	}
}

// report prints the checks and fails when one did: the project's mistakes come first, since they are the user's to mend.
func (d *doctor) report() error {
	if d.app.JSON {
		if err := d.app.printJSON(map[string]any{"checks": d.checks}); err != nil {
			return err
		}
	}
	failed, input := 0, false
	for _, c := range d.checks {
		if c.Status == verdictFail {
			failed++
			input = input || c.code == exitInput
		}
		if !d.app.JSON {
			d.app.printCheck(c)
		}
	}
	text := fmt.Sprintf("%d of %d checks failed", failed, len(d.checks))
	switch {
	case failed == 0:
		return nil
	case input:
		return &inputError{message: text}
	default:
		return &surroundingsError{err: errors.New(text)}
	}
}

func (a *App) printCheck(c check) {
	colour := map[verdict]string{verdictOK: green, verdictWarn: yellow, verdictFail: red}[c.Status]
	word := fmt.Sprintf("%-4s", c.Status)
	if terminal(a.Stdout) {
		word = a.paint(colour, word)
	}
	a.printf("%s  %-9s  %s", word, c.Name, c.Detail)
	if c.Hint != "" {
		a.printf("%15s  %s", "", c.Hint)
	}
}
