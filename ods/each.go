package ods

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// EachValues runs a query that gives one column, in a transaction that cannot write, and returns its values in their
// order, each once: numbers as json.Number, booleans as bool, anything else as its text.
func (s *Store) EachValues(ctx context.Context, sql string) ([]any, error) {
	var values []any
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// Text, whatever the type: what a request is given is what psql shows.
		rows, err := tx.Query(ctx, sql, pgx.QueryExecModeExec, pgx.QueryResultFormats{pgx.TextFormatCode})
		if err != nil {
			return err
		}
		defer rows.Close()
		seen := map[any]bool{}
		for rows.Next() {
			value, err := eachValue(rows)
			if err != nil {
				return err
			}
			if !seen[value] {
				seen[value] = true
				values = append(values, value)
			}
		}
		return rows.Err()
	})
	return values, wrap(err, "read values of each")
}

func eachValue(rows pgx.Rows) (any, error) {
	columns := rows.FieldDescriptions()
	if len(columns) != 1 {
		return nil, fmt.Errorf("the query gives %d columns, and each wants one", len(columns))
	}
	raw := rows.RawValues()[0]
	if raw == nil {
		return nil, fmt.Errorf("column %s has a null", columns[0].Name)
	}
	text := string(raw)
	switch columns[0].DataTypeOID {
	case pgtype.BoolOID:
		return text == "t", nil
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID:
		if json.Valid(raw) { // NaN and Infinity are not
			return json.Number(text), nil
		}
	}
	return text, nil
}
