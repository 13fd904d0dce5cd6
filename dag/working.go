package dag

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

//go:embed sql/working.sql
var workingSQL string

// Working is a node that a run builds or reads at this moment.
type Working struct {
	// Node is its name, or the beginning of a long one; AllNodes where all are published together.
	Node string `json:"node"`
	// Since is when the step, or the try of it that goes on, began; nil where this role may not see it.
	Since *time.Time `json:"since"`
}

// Working lists what a run works on now, the longest first. It asks the sessions of the run, so that one that was killed
// works on nothing.
func (l *Ledger) Working(ctx context.Context, run uuid.UUID) ([]Working, error) {
	rows, err := l.db.Query(ctx, workingSQL, run)
	if err != nil {
		return nil, fmt.Errorf("look what run %s works on: %w", run, err)
	}
	working, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Working])
	return working, wrap(fmt.Sprintf("look what run %s works on", run), err)
}
