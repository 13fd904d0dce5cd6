package ods

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/describe_stream.sql
var describeStreamSQL string

// KeyChangedError is a declaration whose key is not the one that the stream's table was made with.
type KeyChangedError struct {
	Stream        string
	Table, Wanted string // "id bigint, site_id text"
}

func (e *KeyChangedError) Error() string {
	return fmt.Sprintf("the table %s has the key (%s), the declaration says (%s); a key is not changed in place", e.Stream, e.Table, e.Wanted)
}

// ForeignRelationError is a relation of a stream's name that landing has not made.
type ForeignRelationError struct {
	Stream, Relation string
}

func (e *ForeignRelationError) Error() string {
	return fmt.Sprintf("%s exists and was not made for stream %s; rename it, give the stream another name, or declare the "+
		"source as type existing if others fill it", e.Relation, e.Stream)
}

// LostTableError is a table of a stream that was there and is gone, with the records that had landed in it. Made anew it
// would stay without them: what was read once is not read again.
type LostTableError struct {
	Stream, Table string
}

func (e *LostTableError) Error() string {
	return fmt.Sprintf("the table %s is gone, and what had landed in it with it; what was read once is not read again by itself", e.Table)
}

// Ensure makes the stream's schema, table, history and view where they are missing. It changes nothing that is there but
// to add the columns of files to a table that has none. A table that it made before and that is gone is a
// *LostTableError; the view, which holds nothing, is made again. It may run in many processes at once.
func (s *Store) Ensure(ctx context.Context, stream Stream) error {
	rel, err := newRelation(stream)
	if err == nil {
		err = s.ensure(ctx, rel)
	}
	return wrap(err, "ensure %s", stream.Name)
}

func (s *Store) ensure(ctx context.Context, rel *relation) error {
	missing, err := describe(ctx, s.pool, rel)
	if err != nil || len(missing) == 0 {
		return err
	}
	return s.inTransaction(ctx, func(tx pgx.Tx) (end, error) {
		// Of two processes the second waits here, and then finds everything made.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('terrace.stream', 0))`); err != nil {
			return abandon, err
		}
		missing, err := describe(ctx, tx, rel)
		if err != nil {
			return abandon, err
		}
		for _, statement := range missing {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return abandon, fmt.Errorf("%s: %w", statement, err)
			}
		}
		return keep, register(ctx, tx, rel)
	})
}

func register(ctx context.Context, tx pgx.Tx, rel *relation) error {
	_, err := tx.Exec(ctx, `
insert into terrace.stream (stream, key_columns, key_types)
values ($1, $2, $3)
on conflict (stream) do nothing`, rel.stream.Name, rel.keyNames(), rel.keyTypes())
	return wrap(err, "write terrace.stream")
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// described is what the database has of a stream.
type described struct {
	registered                 bool
	current, history, versions string // relkind, "" where there is none
	columns                    []string
	lz4                        bool
	encoding                   string // of the session
}

// describe compares the database with the declaration and returns the statements that are missing.
func describe(ctx context.Context, db querier, rel *relation) ([]string, error) {
	var names, types []string
	var d described
	err := db.QueryRow(ctx, describeStreamSQL, rel.stream.Name, rel.schema, rel.table).
		Scan(&names, &types, &d.current, &d.history, &d.versions, &d.columns, &d.lz4, &d.encoding)
	if err != nil {
		return nil, fmt.Errorf("look at tables: %w", err)
	}
	if d.encoding != "UTF8" {
		return nil, fmt.Errorf("the session's client_encoding is %s, in which text would land garbled; connect with "+
			"client_encoding=UTF8, or use a database with encoding UTF8", d.encoding)
	}
	d.registered = names != nil
	if d.registered && (!slices.Equal(names, rel.keyNames()) || !slices.Equal(types, rel.keyTypes())) {
		return nil, &KeyChangedError{rel.stream.Name, printKey(names, types), printKey(rel.keyNames(), rel.keyTypes())}
	}
	if foreign := d.foreign(rel); foreign != "" {
		return nil, &ForeignRelationError{rel.stream.Name, foreign}
	}
	if lost := d.lost(rel); lost != "" {
		return nil, &LostTableError{rel.stream.Name, lost}
	}
	return d.missing(rel), nil
}

// foreign names a relation that is in the way: any before the stream was registered, later one of the wrong kind or a
// table without the columns that landing fills.
func (d described) foreign(rel *relation) string {
	for _, r := range []struct{ name, kind, want string }{
		{rel.stream.Name, d.current, "rp"},
		{rel.stream.Name + historySuffix, d.history, "rp"},
		{rel.stream.Name + VersionsSuffix, d.versions, "v"},
	} {
		if r.kind != "" && (!d.registered || !strings.Contains(r.want, r.kind)) {
			return r.name
		}
	}
	for _, c := range rel.shared() {
		isOfFiles := c.name == "_file" || c.name == "_line"
		if d.current != "" && !isOfFiles && !slices.Contains(d.columns, c.name+" "+c.sql) {
			return rel.stream.Name
		}
	}
	return ""
}

// lost names a table that was made when the stream was registered, in the same transaction, and is no more.
func (d described) lost(rel *relation) string {
	switch {
	case d.registered && d.current == "":
		return rel.stream.Name
	case d.registered && d.history == "":
		return rel.stream.Name + historySuffix
	default:
		return ""
	}
}

func (d described) missing(rel *relation) []string {
	var out []string
	if d.current == "" {
		out = append(out, "create schema if not exists "+quote(rel.schema))
		out = append(out, rel.currentDDL(d.lz4)...)
	}
	if d.history == "" {
		out = append(out, rel.historyDDL(d.lz4)...)
	}
	addFiles := rel.stream.FileColumns && d.current != "" && !slices.Contains(d.columns, "_file text")
	if addFiles {
		out = append(out, rel.fileColumnsDDL()...)
	}
	if d.versions == "" || addFiles {
		out = append(out, rel.versionsDDL()...)
	}
	return out
}

func printKey(names, types []string) string {
	if len(names) == 0 {
		return "none: the content"
	}
	parts := make([]string, len(names))
	for i := range names {
		parts[i] = names[i] + " " + types[i]
	}
	return strings.Join(parts, ", ")
}
