package dag

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// NodeState is what the database remembers of a node that was built or judged.
type NodeState struct {
	Kind        NodeKind
	Environment string // "" for production
	SourceHash  string // hash of the file and the vars that the node was built from
	Fingerprint string
	DependsOn   []string // effective dependencies, as they were then
	// Exists is false when the relation has been dropped since.
	Exists bool
	// Replaced is true when somebody put another relation under its name.
	Replaced bool
	// Trusted is false when the snapshot was taken in another cluster: what changed since then cannot be known.
	Trusted bool
	// Pending are rows that changed in a dependency since the node was built, by dependency.
	Pending map[string]int64
}

// State is what is known of all nodes, by name.
type State map[string]NodeState

//go:embed sql/load_state.sql
var loadStateSQL string

// Database is a connection or a pool.
type Database interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// LoadState reads the state of the whole project in one query.
func LoadState(ctx context.Context, db Database) (State, error) {
	rows, err := db.Query(ctx, loadStateSQL)
	if err != nil {
		return nil, fmt.Errorf("load state: %w", err)
	}
	state := State{}
	var name string
	var s NodeState
	_, err = pgx.ForEachRow(rows, []any{
		&name, &s.Kind, &s.Environment, &s.SourceHash, &s.Fingerprint, &s.DependsOn, &s.Exists, &s.Trusted, &s.Replaced, &s.Pending,
	}, func() error {
		state[name] = s
		s = NodeState{}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load state: %w", err)
	}
	return state, nil
}
