package dag

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
)

// Judgement is what the ledger has of one assertion in one run.
type Judgement struct {
	Status  string // pass | fail | warn | error | skip
	Failing int64
	// Samples are the first failing rows, a JSON array; empty when it passed.
	Samples json.RawMessage
}

// Judgements reads what the assertions of a run found, by name.
func Judgements(ctx context.Context, db Database, run uuid.UUID) (map[string]Judgement, error) {
	rows, err := db.Query(ctx, `select r.assertion, r.status, r.failing_rows, r.samples
from terrace.assertion_result as r
where r.run_id = $1`, run)
	if err != nil {
		return nil, fmt.Errorf("read judgements: %w", err)
	}
	out := map[string]Judgement{}
	var name string
	var j Judgement
	_, err = pgx.ForEachRow(rows, []any{&name, &j.Status, &j.Failing, &j.Samples}, func() error {
		out[name] = j
		j = Judgement{}
		return nil
	})
	return out, wrap("read judgements", err)
}

// LastJudgement is what an assertion found when it was judged last. Without a time it never was.
type LastJudgement struct {
	Status   string          `json:"-"`
	Failing  int64           `json:"failing_rows"`
	Samples  json.RawMessage `json:"samples,omitempty"`
	Message  string          `json:"message,omitempty"`
	RunID    *uuid.UUID      `json:"run_id,omitempty"`
	JudgedAt *time.Time      `json:"judged_at,omitempty"`
	// Seconds is how long it took then.
	Seconds float64 `json:"seconds"`
}

// LastJudgements reads what assertions found last, by name, in runs of an environment that is built apart, or, with "", in
// those of none of all that are. That they were skipped says nothing of the data and is passed over.
func LastJudgements(ctx context.Context, db Database, environment string, apart []string) (map[string]LastJudgement, error) {
	rows, err := db.Query(ctx, `select distinct on (r.assertion) r.assertion, r.status, r.failing_rows, r.samples, r.message, r.run_id, r.judged_at, r.seconds
from terrace.assertion_result as r
join terrace.run as run
    on run.run_id = r.run_id
where r.status <> 'skip'
    and case when $1 = '' then run.environment <> all ($2) else run.environment = $1 end
order by r.assertion, r.judged_at desc`, environment, apart)
	if err != nil {
		return nil, fmt.Errorf("read judgements: %w", err)
	}
	out := map[string]LastJudgement{}
	var name string
	var j LastJudgement
	_, err = pgx.ForEachRow(rows, []any{&name, &j.Status, &j.Failing, &j.Samples, &j.Message, &j.RunID, &j.JudgedAt, &j.Seconds}, func() error {
		out[name] = j
		j = LastJudgement{}
		return nil
	})
	return out, wrap("read judgements", err)
}

// CountRejects counts the rows of a model that break its rules; none before it was built.
func CountRejects(ctx context.Context, db Database, name string) (int64, error) {
	rejects := materialize.Quote(materialize.RejectsName(name))
	var there bool
	if err := db.QueryRow(ctx, "select to_regclass($1) is not null", rejects).Scan(&there); err != nil || !there {
		return 0, wrap("look for "+rejects, err)
	}
	var count int64
	err := db.QueryRow(ctx, "select count(*) from "+rejects).Scan(&count)
	return count, wrap("count "+rejects, err)
}
