package dag

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Ledger writes and reads what ran.
type Ledger struct {
	db Database
}

// NewLedger returns the ledger of a migrated database.
func NewLedger(db Database) *Ledger { return &Ledger{db} }

// RunInfo is one run of the ledger.
type RunInfo struct {
	RunID     uuid.UUID      `json:"run_id"`
	Command   string         `json:"command"`
	Arguments map[string]any `json:"arguments"`
	Status    string         `json:"status"`
	StartedAt time.Time      `json:"started_at"`
	EndedAt   *time.Time     `json:"ended_at"`
	Host      string         `json:"host"`
	PID       int            `json:"pid"`
	Version   string         `json:"version"`
	// Environment is where it ran, "" for production.
	Environment string `json:"environment,omitempty"`
	Failed      int    `json:"failed"`
	Steps       int    `json:"steps"`
}

// Ended reports whether the run's end is recorded.
func (r RunInfo) Ended() bool { return r.EndedAt != nil }

// Lost reports whether the run left no end and nobody is there to write one: its process was killed, or it lost the
// database.
func (r RunInfo) Lost() bool { return !r.Ended() && r.Status != running }

// running is the status of a run whose session is open.
const running = "running"

// statusNow is the status of a run r as it is now: one that is running has a session that bears its name, or works on one of
// its nodes.
const statusNow = `case
    when r.status = 'running' and not exists (
        select from pg_stat_activity as a
        where ` + ofRun + `
    ) then 'error'
    else r.status
end`

// ofRun says that a session a is one of the run r.
const ofRun = `a.datname = current_database()
            and (a.application_name = 'terrace:' || r.run_id
                or starts_with(a.application_name, 'terrace:' || right(r.run_id::text, 12) || ':'))`

// LostRun is the condition of a run r that left no end and has no session that would write one.
const LostRun = `r.ended_at is null and not exists (
        select from pg_stat_activity as a
        where ` + ofRun + `
    )`

// Heard tells of a run that goes on whether one of its sessions is at a statement, and else since when the server has heard
// nothing of any; nil where it has no session, or none that may be seen.
func (l *Ledger) Heard(ctx context.Context, run uuid.UUID) (working bool, silentSince *time.Time, err error) {
	err = l.db.QueryRow(ctx, `select coalesce(bool_or(a.state = 'active'), false), max(a.state_change)
from terrace.run as r
join pg_stat_activity as a
    on `+ofRun+`
where r.run_id = $1`, run).Scan(&working, &silentSince)
	return working, silentSince, wrap("ask what run "+run.String()+" is at", err)
}

// Patience is how long nothing is heard of a run that goes on before it is told: sources may take their time.
const Patience = 2 * time.Minute

// Silent is since when the server has heard nothing of a run that goes on, where it is longer than patience and none of its
// sessions is at a statement; else nil.
func (l *Ledger) Silent(ctx context.Context, run uuid.UUID, patience time.Duration) (*time.Time, error) {
	var since *time.Time
	err := l.db.QueryRow(ctx, `select max(a.state_change)
from terrace.run as r
join pg_stat_activity as a
    on `+ofRun+`
where r.run_id = $1
having not bool_or(a.state = 'active')
    and max(a.state_change) < clock_timestamp() - $2::interval`, run, patience).Scan(&since)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // it is at work, or over
	}
	return since, wrap("ask what run "+run.String()+" is at", err)
}

// EndSessions is the statement that ends the sessions of a run whose process hangs or was stopped: what it has not committed
// is undone.
func EndSessions(run uuid.UUID) string {
	id := run.String()
	return fmt.Sprintf("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'terrace:%%%s%%'", id[len(id)-12:])
}

// Begin records that a run starts. Its time, the database's own, is info.StartedAt when the call returns. The session
// bears the run's name from then on, and has to stay open for as long as the run goes on.
func (l *Ledger) Begin(ctx context.Context, info *RunInfo) error {
	err := l.db.QueryRow(ctx, `insert into terrace.run (run_id, command, arguments, host, pid, version, environment)
values ($1, $2, coalesce($3::jsonb, '{}'), $4, $5, $6, $7)
returning started_at, set_config('application_name', 'terrace:' || run_id, false)`,
		info.RunID, info.Command, info.Arguments, info.Host, info.PID, info.Version, info.Environment).Scan(&info.StartedAt, nil)
	if err != nil {
		return fmt.Errorf("record the run's start: %w", err)
	}
	return nil
}

// closeTimeout bounds the writing of a run's end, which happens also when the run's own context is over.
const closeTimeout = 10 * time.Second

//go:embed sql/record_well.sql
var recordWellSQL string

// End records how a run ended: its status, and the steps that no transaction of their own has recorded. Steps that
// were skipped because nothing changed are written only where they end a failure of before: a run in which nothing
// happened leaves one row.
func (l *Ledger) End(ctx context.Context, report Report) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	var well []string
	for _, s := range report.Steps {
		switch {
		case s.recorded:
		case s.Status == Skipped && s.Error == nil && !s.Blocked():
			if s.Reason == unchanged {
				well = append(well, s.Name)
			}
		default:
			queueStep(batch, report.RunID, s)
		}
	}
	if len(well) > 0 {
		batch.Queue(recordWellSQL, report.RunID, well, unchanged, waits())
	}
	summary, err := json.Marshal(map[string]int64{
		"steps": int64(len(report.Steps)), "failed": int64(len(report.Steps) - report.Count(Success) - report.Count(Skipped)),
		"statements": report.Statements,
	})
	if err != nil {
		return fmt.Errorf("encode the run's summary: %w", err)
	}
	batch.Queue(`update terrace.run
set status = $2, ended_at = clock_timestamp(), summary = $3
where run_id = $1`, report.RunID, string(report.Status), summary)
	if err := l.db.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("record the run's end: %w", err)
	}
	return nil
}

func queueStep(batch *pgx.Batch, runID string, s StepReport) {
	batch.Queue(`insert into terrace.step (
    run_id, node, kind, status, reason, started_at, seconds,
    rows_inserted, rows_updated, rows_deleted, rows_unchanged, rows_rejected, error
)
select $1::uuid, $2, $3, $4, $5, r.started_at + make_interval(secs => $13), $6, $7, $8, $9, $10, $11, $12
from terrace.run as r
where r.run_id = $1
on conflict (run_id, node) do update
set status = excluded.status, reason = excluded.reason, seconds = excluded.seconds, error = excluded.error`,
		runID, s.Name, string(s.Kind), string(s.Status), s.Reason, s.Seconds,
		s.Rows.Inserted, s.Rows.Updated, s.Rows.Deleted, s.Rows.Unchanged, s.Rows.Rejected, s.Error, s.begun)
}

// selectRun reads runs r as RunInfo has them.
const selectRun = `select
    r.run_id, r.command, r.arguments, ` + statusNow + `, r.started_at, r.ended_at, r.host, r.pid, r.version, r.environment,
    coalesce((r.summary ->> 'failed')::integer, 0), coalesce((r.summary ->> 'steps')::integer, 0)
from terrace.run as r
`

// Runs lists the newest runs, newest first.
func (l *Ledger) Runs(ctx context.Context, limit int) ([]RunInfo, error) {
	rows, err := l.db.Query(ctx, selectRun+"order by r.started_at desc, r.run_id\nlimit $1", limit)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	infos, err := pgx.CollectRows(rows, pgx.RowToStructByPos[RunInfo])
	return infos, wrap("list runs", err)
}

// Beginning lists the runs, five at most, whose ids begin with a text, the newest first.
func (l *Ledger) Beginning(ctx context.Context, text string) ([]uuid.UUID, error) {
	rows, err := l.db.Query(ctx, `select r.run_id
from terrace.run as r
where starts_with(r.run_id::text, lower($1))
order by r.started_at desc
limit 5`, text)
	if err != nil {
		return nil, fmt.Errorf("find run %s: %w", text, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return ids, wrap("find run "+text, err)
}

// Run returns one run. ErrNoRun when there is none of that id.
func (l *Ledger) Run(ctx context.Context, id uuid.UUID) (RunInfo, error) {
	info, err := l.one(ctx, selectRun+"where r.run_id = $1", id)
	return info, wrap(fmt.Sprintf("read run %s", id), err)
}

// Newest returns the newest run, of an environment or, with "", of production, that somebody asked for: what terrace serve
// runs by itself is none. ErrNoRun when there is none.
func (l *Ledger) Newest(ctx context.Context, environment string) (RunInfo, error) {
	info, err := l.one(ctx, selectRun+`where r.command in ('run', 'update', 'test', 'extract', 'retry')
    and r.environment = $1
order by r.started_at desc
limit 1`, environment)
	return info, wrap("find the newest run", err)
}

func (l *Ledger) one(ctx context.Context, sql string, arg any) (RunInfo, error) {
	rows, err := l.db.Query(ctx, sql, arg)
	if err != nil {
		return RunInfo{}, err
	}
	info, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[RunInfo])
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNoRun
	}
	return info, err
}

// Results returns how each step of a run ended, by node. The values are the statuses of a report. Nodes that had nothing to
// do are not among them, also where a step says that a failure of before is over.
func (l *Ledger) Results(ctx context.Context, id uuid.UUID) (map[string]string, error) {
	rows, err := l.db.Query(ctx, `select s.node, s.status
from terrace.step as s
where s.run_id = $1
    and (s.status, s.reason) <> ('skip', $2)`, id, unchanged)
	if err != nil {
		return nil, fmt.Errorf("read the steps of run %s: %w", id, err)
	}
	results := map[string]string{}
	var node, status string
	_, err = pgx.ForEachRow(rows, []any{&node, &status}, func() error {
		results[node] = status
		return nil
	})
	return results, wrap(fmt.Sprintf("read the steps of run %s", id), err)
}

// Report reads a run's report back from the ledger. ErrNoRun when there is no such run.
func (l *Ledger) Report(ctx context.Context, id uuid.UUID) (Report, error) {
	report := Report{RunID: id.String(), Steps: []StepReport{}}
	err := l.db.QueryRow(ctx, `select `+statusNow+`, r.started_at, coalesce(extract(epoch from r.ended_at - r.started_at), 0)::float8
from terrace.run as r
where r.run_id = $1`, id).Scan(&report.Status, &report.StartedAt, &report.Seconds)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNoRun
	}
	if err != nil {
		return report, fmt.Errorf("read run %s: %w", id, err)
	}
	rows, err := l.db.Query(ctx, `select
    s.node, s.kind, s.status, s.reason, s.seconds,
    s.rows_inserted, s.rows_updated, s.rows_deleted, s.rows_unchanged, s.rows_rejected, s.error
from terrace.step as s
where s.run_id = $1
order by s.started_at, s.node`, id)
	if err != nil {
		return report, fmt.Errorf("read the steps of run %s: %w", id, err)
	}
	var s StepReport
	_, err = pgx.ForEachRow(rows, []any{
		&s.Name, &s.Kind, &s.Status, &s.Reason, &s.Seconds,
		&s.Rows.Inserted, &s.Rows.Updated, &s.Rows.Deleted, &s.Rows.Unchanged, &s.Rows.Rejected, &s.Error,
	}, func() error {
		report.Steps = append(report.Steps, s)
		s = StepReport{}
		return nil
	})
	if err != nil {
		return report, fmt.Errorf("read the steps of run %s: %w", id, err)
	}
	return report, nil
}
