package ods

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// maxName is how many bytes of a name PostgreSQL keeps.
const maxName = 63

const historySuffix = "__history"

// VersionsSuffix ends the name of the view over all versions of a stream's records.
const VersionsSuffix = "__versions"

// relation is a stream's table and what belongs to it: names, columns, and the statements over them.
type relation struct {
	stream Stream
	schema string
	table  string
	key    []column
}

type column struct {
	name string
	sql  string // type
}

// newRelation refuses a declaration that no table can be made from.
func newRelation(stream Stream) (*relation, error) {
	schema, table, ok := strings.Cut(stream.Name, ".")
	if !ok || schema == "" || table == "" || strings.Contains(table, ".") {
		return nil, fmt.Errorf("stream name %q: must be schema.stream", stream.Name)
	}
	if len(table)+len(VersionsSuffix) > maxName {
		return nil, fmt.Errorf("stream name %s: %d bytes, at most %d leave room for %s; shorten it",
			table, len(table), maxName-len(VersionsSuffix), VersionsSuffix)
	}
	r := &relation{stream: stream, schema: schema, table: table}
	for _, declared := range stream.Key {
		if err := r.addKey(declared); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *relation) addKey(declared KeyColumn) error {
	t, err := keyTypeOf(declared)
	if err != nil {
		return err
	}
	switch name := declared.Name; {
	case name == "":
		return errors.New("a key column has no name")
	case name == "payload" || strings.HasPrefix(name, "_"):
		return fmt.Errorf("key column %s: the name is taken by the table's own columns; give it another under the key name", name)
	case len(name) > maxName:
		return fmt.Errorf("key column %s: the name has more than %d bytes; give it another under the key name", name, maxName)
	case slices.ContainsFunc(r.key, func(c column) bool { return c.name == name }):
		return fmt.Errorf("key column %s is declared twice; give one another under the key name", name)
	}
	r.key = append(r.key, column{declared.Name, t.sql})
	return nil
}

func (r *relation) current() pgx.Identifier { return pgx.Identifier{r.schema, r.table} }
func (r *relation) history() pgx.Identifier { return pgx.Identifier{r.schema, r.table + historySuffix} }

func (r *relation) versions() pgx.Identifier {
	return pgx.Identifier{r.schema, r.table + VersionsSuffix}
}

// identity is the columns that a record is known by: its key, or the hash of its content.
func (r *relation) identity() []column {
	if len(r.key) == 0 {
		return []column{{"_hash", "bytea"}}
	}
	return r.key
}

func (r *relation) keyNames() []string {
	names := make([]string, len(r.key))
	for i, c := range r.key {
		names[i] = c.name
	}
	return names
}

func (r *relation) keyTypes() []string {
	types := make([]string, len(r.key))
	for i, c := range r.key {
		types[i] = c.sql
	}
	return types
}

// landed is the columns that COPY fills in the current table, in this order.
func (r *relation) landed() []column {
	columns := append(slices.Clone(r.key),
		column{"payload", "jsonb"},
		column{"_hash", "bytea"},
		column{"_batch_id", "bigint"},
		column{"_first_seen_at", "timestamp with time zone"},
		column{"_fetched_at", "timestamp with time zone"},
	)
	if r.stream.FileColumns {
		columns = append(columns, column{"_file", "text"}, column{"_line", "bigint"})
	}
	return columns
}

// shared is the columns that the current table and the history have in common.
func (r *relation) shared() []column {
	return append(r.landed(), column{"_deleted_at", "timestamp with time zone"}, column{"_version", "bigint"})
}

func names(columns []column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.name
	}
	return out
}

// list is the columns' names, each with the prefix, for a statement.
func list(prefix string, columns []column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = prefix + quote(c.name)
	}
	return strings.Join(parts, ", ")
}

func quote(name string) string {
	return pgx.Identifier{name}.Sanitize()
}
