package migrations

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed roles/roles.sql
var rolesSQL string

// Roles makes three roles that share the work with least privilege, or brings them up to date, in one transaction:
//
//   - terrace_loader lands: it makes schemas, owns the tables of streams, writes the landing's part of schema terrace.
//     It neither reads nor writes models.
//   - terrace_transformer builds: it reads streams, owns the relations of models and seeds, writes state and ledger.
//     It does not see the sources' tokens.
//   - terrace_reader reads models and seeds: nothing of streams or of schema terrace.
//
// Relations that were made before change hands to the role that keeps them. Those that the roles themselves make later
// are covered; it has to be called again after an upgrade of schema terrace, and after a run that made relations as
// somebody else. What a model of kind sql fills is not touched: its owner grants it.
//
// The connection's role must own the database and schema terrace and may create roles, or be a superuser; the
// connection must not be inside a transaction. Databases of one cluster may do this at the same time.
func Roles(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, rolesSQL, pgx.QueryExecModeSimpleProtocol)
		if err == nil {
			return nil
		}
		failed := &Error{File: "migrations/roles/roles.sql", Err: err}
		var refused *pgconn.PgError
		if errors.As(err, &refused) {
			failed.Line = lineOf(rolesSQL, refused.Position)
		}
		return fmt.Errorf("make roles: %w", failed)
	})
}
