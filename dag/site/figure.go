package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// rows are a figure with what the database has for it, as the server writes values; NULL is nil.
type rows struct {
	Figure
	Columns []string
	Rows    [][]*string
	// Missing says why there are no rows.
	Missing string
}

// notThere are the SQLSTATEs of a relation or a column that is not there (yet).
var notThere = []string{"42P01", "3F000", "42703"} //nolint:gochecknoglobals // a table

// read asks for a figure's rows, within a savepoint: a relation that is not there yet is no error.
func (f Figure) read(ctx context.Context, tx pgx.Tx) (rows, error) {
	out := rows{Figure: f}
	inner, err := tx.Begin(ctx)
	if err != nil {
		return out, fmt.Errorf("read figure %s: %w", f.Title, err)
	}
	defer func() { _ = inner.Rollback(context.WithoutCancel(ctx)) }() // nothing was written
	result, err := inner.Query(ctx, f.query(), pgx.QueryResultFormats{pgx.TextFormatCode})
	if err == nil {
		for _, d := range result.FieldDescriptions() {
			out.Columns = append(out.Columns, d.Name)
		}
		out.Rows, err = pgx.CollectRows(result, dag.TextRow)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && slices.Contains(notThere, pg.Code) {
		out.Missing = pg.Message
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("read figure %q of %s: %w", f.Title, f.Model, err)
	}
	if f.byX() {
		slices.Reverse(out.Rows)
	}
	return out, nil
}

// byX reports whether the last rows by x are shown, oldest first.
func (f Figure) byX() bool { return f.Chart != model.ChartTable && f.X != nil && len(f.Sort) == 0 }

// query asks for the rows that are shown.
func (f Figure) query() string {
	if shown := f.shown(); len(shown) > 0 {
		return f.queryFor(quoted(shown))
	}
	return f.queryFor("figure.*")
}

// queryFor asks for these columns of the rows that are shown. Their order does not depend on chance.
func (f Figure) queryFor(columns string) string {
	shown := f.shown()
	var order []string
	for _, s := range f.Sort {
		order = append(order, ordered(s.Column, s.Descending))
	}
	if f.X != nil && len(f.Sort) == 0 {
		order = append(order, ordered(f.X.Column, true))
	}
	for _, column := range shown {
		order = append(order, ordered(column, false))
	}
	sql := fmt.Sprintf("select %s\nfrom %s as figure", columns, materialize.Quote(f.Model))
	if len(order) > 0 {
		sql += "\norder by " + strings.Join(order, ", ")
	}
	return fmt.Sprintf("%s\nlimit %d", sql, f.Limit)
}

// shown are the columns that are asked for, the one that marks rows last; none for all.
func (f Figure) shown() []string {
	var out []string
	if f.Chart == model.ChartTable && len(f.Y) == 0 {
		return nil
	}
	if f.X != nil {
		out = append(out, f.X.Column)
	}
	for _, y := range f.Y {
		out = append(out, y.Column)
	}
	if f.OK != "" && !slices.Contains(out, f.OK) {
		out = append(out, f.OK)
	}
	return out
}

func quoted(columns []string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = "figure." + pgx.Identifier{c}.Sanitize()
	}
	return strings.Join(out, ", ")
}

func ordered(column string, descending bool) string {
	text := quoted([]string{column})
	if descending {
		text += " desc"
	}
	return text + " nulls last"
}

// index is the position of a column, or -1.
func (r rows) index(column string) int { return slices.Index(r.Columns, column) }

// marked reports whether a row is not as it should be.
func (r rows) marked(row []*string) bool {
	i := r.index(r.OK)
	return r.OK != "" && i >= 0 && (row[i] == nil || *row[i] != "t")
}

// look is how a column is shown.
func (r rows) look(column string) model.Shown {
	if r.X != nil && r.X.Column == column {
		return *r.X
	}
	for _, y := range r.Y {
		if y.Column == column {
			return y
		}
	}
	return model.Shown{Column: column}
}

// Reports reads the figures of the quality page as data, whole. A relation that is not there yet has no report.
func Reports(ctx context.Context, tx pgx.Tx, figures []Figure) ([]Report, error) {
	var out []Report
	for _, f := range figures {
		if f.Page != model.PageQuality {
			continue
		}
		found, err := f.report(ctx, tx)
		if err != nil {
			return nil, err
		}
		if found != nil {
			out = append(out, *found)
		}
	}
	return out, nil
}

func (f Figure) report(ctx context.Context, tx pgx.Tx) (*Report, error) {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("read report %s: %w", f.Model, err)
	}
	defer func() { _ = inner.Rollback(context.WithoutCancel(ctx)) }() // nothing was written
	ok := "true"
	if f.OK != "" {
		ok = "coalesce(" + quoted([]string{f.OK}) + ", false)"
	}
	result, err := inner.Query(ctx, f.queryFor("to_jsonb(figure), "+ok))
	report := &Report{Model: f.Model, Title: f.Title, Rows: []json.RawMessage{}}
	if err == nil {
		var row json.RawMessage
		var sound bool
		_, err = pgx.ForEachRow(result, []any{&row, &sound}, func() error {
			report.Rows = append(report.Rows, slices.Clone(row))
			if !sound {
				report.Differing++
			}
			return nil
		})
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && slices.Contains(notThere, pg.Code) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read report %s: %w", f.Model, err)
	}
	return report, nil
}
