package dag

import (
	"context"
	_ "embed"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

//go:embed sql/row_security.sql
var rowSecuritySQL string

// HiddenRows names the tables, of those given, of which row security lets the session's role see a part: what is built of
// them lacks the rest, and nothing else would say so.
func HiddenRows(ctx context.Context, db Database, names []string) ([]string, error) {
	rows, err := db.Query(ctx, rowSecuritySQL, names)
	if err != nil {
		return nil, wrap("look for row security", err)
	}
	hidden, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return hidden, wrap("look for row security", err)
}

// HiddenRowsProblem says of a table that the role sees a part of it, and what to do.
func HiddenRowsProblem(name string, at model.Problem) model.Problem {
	at.Severity = strict.Warning
	at.Message = "row security hides rows of " + name + " from this role: what is built of it is a part"
	at.Hint = "Let its owner run it, or a role with bypassrls; or let all rows pass: create policy NAME on " + name + " for select to ROLE using (true)"
	return at
}
