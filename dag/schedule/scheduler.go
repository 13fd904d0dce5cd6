package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// SessionName is what sessions of schedulers are called, of an environment or, with "", of production.
func SessionName(environment string) string {
	return strings.TrimSpace("terrace:scheduler " + environment)
}

// Scheduler starts what is due. Any number of them may work on one database, on whatever machines: each occurrence is
// started by one.
type Scheduler struct {
	// Execute runs an occurrence in a process of its own, which claims it, and returns when that has ended. The context is over
	// when the scheduler is to stop; the process is then asked to end, and waited for with a limit.
	Execute func(ctx context.Context, o Occurrence)
	// Slots is how many run at once.
	Slots int
	// Poll is how long nothing is told before the database is asked: what is due is known, what other machines lost is not.
	Poll time.Duration
	// Keep is how long occurrences are kept after their end; 0 is for ever.
	Keep time.Duration
	// Environment is the one whose schedules it starts, "" for production.
	Environment string
	Log         *slog.Logger

	// forgetAt is when, by the database's clock, what is too old is looked for again.
	forgetAt time.Time

	running sync.WaitGroup
	mu      sync.Mutex
	used    int
	// freed says that a slot was given back since somebody looked, and wake ends the wait of who waits for one.
	freed bool
	wake  context.CancelFunc
}

// Serve starts what is due until the context is over or the connection is lost. It may be called again with another
// connection; what was started goes on meanwhile. The connection is the scheduler's alone.
func (s *Scheduler) Serve(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "select set_config('application_name', $1, false)", SessionName(s.Environment)); err != nil {
		return fmt.Errorf("name the session: %w", err)
	}
	if _, err := conn.Exec(ctx, "listen "+Channel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	store := NewStore(conn).In(s.Environment)
	for {
		until, err := s.round(ctx, store)
		if err != nil {
			return err
		}
		if err := s.wait(ctx, conn, min(until, s.Poll)); err != nil {
			return err
		}
	}
}

// Wait returns when everything that was started has ended.
func (s *Scheduler) Wait() { s.running.Wait() }

// round does everything that there is to do, and says how long it is until there is more.
func (s *Scheduler) round(ctx context.Context, store *Store) (time.Duration, error) {
	lost, err := store.Bury(ctx)
	if err != nil {
		return 0, err
	}
	for _, name := range lost {
		s.Log.Warn("a process ended without a word", "schedule", name, "hint", "What it committed stands; the next time goes on from there.")
	}
	if err := s.forget(ctx, store); err != nil {
		return 0, err
	}
	until, err := store.Settle(ctx)
	var unreadable *UnreadableError
	if errors.As(err, &unreadable) {
		s.Log.Warn(err.Error(), "hint", "Add it again, with --replace.")
		until, err = s.Poll, nil
	}
	if err != nil {
		return 0, err
	}
	free := s.free()
	if free == 0 {
		return until, nil
	}
	taken, err := store.Reserve(ctx, free)
	for _, o := range taken {
		s.start(ctx, o)
	}
	return until, err
}

// How often old occurrences are looked for, and how many are deleted at a time: a moment's work, before what is due.
const (
	forgetEvery   = time.Hour
	mostForgotten = 1000
)

// forget deletes what is not kept any longer, a part in each round until nothing of it is left.
func (s *Scheduler) forget(ctx context.Context, store *Store) error {
	if s.Keep <= 0 {
		return nil
	}
	now, err := store.Now(ctx)
	if err != nil || now.Before(s.forgetAt) {
		return err
	}
	gone, err := store.Forget(ctx, s.Keep, mostForgotten)
	if gone < mostForgotten {
		s.forgetAt = now.Add(forgetEvery)
	}
	return err
}

func (s *Scheduler) start(ctx context.Context, o Occurrence) {
	s.mu.Lock()
	s.used++
	s.mu.Unlock()
	s.running.Go(func() {
		defer s.release()
		s.Execute(ctx, o)
	})
}

// free is how many more may be started.
func (s *Scheduler) free() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.freed = false
	return s.Slots - s.used
}

// release gives a slot back.
func (s *Scheduler) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.freed = true
	if s.wake != nil {
		s.wake()
	}
}

// wait waits until something is told, a slot is free that was not, or the time is over.
func (s *Scheduler) wait(ctx context.Context, conn *pgx.Conn, most time.Duration) error {
	some, stop := context.WithTimeout(ctx, most)
	defer stop()
	s.mu.Lock()
	s.wake = stop
	if s.freed {
		stop()
	}
	s.mu.Unlock()
	_, err := conn.WaitForNotification(some)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil
	default:
		return err
	}
}
