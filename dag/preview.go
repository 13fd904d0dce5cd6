package dag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// Query is a query to look at, and the place of its text.
type Query struct {
	Node     string // whose query it is; "" for one of no node
	SQL      string
	File     string
	Line     int
	Limit    int
	Vars     map[string]string
	Timezone string
}

// Preview runs a query in a transaction that reads only, and returns its columns and first rows as the server writes
// them; NULL is nil.
func Preview(ctx context.Context, conn *pgx.Conn, q Query) (names []string, rows [][]*string, err error) {
	err = readOnly(ctx, conn, q.Vars, q.Timezone, func(tx pgx.Tx) error {
		head := "select * from (\n"
		statement := materialize.Statement{SQL: head + q.SQL + fmt.Sprintf("\n) as preview\nlimit %d", q.Limit), Body: len(head)}
		result, err := tx.Query(ctx, statement.SQL, pgx.QueryResultFormats{pgx.TextFormatCode})
		if err != nil {
			return missing(locate(err, q.File, q.Line, statement), q.Node, q.File)
		}
		for _, f := range result.FieldDescriptions() {
			names = append(names, f.Name)
		}
		rows, err = pgx.CollectRows(result, TextRow)
		return missing(locate(err, q.File, q.Line, statement), q.Node, q.File)
	})
	return names, rows, err
}

// TextRow copies a row's values, which were asked for as text; nil is NULL.
func TextRow(row pgx.CollectableRow) ([]*string, error) {
	values := make([]*string, 0, len(row.RawValues()))
	for _, raw := range row.RawValues() {
		if raw == nil {
			values = append(values, nil)
			continue
		}
		text := string(raw)
		values = append(values, &text)
	}
	return values, nil
}

// Explain returns the script that a build of the model would execute on the database as it is, in a project's time zone.
func Explain(ctx context.Context, conn *pgx.Conn, m *model.Model, zone string) (materialize.Script, error) {
	var script materialize.Script
	err := readOnly(ctx, conn, nil, orDefault(zone, "UTC"), func(pgx.Tx) error {
		existing, oid, err := inspect(ctx, conn, m.Schema, m.Relation)
		if err != nil {
			return err
		}
		if existing != nil {
			known, err := builtAs(ctx, conn, m.Name)
			if err != nil {
				return err
			}
			if known.made(oid, existing.Kind) {
				existing.Was = string(known.Kind)
			}
			if err := inspectDependents(ctx, conn, oid, existing, materialize.Word(m), materialize.Guards(m, existing)...); err != nil {
				return err
			}
			existing.Domains, existing.Collations = nil, nil // those of the query are not known either
		}
		in := materialize.Input{Model: m, Existing: existing}
		if err := conn.QueryRow(ctx, "select "+hasCitus).Scan(&in.Citus); err != nil {
			return fmt.Errorf("look for Citus: %w", err)
		}
		if err := distributed(ctx, conn, &in, oid); err != nil {
			return err
		}
		if m.Header.Kind != model.SQL {
			if in.Columns, err = describe(ctx, conn, &sync.Map{}, m); err != nil {
				return missing(err, m.Name, m.File)
			}
			rejects, _, err := inspect(ctx, conn, m.Schema, materialize.RejectsName(m.Relation))
			if err != nil {
				return err
			}
			in.HasRejects = rejects != nil && len(m.Header.Rejects) > 0
			in.StaleRejects = rejects != nil && !in.HasRejects && slices.Equal(rejects.Columns, materialize.RejectColumns)
		}
		script, err = materialize.Render(in)
		return err
	})
	return script, err
}

// errUndo ends a transaction that was only for looking.
var errUndo = errors.New("undo")

// PrepareReading gives a transaction the settings with which models are read, until it ends; with a timeout for each
// statement unless that is 0.
func PrepareReading(ctx context.Context, tx pgx.Tx, vars map[string]string, zone string, timeout time.Duration) error {
	encoded, err := json.Marshal(vars)
	if err != nil {
		return fmt.Errorf("encode vars: %w", err)
	}
	_, err = tx.Exec(ctx, `select set_config('search_path', '', true), set_config('timezone', $1, true),
    set_config('terrace.vars', $2, true), set_config('statement_timeout', coalesce(nullif($3, '0'), current_setting('statement_timeout')), true)`,
		orDefault(zone, "UTC"), string(encoded), strconv.FormatInt(timeout.Milliseconds(), 10))
	return err
}

func readOnly(ctx context.Context, conn *pgx.Conn, vars map[string]string, zone string, look func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := PrepareReading(ctx, tx, vars, zone, 0); err != nil {
			return err
		}
		if err := look(tx); err != nil {
			return err
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
		return nil
	}
	return err
}
