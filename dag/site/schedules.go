package site

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	sched "github.com/terrace-elt/terrace/dag/schedule"
)

// schedule is a schedule with what it does now, and how it ended last. Its JSON has the keys of terrace schedule list --json
// where that tells the same.
type schedule struct {
	Name string `json:"name"`
	// Environment is where its commands run, "" for production.
	Environment string     `json:"environment"`
	Spec        string     `json:"spec"`
	Zone        string     `json:"timezone"`
	Arguments   []string   `json:"command"`
	NextAt      time.Time  `json:"next_at"`
	PausedAt    *time.Time `json:"paused_at"`
	PausedUntil *time.Time `json:"paused_until"`
	PauseReason string     `json:"pause_reason"`
	// Forgotten counts times at which nothing ran and whose rows are no longer kept.
	Forgotten int64 `json:"-"`
	// LastAt is the last time at which something ran and has ended; Last is how, Why the reason.
	LastAt *time.Time `json:"last_for"`
	Last   string     `json:"last_status"`
	Why    string     `json:"last_reason"`
	// Since is when what runs now began, nil where nothing does; it is a process of a host.
	Since *time.Time `json:"running_since"`
	Host  string     `json:"host"`
	PID   int        `json:"pid"`
	// Waiting counts the times that are due and have not begun, DueSince is when the first of them should have.
	Waiting  int64      `json:"due"`
	DueSince *time.Time `json:"due_since"`
	// LeftOut counts the times after LastAt at which nothing ran, LeftWhy is the last one's reason.
	LeftOut int64  `json:"left_out"`
	LeftWhy string `json:"left_out_reason"`
	// Workers is how many schedulers look for work of its environment.
	Workers int `json:"schedulers"`
}

// State is what becomes of the schedule's times.
func (s schedule) State(now time.Time) string {
	if s.PausedAt != nil && (s.PausedUntil == nil || now.Before(*s.PausedUntil)) {
		return "paused"
	}
	return "active"
}

// Named is its name, with the environment where it has one.
func (s schedule) Named() string {
	if s.Environment == "" {
		return s.Name
	}
	return s.Name + " (" + s.Environment + ")"
}

// Lag is for how long it has been due without having begun; 0 where it is not, or is paused.
func (s schedule) Lag(now time.Time) time.Duration {
	if s.State(now) == "paused" {
		return 0
	}
	lag := max(now.Sub(s.NextAt), 0)
	if s.DueSince != nil {
		lag = max(lag, now.Sub(*s.DueSince))
	}
	return lag
}

func schedules(ctx context.Context, tx pgx.Tx) ([]schedule, error) {
	rows, err := tx.Query(ctx, `select
    s.name, s.environment, s.spec, s.zone, s.arguments, s.next_at, s.paused_at, s.paused_until, s.pause_reason, s.forgotten_skips,
    ended.scheduled_for, coalesce(ended.status, ''), coalesce(ended.reason, ''),
    runs.started_at, coalesce(runs.host, ''), coalesce(runs.pid, 0),
    waits.count, waits.since, coalesce(left_out.count, 0), coalesce(left_out.reason, ''),
    (select count(*)::integer from pg_stat_activity as a where a.datname = current_database() and a.application_name = rtrim($1 || ' ' || s.environment))
from terrace.schedule as s
left join lateral (
    select o.scheduled_for, o.status, o.reason
    from terrace.occurrence as o
    where o.schedule = s.name
        and o.status not in ('due', 'running', 'skip')
    order by o.scheduled_for desc
    limit 1
) as ended
    on true
left join terrace.occurrence as runs
    on runs.schedule = s.name
    and runs.status = 'running'
cross join lateral (
    select count(*), min(o.start_at) as since
    from terrace.occurrence as o
    where o.schedule = s.name
        and o.status = 'due'
) as waits
left join lateral (
    select count(*) over (), o.reason
    from terrace.occurrence as o
    where o.schedule = s.name
        and o.status = 'skip'
        and o.reason in ('missed', 'overlap')
        and o.scheduled_for > coalesce(ended.scheduled_for, '-infinity')
    order by o.scheduled_for desc
    limit 1
) as left_out
    on true
order by s.name`, sched.SessionName(""))
	if err != nil {
		return nil, fmt.Errorf("read schedules: %w", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[schedule])
	if err != nil {
		return nil, fmt.Errorf("read schedules: %w", err)
	}
	return out, nil
}

// lateGrace is how long after its time something may begin before it counts as late.
const lateGrace = 2 * time.Minute

// Behind says in sentences why a schedule is not where it should be; none where it is.
func (v *view) Behind(s schedule) []string {
	if v.StateOf(s) == "paused" {
		return nil
	}
	var out []string
	if s.Since != nil && (s.Waiting > 0 || s.LeftOut > 0) {
		out = append(out, v.T("began %s and goes on (process %d on %s)", v.Ago(s.Since), s.PID, s.Host))
	}
	if v.now.Sub(s.NextAt) > lateGrace {
		out = append(out, v.T("was due %s", v.Ago(&s.NextAt)))
	}
	late := s.DueSince != nil && v.now.Sub(*s.DueSince) > lateGrace
	switch {
	case late && s.Since == nil && s.Workers > 0:
		out = append(out, v.T("was to begin %s, and no worker has taken it: all are busy (--slots), or their logs cannot be written", v.Ago(s.DueSince)))
	case late && s.Since == nil:
		out = append(out, v.T("was to begin %s", v.Ago(s.DueSince)))
	case late:
		out = append(out, v.T("the next was to begin %s, and waits for it", v.Ago(s.DueSince)))
	}
	if len(out) > 0 && s.Workers == 0 {
		out = append(out, v.NoScheduler(s.Environment))
	}
	if s.LeftOut > 0 {
		out = append(out, v.T("times that were left out since: %s (%s)", v.Count(s.LeftOut), v.Because("skip", s.LeftWhy)))
	}
	return out
}

// NoScheduler says that nobody looks for work of an environment, and what does.
func (v *view) NoScheduler(environment string) string {
	if environment == "" {
		return v.T("no scheduler is running: terrace serve or terrace schedule start runs what is due")
	}
	return v.T("no scheduler of environment %s is running: terrace serve --env %s or terrace schedule start --env %s runs what is due", environment, environment, environment)
}

// Because is the reason of an occurrence in words.
func (v *view) Because(status, reason string) string {
	return v.T(sched.Because(sched.Status(status), reason))
}

// occurrence is a time at which a schedule was due.
type occurrence struct {
	Schedule     string
	ScheduledFor time.Time
	Status       string
	Reason       string
	StartedAt    *time.Time
	EndedAt      *time.Time
	Run          uuid.UUID // zero where none began
	AskedBy      string
	ID           int64
	Arguments    []string
	Environment  string
}

// Took is how many seconds it took, or 0 where it has not both begun and ended.
func (o occurrence) Took() float64 {
	if o.StartedAt == nil || o.EndedAt == nil {
		return 0
	}
	return o.EndedAt.Sub(*o.StartedAt).Seconds()
}

// Named is the schedule, or the command that was asked for without one.
func (o occurrence) Named() string {
	if name := scheduleName(o.Schedule); name != "" {
		return name
	}
	return strings.Join(o.Arguments, " ")
}

// occurrences are the newest, newest first.
func occurrences(ctx context.Context, tx pgx.Tx) ([]occurrence, error) {
	rows, err := tx.Query(ctx, `select o.schedule, o.scheduled_for, o.status, o.reason, o.started_at, o.ended_at,
    coalesce(o.run_id, '00000000-0000-0000-0000-000000000000'), o.asked_by, o.occurrence_id, o.arguments, o.environment
from terrace.occurrence as o
order by o.scheduled_for desc, o.schedule
limit 50`)
	if err != nil {
		return nil, fmt.Errorf("read occurrences: %w", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[occurrence])
	if err != nil {
		return nil, fmt.Errorf("read occurrences: %w", err)
	}
	return out, nil
}
