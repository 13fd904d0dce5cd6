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
// it does nothing.
func (b *building) beside(ctx context.Context, s materialize.Script) (bool, error) {
	if !s.Beside || b.together != nil || b.input.Model == nil || s.Stage != "" && b.staged < b.many() {
		return false, nil
	}
	if err := b.flush(ctx); err != nil {
		return false, err
	}
	changing, err := b.changing(ctx)
	if err != nil || changing == "" {
		return false, err
	}
	if copyable, err := b.copyable(ctx); err != nil || !copyable {
		return false, err
	}
	script, err := materialize.Beside(b.input)
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
	if script.Delta != "" {
		if err := b.countChanges(ctx, script.Delta); err != nil {
			return false, err
		}
	}
	b.queue(command("savepoint beside"))
	b.queue(script.Index...)
	if s.Stage == "" { // else it has been judged
		if err := b.judge(ctx, script.Stage); err != nil {
			return false, err
		}
	}
	if err := b.tally(ctx, s); err != nil {
		return false, err
	}
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
	b.tell("built beside: " + changing)
	b.last(s.Last)
	return true, nil
}

// read reports whether somebody has the step's table locked just now, by reading it for one.
func (b *building) read(ctx context.Context) (bool, error) {
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

// changing says how many rows change if that are most.
func (b *building) changing(ctx context.Context) (string, error) {
	results, err := b.exec(ctx, command(materialize.Changing(b.input)))
	if err != nil {
		return "", err
	}
	rows, held := number(results[0].Rows[0][0]), number(results[0].Rows[0][1])
	if rows < b.many() || 3*rows < held {
		return "", nil
	}
	return fmt.Sprintf("%s of about %d changed", count(rows, "row"), max(held, 0)), nil
}
