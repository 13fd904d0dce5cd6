package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// UnreadableError is a schedule whose specification or zone is not understood: another version stored it, or somebody
// by hand.
type UnreadableError struct {
	Name string
	Err  error
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("schedule %s is never due: %v", e.Name, e.Err)
}
func (e *UnreadableError) Unwrap() error { return e.Err }

// settle decides on the times of a schedule that are due.
func (s *Store) settle(ctx context.Context, sch Schedule) error {
	spec, err := Parse(sch.Spec, sch.Zone)
	if err != nil {
		return &UnreadableError{Name: sch.Name, Err: err}
	}
	for {
		now, err := s.Now(ctx)
		if err != nil {
			return err
		}
		if sch.NextAt.After(now) {
			return nil
		}
		decisions, next := sch.decide(spec, now)
		var at, startAt []time.Time
		var reasons []string
		for _, d := range decisions {
			at, startAt, reasons = append(at, d.at), append(startAt, d.startAt), append(reasons, d.reason)
		}
		_, err = s.db.Exec(ctx, settleSQL, sch.Name, sch.revision, sch.NextAt, next, at, startAt, reasons, s.now)
		if err != nil {
			return fmt.Errorf("settle schedule %s: %w", sch.Name, err)
		}
		// Whether this statement or somebody else's has moved it on: what is read next tells. More is left only of a great many.
		if next.After(now) {
			return nil
		}
		sch.NextAt = next
	}
}

// Settle decides on all times that are due, and says how long it is until the next: at most a day. What can be decided on
// is also where the error is an *UnreadableError of another schedule.
func (s *Store) Settle(ctx context.Context) (time.Duration, error) {
	rows, err := s.db.Query(ctx, "select s.name from terrace.schedule as s where s.next_at <= coalesce($1::timestamptz, clock_timestamp()) and s.environment = $2 order by s.next_at, s.name", s.now, s.environment)
	if err != nil {
		return 0, fmt.Errorf("find what is due: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("find what is due: %w", err)
	}
	var wrong []error
	for _, name := range due {
		sch, err := s.Get(ctx, name)
		if err == nil {
			err = s.settle(ctx, sch)
		}
		if err != nil && !errors.Is(err, ErrNone) {
			wrong = append(wrong, err)
		}
	}
	var wait time.Duration
	err = s.db.QueryRow(ctx, `select least('1 day', greatest('0', min(n.at) - coalesce($1::timestamptz, clock_timestamp())))
from (
    select min(s.next_at) as at from terrace.schedule as s
    where s.environment = $2
    union all
    select min(o.start_at) from terrace.occurrence as o
    where o.status = 'due' and o.environment = $2 and o.start_at > coalesce($1::timestamptz, clock_timestamp())
) as n`, s.now, s.environment).Scan(&wait)
	return wait, errors.Join(append(wrong, err)...)
}

// hold is for how long an occurrence is left to whoever took it: a process starts within it, also on a busy machine.
const hold = 30 * time.Second

// Reserve takes up to a number of occurrences that are to be started. Nobody else gets them for a while; then they are
// there again, unless they were claimed.
func (s *Store) Reserve(ctx context.Context, most int) ([]Occurrence, error) {
	rows, err := s.db.Query(ctx, reserveSQL, s.now, most, hold, s.environment)
	if err != nil {
		return nil, fmt.Errorf("take what is due: %w", err)
	}
	taken, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Occurrence, error) {
		o := Occurrence{Status: Due}
		err := row.Scan(&o.ID, &o.Schedule, &o.ScheduledFor, &o.Manual, &o.Arguments, &o.Limit)
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("take what is due: %w", err)
	}
	return taken, nil
}

// Bury ends occurrences whose processes left without a word, and gives their schedules.
func (s *Store) Bury(ctx context.Context) ([]string, error) {
	rows, err := s.db.Query(ctx, burySQL, s.now)
	if err != nil {
		return nil, fmt.Errorf("find lost occurrences: %w", err)
	}
	var name string
	var at time.Time
	var lost []string
	_, err = pgx.ForEachRow(rows, []any{&name, &at}, func() error {
		lost = append(lost, name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find lost occurrences: %w", err)
	}
	return lost, nil
}

// Forget deletes up to a number of occurrences that ended longer ago than keep, and says how many it deleted. Of each
// schedule that there is, the newest of each ending stays.
func (s *Store) Forget(ctx context.Context, keep time.Duration, most int) (int, error) {
	var gone int
	if err := s.db.QueryRow(ctx, forgetSQL, s.now, keep, most).Scan(&gone); err != nil {
		return 0, fmt.Errorf("forget old occurrences: %w", err)
	}
	return gone, nil
}

// Owner says who runs an occurrence, and where its output is.
type Owner struct {
	Host string
	PID  int
	Log  string
}

// Claim begins an occurrence that is due. The session bears its name from then on, which is how others know that it goes
// on: the store is that of one connection, which stays open until Finish. ErrGone.
func (s *Store) Claim(ctx context.Context, id int64, who Owner) (Occurrence, error) {
	o := Occurrence{ID: id, Status: Running, Host: who.Host, PID: who.PID, Log: who.Log}
	if err := s.bear(ctx, id); err != nil {
		return o, err
	}
	err := s.db.QueryRow(ctx, `update terrace.occurrence as o
set status = 'running', started_at = coalesce($2::timestamptz, clock_timestamp()), host = $3, pid = $4, log = $5
where o.occurrence_id = $1 and o.status = 'due'
returning o.schedule, o.scheduled_for, o.manual, o.arguments, coalesce(o.time_limit, '0'), o.started_at, o.asked_by`, id, s.now, who.Host, who.PID, who.Log).
		Scan(&o.Schedule, &o.ScheduledFor, &o.Manual, &o.Arguments, &o.Limit, &o.StartedAt, &o.AskedBy)
	if errors.Is(err, pgx.ErrNoRows) || beside(err) {
		return o, ErrGone
	}
	if err != nil {
		return o, fmt.Errorf("begin occurrence %d: %w", id, err)
	}
	return o, nil
}

// Begin makes an occurrence by hand and claims it, whether the schedule is paused or not. One that cannot begin because the
// schedule runs is written down as such. ErrNone, ErrRunning.
func (s *Store) Begin(ctx context.Context, name string, who Owner) (Occurrence, error) {
	var id int64
	err := s.db.QueryRow(ctx, `insert into terrace.occurrence (schedule, scheduled_for, manual, arguments, time_limit, environment, start_at, status, reserved_until)
select s.name, n.at, true, s.arguments, s.time_limit, s.environment, n.at, 'due', n.at + $3::interval
from terrace.schedule as s
cross join (select coalesce($2::timestamptz, clock_timestamp()) as at) as n
where s.name = $1
returning occurrence_id`, name, s.now, hold).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Occurrence{}, ErrNone
	}
	if err != nil {
		return Occurrence{}, fmt.Errorf("begin schedule %s: %w", name, err)
	}
	o, err := s.Claim(ctx, id, who)
	if !errors.Is(err, ErrGone) {
		return o, err
	}
	_, err = s.db.Exec(ctx, `update terrace.occurrence as o
set status = 'skip', reason = 'overlap', ended_at = coalesce($2::timestamptz, clock_timestamp())
where o.occurrence_id = $1 and o.status = 'due'`, id, s.now)
	if err != nil {
		return o, fmt.Errorf("begin schedule %s: %w", name, err)
	}
	return o, ErrRunning
}

// bear gives the session the name of the occurrence.
func (s *Store) bear(ctx context.Context, id int64) error {
	if _, err := s.db.Exec(ctx, "select set_config('application_name', 'terrace:occurrence:' || $1::bigint, false)", id); err != nil {
		return fmt.Errorf("name the session: %w", err)
	}
	return nil
}

// beside reports whether the schedule would run beside itself.
func beside(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "23505"
}

// Became records the run of the ledger that an occurrence is.
func (s *Store) Became(ctx context.Context, id int64, run uuid.UUID) error {
	if _, err := s.db.Exec(ctx, "update terrace.occurrence set run_id = $2 where occurrence_id = $1", id, run); err != nil {
		return fmt.Errorf("record the run of occurrence %d: %w", id, err)
	}
	return nil
}

// Unwanted reports whether the next occurrence has asked this one to give way.
func (s *Store) Unwanted(ctx context.Context, id int64) (bool, error) {
	var asked bool
	err := s.db.QueryRow(ctx, "select o.cancel_requested from terrace.occurrence as o where o.occurrence_id = $1", id).Scan(&asked)
	if err != nil {
		return false, fmt.Errorf("read occurrence %d: %w", id, err)
	}
	return asked, nil
}

// Finish records how an occurrence ended, also one that was taken for lost meanwhile.
func (s *Store) Finish(ctx context.Context, o Occurrence, status Status, reason string, exitCode int) error {
	_, err := s.db.Exec(ctx, `update terrace.occurrence as o
set status = $2, reason = $3, exit_code = $4, ended_at = coalesce($5::timestamptz, clock_timestamp())
where o.occurrence_id = $1 and (o.status = 'running' or o.reason = 'lost')`, o.ID, string(status), reason, exitCode, s.now)
	if err != nil {
		return fmt.Errorf("record the end of occurrence %d: %w", o.ID, err)
	}
	return s.tell(ctx, o.Schedule)
}

// History gives the newest occurrences of a schedule, also of one that was removed, newest first.
func (s *Store) History(ctx context.Context, name string, limit int) ([]Occurrence, error) {
	rows, err := s.db.Query(ctx, `select
    o.occurrence_id, o.schedule, o.scheduled_for, o.manual, o.arguments, o.status, o.reason, o.started_at, o.ended_at,
    o.run_id, o.exit_code, o.host, o.pid, o.log, o.asked_by
from terrace.occurrence as o
where o.schedule = $1
order by o.scheduled_for desc
limit $2`, name, limit)
	if err != nil {
		return nil, fmt.Errorf("list occurrences of %s: %w", name, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Occurrence])
	if err != nil {
		return nil, fmt.Errorf("list occurrences of %s: %w", name, err)
	}
	return all, nil
}

// Alive reports whether a scheduler of the store's environment works on the database.
func (s *Store) Alive(ctx context.Context) (bool, error) {
	var alive bool
	err := s.db.QueryRow(ctx, `select exists (
    select from pg_stat_activity as a where a.datname = current_database() and a.application_name = $1
)`, SessionName(s.environment)).Scan(&alive)
	if err != nil {
		return false, fmt.Errorf("look for schedulers: %w", err)
	}
	return alive, nil
}

// Open are the occurrences of one name that have not ended.
type Open struct {
	// Running is nil where none runs, Waiting has those that are due, or will be once jitter is over, the oldest first.
	Running *Occurrence
	Waiting []Occurrence
}

// Latest gives, for each schedule that there is, the last occurrence that ended; and those that have not ended, by the name
// under which they are kept, what was asked for without a schedule among them.
func (s *Store) Latest(ctx context.Context) (ended map[string]Occurrence, open map[string]Open, err error) {
	rows, err := s.db.Query(ctx, latestSQL)
	if err != nil {
		return nil, nil, fmt.Errorf("list occurrences: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Occurrence])
	if err != nil {
		return nil, nil, fmt.Errorf("list occurrences: %w", err)
	}
	ended, open = map[string]Occurrence{}, map[string]Open{}
	for _, o := range all {
		now := open[o.Schedule]
		switch o.Status {
		case Due:
			now.Waiting = append(now.Waiting, o)
		case Running:
			now.Running = &o
		default:
			ended[o.Schedule] = o
			continue
		}
		open[o.Schedule] = now
	}
	return ended, open, nil
}
