package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// A timeline is the replay of events: of what is known of a key, which is what its record said, from when, whether it was
// gone, and which of two at one time is the newer. It depends on the set of events alone, so order and split of their
// arrival cannot show. What the stored timeline lacks, has wrong, or has too much is found in the same pass, and kept in
// "delta" with the place of the row that it is about.

// landed are the events of the versions that the query returns. A version with _deleted_at is two events: it began, and it
// ended. A record that comes back after its deletion came back when it was seen, whatever older time it carries.
func (d dimension) landed() string {
	kept, order, more := columnList(d.kept), "0::bigint", ""
	if d.tie {
		order = version
	}
	if d.continued {
		more = d.goingOn()
	}
	if !d.gone {
		return fmt.Sprintf(`events as (
    select %s, %s as _from, false as _gone, %s as _order
    from %s%s
)`, kept, d.timeColumn, order, stage, more)
	}
	seen := fmt.Sprintf("%s::%s", seenAt, d.fromType)
	ended := fmt.Sprintf("%s::%s", deletedAt, d.fromType)
	if !d.tie {
		order = "extract(epoch from " + seenAt + ")"
	}
	return fmt.Sprintf(`landed as (
    select
        %[1]s,
        %[2]s as _from,
        %[3]s as _seen,
        %[4]s as _ended,
        %[5]s as _order,
        max(%[4]s) over (
            partition by %[6]s order by %[5]s rows between unbounded preceding and 1 preceding
        ) as _ended_before
    from %[7]s
),
placed as (
    select
        %[1]s,
        case when _from <= _ended_before then greatest(_seen, _ended_before) else _from end as _from,
        _ended,
        _order
    from landed
),
events as (
    select %[1]s, _from, false as _gone, _order
    from placed
    union all
    select %[1]s, greatest(_from, _ended), true, _order
    from placed
    where _ended is not null%[8]s
)`,
		kept, d.timeColumn, seen, ended, order, columnList(d.key), stage, more)
}

// affected finds, for a model that observes, the keys whose state now is not what their open version says. Only these are
// replayed. Another time alone says nothing new.
func (d dimension) affected() []Statement {
	if d.replayed {
		return nil
	}
	first := pgx.Identifier{d.key[0]}.Sanitize()
	open := fmt.Sprintf("%s is null", d.to)
	if d.tombstone {
		open += fmt.Sprintf(" and not %s", isDeleted)
	}
	conditions := []string{fmt.Sprintf("c.%s is null", first)}
	if rest := drop(d.kept, d.key); len(rest) > 0 {
		conditions = append(conditions, d.differ(rest, "s", "c"))
	}
	join := "full join"
	if d.m.Header.SCD2.OnDelete == model.Keep {
		join = "left join"
	} else {
		conditions = append(conditions, fmt.Sprintf("s.%s is null", first))
	}
	changed := fmt.Sprintf(`select %[1]s, s.%[2]s is null as _gone
from %[3]s as s
%[4]s (select * from %[5]s where %[6]s) as c
    using (%[1]s)
where %[7]s`, columnList(d.key), first, stage, join, d.target, open, strings.Join(conditions, "\n    or "))
	if more := d.misread(); len(more) > 0 {
		changed = fmt.Sprintf("select %[1]s, bool_or(_gone) as _gone\nfrom (\n%[2]s\n) as keys\ngroup by %[1]s",
			columnList(d.key), strings.Join(append(more, changed), "\nunion all\n"))
	}
	return []Statement{plain(d.m, None, "create temporary table \"affected\" on commit drop as\n%s", changed)}
}

// misread are queries for the keys whose stored versions are not what the header as it is now makes of them: some say what
// the one before them said, of the columns that are tracked now; or a deletion has no tombstone.
func (d dimension) misread() []string {
	var out []string
	if d.redefined {
		out = append(out, d.repeating())
	}
	if d.entombs {
		out = append(out, fmt.Sprintf("select %[1]s, false as _gone\nfrom %[2]s\ngroup by %[1]s\nhaving bool_and(%[3]s is not null)", columnList(d.key), d.target, d.to))
	}
	return out
}

// repeating is a query for the keys with two versions that follow one another and say the same.
func (d dimension) repeating() string {
	was, alive := "", ""
	if d.tombstone && !d.entombs {
		was = fmt.Sprintf(", %[1]s or lag(%[1]s) over by_time as _gone", isDeleted)
		alive = " and not t._gone"
	}
	return fmt.Sprintf(`select %[1]s, false as _gone
from (
    select %[1]s, %[2]s as _from, lag(%[3]s) over by_time as _before, %[4]s as _same%[5]s
    from %[6]s
    window by_time as (partition by %[1]s order by %[2]s)
) as t
where t._same and t._before = t._from%[7]s`, columnList(d.key), d.from, d.to, d.same(), was, d.target, alive)
}

// observed are the events of the keys in "affected": the stored versions and their ends, the state now, and which keys are
// gone now. What is seen now cannot come before what was seen earlier; only a version's own time can say that it does, and
// not across a deletion.
func (d dimension) observed() string {
	stored := "false"
	if d.tombstone {
		stored = "t." + isDeleted
	}
	now := fmt.Sprintf("greatest(terrace.run_at()::%s, latest._latest)", d.fromType)
	time := now
	if d.time != "" {
		time = fmt.Sprintf("case when s.%[1]s <= latest._gone_at then %[2]s else s.%[1]s end", d.timeColumn, now)
	}
	return fmt.Sprintf(`stored as (
    select %[1]s, t.%[2]s as _from, t.%[3]s as _to, %[4]s as _gone
    from %[5]s as t
    join pg_temp."affected" using (%[6]s)
),
known as (
    select %[7]s, t._from, t._gone
    from stored as t
    union all
    select %[1]s, t._to, true
    from stored as t
    where t._to is not null
        and not exists (select from stored as n where %[8]s and n._from = t._to)
),
latest as (
    select %[6]s, max(_from) as _latest, max(_from) filter (where _gone) as _gone_at
    from known
    group by %[6]s
),
events as (
    select %[7]s, _from, _gone, 0 as _order
    from known
    union all
    select %[9]s, %[10]s, false, 1
    from %[11]s as s
    join pg_temp."affected" using (%[6]s)
    left join latest using (%[6]s)
    union all
    select %[1]s, %[12]s, true, 1
    from stored as t
    join pg_temp."affected" as a using (%[6]s)
    join latest using (%[6]s)
    where a._gone
        and t._to is null
)`,
		qualified(d.kept, "t"), d.from, d.to, stored, d.target, columnList(d.key), columnList(d.kept),
		equal(d.key, "n", "t"), qualified(d.kept, "s"), time, stage, now)
}

// timeline is a WITH clause that replays the events into "timeline": of several at one time the newest counts, one that
// says what the one before it said makes no version, and the next one's start is the end.
func (d dimension) timeline() string {
	events := d.observed
	if d.replayed {
		events = d.landed
	}
	key := columnList(d.key)
	repeats, nothing := fmt.Sprintf("coalesce(%s, false)", d.same()), "false"
	if d.ends() {
		repeats = fmt.Sprintf("coalesce(_gone = lag(_gone) over by_time and (_gone or %s), false)", d.same())
		nothing = "_gone and lag(_from) over by_time is null"
	}
	shown := ""
	if d.ends() && !d.tombstone {
		shown = "\n    where not _gone"
	}
	before := ""
	if d.continued {
		before = d.last() + ",\n"
	}
	return fmt.Sprintf(`with %[8]s%[1]s,
newest as (
    select distinct on (%[2]s, _from) %[3]s, _from, _gone, _order
    from events
    order by %[2]s, _from, _order desc, _gone desc
),
marked as (
    select
        *,
        %[4]s as _repeats,
        %[5]s as _nothing
    from newest
    window by_time as (partition by %[2]s order by _from)
),
%[6]sended as (
    select %[3]s, _from, _gone, lead(_from) over (partition by %[2]s order by _from) as _to
    from versions
),
timeline as (
    select %[3]s, _from, _to, _gone
    from ended%[7]s
)`,
		events(), key, columnList(d.kept), repeats, nothing, d.versions(), shown, before)
}

// ends reports whether a key can be gone.
func (d dimension) ends() bool { return d.gone || !d.replayed }

// same is true for an event that says what the one before it said.
func (d dimension) same() string {
	if len(d.tracked) == 0 {
		return "lag(true) over by_time"
	}
	said := fmt.Sprintf("row(%s)::record", columnList(d.tracked))
	return fmt.Sprintf("%s *= lag(%s) over by_time", said, said)
}

// versions are the events that make one, each with the last that was said in it of the columns that make none. Where there
// are no such columns, the order in which the events are is kept, and nothing sorts them again.
func (d dimension) versions() string {
	untracked := d.untracked()
	if len(untracked) == 0 {
		return `versions as (
    select *
    from marked
    where not _nothing
        and not _repeats
),
`
	}
	overwritten := ""
	for _, name := range untracked {
		q := pgx.Identifier{name}.Sanitize()
		overwritten += fmt.Sprintf("        case when _gone then %[1]s else last_value(%[1]s) over spell end as %[1]s,\n", q)
	}
	// What was seen now is the last word on columns that make no version, whatever time the record carries.
	later := "_order, _from"
	if d.replayed {
		later = "_from"
	}
	return fmt.Sprintf(`spells as (
    select *, count(*) filter (where not _repeats) over (partition by %[1]s order by _from) as _spell
    from marked
    where not _nothing
),
spelled as (
    select
        %[2]s,
%[3]s        _from,
        _gone,
        _repeats
    from spells
    window spell as (
        partition by %[1]s, _spell order by %[4]s rows between unbounded preceding and unbounded following
    )
),
versions as (
    select *
    from spelled
    where not _repeats
),
`, columnList(d.key), columnList(slices.Concat(d.key, keep(d.kept, d.tracked))), overwritten, later)
}

// first fills the table that was just made.
func (d dimension) first() Statement {
	columns, values := d.columnsAndValues("n")
	return plain(d.m, Inserted, `insert into %s (%s)
%s
select %s
from timeline as n`, d.target, columns, d.timeline(), values)
}

// columnsAndValues are the columns that are written, and their values in rows of an alias of a timeline.
func (d dimension) columnsAndValues(alias string) (columns, values string) {
	columns, values = d.given(alias)
	return columns + ", " + d.current, fmt.Sprintf("%s, %s._to is null", values, alias)
}

// given is columnsAndValues without what a server can compute.
func (d dimension) given(alias string) (columns, values string) {
	columns = columnList(d.kept) + ", " + d.from + ", " + d.to
	values = fmt.Sprintf("%s, %[2]s._from, %[2]s._to", qualified(d.kept, alias), alias)
	if d.tombstone {
		columns += ", " + isDeleted
		values += fmt.Sprintf(", %s._gone", alias)
	}
	return columns, values
}

// delta replays the events, and finds what the stored timeline does not have so.
func (d dimension) delta() []Statement {
	if d.whole { // it is read once, from its beginning to its end
		return []Statement{d.difference()}
	}
	difference := d.difference
	if d.single {
		difference = d.singly
	}
	return append([]Statement{difference()}, d.analyzeDelta()...)
}

func (d dimension) analyzeDelta() []Statement {
	return analyzeOwn(d.m, delta+" (_was, _action, _to)")
}

// differing takes the versions that stay out of a delta that has them: it is to be applied to the table that is there.
func (d dimension) differing() []Statement {
	if !d.whole {
		return nil
	}
	return append([]Statement{plain(d.m, None, "delete from %s as d\nwhere d._action = 'kept'", delta)}, d.analyzeDelta()...)
}

func (d dimension) difference() Statement {
	first := pgx.Identifier{d.key[0]}.Sanitize()
	rest := drop(d.kept, d.key)
	compared := append(slices.Clone(rest), "_to")
	if d.tombstone {
		compared = append(compared, "_gone")
	}
	differs := d.differ(compared, "n", "o")
	updated, where := "else 'updated'", fmt.Sprintf("\nwhere n.%[1]s is null\n    or o.%[1]s is null\n    or %[2]s", first, differs)
	if d.whole {
		updated, where = "when "+differs+" then 'updated' else 'kept'", ""
	}
	return plain(d.m, None, `create temporary table "delta" on commit drop as
%[5]s
select
    o._was, o._part,
    %[1]s, _from%[2]s,
    n._to,
    n._gone,%[6]s
    case when n.%[3]s is null then 'deleted' when o.%[3]s is null then 'inserted' %[7]s end as _action
from timeline as n
full join %[4]s as o
    using (%[1]s, _from)%[8]s`,
		columnList(d.key), list(rest, "", func(q string) string { return ", n." + q }), first,
		d.compared(), d.timeline(), d.left("o", "_to", "_gone"), updated, where)
}

// compared are the stored versions that are held against the timeline.
func (d dimension) compared() string {
	if d.continued {
		return "last"
	}
	gone := ""
	if d.tombstone {
		gone = fmt.Sprintf(", t.%s as _gone", isDeleted)
	}
	return fmt.Sprintf(`(
    select t.ctid as _was, t.tableoid as _part, %s, t.%s as _from, t.%s as _to%s
    from %s
)`, qualified(d.kept, "t"), d.from, d.to, gone, d.held())
}

// held are the stored versions t that are compared. Few keys are looked up one by one: the planner takes every look for a
// page that has to be fetched, and would sooner read the whole table.
func (d dimension) held() string {
	switch {
	case !d.partial:
		return d.target + " as t"
	case !d.few:
		return fmt.Sprintf("%s as t\n    join %s as a using (%s)", d.target, affected, columnList(d.key))
	}
	return fmt.Sprintf(`%s as a
    cross join lateral (
        select t.ctid, t.tableoid, t.*
        from %s as t
        where %s
        offset 0
    ) as t`, affected, d.target, equal(d.key, "t", "a"))
}

// leaves are the columns of a row that leaves which delta has not got under their own names.
func (d dimension) leaves() []string {
	if d.single { // the version was open, and what ends says what it said
		return d.untracked()
	}
	return drop(d.kept, d.key)
}

// untracked are the columns that are overwritten within a version.
func (d dimension) untracked() []string { return drop(d.kept, slices.Concat(d.key, d.tracked)) }

// left are, for delta, the columns of a row that leaves, under names that are nobody's; to and gone are two of them.
func (d dimension) left(row, to, gone string) string {
	if !d.keepsLeft {
		return ""
	}
	var b strings.Builder
	for i, name := range d.leaves() {
		fmt.Fprintf(&b, " %s.%s as _left_%d,", row, pgx.Identifier{name}.Sanitize(), i+1)
	}
	if d.single {
		return b.String()
	}
	fmt.Fprintf(&b, " %s.%s as _left_to,", row, to)
	if d.tombstone {
		fmt.Fprintf(&b, " %s.%s as _left_gone,", row, gone)
	}
	return b.String()
}

// apply brings the difference into the table. Versions are closed before others of the same key are opened, so that no
// key has two open ones at any time. They are opened in the order of the indexes, which takes half the time of any other.
func (d dimension) apply() []Statement {
	ended := fmt.Sprintf("%s = d._to", d.to)
	if !d.computed {
		ended += fmt.Sprintf(",\n    %s = d._to is null", d.current)
	}
	set := list(drop(d.kept, d.key), "", func(q string) string { return fmt.Sprintf("%s = d.%s,\n    ", q, q) }) + ended
	if d.tombstone {
		set += fmt.Sprintf(",\n    %s = d._gone", isDeleted)
	}
	update := func(ends, set string) Statement {
		which := "d._action = 'updated' and d._to is " + ends
		return plain(d.m, None, "update %s as t\nset %s\nfrom %s as d\nwhere %s\n    and %s", d.target, set, delta, d.replacing(which), which)
	}
	if !d.single { // else nothing but its end comes to a version that ends
		ended = set
	}
	columns, values := d.columnsAndValues("d")
	if d.computed {
		columns, values = d.given("d")
	}
	leave := plain(d.m, None, `delete from %s as t
using %s as d
where %s
    and d._action = 'deleted'`, d.target, delta, d.replacing("d._action = 'deleted'"))
	open := plain(d.m, None, `insert into %s (%s)
select %s
from %s as d
where d._action = 'inserted'
order by %s, d._from`, d.target, columns, values, delta, qualified(d.key, "d"))
	return slices.Concat([]Statement{leave}, d.makeRoom(), []Statement{update("not null", ended), update("null", set), open})
}

// feed writes the versions that are about to leave and to come.
func (d dimension) feed(in Input, altered bool) []Statement {
	if in.Feed == nil || in.Existing == nil {
		return nil
	}
	columns, values := d.columnsAndValues("d")
	left := fmt.Sprintf(`select %s, true
    from %s as d
    cross join %s as t
    where d._action <> 'inserted'
        and %s`, d.stored("t"), delta, d.target, d.replacing("d._was is not null"))
	if d.keepsLeft {
		left = fmt.Sprintf(`select %s, true
    from %s as d
    where d._action <> 'inserted'`, d.leaving(), delta)
	}
	return append(readyFeed(in, altered), plain(d.m, Fed, `insert into %[1]s (%[2]s, %[3]s)
select *
from (
    %[4]s
    union all
    select %[5]s, false
    from %[6]s as d
    where d._action <> 'deleted'
) as f
where (select count(*) from %[6]s) <= %[7]s`,
		FeedOf(d.m.Name), columns, feedOld, left, values, delta, fmt.Sprintf(feedLimit, Literal(d.target))))
}

// leaving are the columns of the table that are written, of a row that leaves and that delta keeps.
func (d dimension) leaving() string {
	left := d.leaves()
	out := list(d.kept, "", func(q string) string {
		for i, name := range left {
			if q == (pgx.Identifier{name}.Sanitize()) {
				q = fmt.Sprintf("_left_%d", i+1)
			}
		}
		return "d." + q + ", "
	}) + "d._from, "
	to, gone, current := "d._left_to", ", d._left_gone", ", d._left_to is null"
	if d.single {
		to, gone, current = "null::"+d.fromType, ", false", ", true"
	}
	if !d.tombstone {
		gone = ""
	}
	return out + to + gone + current
}

// stored are the columns of the table that are written, of an alias of it.
func (d dimension) stored(alias string) string {
	out := fmt.Sprintf("%[1]s, %[2]s.%[3]s, %[2]s.%[4]s", qualified(d.kept, alias), alias, d.from, d.to)
	if d.tombstone {
		out += fmt.Sprintf(", %s.%s", alias, isDeleted)
	}
	return out + fmt.Sprintf(", %s.%s", alias, d.current)
}

// drop returns the names without some, keep only those that are among some, both in the order of the first list.
func drop(names, some []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(some, name) })
}

func keep(names, some []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(some, name) })
}
