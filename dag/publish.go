package dag

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
)

// How long a publish waits for readers before it lets those behind it pass, and how often it tries. Once it has its first
// lock, the readers of that relation wait with it for each of the others.
const (
	publishLockTimeout = "100ms"
	furtherLockTimeout = "20ms"
	publishAttempts    = 100
	publishPause       = 200 * time.Millisecond

	// lockTimedOut is the SQLSTATE of a lock that was not had in time.
	lockTimedOut = "55P03"
)

// publish makes the content visible at the commit. Where that takes exclusive locks, everybody who comes after the
// waiting lock waits too: so it waits a moment only, gives way, and tries again. And who has the locks asks nothing any
// more: if it can be, the statements go with the commit in one message.
func (b *building) publish(ctx context.Context, s materialize.Script) error {
	if b.putsOff() && s.Aside != "" {
		return b.together.defers(ctx, b, s)
	}
	if !s.Exclusive {
		b.queue(s.Publish...)
		return nil
	}
	judged := s.Stage != "" || len(b.step.Gates) == 0
	if b.together == nil && judged && s.Delta == "" && !slices.ContainsFunc(s.Publish, counts) {
		b.final = append(b.final, s.Publish...)
		return nil
	}
	return b.patiently(ctx, s.Publish)
}

// tries is how often a publish tries.
func (e *SQLExecutor) tries() int { return cmp.Or(e.PublishTries, publishAttempts) }

// patiently is exclusively, as often as a publish tries. The error of the last attempt says who has had the locks.
func (b *building) patiently(ctx context.Context, statements []materialize.Statement, after ...materialize.Statement) error {
	return b.gaveUp(ctx, b.conn, b.exclusively(ctx, statements, b.tries(), after...))
}

// exclusively executes statements that readers wait for, and with them what comes after. When the last attempt did not get
// the locks either, that is an error in the transaction.
func (b *building) exclusively(ctx context.Context, statements []materialize.Statement, attempts int, after ...materialize.Statement) error {
	if err := b.flush(ctx); err != nil {
		return err
	}
	before, fed := b.result.Rows, b.besides.fed
	for attempt := 1; ; attempt++ {
		b.queue(bounded(statements)...)
		b.queue(after...)
		err := b.flush(ctx)
		if sqlState(err) != lockTimedOut || attempt == attempts {
			return err
		}
		b.result.Rows, b.besides.fed = before, fed
		if err := giveWay(ctx, b.conn, attempt, b.vacuumable()); err != nil {
			return fmt.Errorf("give way to readers of %s: %w", b.step.Name, err)
		}
	}
}

// bounded has statements wait for their locks no longer than a moment. There is at least one.
func bounded(statements []materialize.Statement) []materialize.Statement {
	return slices.Concat(
		[]materialize.Statement{command("savepoint publish"), command("set local lock_timeout = '" + publishLockTimeout + "'")},
		statements[:1],
		[]materialize.Statement{command("set local lock_timeout = '" + furtherLockTimeout + "'")},
		statements[1:],
		[]materialize.Statement{command("set local lock_timeout = 0"), command("release savepoint publish")},
	)
}

// vacuumEvery says of how many attempts one is followed by a wait for those who vacuum.
const vacuumEvery = 20

// giveWay takes a publish back that waited for readers, and lets those pass that came behind it.
func giveWay(ctx context.Context, conn *pgx.Conn, attempt int, relations []string) error {
	if _, err := conn.Exec(ctx, "rollback to savepoint publish"); err != nil {
		return err
	}
	if attempt%vacuumEvery == 1 {
		if err := endVacuum(ctx, conn, relations); err != nil {
			return err
		}
	}
	return pause(ctx, publishPause)
}

// vacuumable are the relations of the step that the server may be vacuuming, quoted.
func (b *building) vacuumable() []string {
	return []string{materialize.Quote(b.step.Name), materialize.FeedOf(b.step.Name)}
}

//go:embed sql/vacuumed.sql
var vacuumedSQL string

// endVacuum has autovacuum leave the relations. It gives way to whoever has waited for it as long as deadlock_timeout, which
// is longer than a publish waits while readers queue behind it. So this waits in a mode that hinders no reader and no
// writer; the lock stays with the transaction, so that the next worker stays away. A VACUUM that somebody started, and one
// that prevents wraparound of transaction ids, give way to nobody.
func endVacuum(ctx context.Context, conn *pgx.Conn, relations []string) error {
	rows, err := conn.Query(ctx, vacuumedSQL, relations)
	if err != nil {
		return fmt.Errorf("look for who vacuums: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for who vacuums: %w", err)
	}
	for _, table := range tables {
		_, err := conn.Exec(ctx, `savepoint vacuum;
select set_config('lock_timeout', (extract(epoch from current_setting('deadlock_timeout')::interval) * 1000 + 500)::integer::text, true);
lock table only `+table+` in share update exclusive mode;
set local lock_timeout = 0;
release savepoint vacuum`)
		if err == nil {
			continue
		}
		if _, back := conn.Exec(ctx, "rollback to savepoint vacuum"); back != nil {
			return errors.Join(err, back)
		}
		return context.Cause(ctx)
	}
	return nil
}

//go:embed sql/lock_holders.sql
var lockHoldersSQL string

// gaveUp says in the error of a publish that did not get its locks who has them: whoever reads it later finds them gone.
func (b *building) gaveUp(ctx context.Context, conn *pgx.Conn, err error) error {
	if sqlState(err) != lockTimedOut {
		return err
	}
	holders, unknown := b.holders(ctx, conn)
	if unknown != nil || len(holders) == 0 {
		return err // as the server says it
	}
	return &StepError{StepFault: StepFault{
		Message:  fmt.Sprintf("not published: in %d tries others had it locked, by reading it for one: %s", b.tries(), tell(holders)),
		SQLState: lockTimedOut, File: b.step.File,
		Hint: fmt.Sprintf("Wait until they have ended, or end the first: select pg_terminate_backend(%d). Then terrace retry.", holders[0].PID),
	}, err: err}
}

// holders are the sessions that have locks on the step's relation, or on what is published with it.
func (b *building) holders(ctx context.Context, conn *pgx.Conn) ([]Waiting, error) {
	if _, err := conn.Exec(ctx, "rollback to savepoint publish"); err != nil {
		return nil, err
	}
	return holdersOf(ctx, conn, b.step.Name, b.vacuumable())
}

// holdersOf are the sessions that have locks on relations, given by their quoted names, or on what reads them.
func holdersOf(ctx context.Context, conn *pgx.Conn, node string, relations []string) ([]Waiting, error) {
	rows, err := conn.Query(ctx, lockHoldersSQL, node, relations)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Waiting])
}

func tell(holders []Waiting) string {
	told := make([]string, len(holders))
	for i, h := range holders {
		told[i] = h.String()
	}
	return strings.Join(told, "; ")
}
