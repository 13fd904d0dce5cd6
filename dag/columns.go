package dag

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
)

//go:embed sql/columns.sql
var columnsSQL string

// LoadColumns reads the columns of relations as they are now, by the relation's name; those that are not there have none.
func LoadColumns(ctx context.Context, db Database, relations []string) (map[string][]materialize.Column, error) {
	rows, err := db.Query(ctx, columnsSQL, relations)
	if err != nil {
		return nil, fmt.Errorf("look for columns: %w", err)
	}
	found := map[string][]materialize.Column{}
	var relation string
	var names, types []string
	_, err = pgx.ForEachRow(rows, []any{&relation, &names, &types}, func() error {
		found[relation] = columnsOf(names, types)
		return nil
	})
	return found, wrap("look for columns", err)
}
