package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
)

// ServeCmd is terrace serve.
type ServeCmd struct {
	Debounce time.Duration `default:"50ms" placeholder:"DURATION" help:"How long nothing more must land before models run (default: 50ms)."`
	Idle     time.Duration `default:"1m" placeholder:"DURATION" help:"How long nothing is told before the ledger is asked what was missed (default: 1m)."`
	pageFlags
	schedulerFlags
	NoSchedules bool `name:"no-schedules" help:"Leave schedules to others."`
}

const (
	// landings is the channel on which committed pages are told, with the stream as payload.
	landings = "terrace"
	// debounces is how many times the debounce models wait at most while pages keep coming.
	debounces = 20
	// reconnectWait is the first pause after a lost connection; it doubles up to reconnectMost.
	reconnectWait, reconnectMost = time.Second, 30 * time.Second
)

// Run implements the command. It ends with a signal, or with what makes serving impossible from the start.
func (c *ServeCmd) Run(ctx context.Context, a *App) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Idle <= 0 { // what was landed and not told would never be found, or nothing else be done
		return &inputError{message: fmt.Sprintf("--idle is %s", c.Idle), hint: "Give a length of time such as 1m."}
	}
	p, err := a.load()
	if err != nil {
		return err
	}
	stopPages, err := a.servePages(ctx, c.pageFlags)
	if err != nil {
		return err
	}
	defer stopPages()
	return a.withRetention(ctx, p, func() error {
		return a.withAlerts(ctx, func() error { return c.serve(ctx, a, p) })
	})
}

func (c *ServeCmd) serve(ctx context.Context, a *App, p *project) error {
	s := &serving{app: a, debounce: c.Debounce, idle: c.Idle}
	if c.NoSchedules {
		return a.stay(ctx, s.listen)
	}
	return a.beside(ctx, s, c.schedulerFlags, p)
}

// beside listens and runs schedules until both have ended; where one of them is impossible, the other ends, too.
func (a *App) beside(ctx context.Context, s *serving, f schedulerFlags, p *project) error {
	ctx, stop := context.WithCancel(ctx)
	var scheduling error
	var running sync.WaitGroup
	running.Go(func() {
		defer stop()
		scheduling = a.runSchedules(ctx, f, p)
	})
	listening := a.stay(ctx, s.listen)
	stop()
	running.Wait()
	if listening != nil {
		return listening
	}
	return scheduling
}

// serving is one terrace serve.
type serving struct {
	app      *App
	debounce time.Duration
	// idle bounds the wait: a landing is told after its commit, so that one whose process died in between is not.
	idle time.Duration
	// pending are the rows, by stream, that models had not seen when the ledger was asked last: what is still so was tried.
	pending map[string]int64
}

// listen serves as long as its connection lives, and tells whether it ever listened on it.
func (s *serving) listen(ctx context.Context) (served bool, err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return false, err
	}
	defer hangUp(conn)
	if _, err := conn.Exec(ctx, "listen "+landings); err != nil {
		return false, fmt.Errorf("listen: %w", err)
	}
	// What landed while nobody listened was told to nobody.
	s.look(ctx, nil)
	s.announce(conn.Config())
	for {
		streams, err := s.wait(ctx, conn)
		if err != nil {
			return true, err
		}
		if len(streams) > 0 {
			s.look(ctx, streams)
		}
	}
}

// announce says what is watched, where, and how it ends.
func (s *serving) announce(config *pgx.ConnConfig) {
	streams, models := 0, 0
	if p, err := s.app.load(); err == nil {
		for _, n := range p.graph.Nodes() {
			switch {
			case n.Kind == dag.KindStream && !n.Stream.External:
				streams++
			case n.Model != nil && n.Kind != dag.KindAssertion:
				models++
			}
		}
	}
	fmt.Fprintf(s.app.Stderr, "listening: database %s on %s, port %d\n", config.Database, config.Host, config.Port)
	fmt.Fprintf(s.app.Stderr, "watching: %s and %s; models run when something lands in what they read\n", counted(streams, "stream"), counted(models, "model"))
	fmt.Fprintln(s.app.Stderr, "Ctrl-C or SIGTERM ends it")
}

// connect opens the project's database, with schema terrace in it.
func (s *serving) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := s.app.projectConfig(ctx)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["application_name"] = "terrace:serve"
	return s.app.connect(ctx, config)
}

// wait gives the streams in which something landed, once nothing more has for the debounce; none where nothing did for a
// while.
func (s *serving) wait(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	some, stop := context.WithTimeout(ctx, s.idle)
	first, err := conn.WaitForNotification(some)
	stop()
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return s.missed(ctx, conn)
	}
	if err != nil {
		return nil, err
	}
	streams := map[string]bool{first.Payload: true}
	most := time.Now().Add(debounces * s.debounce)
	for {
		quiet, cancel := context.WithDeadline(ctx, earlier(time.Now().Add(s.debounce), most))
		further, err := conn.WaitForNotification(quiet)
		cancel()
		switch {
		case err == nil:
			streams[further.Payload] = true
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			return slices.Sorted(maps.Keys(streams)), nil
		default:
			return nil, err
		}
	}
}

// missed gives the streams of which models have not seen all that landed, those left out that were given before.
func (s *serving) missed(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	state, err := dag.LoadState(ctx, conn)
	if err != nil {
		return nil, err
	}
	pending := map[string]int64{}
	for _, node := range state {
		for stream, rows := range node.Pending {
			pending[stream] = max(pending[stream], rows)
		}
	}
	var streams []string
	for _, stream := range slices.Sorted(maps.Keys(pending)) {
		if pending[stream] != s.pending[stream] {
			streams = append(streams, stream)
		}
	}
	s.pending = pending
	return streams, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// look runs what depends on streams, or all that is not up to date when none is named. What fails is told, and stops
// nothing.
func (s *serving) look(ctx context.Context, streams []string) {
	selection := Selection{AllowEmpty: true}
	for _, name := range streams {
		selection.Select = append(selection.Select, name+"+")
	}
	if streams != nil {
		if selection = s.known(selection, streams); len(selection.Select) == 0 {
			return
		}
	}
	err := s.app.do(ctx, request{command: "serve", models: true, assertions: true, wait: true, Selection: selection})
	if ctx.Err() == nil {
		s.app.fail(ctx, err)
	}
}

// known leaves out streams that are not in this project: others may land in the same database.
func (s *serving) known(selection Selection, streams []string) Selection {
	p, err := s.app.load()
	if err != nil {
		return selection // the run tells what is wrong
	}
	out := Selection{AllowEmpty: true}
	for i, name := range streams {
		if n := p.graph.Node(name); n != nil && n.Kind == dag.KindStream {
			out.Select = append(out.Select, selection.Select[i])
		}
	}
	return out
}
