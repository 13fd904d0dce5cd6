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
	rows, err := l.db.Query(ctx, unwellSQL, waits())
	if err != nil {
		return nil, fmt.Errorf("look for nodes that failed: %w", err)
	}
	unwell, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Unwell])
	return unwell, wrap("look for nodes that failed", err)
}

// String says who the session is.
func (w Waiting) String() string {
	since := ""
	if w.Since != nil {
		since = ", its transaction since " + w.Since.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("process %d (%s, role %s, %s%s): %s", w.PID, w.Application, w.Role, w.State, since, w.Statement)
}

//go:embed sql/waiting.sql
var waitingSQL string

// Waiting is a step that cannot go on before a session of somebody else ends its transaction.
type Waiting struct {
	Node string
	// PID, Application, Role and State are those of the session that has the lock, Since when its transaction began, and
	// Statement the beginning of what it executed last.
	PID                      int32
	Application, Role, State string
	Since                    *time.Time
	Statement                string
}

// Waiting lists the steps that wait for a lock at this moment, of all runs on the database.
func (l *Ledger) Waiting(ctx context.Context) ([]Waiting, error) {
	rows, err := l.db.Query(ctx, waitingSQL)
	if err != nil {
		return nil, fmt.Errorf("look for steps that wait: %w", err)
	}
	waiting, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Waiting])
	return waiting, wrap("look for steps that wait", err)
}
