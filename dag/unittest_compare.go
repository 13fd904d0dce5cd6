package dag

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// textual are types without equality: their values are compared as they are written.
var textual = []string{"json", "xml", "point", "line", "polygon", "path"}

// maxDifferences are shown; a test with more of them is wrong as a whole.
const maxDifferences = 20

// compare compares the built relation with the rows that the test expects, in the columns that it names.
func (u *unitTest) compare(ctx context.Context, built string, run model.UnitRun) error {
	all, err := describeSQL(ctx, u.conn, &sync.Map{}, "select * from "+built)
	if err != nil {
		return fmt.Errorf("describe the result: %w", err)
	}
	columns := named(all, run.Expect)
	expected := pgx.Identifier{"pg_temp", unitExpected}.Sanitize()
	lines := make([]string, len(columns))
	for i, c := range columns {
		lines[i] = pgx.Identifier{c.Name}.Sanitize() + " " + c.Type
	}
	if _, err := u.conn.Exec(ctx, fmt.Sprintf("create temporary table %s (%s)", expected, strings.Join(lines, ", "))); err != nil {
		return fmt.Errorf("make a table for the expected rows: %w", err)
	}
	for _, row := range run.Expect { // against all columns, so that the message names those that there are
		if err := u.insert(ctx, expected, u.test.Model.Name, columnsIn(all, columns, row), []model.FixtureRow{row}); err != nil {
			return err
		}
	}
	missing, err := u.rowsOf(ctx, expected, built, columns)
	if err != nil {
		return err
	}
	surplus, err := u.rowsOf(ctx, built, expected, columns)
	if err != nil {
		return err
	}
	if _, err := u.conn.Exec(ctx, "drop table "+expected); err != nil {
		return fmt.Errorf("tidy up: %w", err)
	}
	if len(missing)+len(surplus) == 0 {
		return nil
	}
	lines = differing(columns, u.test.Model.Header.Key, missing, surplus)
	return &UnitFailure{
		StepFault: StepFault{
			Message: fmt.Sprintf("%s returned other rows than expected", u.test.Model.Name), File: u.test.File, Line: run.Line, Column: 1,
			Hint: "- expected and missing, + returned and not expected, ~ other values in a row of that key.",
		},
		Diff: lines,
	}
}

// columnsIn are the columns that a row may have: those compared, or all where it names one that is not there.
func columnsIn(all, compared []materialize.Column, row model.FixtureRow) []materialize.Column {
	for _, name := range row.Columns {
		if columnNamed(compared, name) < 0 {
			return all
		}
	}
	return compared
}

// named are the columns of the result that some expected row names, or all when no row is expected.
func named(all []materialize.Column, rows []model.FixtureRow) []materialize.Column {
	if len(rows) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(c materialize.Column) bool {
		return !slices.ContainsFunc(rows, func(r model.FixtureRow) bool { return slices.Contains(r.Columns, c.Name) })
	})
}

// rowsOf are the rows of one relation that the other does not have, as the server writes them, in a stable order.
func (u *unitTest) rowsOf(ctx context.Context, of, except string, columns []materialize.Column) ([][]*string, error) {
	compared, shown := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		name := pgx.Identifier{c.Name}.Sanitize()
		compared[i], shown[i] = name, name+"::text"
		if slices.Contains(textual, c.Type) {
			compared[i] = name + "::text as " + name
		}
	}
	list := strings.Join(compared, ", ")
	sql := fmt.Sprintf("select %s\nfrom (select %s from %s except all select %s from %s) as difference\norder by %s",
		strings.Join(shown, ", "), list, of, list, except, ordinals(len(columns)))
	rows, err := u.conn.Query(ctx, sql, pgx.QueryExecModeExec, pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	out, err := pgx.CollectRows(rows, TextRow)
	return out, wrap("compare", err)
}

func ordinals(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprint(i + 1)
	}
	return strings.Join(parts, ", ")
}

// differing tells the differences, one to a line. Rows of one key are told as one line, where the key is among what is
// compared.
func differing(columns []materialize.Column, key []string, missing, surplus [][]*string) []string {
	var at []int
	for _, name := range key {
		at = append(at, columnNamed(columns, name))
	}
	var lines []string
	for _, want := range missing {
		pair := -1
		if len(at) > 0 && !slices.Contains(at, -1) {
			pair = slices.IndexFunc(surplus, func(got []*string) bool { return sameAt(at, want, got) })
		}
		if pair < 0 {
			lines = append(lines, "- "+written(columns, want, nil))
			continue
		}
		lines = append(lines, "~ "+changedRow(columns, at, want, surplus[pair]))
		surplus = slices.Delete(slices.Clone(surplus), pair, pair+1)
	}
	for _, got := range surplus {
		lines = append(lines, "+ "+written(columns, got, nil))
	}
	if len(lines) > maxDifferences {
		lines = append(lines[:maxDifferences], fmt.Sprintf("… and %d more", len(lines)-maxDifferences))
	}
	return lines
}

func sameAt(at []int, a, b []*string) bool {
	for _, i := range at {
		if a[i] == nil || b[i] == nil || *a[i] != *b[i] {
			return false
		}
	}
	return true
}

// changedRow tells the key, and each column with its expected and its real value.
func changedRow(columns []materialize.Column, key []int, want, got []*string) string {
	var parts []string
	for i, c := range columns {
		if value(want[i]) != value(got[i]) {
			parts = append(parts, fmt.Sprintf("%s is %s, expected %s", c.Name, value(got[i]), value(want[i])))
		}
	}
	return written(columns, want, key) + ": " + strings.Join(parts, "; ")
}

// written is a row, or some of its columns: "id=1 amount=2.50".
func written(columns []materialize.Column, row []*string, only []int) string {
	var parts []string
	for i, c := range columns {
		if only == nil || slices.Contains(only, i) {
			parts = append(parts, c.Name+"="+value(row[i]))
		}
	}
	return strings.Join(parts, " ")
}

func value(text *string) string {
	switch {
	case text == nil:
		return "null"
	case *text == "" || strings.ContainsAny(*text, " \t\n'=;,"):
		return "'" + strings.ReplaceAll(*text, "'", "''") + "'"
	default:
		return *text
	}
}
