// Package migrations holds the SQL that makes and changes schema terrace, and applies it. It never touches a schema
// of the project's own.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Files are the migrations, named as golang-migrate reads them.
//
//go:embed *.sql
var Files embed.FS

// ErrNewer is returned when the schema was made by a newer terrace than this one.
var ErrNewer = errors.New("schema terrace was made by a newer terrace: install that version, or point this one at another database")

// Error is a migration that the server refused. Nothing of it stands, nor of those that were to be applied with it.
type Error struct {
	File string // "migrations/0002_landing.up.sql"
	Line int    // from 1; 0 when the server named no place
	Err  error  // the server's answer
}

// Error is "migrations/0002_landing.up.sql:14: message".
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the server's answer.
func (e *Error) Unwrap() error { return e.Err }

// Latest is the version that this binary brings the schema to.
func Latest() int { return latest(Files) }

// Version is the version of the schema in the database, 0 where there is none. It costs one round trip. The connection must not
// be inside a transaction.
func Version(ctx context.Context, conn *pgx.Conn) (int, error) {
	var version int
	err := conn.QueryRow(ctx, "select version from terrace.schema_migrations", pgx.QueryExecModeSimpleProtocol).Scan(&version)
	var refused *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, nil
	case errors.As(err, &refused) && refused.Code == "42P01": // no such table; nor, then, such a schema
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("read version of schema terrace: %w", err)
	}
	return version, nil
}

// Up brings the schema to Latest. When it is there already this costs one round trip. All migrations that are missing
// are applied in one transaction, so that a failure or a kill leaves the schema as it was; processes that come at the
// same time wait for the first one. The connection must not be inside a transaction.
func Up(ctx context.Context, conn *pgx.Conn) error {
	return up(ctx, conn, Files)
}

// Down takes the schema back to an earlier version, in one transaction; 0 takes everything away, with its data.
func Down(ctx context.Context, conn *pgx.Conn, to int) error {
	version, err := Version(ctx, conn)
	switch {
	case err != nil:
		return err
	case version > Latest():
		return newer(version, Latest())
	case to < 0 || to > version:
		return fmt.Errorf("take schema terrace down to version %d: it is at %d", to, version)
	}
	return apply(ctx, conn, Files, func(m *migrate.Migrate) error {
		if to == 0 {
			return m.Down()
		}
		return m.Migrate(uint(to))
	})
}

func up(ctx context.Context, conn *pgx.Conn, files fs.FS) error {
	version, err := Version(ctx, conn)
	if err != nil || version == latest(files) {
		return err
	}
	if version > latest(files) {
		return newer(version, latest(files))
	}
	return apply(ctx, conn, files, (*migrate.Migrate).Up)
}

// apply runs one command of golang-migrate inside one transaction, which also holds the lock.
func apply(ctx context.Context, conn *pgx.Conn, files fs.FS, command func(*migrate.Migrate) error) error {
	source, err := iofs.New(files, ".")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	defer func() { _ = source.Close() }() // embedded: nothing to release
	// Read committed, whatever the server's default: what is read after the wait for the lock must be what the other one left.
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		d := &driver{ctx: ctx, tx: tx, files: files}
		if err := d.prepare(); err != nil {
			return err
		}
		if d.version > latest(files) { // moved on while we waited for the lock
			return newer(d.version, latest(files))
		}
		m, err := migrate.NewWithInstance("iofs", source, "pgx", d)
		if err != nil {
			return fmt.Errorf("migrate schema terrace: %w", err)
		}
		if err := command(m); err != nil && !errors.Is(err, migrate.ErrNoChange) {
			return fmt.Errorf("migrate schema terrace: %w", err)
		}
		return nil
	})
}

func newer(version, known int) error {
	return fmt.Errorf("%w (it is at version %d, this terrace knows %d)", ErrNewer, version, known)
}

// latest is the highest number among the files' names.
func latest(files fs.FS) int {
	names, _ := fs.Glob(files, "*.up.sql") // the pattern is well formed, and a missing file shows when it is read
	highest := 0
	for _, name := range names {
		highest = max(highest, number(name))
	}
	return highest
}

// number reads the version from the name of a migration's file, 0 where there is none.
func number(name string) int {
	var n int
	if _, err := fmt.Sscanf(path.Base(name), "%d_", &n); err != nil {
		return 0
	}
	return n
}

// fileOf finds the file that takes the schema from one version to the other.
func fileOf(files fs.FS, from, to int) string {
	version, direction := to, ".up.sql"
	if to < from {
		version, direction = from, ".down.sql"
	}
	names, _ := fs.Glob(files, "*"+direction)
	for _, name := range names {
		if number(name) == version {
			return path.Join("migrations", name)
		}
	}
	return fmt.Sprintf("migration %d%s", version, direction)
}

// lineOf turns the server's position, which counts characters from 1, into a line.
func lineOf(sql string, position int32) int {
	runes := []rune(sql)
	if position < 1 || int(position) > len(runes) {
		return 0
	}
	return 1 + strings.Count(string(runes[:position-1]), "\n")
}
