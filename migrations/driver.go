package migrations

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/golang-migrate/migrate/v4/database"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// driver lets golang-migrate work inside a transaction of the caller's. Its own PostgreSQL drivers commit the version
// before and after each file, so that a failure or a kill in between leaves the schema marked dirty and a person to
// sort it out; in one transaction there is no such state.
type driver struct {
	ctx     context.Context //nolint:containedctx // database.Driver's methods take none
	tx      pgx.Tx
	files   fs.FS
	version int // as of the last SetVersion; 0 for an empty schema
	before  int // the version that a failing Run would have left
}

var _ database.Driver = (*driver)(nil)

// prepare takes the lock, until the transaction ends, and reads the version. A plain create would be enough if nobody
// else were here; the lock comes first because two of them at once fail in the catalog.
func (d *driver) prepare() error {
	_, err := d.tx.Exec(d.ctx, `
		select pg_advisory_xact_lock(hashtextextended('terrace.schema_migrations', 0));
		create schema if not exists terrace;
		create table if not exists terrace.schema_migrations (
		    version bigint primary key,
		    dirty boolean not null
		)`)
	if err != nil {
		return fmt.Errorf("prepare schema terrace: %w", err)
	}
	err = d.tx.QueryRow(d.ctx, "select coalesce(max(version), 0) from terrace.schema_migrations").Scan(&d.version)
	if err != nil {
		return fmt.Errorf("read version of schema terrace: %w", err)
	}
	return nil
}

// Version tells golang-migrate where the schema stands; its word for an empty one is -1.
func (d *driver) Version() (int, bool, error) {
	if d.version == 0 {
		return database.NilVersion, false, nil
	}
	return d.version, false, nil
}

// SetVersion records the version. The dirty mark is kept for readers of the table, who never see it set.
func (d *driver) SetVersion(version int, dirty bool) error {
	if dirty {
		d.before, d.version = d.version, max(version, 0)
		return nil
	}
	_, err := d.tx.Exec(d.ctx, "delete from terrace.schema_migrations")
	if err == nil && version > 0 {
		_, err = d.tx.Exec(d.ctx, "insert into terrace.schema_migrations (version, dirty) values ($1, false)", version)
	}
	if err != nil {
		return fmt.Errorf("record version %d of schema terrace: %w", version, err)
	}
	return nil
}

// Run executes one file.
func (d *driver) Run(migration io.Reader) error {
	sql, err := io.ReadAll(migration)
	if err != nil {
		return fmt.Errorf("read %s: %w", fileOf(d.files, d.before, d.version), err)
	}
	_, err = d.tx.Exec(d.ctx, string(sql))
	if err == nil {
		return nil
	}
	failed := &Error{File: fileOf(d.files, d.before, d.version), Err: err}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		failed.Line = lineOf(string(sql), refused.Position)
	}
	return failed
}

// Lock does nothing: prepare has taken the lock, and the transaction holds it.
func (d *driver) Lock() error { return nil }

// Unlock does nothing: the lock ends with the transaction.
func (d *driver) Unlock() error { return nil }

// Close does nothing: the transaction is the caller's.
func (d *driver) Close() error { return nil }

// Open is for drivers that are named by a URL; this one is not registered.
func (d *driver) Open(string) (database.Driver, error) {
	return nil, errors.ErrUnsupported
}

// Drop is for golang-migrate's own command line.
func (d *driver) Drop() error { return errors.ErrUnsupported }
