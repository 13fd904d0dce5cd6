package dag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// SQLExecutor builds seeds and models and judges assertions, each in one transaction of its own. It may be used by many
// goroutines; every one takes a connection of the pool.
type SQLExecutor struct {
	Pool  *pgxpool.Pool
	Graph *Graph
	// Files are the project's, for seeds.
	Files fs.FS
	RunID uuid.UUID
	// Environment is what the nodes are built for, "" for production.
	Environment string
	// Wait waits for a node that another run holds, however long that takes; else the step ends with a *HeldError after
	// four seconds.
	Wait bool
	// Waiting, when set, is told of a node that another run holds, once it is clear that this is for longer than a
	// moment. It may be called by several goroutines.
	Waiting func(*HeldError)
	// Now is the clock by which assertions are timed; nil times none. It may be called by several goroutines.
	Now func() time.Time
	// Windowed limits models with a window to it; FullRefresh rebuilds.
	Windowed, FullRefresh bool
	// ManyRows is how many rows of a relation must change before a new one may take its place, and how many make a relation
	// large, of which a few rows are looked up; 0 is 10,000.
	ManyRows int64
	// FewRows is how many rows that changed are followed even where they are most of what is there; 0 is 1,000.
	FewRows int64
	// LateKeys is how many keys of a dimension may be replayed beside those that are continued; 0 is 10,000.
	LateKeys int64
	// PublishTries is how often a publish that waits for others tries, three times in a second; 0 is 100.
	PublishTries int
	// Sources and Fingerprint are those of the plan.
	Sources     func(*Node) string
	Fingerprint func(*Node) (string, error)

	// Statements, where it is set, is that of the session.
	Statements *atomic.Int64

	types   sync.Map // columnType → its name
	cluster atomic.Pointer[string]
	// elsewhere remembers what followers found.
	elsewhere struct {
		sync.Mutex
		followers map[string][]string
	}
	citus atomic.Bool
}

// Attempts and pauses, four seconds in all, after errors that pass by themselves: deadlock, serialization failure, lost
// connection, and a node held by a client that was killed, whose session the server ends within half a second.
const (
	attempts   = 5
	firstPause = 50 * time.Millisecond
)

// Execute performs one step and retries what can succeed by itself.
func (e *SQLExecutor) Execute(ctx context.Context, step Step) Result {
	ctx, cancel := step.limited(ctx)
	defer cancel()
	wait := firstPause
	for attempt := 1; ; attempt++ {
		b := e.newBuilding(step)
		err := b.run(ctx)
		var held *HeldError
		switch {
		case err == nil, b.uncertain && e.recorded(ctx, step.Name):
			return b.result
		case errors.As(err, &held) && attempt == patience:
			e.tell(held)
			if !e.Wait {
				break
			}
			if err = e.await(ctx, step.Name); err == nil {
				attempt, wait = 0, firstPause
				continue
			}
			return b.failed(ctx, err)
		case attempt == attempts, ctx.Err() != nil, !Retryable(err) && held == nil && (attempt > 1 || !b.raced(err)) && !b.overtaken(ctx):
			return b.failed(ctx, err) // who was overtaken sees the relation the next time
		}
		_ = pause(ctx, wait) // the next attempt says why it cannot be made
		wait *= 4
	}
}

// limited ends when the step has taken as long as its model lets it.
func (s Step) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if m := s.node.Model; m != nil && s.Kind != KindAssertion && m.Header.Timeout > 0 {
		return context.WithTimeout(ctx, m.Header.Timeout)
	}
	return ctx, func() {}
}

// patience is the attempt at which a node has been held for a quarter of a second: that is no client any more which was
// killed, or a run that was just about to end.
const patience = 3

func (e *SQLExecutor) tell(held *HeldError) {
	if e.Waiting != nil {
		e.Waiting(held)
	}
}

// lockKey is the advisory lock of the node whose name is the first parameter.
const lockKey = "hashtextextended('terrace node ' || $1, 0)"

// await returns when nobody holds the node. It takes no part in what follows: who comes first then is open again.
func (e *SQLExecutor) await(ctx context.Context, node string) error {
	_, err := e.Pool.Exec(ctx, "select pg_advisory_xact_lock("+lockKey+")", node)
	return wrap("wait for "+node, err)
}

// recorded tells whether a transaction took effect whose commit got no answer, also when the run is over meanwhile: its
// ledger row came with it. The server may still be at it, and holds the node's lock until it is done.
func (e *SQLExecutor) recorded(ctx context.Context, node string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var found bool
	err := pgx.BeginTxFunc(ctx, e.Pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local lock_timeout = '5s'"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock("+lockKey+")", node); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "select exists (select from terrace.step as s where s.run_id = $1 and s.node = $2)", e.RunID, node).Scan(&found)
	})
	return err == nil && found
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
