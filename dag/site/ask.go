package site

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
)

// Asks takes what readers ask for. It is called by several goroutines at once.
type Asks interface {
	// Ask queues what is wished, of nodes, runs and schedules that there are, and pauses and resumes at once.
	Ask(ctx context.Context, w Wish) (Reply, error)
	// Output is the end of what was printed to a log of this machine, "" of any other.
	Output(host, log string) string
}

// Deed is what a reader wishes to be done.
type Deed string

// The deeds.
const (
	DeedRun    Deed = "run"    // read a stream, build a model or a seed, judge an assertion
	DeedRetry  Deed = "retry"  // what failed or was skipped in a run
	DeedStart  Deed = "start"  // a schedule's command, now
	DeedPause  Deed = "pause"  // a schedule
	DeedResume Deed = "resume" // a schedule
)

// Wish is what a reader asks for.
type Wish struct {
	Do   Deed   `json:"do"`
	Node string `json:"node,omitempty"`
	// Downstream wants what depends on the node as well, Force also what has not changed.
	Downstream bool      `json:"downstream,omitempty"`
	Force      bool      `json:"force,omitempty"`
	Run        uuid.UUID `json:"run,omitzero"`
	Schedule   string    `json:"schedule,omitempty"`
	// Reason is why a schedule is paused, for those who look.
	Reason string `json:"reason,omitempty"`
	// By is who asks, as far as is known: 'page, 127.0.0.1'.
	By string `json:"-"`
	// Key is the same when a form is sent twice.
	Key string `json:"-"`
}

// Reply is what came of a wish.
type Reply struct {
	// ID is the occurrence that it has become; 0 where all was done at once.
	ID int64
	// Fresh says that it was not asked for before with this key, and did not wait or run already.
	Fresh bool
}

// refusedError says why a wish is not granted, with the status of the answer.
type refusedError struct {
	status  int
	message string
}

func (e *refusedError) Error() string { return e.message }

// grant looks whether what is wished is there, and asks for it.
func (h *server) grant(ctx context.Context, lang Lang, w Wish) (Reply, error) {
	project, err := h.source.Project(ctx)
	if err != nil {
		return Reply{}, err
	}
	err = h.source.Read(ctx, func(tx pgx.Tx) error {
		return w.check(&view{ctx: ctx, tx: tx, project: project, index: h.indexOf(project), Lang: lang})
	})
	if err != nil {
		return Reply{}, err
	}
	reply, err := h.Asks.Ask(ctx, w)
	if err != nil {
		return reply, fmt.Errorf("%s: %w", w.Do, err)
	}
	h.Log.Info("asked for", "what", w.Do, "node", w.Node, "run", w.Run, "schedule", w.Schedule, "by", w.By, "occurrence", reply.ID)
	return reply, nil
}

// check refuses what there is not, and what cannot be done now.
func (w Wish) check(v *view) error {
	switch w.Do {
	case DeedRun:
		if !v.Known(w.Node) {
			return notFound(v.T("No such node."))
		}
	case DeedRetry:
		info, err := dag.NewLedger(v.tx).Run(v.ctx, w.Run)
		switch {
		case errors.Is(err, dag.ErrNoRun):
			return notFound(v.T("No such run."))
		case err != nil:
			return err
		case !info.Ended() && !info.Lost():
			return &refusedError{http.StatusConflict, v.T("This run goes on.")}
		case info.Environment != v.project.Environment:
			return &refusedError{http.StatusConflict, v.T("This run is of another environment.")}
		}
	case DeedStart, DeedPause, DeedResume:
		all, err := schedules(v.ctx, v.tx)
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.Name == w.Schedule {
				return nil
			}
		}
		return notFound(v.T("No such schedule."))
	default:
		return &refusedError{http.StatusBadRequest, v.T("This cannot be asked for.")}
	}
	return nil
}

// CanAsk reports whether the page has forms.
func (v *view) CanAsk() bool { return v.asks != nil }

// CanRetry reports whether a run has left something that can be asked for again from here.
func (v *view) CanRetry(r dag.RunInfo) bool {
	return v.asks != nil && r.Environment == v.project.Environment && v.Retryable(r)
}

// Retryable reports whether a run has left something to do.
func (v *view) Retryable(r dag.RunInfo) bool {
	return r.Lost() || r.Ended() && dag.Status(r.Status).Bad()
}

// below counts what depends on a node, however far.
func (x *index) below(name string) int {
	seen, waiting := map[string]bool{name: true}, []string{name}
	for len(waiting) > 0 {
		n := x.nodes[waiting[0]]
		waiting = waiting[1:]
		if n == nil {
			continue
		}
		for _, reader := range n.ReadBy {
			if !seen[reader] && x.nodes[reader] != nil {
				seen[reader] = true
				waiting = append(waiting, reader)
			}
		}
	}
	return len(seen) - 1
}
