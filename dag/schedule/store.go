package schedule

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	//go:embed sql/put.sql
	putSQL string
	//go:embed sql/settle.sql
	settleSQL string
	//go:embed sql/reserve.sql
	reserveSQL string
	//go:embed sql/forget.sql
	forgetSQL string
	//go:embed sql/bury.sql
	burySQL string
	//go:embed sql/list.sql
	listSQL string
	//go:embed sql/latest.sql
	latestSQL string
	//go:embed sql/ask.sql
	askSQL string
)

// Channel is where changes are told, so that schedulers look before they would.
const Channel = "terrace_schedule"

// Database is a connection or a pool of a migrated database.
type Database interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Store keeps schedules and occurrences.
type Store struct {
	db Database
	// now takes the place of the database's clock in tests; nil is the clock.
	now *time.Time
	// environment is the one whose schedules are added, decided on and started, "" for production.
	environment string
}

// NewStore returns the store of a migrated database. It is as safe for concurrent use as the database is.
func NewStore(db Database) *Store { return &Store{db: db} }

// In is the store for an environment that is built apart, or with "" for production: what is added belongs to it, and
// nothing of another one is decided on or started. All can be read, paused and removed.
func (s *Store) In(environment string) *Store {
	return &Store{db: s.db, now: s.now, environment: environment}
}

var (
	// ErrNone is returned for a name that no schedule has.
	ErrNone = errors.New("there is no such schedule")
	// ErrTaken is returned for a name that a schedule has already.
	ErrTaken = errors.New("there is such a schedule already")
	// ErrRunning is returned when the schedule runs already.
	ErrRunning = errors.New("the schedule runs already")
	// ErrGone is returned for an occurrence that is not to be started any more, or that somebody else has started.
	ErrGone = errors.New("the occurrence is not due any more")
)

// Now is the database's time.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := s.db.QueryRow(ctx, "select coalesce($1::timestamptz, clock_timestamp())", s.now).Scan(&now); err != nil {
		return now, fmt.Errorf("ask the database for the time: %w", err)
	}
	return now, nil
}

// Put adds a schedule, or replaces one of its name when that is wanted; times before now are not made up for. Occurrences
// of the former one that have not started do not start any more. ErrTaken, or an error of Check.
func (s *Store) Put(ctx context.Context, sch Schedule, replace bool) error {
	spec, err := sch.Check()
	if err != nil {
		return err
	}
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	done, err := s.db.Exec(ctx, putSQL,
		sch.Name, spec.String(), spec.Zone().String(), sch.Arguments, string(sch.CatchUp), sch.Window, string(sch.Overlap), sch.Jitter,
		spec.Next(now), s.now, replace, sch.Limit, s.environment)
	switch {
	case err != nil:
		return fmt.Errorf("store schedule %s: %w", sch.Name, err)
	case done.RowsAffected() == 0:
		return ErrTaken
	}
	return s.tell(ctx, sch.Name)
}

// Remove forgets a schedule. What it did stays known; what is due does not start; what runs goes on. ErrNone.
func (s *Store) Remove(ctx context.Context, name string) error {
	return s.change(ctx, name, "remove", `with removed as (
    delete from terrace.schedule as s
    where s.name = $1
    returning s.name
),
given_up as (
    update terrace.occurrence as o
    set status = 'skip', reason = 'removed', ended_at = coalesce($2::timestamptz, clock_timestamp())
    from removed as r
    where o.schedule = r.name and o.status = 'due'
)
select from removed`)
}

// Pause keeps a schedule from running, until a time when one is given. What is due does not start; what runs goes on.
// ErrNone.
func (s *Store) Pause(ctx context.Context, name, reason string, until *time.Time) error {
	return s.change(ctx, name, "pause", `with paused as (
    update terrace.schedule as s
    set
        paused_at = coalesce($2::timestamptz, clock_timestamp()), paused_until = $4, pause_reason = $3,
        revision = s.revision + 1, changed_at = coalesce($2::timestamptz, clock_timestamp())
    where s.name = $1
    returning s.name
),
given_up as (
    update terrace.occurrence as o
    set status = 'skip', reason = 'paused', ended_at = coalesce($2::timestamptz, clock_timestamp())
    from paused as p
    where o.schedule = p.name and o.status = 'due' and not o.manual
)
select from paused`, reason, until)
}

// Resume lets a schedule run again, from now on: times during the pause are written down as such. ErrNone.
func (s *Store) Resume(ctx context.Context, name string) error {
	sch, err := s.Get(ctx, name)
	if err != nil {
		return err
	}
	if sch.PausedAt != nil {
		if err := s.settle(ctx, sch); err != nil {
			return err
		}
	}
	return s.change(ctx, name, "resume", `update terrace.schedule as s
set paused_at = null, paused_until = null, pause_reason = '', revision = s.revision + 1, changed_at = coalesce($2::timestamptz, clock_timestamp())
where s.name = $1
returning s.name`)
}

// change executes a statement that returns a row for the schedule that it changed.
func (s *Store) change(ctx context.Context, name, verb, sql string, args ...any) error {
	done, err := s.db.Exec(ctx, sql, append([]any{name, s.now}, args...)...)
	switch {
	case err != nil:
		return fmt.Errorf("%s schedule %s: %w", verb, name, err)
	case done.RowsAffected() == 0:
		return ErrNone
	}
	return s.tell(ctx, name)
}

// tell wakes schedulers. It is a hint: one that is lost delays until they look by themselves.
func (s *Store) tell(ctx context.Context, name string) error {
	if _, err := s.db.Exec(ctx, "select pg_notify($1, $2)", Channel, name); err != nil {
		return fmt.Errorf("tell of schedule %s: %w", name, err)
	}
	return nil
}

// Get reads a schedule. ErrNone.
func (s *Store) Get(ctx context.Context, name string) (Schedule, error) {
	all, err := s.list(ctx, &name)
	if err == nil && len(all) == 0 {
		err = ErrNone
	}
	if err != nil {
		return Schedule{}, err
	}
	return all[0], nil
}

// List reads all schedules, by name.
func (s *Store) List(ctx context.Context) ([]Schedule, error) { return s.list(ctx, nil) }

func (s *Store) list(ctx context.Context, name *string) ([]Schedule, error) {
	rows, err := s.db.Query(ctx, listSQL, name)
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Schedule, error) {
		var c Schedule
		err := row.Scan(&c.Name, &c.Spec, &c.Zone, &c.Arguments, &c.CatchUp, &c.Window, &c.Overlap, &c.Jitter, &c.Limit, &c.NextAt,
			&c.PausedAt, &c.PausedUntil, &c.PauseReason, &c.revision, &c.Environment)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	return all, nil
}
