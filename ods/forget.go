package ods

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Streams returns the names of the streams that have a table in the database, those that left the project among them.
func Streams(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `select stream from terrace.stream order by stream`)
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return names, wrap(err, "list streams")
}

// Lost lists the streams of which a table is gone that was there, each with the table, sorted.
func Lost(ctx context.Context, conn *pgx.Conn) ([]*LostTableError, error) {
	rows, err := conn.Query(ctx, `select s.stream, s.stream || t.suffix
from terrace.stream as s
cross join (values ('', 1), ('`+historySuffix+`', 2)) as t (suffix, place)
where not exists (
    select
    from pg_class as c
    join pg_namespace as n
        on n.oid = c.relnamespace
    where n.nspname = split_part(s.stream, '.', 1)
        and c.relname = split_part(s.stream, '.', 2) || t.suffix
)
order by s.stream, t.place`)
	if err != nil {
		return nil, fmt.Errorf("look for tables of streams: %w", err)
	}
	lost, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[LostTableError])
	return lost, wrap(err, "look for tables of streams")
}

// Tables returns what Forget drops of a stream, as DROP names it.
func Tables(stream string) ([]string, error) {
	rel, err := newRelation(Stream{Name: stream})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range rel.relations() {
		out = append(out, t.word+" "+t.name.Sanitize())
	}
	return out, nil
}

// relations are those of a stream, readers before what they read.
func (r *relation) relations() []struct {
	word string
	name pgx.Identifier
} {
	return []struct {
		word string
		name pgx.Identifier
	}{{"view", r.versions()}, {"table", r.history()}, {"table", r.current()}}
}

// Forget drops the tables of a stream that landing has made, without what others made of them, and forgets up to where it
// was read and what was rejected: the next extraction begins at the start. The ledger of batches stays. A stream that
// another session reads is a *HeldError. The caller's transaction decides.
func Forget(ctx context.Context, tx pgx.Tx, stream string) error {
	if err := forget(ctx, tx, stream); err != nil {
		return fmt.Errorf("forget %s: %w", stream, err)
	}
	return nil
}

func forget(ctx context.Context, tx pgx.Tx, stream string) error {
	rel, err := newRelation(Stream{Name: stream})
	if err != nil {
		return err
	}
	if err := try(ctx, tx, "pg_try_advisory_xact_lock", stream); err != nil {
		return err
	}
	registered, err := tx.Exec(ctx, `delete from terrace.stream where stream = $1`, stream)
	if err != nil {
		return err
	}
	if registered.RowsAffected() == 0 {
		return errors.New("landing has made no table of that name")
	}
	for _, r := range rel.relations() {
		if _, err := tx.Exec(ctx, "drop "+r.word+" if exists "+r.name.Sanitize()); err != nil {
			return err
		}
	}
	for _, statement := range []string{
		`delete from terrace.cursor where stream = $1`,
		`delete from terrace.slice where stream = $1`,
		`delete from terrace.reject where node = $1`,
	} {
		if _, err := tx.Exec(ctx, statement, stream); err != nil {
			return err
		}
	}
	return nil
}
