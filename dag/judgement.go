package dag

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
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
