package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/site"
	"github.com/terrace-elt/terrace/ods"
)

// pageSource gives pages what they show: the project in its folder, and what the database has of it.
type pageSource struct {
	app  *App
	pool *pgxpool.Pool
	// aside is for what is asked while a page holds a connection of pool: pages that wait for each other's would wait for ever.
	aside *pgxpool.Pool
	// timeout bounds each statement that is made for a page.
	timeout time.Duration

	mu     sync.Mutex
	read   *project
	shown  *site.Project
	looked time.Time // when the files were looked at last
	seen   string    // what they looked like then
	// columnsAgain is when the database is asked for columns once more, the zero time when it gave them.
	columnsAgain time.Time

	streams recent[[]site.Stream]
	quality recent[site.Quality]
}

// recent keeps an answer that costs, since it counts rows, for a while: the longer it took, the longer.
type recent[T any] struct {
	mu    sync.Mutex
	value T
	until time.Time
}

// The least time that an answer is kept, and how many times the time that it took.
const (
	keptFor   = time.Second
	keptTimes = 20
)

func (r *recent[T]) get(now func() time.Time, ask func() (T, error)) (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	began := now()
	if began.Before(r.until) {
		return r.value, nil
	}
	value, err := ask()
	if err == nil {
		ended := now()
		r.value, r.until = value, ended.Add(max(keptFor, keptTimes*ended.Sub(began)))
	}
	return value, err
}

// The bounds of what pages ask: those that somebody waits for, and those of a file.
const (
	pageTimeout = 5 * time.Second
	fileTimeout = time.Minute
	// pageConnections is how many pages are made at once.
	pageConnections = 4
	// filesEvery is how long pages trust that the files are as they were.
	filesEvery = 2 * time.Second
	// columnsEvery is when pages ask the database for columns once more that it did not give: it may have been busy.
	columnsEvery = 30 * time.Second
)

// openPages connects to the project's database.
func (a *App) openPages(ctx context.Context, timeout time.Duration) (*pageSource, error) {
	config, err := a.projectConfig(ctx)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["application_name"] = "terrace:pages"
	config.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(timeout.Milliseconds(), 10)
	config.MaxConns = pageConnections
	pool, err := a.openPool(ctx, config)
	if err != nil {
		return nil, err
	}
	config = config.Copy()
	config.MaxConns = 1
	aside, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return &pageSource{app: a, pool: pool, aside: aside, timeout: timeout}, nil
}

func (s *pageSource) close() {
	s.pool.Close()
	s.aside.Close()
}

// Project implements site.Source. Files that have mistakes leave the project as it was, and say so.
func (s *pageSource) Project(ctx context.Context) (*site.Project, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.app.Now()
	if s.shown != nil && now.Sub(s.looked) < filesEvery {
		return s.shown, nil
	}
	s.looked = now
	seen, err := look(s.app.Dir)
	if err == nil && s.shown != nil && seen == s.seen && (s.columnsAgain.IsZero() || now.Before(s.columnsAgain)) {
		return s.shown, nil
	}
	fresh, err := s.app.load()
	if err == nil {
		err = s.show(ctx, fresh)
	}
	if err != nil && s.shown == nil {
		return nil, err
	}
	s.seen = seen
	if err != nil {
		was := *s.shown
		was.Problem = s.app.redact(problemText(err))
		s.shown = &was
	}
	return s.shown, nil
}

// problemText is the first thing that is wrong.
func problemText(err error) string {
	var problems *problemsError
	if errors.As(err, &problems) && len(problems.problems) > 0 {
		return problems.problems[0].Error()
	}
	return message(err)
}

// look tells files apart by name, size and time, and opens none.
func look(dir string) (string, error) {
	var b strings.Builder
	for _, top := range []string{"terrace.yml", ".env", "models", "tests"} {
		err := filepath.WalkDir(filepath.Join(dir, top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err == nil {
				fmt.Fprintf(&b, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return b.String(), nil
}

// lineage asks the database for the columns of a project.
func (s *pageSource) lineage(ctx context.Context, p *project) (*dag.Lineage, error) {
	conn, err := s.aside.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	return p.lineage(ctx, conn.Conn())
}

// show makes a project what pages show. Its columns are those that the database sees, where it can be asked.
func (s *pageSource) show(ctx context.Context, p *project) error {
	zone, err := time.LoadLocation(cmp.Or(p.Config.Timezone, "UTC"))
	if err != nil {
		return fmt.Errorf("load the project's time zone: %w", err)
	}
	s.columnsAgain = time.Time{}
	lineage, err := s.lineage(ctx, p)
	if err != nil {
		lineage, s.columnsAgain = dag.NewLineage(p.graph, nil), s.app.Now().Add(columnsEvery)
		s.app.Log.Warn("the pages show the columns of headers alone, until the database tells those of the project", "error", s.app.redact(message(err)))
	}
	shown := &site.Project{Name: p.Config.Name, Zone: zone, Environment: p.apart(s.app), Figures: figures(p.graph.Nodes())}
	for _, n := range p.graph.Nodes() {
		if n.Kind == dag.KindAssertion {
			shown.Assertions = append(shown.Assertions, documentAssertion(n))
			continue
		}
		shown.Nodes = append(shown.Nodes, p.document(n, lineage))
	}
	var one sync.Mutex
	shown.Trace = func(node, column string) (up, down *dag.Traced) {
		one.Lock() // a lineage is not for several at once
		defer one.Unlock()
		return lineage.Upstream(node, column), lineage.Downstream(node, column)
	}
	s.read, s.shown = p, shown
	return nil
}

func documentAssertion(n *dag.Node) site.Assertion {
	a := site.Assertion{Rule: site.Rule{Name: n.Name, Severity: n.Severity(), Description: descriptionOf(n)}, File: n.File, On: n.On}
	switch {
	case n.Assertion != nil:
		a.SQL = n.Assertion.SQL
	case n.Inline != nil:
		a.SQL = materialize.Assertion(*n.Inline, materialize.Quote(n.On[0]))
	}
	return a
}

// loaded is the project that is shown.
func (s *pageSource) loaded() *project {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read
}

// Read implements site.Source.
func (s *pageSource) Read(ctx context.Context, look func(pgx.Tx) error) error {
	if _, err := s.Project(ctx); err != nil { // its settings are those of the transaction
		return err
	}
	p := s.loaded()
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly, IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing was written
	if err := dag.PrepareReading(ctx, tx, p.vars, p.Config.Timezone, s.timeout); err != nil {
		return err
	}
	return look(tx)
}

// Quality implements site.Source.
func (s *pageSource) Quality(ctx context.Context, tx pgx.Tx) (site.Quality, error) {
	return s.quality.get(s.app.Now, func() (site.Quality, error) {
		p := s.loaded()
		all, err := p.graph.Select(dag.SelectContext{AllowEmpty: true}, nil, nil)
		if err != nil {
			return site.Quality{}, err
		}
		return p.quality(ctx, tx, "", all)
	})
}

// Streams implements site.Source.
func (s *pageSource) Streams(ctx context.Context) ([]site.Stream, error) {
	return s.streams.get(s.app.Now, func() ([]site.Stream, error) {
		return s.app.streams(ctx, ods.New(s.aside), s.loaded())
	})
}

// Redact implements site.Source.
func (s *pageSource) Redact(text string) string { return s.app.redact(text) }

// writePages writes the file that --out names. One that is there is replaced when the new one is whole.
func (c *DocsCmd) writePages(ctx context.Context, a *App) error {
	if len(c.include())+len(c.Exclude) > 0 || a.JSON {
		return &inputError{message: "--out writes the pages of the whole project", hint: "Leave out selectors and --json."}
	}
	if _, err := a.load(); err != nil {
		return err
	}
	source, err := a.openPages(ctx, fileTimeout)
	if err != nil {
		return err
	}
	defer source.close()
	file, err := os.CreateTemp(filepath.Dir(c.Out), filepath.Base(c.Out)+".*")
	if err != nil {
		return cannotWrite(err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // it has another name by then, when all went well
	lang, _ := site.ParseLang(c.Lang)
	err = site.New(source, a.Now).WriteFile(ctx, file, lang)
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), c.Out); err != nil {
		return cannotWrite(err)
	}
	fmt.Fprintf(a.Stderr, "%s has the pages; open it in a browser\n", c.Out)
	return nil
}

func cannotWrite(err error) error {
	return &surroundingsError{err: fmt.Errorf("write the pages: %w", err), hint: "Name a file in a folder that can be written to."}
}

var _ site.Source = (*pageSource)(nil)
