package ods

import (
	"fmt"
	"strings"
)

// lookupSQL finds the current rows of keys, which are given as one array of texts per key column. After them come, with a
// version, its path as array of names; without one, when the page was fetched and by which run.
func (r *relation) lookupSQL() string {
	next := len(r.identity()) + 1
	version, overtaken := fmt.Sprintf("c.payload #>> $%d", next), "false"
	if r.stream.Version == "" {
		version, overtaken = "null::text", fmt.Sprintf(`c._fetched_at > $%d and exists (
        select
        from terrace.batch as b
        where b.batch_id = c._batch_id
            and b.run_id = $%d
    )`, next, next+1)
	}
	return fmt.Sprintf(`-- %s: current rows of a page's keys
select
    k.ord - 1,
    c._hash,
    c._version,
    c._deleted_at is not null,
    c._first_seen_at,
    %s,
    %s
from %s
cross join lateral %s as c`, comment(r.stream.Name), version, overtaken, r.givenKeys(1), r.currentOf("_hash", "_version",
		"_deleted_at", "_first_seen_at", "_fetched_at", "_batch_id", "payload"))
}

// currentOf is a subquery for the current row of key k. It names one row, so that the server looks each key up in the
// index: it otherwise reads the whole of a table of some 100 MB for every page, as it takes the keys for scattered ones.
func (r *relation) currentOf(columns ...string) string {
	return fmt.Sprintf(`(
    select %s
    from %s as c
    where %s
    limit 1
)`, "c."+strings.Join(columns, ", c."), r.current().Sanitize(), r.keysMatch())
}

// arrivalSQL says when the current rows of keys were fetched.
func (r *relation) arrivalSQL() string {
	return fmt.Sprintf(`-- %s: since when keys have their current rows
select
    k.ord - 1,
    c._fetched_at
from %s
join %s as c
    on %s`, comment(r.stream.Name), r.givenKeys(1), r.current().Sanitize(), r.keysMatch())
}

// moveSQL takes rows out of the current table and puts them into the history. The rows are given by key and _version, so
// that one which somebody else has replaced meanwhile is not found.
func (r *relation) moveSQL() string {
	given := len(r.identity())
	return fmt.Sprintf(`-- %[1]s: replaced rows become history
with moved as (
    delete from %[2]s as c
    using %[3]s
    where %[4]s
        and c._version = k.version
    returning %[5]s
), kept as (
    insert into %[6]s (%[7]s, _superseded_at)
    select %[7]s, $%[8]d
    from moved
)
select count(*)
from moved`,
		comment(r.stream.Name), r.current().Sanitize(), r.givenKeys(1, "version bigint"), r.keysMatch(),
		list("c.", r.shared()), r.history().Sanitize(), list("", r.shared()), given+2)
}

// knownSQL says which of the given versions, by key and hash, the history has.
func (r *relation) knownSQL() string {
	return fmt.Sprintf(`-- %s: which versions are known
select k.ord - 1
from %s
where exists (
    select
    from %s as c
    where %s
        and c._hash = k.hash
)`, comment(r.stream.Name), r.givenKeys(1, "hash bytea"), r.history().Sanitize(), r.keysMatch())
}

// givenKeys is a relation k over arrays of parameters, the first of which has the number from: k1, k2, … as text, the
// extra columns, and ord from 1. Keys are cast where they are compared.
func (r *relation) givenKeys(from int, extra ...string) string {
	var arrays, columns []string
	for i, c := range r.identity() {
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", from+i, givenType(c)))
		columns = append(columns, fmt.Sprintf("k%d", i+1))
	}
	for i, e := range extra {
		name, sql, _ := strings.Cut(e, " ")
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", from+len(r.identity())+i, sql))
		columns = append(columns, name)
	}
	return fmt.Sprintf("unnest(%s) with ordinality as k (%s, ord)", strings.Join(arrays, ", "), strings.Join(columns, ", "))
}

func givenType(c column) string {
	if c.sql == "bytea" {
		return "bytea"
	}
	return "text"
}

func (r *relation) keysMatch() string {
	var parts []string
	for i, c := range r.identity() {
		parts = append(parts, fmt.Sprintf("c.%s = k.k%d::%s", quote(c.name), i+1, c.sql))
	}
	return strings.Join(parts, "\n        and ")
}

// comment makes a name safe behind "--".
func comment(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' {
			return ' '
		}
		return c
	}, text)
}
