package dag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// UnitOptions say what unit tests are run with.
type UnitOptions struct {
	// Columns and Keys are those of what models read, as Compile gives them.
	Columns  map[string][]materialize.Column
	Keys     map[string][]string
	Vars     map[string]string
	Timezone string
}

// RunUnitTest builds the tested model out of the rows that the test gives, and compares. It works on temporary relations
// in one transaction that is rolled back; nothing real is read, written or locked. The error is nil when the model
// returned what it must, a *UnitFailure when it did not, and else the surroundings'.
func RunUnitTest(ctx context.Context, conn *pgx.Conn, t *model.UnitTest, opts UnitOptions) error {
	query, err := model.ParseQuery(t.Model.SQL)
	if err != nil {
		return &UnitFailure{StepFault: StepFault{Message: err.Error(), File: t.Model.File, Line: t.Model.SQLLine, Column: 1}}
	}
	u := &unitTest{UnitOptions: opts, test: t, conn: conn, query: query, names: map[string]string{}}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin unit test: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = tx.Rollback(ctx) // a broken connection has rolled back by itself
	}()
	return u.run(ctx)
}

// UnitFailure says how what a model returned differs from what its test expects, or why it returned nothing.
type UnitFailure struct {
	StepFault
	// Diff are the rows that differ, each a line: "- " what was expected and is not there, "+ " what nobody expected,
	// "~ " what differs in some columns.
	Diff []string
}

// Error is the message with its place.
func (f *UnitFailure) Error() string { return (&StepError{StepFault: f.StepFault}).Error() }

// unitTest is one test under way.
type unitTest struct {
	UnitOptions
	test  *model.UnitTest
	conn  *pgx.Conn
	query model.Query
	names map[string]string // relation → the temporary table that stands for it, quoted
	// columns and indexes of the model's relation after its first run.
	columns []materialize.Column
	indexes []materialize.Index
}

func (u *unitTest) run(ctx context.Context) error {
	if err := u.open(ctx); err != nil {
		return err
	}
	if err := u.one(ctx, u.test.First, true); err != nil || u.test.Then == nil {
		return err
	}
	err := u.one(ctx, *u.test.Then, false)
	var failure *UnitFailure
	if errors.As(err, &failure) {
		failure.Message = "second run: " + failure.Message
	}
	return err
}

func (u *unitTest) open(ctx context.Context) error {
	vars := maps.Clone(u.Vars)
	if vars == nil {
		vars = map[string]string{}
	}
	maps.Copy(vars, u.test.Vars)
	encoded, err := json.Marshal(vars)
	if err != nil {
		return fmt.Errorf("encode vars: %w", err)
	}
	_, err = u.conn.Exec(ctx, `select set_config('search_path', '', true), set_config('timezone', $1, true),
    set_config('terrace.vars', $2, true), set_config('jit', 'off', true), set_config('application_name', 'terrace:unit', true)`,
		orDefault(u.Timezone, "UTC"), string(encoded))
	if err != nil {
		return fmt.Errorf("begin unit test: %w", err)
	}
	for _, ref := range u.test.Model.Header.DependsOn {
		if err := u.makeTable(ctx, ref.Name); err != nil {
			return err
		}
	}
	return nil
}

// makeTable makes the table that stands for a relation. It has its primary key, by which a query may group, unless the
// test's rows do not give it.
func (u *unitTest) makeTable(ctx context.Context, relation string) error {
	columns, known := u.Columns[relation]
	if !known {
		return u.fail(u.test.Line, u.test.Col, fmt.Sprintf("the columns of %s are not known", relation),
			"terrace check says what is wrong with it.")
	}
	u.names[relation] = tableFor(relation)
	lines := make([]string, len(columns))
	for i, c := range columns {
		lines[i] = "    " + pgx.Identifier{c.Name}.Sanitize() + " " + c.Type
	}
	if key := u.Keys[relation]; len(key) > 0 && u.gives(relation, key) {
		quoted := make([]string, len(key))
		for i, name := range key {
			quoted[i] = pgx.Identifier{name}.Sanitize()
		}
		lines = append(lines, "    primary key ("+strings.Join(quoted, ", ")+")")
	}
	_, err := u.conn.Exec(ctx, fmt.Sprintf("create temporary table %s (\n%s\n)", u.names[relation], strings.Join(lines, ",\n")))
	return wrap("make a table for "+relation, err)
}

// gives reports whether every row of the test for the relation has a value in every column of the key.
func (u *unitTest) gives(relation string, key []string) bool {
	runs := []model.UnitRun{u.test.First}
	if u.test.Then != nil {
		runs = append(runs, *u.test.Then)
	}
	for _, run := range runs {
		for _, f := range run.Given {
			for _, row := range f.Rows {
				for _, column := range key {
					if f.Relation == relation && !slices.Contains(row.Columns, column) {
						return false
					}
				}
			}
		}
	}
	return true
}

// one is one run: the rows are given, the model is built, the rows are compared.
func (u *unitTest) one(ctx context.Context, run model.UnitRun, first bool) error {
	if _, err := u.conn.Exec(ctx, "select set_config('terrace.run_at', $1, true)", instant(run.At)); err != nil {
		return fmt.Errorf("set the time of the run: %w", err)
	}
	for _, f := range run.Given {
		if err := u.fill(ctx, f); err != nil {
			return err
		}
	}
	built, err := u.build(ctx, first)
	if err != nil {
		return err
	}
	return u.compare(ctx, built, run)
}

// fill gives a relation its rows, one by one, so that a value that does not fit is found at its row.
func (u *unitTest) fill(ctx context.Context, f model.Fixture) error {
	table := u.names[f.Relation]
	if _, err := u.conn.Exec(ctx, "truncate "+table); err != nil {
		return fmt.Errorf("empty %s: %w", f.Relation, err)
	}
	return u.insert(ctx, table, f.Relation, u.Columns[f.Relation], f.Rows)
}

// insert writes rows into a table that has the columns.
func (u *unitTest) insert(ctx context.Context, table, relation string, columns []materialize.Column, rows []model.FixtureRow) error {
	for _, row := range rows {
		for _, name := range row.Columns {
			if columnNamed(columns, name) < 0 {
				return u.fail(row.Line, row.Col, fmt.Sprintf("%s has no column %q", relation, name), "It has "+listColumns(columns)+".")
			}
		}
		_, err := u.conn.Exec(ctx, fmt.Sprintf("insert into %s select (jsonb_populate_record(null::%s, $1::jsonb)).*", table, table), string(row.JSON()))
		var server *pgconn.PgError
		if errors.As(err, &server) && !unavailable(err) {
			return u.fail(row.Line, row.Col, fmt.Sprintf("%s cannot have this row: %s", relation, server.Message), server.Detail)
		}
		if err != nil {
			return fmt.Errorf("fill %s: %w", relation, err)
		}
	}
	return nil
}

func (u *unitTest) fail(line, column int, message, hint string) error {
	return &UnitFailure{StepFault: StepFault{Message: message, File: u.test.File, Line: line, Column: column, Hint: hint}}
}
