package ods

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

func (r *relation) currentDDL(lz4 bool) []string {
	table := r.current().Sanitize()
	return []string{
		fmt.Sprintf(`create table %s (
%s,
    _deleted_at timestamptz,
    _version bigint generated always as identity,
    primary key (%s)
)`, table, r.columnDDL(lz4), list("", r.identity())),
		// Consumers ask for what the batches that they have not seen have written.
		fmt.Sprintf("create index on %s (_batch_id)", table),
		fmt.Sprintf("comment on table %s is %s", table,
			literal(fmt.Sprintf("Current records of stream %s, one per key; its versions are in %s.", r.stream.Name, r.versions()[1]))),
		fmt.Sprintf("comment on column %s._deleted_at is 'When the source was found not to have the record any more.'", table),
		fmt.Sprintf("comment on column %s._version is 'Grows with each landed version of a record.'", table),
	}
}

func (r *relation) historyDDL(lz4 bool) []string {
	table := r.history().Sanitize()
	return []string{
		fmt.Sprintf(`create table %s (
%s,
    _deleted_at timestamptz,
    _version bigint not null,
    _superseded_at timestamptz not null
)`, table, r.columnDDL(lz4)),
		fmt.Sprintf("create index on %s (%s)", table, list("", append(r.identity(), column{"_version", "bigint"}))),
		fmt.Sprintf("create index on %s (_batch_id)", table),
		fmt.Sprintf("comment on table %s is %s", table,
			literal(fmt.Sprintf("Versions of records of stream %s that are no longer current.", r.stream.Name))),
	}
}

// columnDDL is the columns that COPY fills, without a comma at the end.
func (r *relation) columnDDL(lz4 bool) string {
	var lines []string
	for _, c := range r.landed() {
		line := "    " + quote(c.name) + " " + c.sql
		if c.name == "payload" && lz4 {
			line += " compression lz4"
		}
		if c.name != "_file" && c.name != "_line" {
			line += " not null"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ",\n")
}

func (r *relation) fileColumnsDDL() []string {
	var out []string
	for _, table := range []pgx.Identifier{r.current(), r.history()} {
		out = append(out, fmt.Sprintf(`alter table %s
    add column if not exists _file text,
    add column if not exists _line bigint`, table.Sanitize()))
	}
	return out
}

// versionsDDL puts the columns of files last, where a view can get them later.
func (r *relation) versionsDDL() []string {
	view := r.versions().Sanitize()
	var columns []string
	files := ""
	for _, c := range r.shared() {
		if c.name == "_file" || c.name == "_line" {
			files += ",\n    " + quote(c.name)
			continue
		}
		columns = append(columns, quote(c.name))
	}
	return []string{
		fmt.Sprintf(`create or replace view %[1]s as
select
    %[2]s,
    _fetched_at as _seen_at,
    _superseded_at%[3]s
from %[4]s
union all
select
    %[2]s,
    _fetched_at as _seen_at,
    null::timestamptz as _superseded_at%[3]s
from %[5]s`, view, strings.Join(columns, ",\n    "), files, r.history().Sanitize(), r.current().Sanitize()),
		fmt.Sprintf("comment on view %s is %s", view,
			literal(fmt.Sprintf("Every version of every record of stream %s; _superseded_at is null for the current one, _version gives the order.",
				r.stream.Name))),
	}
}

// literal is a text as SQL: comments take no parameters.
func literal(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
