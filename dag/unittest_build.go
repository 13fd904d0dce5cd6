package dag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// The temporary relations that a unit test makes beside those that stand for what the model reads.
const (
	unitResult   = "unit result"
	unitExpected = "unit expected"
)

// scripted are the kinds whose content depends on what was there: their tests run the scripts that real builds run.
var scripted = []model.Kind{model.Table, model.Incremental, model.SCD2}

// build makes the model's relation and returns its name, quoted.
func (u *unitTest) build(ctx context.Context, first bool) (string, error) {
	sent := u.query.Exchange(u.exchange())
	target := pgx.Identifier{"pg_temp", unitResult}.Sanitize()
	if slices.Contains(scripted, u.test.Model.Header.Kind) {
		return target, u.script(ctx, sent, first)
	}
	head := fmt.Sprintf("create temporary table %s as\n", target)
	if !first {
		if _, err := u.conn.Exec(ctx, "drop table "+target); err != nil {
			return "", fmt.Errorf("begin the second run: %w", err)
		}
	}
	return target, u.execute(ctx, sent, materialize.Statement{SQL: head + sent.SQL, Body: len([]rune(head))})
}

// exchange says what to read for each relation; its own an incremental model reads as it stands.
func (u *unitTest) exchange() map[string]string {
	names := map[string]string{u.test.Model.Name: pgx.Identifier{"pg_temp", unitResult}.Sanitize()}
	for relation, table := range u.names {
		names[relation] = table
	}
	return names
}

// script runs what a build would run, on a model of the same header whose relation is a temporary one.
func (u *unitTest) script(ctx context.Context, sent model.Exchanged, first bool) error {
	m := *u.test.Model
	m.Name, m.Schema, m.Relation, m.SQL = "pg_temp."+unitResult, "pg_temp", unitResult, sent.SQL
	m.Header.Grants, m.Header.Description, m.Header.Columns = nil, "", nil
	m.Header.PartitionBy, m.Header.Distribute = nil, nil
	var err error
	if m.Header.Rejects, _, err = m.Header.RulesOver(u.exchange()); err != nil {
		return fmt.Errorf("read the rules of rejects: %w", err)
	}
	in := materialize.Input{Model: &m}
	if in.Columns, err = describeSQL(ctx, u.conn, &sync.Map{}, sent.SQL); err != nil {
		return u.located(err, sent, materialize.Statement{SQL: sent.SQL})
	}
	if in.Domains, err = domainsOf(ctx, u.conn, &sync.Map{}, sent.SQL, in.Columns); err != nil {
		return u.located(err, sent, materialize.Statement{SQL: sent.SQL})
	}
	if !first {
		in.Existing = &materialize.Relation{Kind: materialize.IsTable, Columns: u.columns, Domains: in.Domains, Indexes: u.indexes}
		in.HasRejects = len(m.Header.Rejects) > 0
	}
	if u.columns, err = materialize.Kept(in); err != nil {
		return u.refused(err)
	}
	script, err := materialize.Render(in)
	if err != nil {
		return u.refused(err)
	}
	if err := u.perform(ctx, sent, script); err != nil {
		return err
	}
	rows, err := u.conn.Query(ctx, `select i.relname::text, x.indisunique, null::text[]
from pg_index as x
join pg_class as i on i.oid = x.indexrelid
where x.indrelid = 'pg_temp."unit result"'::regclass`)
	if err != nil {
		return fmt.Errorf("look at the result: %w", err)
	}
	u.indexes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[materialize.Index])
	return wrap("look at the result", err)
}

func (u *unitTest) perform(ctx context.Context, sent model.Exchanged, s materialize.Script) error {
	if err := u.execute(ctx, sent, s.Build...); err != nil {
		return err
	}
	for _, check := range s.Checks {
		found, err := texts(ctx, u.conn, check.SQL)
		if err != nil {
			return u.located(err, sent, materialize.Statement{Body: -1})
		}
		if len(found) > 0 {
			return u.fail(u.test.Line, u.test.Col, found[0], check.Hint)
		}
	}
	if err := u.execute(ctx, sent, slices.Concat(s.Index, s.Publish, []materialize.Statement{command("set constraints all immediate")})...); err != nil {
		return err
	}
	return u.forget(ctx)
}

// forget drops what the script keeps until the end of its transaction, which is ours.
func (u *unitTest) forget(ctx context.Context) error {
	kept := []string{unitResult, materialize.RejectsName(unitResult)}
	for relation := range u.names {
		kept = append(kept, materialize.Short(relation))
	}
	left, err := texts(ctx, u.conn, `select format('drop table %s', c.oid::regclass)
from pg_class as c
where c.relnamespace = pg_my_temp_schema()
    and c.relkind = 'r'
    and c.relname <> all ($1)`, kept)
	if err != nil {
		return fmt.Errorf("tidy up: %w", err)
	}
	for _, drop := range left {
		if _, err := u.conn.Exec(ctx, drop); err != nil {
			return fmt.Errorf("tidy up: %w", err)
		}
	}
	return nil
}

func (u *unitTest) execute(ctx context.Context, sent model.Exchanged, statements ...materialize.Statement) error {
	for _, s := range statements {
		if _, err := u.conn.Exec(ctx, s.SQL, pgx.QueryExecModeExec); err != nil {
			return u.located(err, sent, s)
		}
	}
	return nil
}

// located is the failure of a test whose model the server did not build, at its place in the model's file.
func (u *unitTest) located(err error, sent model.Exchanged, s materialize.Statement) error {
	var server *pgconn.PgError
	if !errors.As(err, &server) || unavailable(err) {
		return fmt.Errorf("build %s: %w", u.test.Model.Name, err)
	}
	m := u.test.Model
	f := &UnitFailure{StepFault: StepFault{
		Message: server.Message, SQLState: server.Code, Hint: server.Hint, File: m.File, Line: m.SQLLine, Column: 1,
	}}
	if at := int(server.Position) - 1; s.Body >= 0 && at >= s.Body {
		f.Line, f.Column = place(sent.Before(at-s.Body), m.SQLLine)
	}
	return f
}

func (u *unitTest) refused(err error) error {
	message, hint, _ := refusal(err)
	return &UnitFailure{StepFault: StepFault{Message: message, File: u.test.Model.File, Line: 1, Column: 1, Hint: hint}}
}
