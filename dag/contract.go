package dag

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// checkContract compares what the header says of columns with what the query returns, before anything is built. The
// server itself says what a declared type is, so int8 and bigint are one.
func (b *building) checkContract(ctx context.Context, m *model.Model, columns []materialize.Column) error {
	if len(columns) == 0 {
		return contractError(m, m.SQLLine, noColumns, noColumnsHint)
	}
	returned := func(name string) int {
		return slices.IndexFunc(columns, func(c materialize.Column) bool { return c.Name == name })
	}
	for _, name := range m.Header.Key {
		if returned(name) < 0 {
			return contractError(m, 1, fmt.Sprintf("the key names column %q, which the query does not return", name),
				"The query returns "+listColumns(columns)+".")
		}
	}
	var typed []model.Column
	for _, c := range m.Header.Columns {
		switch {
		case returned(c.Name) < 0 && !addedColumn(m, c.Name):
			return contractError(m, c.Line, fmt.Sprintf("column %q is described in the header and not returned by the query", c.Name),
				"The query returns "+listColumns(columns)+".")
		case returned(c.Name) >= 0 && c.Type != "":
			typed = append(typed, c)
		}
	}
	if len(typed) == 0 {
		return nil
	}
	declared, err := b.declaredTypes(ctx, m.File, typed)
	if err != nil {
		return err
	}
	for i, c := range typed {
		if got := columns[returned(c.Name)].Type; !sameType(declared[i], got) {
			return contractError(m, c.Line, fmt.Sprintf("column %q is declared %s and the query returns %s", c.Name, c.Type, got),
				fmt.Sprintf("Cast it in the query (…::%s), or declare %s.", c.Type, got))
		}
	}
	return nil
}

// What is said of a query without columns, which PostgreSQL allows. A relation would lose all that it has.
const (
	noColumns     = "the query returns no columns"
	noColumnsHint = "Name after select what it shall return."
	noTypeHint    = "Use a type's PostgreSQL name."
)

// addedColumn tells the columns that the kind itself adds to what the query returns.
func addedColumn(m *model.Model, name string) bool {
	spec := m.Header.SCD2
	return spec != nil && slices.Contains([]string{spec.FromColumn, spec.ToColumn, spec.CurrentColumn, "is_deleted"}, name)
}

// declaredTypes asks the server for the names that the catalog has for declared types.
func (b *building) declaredTypes(ctx context.Context, file string, columns []model.Column) ([]string, error) {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = "null::" + c.Type
	}
	declared, err := describeSQL(ctx, b.conn, &b.types, "select "+strings.Join(parts, ", "))
	if err != nil {
		return nil, &StepError{
			StepFault: StepFault{
				Message: fmt.Sprintf("a declared type is none: %v", faultOf(locate(err, "", 0, materialize.Statement{Body: -1})).Message),
				File:    file, Line: columns[0].Line, Column: 1, SQLState: sqlState(err), Hint: noTypeHint,
			},
			err: err,
		}
	}
	names := make([]string, len(declared))
	for i, c := range declared {
		names[i] = c.Type
	}
	return names, nil
}

// sameType compares canonical names; a declaration without a precision allows any.
func sameType(declared, got string) bool {
	return declared == got || limit.ReplaceAllString(got, "") == declared
}

func listColumns(columns []materialize.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

func contractError(m *model.Model, line int, message, hint string) error {
	return &StepError{StepFault: StepFault{Message: message, File: m.File, Line: line, Column: 1, Hint: hint}}
}
