package dag

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/old_runs.sql
	oldRunsSQL string
	//go:embed sql/forget_runs.sql
	forgetRunsSQL string
	//go:embed sql/old_batches.sql
	oldBatchesSQL string
	//go:embed sql/forget_batches.sql
	forgetBatchesSQL string
)

// LeastKept is how long the ledger is kept at least: alerts look at the runs of the last day, and what builds now reads by
// snapshots that are no older.
const LeastKept = 24 * time.Hour

// RunBounds are the bounds of the histogram of how long runs took, in seconds: what is deleted is counted by them.
func RunBounds() []float64 { return []float64{1, 5, 15, 60, 300, 900, 3600, 14400} }

// LostResult is the result under which runs are counted that left no end.
const LostResult = "lost"

// How much one statement deletes: a moment's work, so that nobody waits for it and what is deleted can be reused soon.
const (
	forgottenRuns    = 100
	forgottenBatches = 5000
)

// Forgotten counts what was deleted of the ledger, or would be.
type Forgotten struct {
	Runs, Steps, Judgements, Batches int64
}

// ForgetRuns deletes the runs that began longer ago than keep, in many small transactions, with their steps and what their
// assertions found. What state, retries, results and pages need stays: sql/old_runs.sql says what. With dry nothing is
// deleted and only counted what would be. The context ends it between two transactions; what was deleted stays so.
func (l *Ledger) ForgetRuns(ctx context.Context, keep time.Duration, dry bool) (Forgotten, error) {
	var total Forgotten
	if dry {
		err := l.db.QueryRow(ctx, "with old as (\n"+oldRunsSQL+`)
select
    (select count(*) from old),
    (select count(*) from terrace.step as s join old as o on o.run_id = s.run_id),
    (select count(*) from terrace.assertion_result as j join old as o on o.run_id = j.run_id)`, keep).
			Scan(&total.Runs, &total.Steps, &total.Judgements)
		return total, wrap("count old runs", err)
	}
	rows, err := l.db.Query(ctx, oldRunsSQL, keep)
	if err != nil {
		return total, fmt.Errorf("find old runs: %w", err)
	}
	old, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return total, fmt.Errorf("find old runs: %w", err)
	}
	for some := range slices.Chunk(old, forgottenRuns) {
		var gone Forgotten
		err := l.db.QueryRow(ctx, forgetRunsSQL, some, RunBounds(), LostResult).Scan(&gone.Runs, &gone.Steps, &gone.Judgements)
		if err != nil {
			return total, fmt.Errorf("delete old runs: %w", err)
		}
		total.Runs, total.Steps, total.Judgements = total.Runs+gone.Runs, total.Steps+gone.Steps, total.Judgements+gone.Judgements
	}
	return total, nil
}

// Arrivals are the relations, quoted, whose rows say by _batch_id with which batch of the node they came.
type Arrivals struct {
	Node      string
	Relations []string
}

// ForgetBatches deletes the batches that were committed longer ago than keep and that neither a node nor a row needs any
// more, in many small transactions: sql/old_batches.sql says which those are. A batch with which rows came that are still
// there stays, so that they have an origin and passes over them find them. dry is as for ForgetRuns.
func (l *Ledger) ForgetBatches(ctx context.Context, keep time.Duration, arrivals []Arrivals, dry bool) (int64, error) {
	var newest []int64
	err := l.db.QueryRow(ctx, `select coalesce(array_agg(n.batch_id), '{}')
from (select max(b.batch_id) as batch_id from terrace.batch as b group by b.node) as n`).Scan(&newest)
	if err != nil {
		return 0, fmt.Errorf("find the newest batches: %w", err)
	}
	var total, last int64
	for {
		var highest int64
		var young bool
		var ids []int64
		var nodes []string
		err := l.db.QueryRow(ctx, oldBatchesSQL, keep, last, newest, forgottenBatches).Scan(&highest, &young, &ids, &nodes)
		if err != nil {
			return total, fmt.Errorf("find old batches: %w", err)
		}
		// Numbers are given a moment before the time is taken: nothing old comes after so many that are young.
		if young || highest == 0 {
			return total, nil
		}
		last = highest
		if ids, err = l.without(ctx, ids, nodes, arrivals); err != nil {
			return total, err
		}
		gone := int64(len(ids))
		if !dry && len(ids) > 0 {
			if err := l.db.QueryRow(ctx, forgetBatchesSQL, ids).Scan(&gone); err != nil {
				return total, fmt.Errorf("delete old batches: %w", err)
			}
		}
		total += gone
	}
}

// without leaves out the batches with which rows came that are still there.
func (l *Ledger) without(ctx context.Context, ids []int64, nodes []string, arrivals []Arrivals) ([]int64, error) {
	byNode := map[string][]int64{}
	for i, node := range nodes {
		byNode[node] = append(byNode[node], ids[i])
	}
	needed := map[int64]bool{}
	for _, a := range arrivals {
		if len(byNode[a.Node]) == 0 || len(a.Relations) == 0 {
			continue
		}
		there := make([]string, len(a.Relations)) // all in one statement: rows move from one to another
		for i, relation := range a.Relations {
			there[i] = fmt.Sprintf("exists (select from %s as r where r._batch_id = b.batch_id)", relation)
		}
		rows, err := l.db.Query(ctx, "select b.batch_id\nfrom unnest($1::bigint[]) as b (batch_id)\nwhere "+strings.Join(there, "\n    or "), byNode[a.Node])
		if err != nil {
			return nil, fmt.Errorf("look which batches of %s rows came with: %w", a.Node, err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return nil, fmt.Errorf("look which batches of %s rows came with: %w", a.Node, err)
		}
		for _, id := range found {
			needed[id] = true
		}
	}
	return slices.DeleteFunc(ids, func(id int64) bool { return needed[id] }), nil
}
