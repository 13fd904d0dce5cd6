package dag

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

//go:embed sql/unwell.sql
var unwellSQL string

// Unwell is a node of production that has not what its files and its upstream give: its newest step failed, was stopped, or
// waits for one that did.
type Unwell struct {
	Node      string
	Kind      NodeKind
	Status    Status
	Reason    string
	Error     *StepFault // nil for one that waits
	RunID     uuid.UUID  // the run of that step
	StartedAt time.Time
}

// Waits reports whether the node's own step was not begun.
func (u Unwell) Waits() bool { return u.Error == nil }

// Unwell lists such nodes of the last thirty days, those that failed first before those that did later.
func (l *Ledger) Unwell(ctx context.Context) ([]Unwell, error) {
	rows, err := l.db.Query(ctx, unwellSQL, []string{blocked, notPublished, notStarted})
	if err != nil {
		return nil, fmt.Errorf("look for nodes that failed: %w", err)
	}
	unwell, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Unwell])
	return unwell, wrap("look for nodes that failed", err)
}
