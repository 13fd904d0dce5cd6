package site

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
)

// step is one step of a run as the ledger has it.
type step struct {
	Node    string
	Kind    string
	Status  string
	Reason  string
	Started time.Time
	Seconds float64
	dag.Rows
	Error *dag.StepFault
	RunID uuid.UUID
}

const stepColumns = `s.node, s.kind, s.status, s.reason, s.started_at, s.seconds,
    s.rows_inserted, s.rows_updated, s.rows_deleted, s.rows_unchanged, s.rows_rejected, s.error, s.run_id`

func readSteps(ctx context.Context, tx pgx.Tx, what, sql string, args ...any) ([]step, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	steps, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (step, error) {
		var s step
		return s, row.Scan(&s.Node, &s.Kind, &s.Status, &s.Reason, &s.Started, &s.Seconds,
			&s.Inserted, &s.Updated, &s.Deleted, &s.Unchanged, &s.Rejected, &s.Error, &s.RunID)
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return steps, nil
}

// runSteps are the steps of a run in the order in which they began.
func runSteps(ctx context.Context, tx pgx.Tx, run uuid.UUID) ([]step, error) {
	return readSteps(ctx, tx, "steps", `select `+stepColumns+`
from terrace.step as s
where s.run_id = $1
order by s.started_at, s.node`, run)
}

// nodeSteps are the newest steps of a node, newest first.
func nodeSteps(ctx context.Context, tx pgx.Tx, node string) ([]step, error) {
	return readSteps(ctx, tx, "builds", `select `+stepColumns+`
from terrace.step as s
where s.node = $1
order by s.started_at desc
limit 30`, node)
}

// failing are the nodes whose last step of production's in the last month ended badly. One that waited for another says
// nothing of it, one that found nothing to do ends it. Assertions are told by what they found.
func failing(ctx context.Context, tx pgx.Tx) ([]step, error) {
	return readSteps(ctx, tx, "failures", `with newest as (
    select distinct on (s.node) s.*
    from terrace.step as s
    join terrace.run as r
        on r.run_id = s.run_id
    where s.started_at > now() - interval '30 days'
        and s.kind <> 'assertion'
        and (s.status <> 'skip' or s.reason = 'unchanged')
        and r.environment = ''
    order by s.node, s.started_at desc
)
select `+stepColumns+`
from newest as s
where s.status in ('failure', 'error', 'timeout')
order by s.started_at desc
limit 50`)
}

// verdict is one judgement of the past.
type verdict struct {
	Status   string
	Failing  int64
	JudgedAt time.Time
	RunID    uuid.UUID
	Message  string
	Seconds  float64
	Samples  json.RawMessage
}

// verdictsShown is how much of an assertion's history is shown.
const verdictsShown = 30

// verdicts are the last judgements of assertions, oldest first, by name. Those that said nothing of the data are left out.
func verdicts(ctx context.Context, tx pgx.Tx, assertions []string) (map[string][]verdict, error) {
	rows, err := tx.Query(ctx, `select a.name, r.status, r.failing_rows, r.judged_at, r.run_id, r.message, r.seconds
from unnest($1::text[]) as a (name)
cross join lateral (
    select r.*
    from terrace.assertion_result as r
    join terrace.run as run
        on run.run_id = r.run_id
    where r.assertion = a.name
        and r.status <> 'skip'
        and run.environment = ''
    order by r.judged_at desc
    limit $2
) as r
order by a.name, r.judged_at`, assertions, verdictsShown)
	if err != nil {
		return nil, fmt.Errorf("read judgements: %w", err)
	}
	out := map[string][]verdict{}
	var name string
	var v verdict
	_, err = pgx.ForEachRow(rows, []any{&name, &v.Status, &v.Failing, &v.JudgedAt, &v.RunID, &v.Message, &v.Seconds}, func() error {
		out[name] = append(out[name], v)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read judgements: %w", err)
	}
	return out, nil
}
