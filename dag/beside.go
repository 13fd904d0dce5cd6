package dag

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/terrace-elt/terrace/dag/materialize"
)

//go:embed sql/copyable.sql
var copyableSQL string

const (
	// manyRows is how many rows must change before a new table is thought of: changing fewer takes no time.
	manyRows = 10_000
	// besideAttempts is how often a new table tries to take the place of the old one. Whoever reads that for longer is not
	// waited for: the rows are changed in it instead.
	besideAttempts = 10
)

// beside publishes a new table, and counts what changed, where most rows change and it can take the old one's place. Else
// it prepares the script's publishing, and does no more.
func (b *building) beside(ctx context.Context, s materialize.Script) (done bool, err error) {
	able := s.Beside && b.together == nil && b.input.Model != nil && (s.Stage == "" || b.besides.staged >= b.many())
	if groups := b.input.Groups; able && groups != nil && groups.Single {
		able = b.areMost(2 * groups.Count) // what comes of a key closes a version and opens one
	}
	if able && s.Sample != "" {
		most, err := b.mostChange(ctx, s.Sample)
		if err != nil {
			return false, err
		}
		if most {
			able = false // what is in the way of this one is in the way of the other
			if done, err = b.exchange(ctx, s, materialize.Direct); done || err != nil {
				return done, err
			}
		}
	}
	b.queue(s.Index...)
	if !able {
		return false, nil
	}
	most, err := b.mostChange(ctx, materialize.Changing(b.input))
	if err != nil || !most {
		return false, err
	}
	return b.exchange(ctx, s, materialize.Beside)
}

// exchange lets the new table that render gives take the place of the old one, if nothing is in the way of it.
func (b *building) exchange(ctx context.Context, s materialize.Script, render func(materialize.Input) (materialize.Script, error)) (bool, error) {
	if copyable, err := b.copyable(ctx); err != nil || !copyable {
		return false, err
	}
	script, err := render(b.input)
	var refused *materialize.RefusedError
	if errors.As(err, &refused) || len(script.Lost) > 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if read, err := b.read(ctx); err != nil || read {
		return false, err
	}
	rows, verdicts := b.result.Rows, b.verdicts
	b.queue(command("savepoint beside"))
	b.queue(script.Index...)
	if s.Stage == "" { // else it has been judged
		if err := b.judge(ctx, script.Stage); err != nil {
			return false, err
		}
	}
	if err := b.tally(ctx, script); err != nil {
		return false, err
	}
	changed := b.result.Rows.Changed()
	switch err := b.exclusively(ctx, script.Publish, besideAttempts); {
	case sqlState(err) != "" && !Retryable(err) && ctx.Err() == nil: // people can be in the way, or have taken rights away
		b.result.Rows, b.verdicts = rows, verdicts
		_, err := b.conn.Exec(ctx, "rollback to savepoint beside; release savepoint beside")
		return false, wrap("change "+b.step.Name+" in place", err)
	case err != nil:
		return false, err
	}
	b.queue(command("release savepoint beside"))
	b.replaced = true
	b.queue(remembering(b.remade())...)
	b.tell(fmt.Sprintf("built beside: %s of about %d changed", count(changed, "row"), b.held))
	b.last(s.Last)
	return true, nil
}

// read reports whether somebody has the step's table locked just now, by reading it for one. Autovacuum gives it up.
func (b *building) read(ctx context.Context) (bool, error) {
	if err := endVacuum(ctx, b.conn, b.vacuumable()); err != nil {
		return false, fmt.Errorf("have autovacuum leave %s: %w", b.step.Name, err)
	}
	_, err := b.exec(ctx, command("savepoint read"), command("lock table "+materialize.Quote(b.step.Name)+" in access exclusive mode nowait"),
		command("rollback to savepoint read"), command("release savepoint read"))
	if sqlState(err) == "" || Retryable(err) || ctx.Err() != nil {
		return false, err
	}
	_, err = b.conn.Exec(ctx, "rollback to savepoint read; release savepoint read")
	return true, err
}

// many is how many rows must change.
func (b *building) many() int64 { return cmp.Or(b.ManyRows, manyRows) }

// copyable finds out what depends on the step's table, and whether all that it has can be had by another.
func (b *building) copyable(ctx context.Context) (bool, error) {
	var copyable bool
	var copied []string
	if err := b.conn.QueryRow(ctx, copyableSQL, b.oid).Scan(&copyable, &copied); err != nil || !copyable {
		return false, wrap("look at the table of "+b.step.Name, err)
	}
	return true, inspectDependents(ctx, b.conn, b.oid, b.existing, "table", copied...)
}

// mostChange reports whether most rows change, by a query for how many that are, and how many there are.
func (b *building) mostChange(ctx context.Context, query string) (bool, error) {
	if err := b.flush(ctx); err != nil {
		return false, err
	}
	results, err := b.exec(ctx, command(query))
	if err != nil {
		return false, err
	}
	changing, held := number(results[0].Rows[0][0]), number(results[0].Rows[0][1])
	b.held = max(held, 0)
	return b.areMost(changing), nil
}

// areMost reports whether so many changed rows are most of those that the step's table has.
func (b *building) areMost(changed int64) bool { return changed >= b.many() && 3*changed >= b.held }
