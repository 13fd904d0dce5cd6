package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/schedule"
)

// ScheduleRunCmd is terrace schedule run.
type ScheduleRunCmd struct {
	Name string `arg:"" help:"Name of the schedule."`
}

// Run implements the command: what it prints and its exit code are those of the schedule's command.
func (c *ScheduleRunCmd) Run(ctx context.Context, a *App) error {
	if err := a.needProject(); err != nil {
		return err
	}
	return a.withSchedules(ctx, c.Name, func(conn *pgx.Conn, store *schedule.Store) error {
		s, err := store.Get(ctx, c.Name)
		if err != nil {
			return err
		}
		if err := sameSchedules(s, a.apart()); err != nil {
			return err
		}
		o, err := store.Begin(ctx, c.Name, owner(""))
		if err != nil {
			return err
		}
		return a.perform(ctx, conn, o)
	})
}

// sameSchedules refuses to run a schedule where other nodes are meant by its command.
func sameSchedules(s schedule.Schedule, environment string) error {
	switch s.Environment {
	case environment:
		return nil
	case "":
		return &inputError{message: fmt.Sprintf("schedule %s is one of production, not of environment %s", s.Name, environment), hint: "Run it there: terrace schedule run " + s.Name + " without --env."}
	default:
		return &inputError{message: fmt.Sprintf("schedule %s is one of environment %s", s.Name, s.Environment), hint: fmt.Sprintf("Run it there: terrace schedule run %s --env %s", s.Name, s.Environment)}
	}
}

// ScheduleExecuteCmd is what a scheduler starts: the occurrence's command in a process of its own.
type ScheduleExecuteCmd struct {
	ID  int64  `arg:"" help:"Number of the occurrence."`
	Log string `help:"Where the output goes, for those who look for it."`
}

// Run implements the command.
func (c *ScheduleExecuteCmd) Run(ctx context.Context, a *App) error {
	if err := a.needProject(); err != nil {
		return err
	}
	return a.withSchedules(ctx, "", func(conn *pgx.Conn, store *schedule.Store) error {
		o, err := store.Claim(ctx, c.ID, owner(c.Log))
		if errors.Is(err, schedule.ErrGone) {
			fmt.Fprintln(a.Stderr, err)
			return &toldError{exitHeld}
		}
		if err != nil {
			return err
		}
		return a.perform(ctx, conn, o)
	})
}

func owner(log string) schedule.Owner {
	host, _ := os.Hostname() // a name for people; without one the row has none
	return schedule.Owner{Host: host, PID: os.Getpid(), Log: log}
}

// occurrence is one of a schedule that this process runs. A nil one is none.
type occurrence struct {
	schedule.Occurrence
	mu sync.Mutex // over the connection
	// store is on the connection by whose session others know that the occurrence goes on.
	store *schedule.Store
}

// became records the run of the ledger that the occurrence is.
func (o *occurrence) became(ctx context.Context, run uuid.UUID) error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.store.Became(ctx, o.ID, run)
}

// unwanted reports whether the next occurrence has asked this one to give way. Where the database cannot be asked, it has not.
func (o *occurrence) unwanted(ctx context.Context) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	asked, err := o.store.Unwanted(ctx, o.ID)
	return err == nil && asked
}

// errOverlap is the cause of a context that the next occurrence ended.
var errOverlap = errors.New("the next occurrence takes its place")

// limitError is the cause of a context whose schedule lets it go on no longer: steps end as timed out by it.
type limitError struct{ limit time.Duration }

func (e *limitError) Error() string {
	return fmt.Sprintf("it took longer than its schedule lets it, %s", e.limit)
}
func (e *limitError) Unwrap() error { return context.DeadlineExceeded }

func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, &limitError{limit})
}

// perform runs the command of an occurrence that is begun, and records how it ended.
func (a *App) perform(ctx context.Context, conn *pgx.Conn, begun schedule.Occurrence) error {
	o := &occurrence{Occurrence: begun, store: schedule.NewStore(conn)}
	running, stop := context.WithCancelCause(ctx)
	timed, cancel := withLimit(running, o.Limit)
	defer cancel()
	var watching sync.WaitGroup
	watching.Go(func() { o.watch(running, stop) })
	env := a.inner()
	env.Occurrence = o
	code := execute(timed, a.innerArgs(o.Arguments), env)
	gaveWay := errors.Is(context.Cause(running), errOverlap)
	var limit *limitError
	tooLong := errors.As(context.Cause(timed), &limit)
	stop(nil)
	watching.Wait()

	status, reason := outcome(code)
	switch {
	case tooLong && code != exitDone:
		status, reason, code = schedule.TimedOut, limit.Error(), exitFailed
		fmt.Fprintf(a.Stderr, "%s: %s\n", o.Schedule, reason)
	case gaveWay:
		status, reason, code = schedule.Cancelled, schedule.Overlapped, exitTerminated
	}
	if err := a.finish(ctx, conn, o, status, reason, code); err != nil {
		return err
	}
	if code != exitDone {
		return &toldError{code}
	}
	return nil
}

// watchEvery is how often a process looks whether it is to give way.
const watchEvery = 2 * time.Second

// watch ends the context with errOverlap when the next occurrence asks for it.
func (o *occurrence) watch(ctx context.Context, stop context.CancelCauseFunc) {
	for pauseFor(ctx, watchEvery); ctx.Err() == nil; pauseFor(ctx, watchEvery) {
		if o.unwanted(ctx) {
			stop(errOverlap) // which ends ctx
		}
	}
}

// finishTimeout bounds the writing of an occurrence's end, which happens also when its own context is over.
const finishTimeout = 10 * time.Second

// finish records how an occurrence ended, on another connection where the first was lost.
func (a *App) finish(ctx context.Context, conn *pgx.Conn, o *occurrence, status schedule.Status, reason string, code int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if conn.IsClosed() || conn.Ping(ctx) != nil {
		again, err := a.openDatabase(ctx)
		if err != nil {
			return err
		}
		defer again.Close(ctx)
		conn = again
	}
	return schedule.NewStore(conn).Finish(ctx, o.Occurrence, status, reason, code)
}

// outcome is what an exit code means for an occurrence.
func outcome(code int) (schedule.Status, string) {
	switch code {
	case exitDone:
		return schedule.Success, ""
	case exitFailed:
		return schedule.Failure, "a step failed"
	case exitData:
		return schedule.Failure, "data quality"
	case exitInput:
		return schedule.Errored, "wrong input"
	case exitSurroundings:
		return schedule.Errored, "surroundings"
	case exitHeld:
		return schedule.Errored, "held by another run"
	case exitInterrupted, exitTerminated:
		return schedule.Cancelled, "stopped"
	default:
		return schedule.Errored, fmt.Sprintf("exit code %d", code)
	}
}
