package dag

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
)

// Rehearse performs the steps of a plan in one transaction that is rolled back, calls look in it before that with the
// report, and returns what look returns. The plan is one of an environment's: its relations are made by it, except that
// a dimension begins with the rows that production's has, which originals names. Nothing is recorded.
func (e *SQLExecutor) Rehearse(
	ctx context.Context, plan Plan, originals map[string]string, now func() time.Time, look func(context.Context, *pgx.Conn, Report) error,
) error {
	s := newRunState(&Runner{Now: now}, plan)
	t := newTogether(e, s.steps)
	t.rehearsal = func(ctx context.Context) error { return t.stage(ctx, originals) }
	s.broken = func() bool { return t.broken != nil }
	s.perform(ctx, 1, t)
	s.unpublishRest(ctx, s.firstBad())
	conn := t.conn
	broken := t.broken
	var err error
	switch {
	case broken != nil:
		err = broken
	case conn != nil:
		err = look(ctx, conn.Conn(), s.report())
	}
	t.verdicts = nil
	return errors.Join(err, t.end(ctx))
}

// unpublishRest ends what a failure kept from starting.
func (s *runState) unpublishRest(ctx context.Context, blame string) {
	for at, r := range s.results {
		if r == nil && ctx.Err() == nil {
			s.finish(at, Result{Status: Skipped, Reason: blocked + blame}, 0)
		}
	}
	s.abandon(ctx)
}

// stage makes, in the transaction, what a rehearsal needs beside production: a run for the steps to belong to, schemas,
// and the tables of dimensions with the rows that they have.
func (t *Together) stage(ctx context.Context, originals map[string]string) error {
	_, err := t.conn.Exec(ctx, "insert into terrace.run (run_id, command) values ($1, 'plan')", t.RunID)
	if err != nil {
		return fmt.Errorf("stage the run: %w", err)
	}
	made := map[string]bool{}
	for _, step := range t.steps {
		schema, _, _ := strings.Cut(step.node.relation(), ".")
		if schema != "" && !made[schema] {
			made[schema] = true
			if _, err := t.conn.Exec(ctx, "create schema "+pgx.Identifier{schema}.Sanitize()); err != nil {
				return fmt.Errorf("stage schema %s: %w", schema, err)
			}
		}
		if step.Kind != KindSCD2 {
			continue
		}
		if err := t.copy(ctx, originals[step.Name], step.Name); err != nil {
			return fmt.Errorf("copy %s: %w", originals[step.Name], err)
		}
	}
	return nil
}

// copy makes a table with the columns, constraints and rows of another one, if that is there and is a table.
func (t *Together) copy(ctx context.Context, from, to string) error {
	schema, relation, _ := strings.Cut(from, ".")
	columns, err := texts(ctx, t.conn.Conn(), `select quote_ident(a.attname)
from pg_attribute as a
join pg_class as c
    on c.oid = a.attrelid
join pg_namespace as n
    on n.oid = c.relnamespace
where n.nspname = $1
    and c.relname = $2
    and c.relkind in ('r', 'p')
    and not exists (select from terrace.node_state as s where s.node = $1 || '.' || $2 and s.kind <> 'scd2') -- it has no versions
    and a.attnum > 0
    and not a.attisdropped
    and a.attgenerated = ''
order by a.attnum`, schema, relation)
	if err != nil || len(columns) == 0 {
		return err
	}
	list := strings.Join(columns, ", ")
	_, err = t.conn.Exec(ctx, fmt.Sprintf("create table %[1]s (like %[2]s including all)", materialize.Quote(to), materialize.Quote(from)))
	if err != nil {
		return err
	}
	_, err = t.conn.Exec(ctx, fmt.Sprintf("insert into %s (%s) select %[2]s from %[3]s", materialize.Quote(to), list, materialize.Quote(from)))
	return err
}
