package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// fits reports whether a new table can be made of what is there and the difference: nothing of it is others' or about to go.
func (d dimension) fits(in Input) bool {
	_, removed, _ := compare(in.Existing.Columns, d.columns())
	return d.layout.plain() && len(removed) == 0 && len(staleIndexes(d.m, in.Existing.Indexes)) == 0 && !in.Foreign && !in.Aside
}

// fillBeside puts into a new table the rows that stay and those that come. A whole delta has both.
func (d dimension) fillBeside(target string) Statement {
	columns, values := d.columnsAndValues("d")
	if d.whole {
		return plain(d.m, None, "insert into %s (%s)\nselect %s\nfrom %s as d\nwhere d._action <> 'deleted'", target, columns, values, delta)
	}
	return plain(d.m, None, `insert into %s (%s)
select %s
from %s as t
where not exists (select from %s as d where d._was = t.ctid and d._part = t.tableoid)
union all
select %s
from %[5]s as d
where d._action <> 'deleted'`, target, columns, d.stored("t"), d.target, delta, values)
}

// sampleOf asks of some of what is staged whether it changes the table, and gives about how many rows change, and how many
// there are. Each key has one event: who closes a version opens another.
func (d dimension) sampleOf(in Input) string {
	const looked = 2000
	share := min(100, 100*looked/float64(max(in.Groups.Count, 1)))
	open := joined(d.target, fmt.Sprintf("%s and t.%s is null", equal(d.key, "t", "s"), d.to), d.hasIndex(in))
	return fmt.Sprintf(`select %d * count(*) filter (where %s) / greatest(count(*), 1), %s
from (select * from %s tablesample system (%.6f) repeatable (0)) as s
left join %s`, 2*in.Groups.Count, d.changes(), Held(d.m.Name), stage, share, open)
}

// changes is true for an event s that opens a version, of a key whose open version is t.
func (d dimension) changes() string {
	first := pgx.Identifier{d.key[0]}.Sanitize()
	if len(d.tracked) == 0 {
		return fmt.Sprintf("t.%s is null", first)
	}
	return fmt.Sprintf("(t.%s is null or %s)", first, d.differ(d.tracked, "s", "t"))
}

// fillDirect puts into a new table the versions that ended, and of each key the one that is open and the one that came, which
// are joined once, in the order of the key: the indexes are then made of what is in order already, in half the time or less.
func (d dimension) fillDirect(target string) []Statement {
	first := pgx.Identifier{d.key[0]}.Sanitize()
	untracked := d.untracked()
	var came, were, written []string
	for i, name := range d.kept {
		q, takes := pgx.Identifier{name}.Sanitize(), "a._opens"
		if slices.Contains(untracked, name) {
			takes = "a._opens or j._came and not j._opens"
		}
		came = append(came, fmt.Sprintf("s.%s as _came_%d", q, i+1))
		were = append(were, fmt.Sprintf("t.%s as _was_%d", q, i+1))
		written = append(written, fmt.Sprintf("case when %[1]s then j._came_%[2]d else j._was_%[2]d end", takes, i+1))
	}
	written = append(written, "case when a._opens then j._from else j._was_from end", "case when not a._opens and j._opens then j._from end")
	if d.tombstone {
		were = append(were, fmt.Sprintf("t.%s as _was_gone", isDeleted))
		written = append(written, "not a._opens and j._was_gone")
	}
	written = append(written, "a._opens or not j._opens")
	columns, _ := d.columnsAndValues("t")
	fill := plain(d.m, None, `insert into %[1]s (%[2]s)
select %[3]s
from %[4]s as t
where t.%[5]s is not null
union all
select
    %[6]s
from (
    select
        %[7]s,
        %[8]s,
        s.%[9]s as _from,
        t.%[10]s as _was_from,
        s.%[11]s is not null as _came,
        t.%[11]s is not null as _was,
        s.%[11]s is not null and %[12]s as _opens
    from %[13]s as s
    full join (select * from %[4]s as t where t.%[5]s is null) as t
        on %[14]s
    offset 0
) as j
cross join (values (false), (true)) as a (_opens)
where case when a._opens then j._opens else j._was end`,
		target, columns, d.stored("t"), d.target, d.to, strings.Join(written, ",\n    "),
		strings.Join(came, ", "), strings.Join(were, ", "), d.timeColumn, d.from, first, d.changes(), stage, equal(d.key, "t", "s"))
	return []Statement{statement("set local enable_hashjoin = off"), fill, statement("set local enable_hashjoin to default")}
}

// changedDirect counts, in the new table, the versions that began or ended after all that was known, which are those that came
// and those that they ended; and the open ones of which only columns changed that make no version.
func (d dimension) changedDirect(in Input, target string) string {
	newest := d.newestBefore(in)
	again := ""
	if untracked := d.untracked(); len(untracked) > 0 {
		again = fmt.Sprintf(` + case
        when count(*) filter (where n.%[1]s > %[2]s) < (select count(*) from %[3]s) then (
            select count(*)
            from %[3]s as s
            join %[4]s as t
                on %[5]s
            where t.%[6]s is null
                and not %[7]s
                and %[8]s
        )
        else 0
    end`, d.from, newest, stage, d.target, equal(d.key, "t", "s"), d.to, d.changes(), d.differ(untracked, "s", "t"))
	}
	return fmt.Sprintf(`select
    count(*) filter (where n.%s > %s),
    count(*) filter (where n.%s > %s)%s,
    0
from %s as n`, d.from, newest, d.to, newest, again, target)
}
