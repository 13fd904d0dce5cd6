package dag

import (
	"context"
	_ "embed"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/pending.sql
var pendingSQL string

// pendingChange is what changed in one dependency since the step's model was built.
type pendingChange struct {
	Trusted               bool
	FileHash, Fingerprint string
	DependsOn             []string
	Node                  *string
	Batches, Transactions []string
	Whole                 *bool
	Rows, Sides           *int64 // changed rows; rows of the feed: an update has two
	KeyColumns            []string
	Newest                *string // see materialize.Input
	Held                  int64   // rows of the dependency, as far as its statistics know; 0 or less when they do not
}

// pending returns what changed in what the model reads. The plan said so, but only this transaction knows.
func (b *building) pending(ctx context.Context) ([]pendingChange, error) {
	rows, err := b.conn.Query(ctx, pendingSQL, b.step.Name, *b.cluster.Load())
	if err != nil {
		return nil, err
	}
	changes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pendingChange])
	if err != nil {
		return nil, err
	}
	switch {
	case len(changes) == 0:
		return nil, wholly("it was never built")
	case !changes[0].Trusted:
		return nil, wholly("the database was restored")
	case !slices.Equal(changes[0].DependsOn, EffectiveDeps(b.Graph, b.step.node)):
		return nil, wholly("its dependencies changed")
	}
	if changes[0].FileHash != b.Sources(b.step.node) {
		fingerprint, err := b.Fingerprint(b.step.node)
		if err != nil {
			return nil, fmt.Errorf("fingerprint %s: %w", b.step.Name, err)
		}
		if fingerprint != changes[0].Fingerprint {
			return nil, wholly("its definition changed")
		}
	}
	if changes[0].Node == nil {
		return nil, nil
	}
	return changes, nil
}
