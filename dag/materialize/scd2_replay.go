package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// The statements below hand three temporary tables to one another. "events" is what is known of the keys in question:
// what a record said, from when, whether it was gone, and which of two at one time is the newer. "timeline" is their
// replay. "delta" is what the stored timeline lacks, has wrong, or has too much. The timeline depends on the set of
// events alone, so order and split of their arrival cannot show.

// events fills "events", and for a model that observes "affected" before it.
func (d dimension) events() []Statement {
	if d.replayed {
		return []Statement{d.landed()}
	}
	return []Statement{d.affected(), d.observed()}
}

// landed are the versions that the query returns. A version with _deleted_at is two events: it began, and it ended. A
// record that comes back after its deletion came back when it was seen, whatever older time it carries.
func (d dimension) landed() Statement {
	kept, order := columnList(d.kept), "0::bigint"
	if d.tie {
		order = version
	}
	if !d.gone {
		return plain(d.m, None, `create temporary table "events" on commit drop as
select %s, %s as _from, false as _gone, %s as _order
from %s`, kept, d.timeColumn, order, stage)
	}
	seen := fmt.Sprintf("%s::%s", seenAt, d.fromType)
	ended := fmt.Sprintf("%s::%s", deletedAt, d.fromType)
	if !d.tie {
		order = "extract(epoch from " + seenAt + ")"
	}
	return plain(d.m, None, `create temporary table "events" on commit drop as
with landed as (
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
)
select %[1]s, _from, false as _gone, _order
from placed
union all
select %[1]s, greatest(_from, _ended), true, _order
from placed
where _ended is not null`,
		kept, d.timeColumn, seen, ended, order, columnList(d.key), stage)
}

// affected finds the keys whose state now is not what their open version says. Only these are replayed. Another time
// alone says nothing new.
func (d dimension) affected() Statement {
	first := pgx.Identifier{d.key[0]}.Sanitize()
	open := fmt.Sprintf("%s is null", d.to)
	if d.tombstone {
		open += fmt.Sprintf(" and not %s", isDeleted)
	}
	conditions := []string{fmt.Sprintf("c.%s is null", first)}
	if rest := drop(d.kept, d.key); len(rest) > 0 {
		conditions = append(conditions, differ(rest, "s", "c"))
	}
	join := "full join"
	if d.m.Header.SCD2.OnDelete == model.Keep {
		join = "left join"
	} else {
		conditions = append(conditions, fmt.Sprintf("s.%s is null", first))
	}
	return plain(d.m, None, `create temporary table "affected" on commit drop as
select %[1]s, s.%[2]s is null as _gone
from %[3]s as s
%[4]s (select * from %[5]s where %[6]s) as c
    using (%[1]s)
where %[7]s`, columnList(d.key), first, stage, join, d.target, open, strings.Join(conditions, "\n    or "))
}

// observed are the stored versions and their ends, the state now, and which keys are gone now. What is seen now cannot
// come before what was seen earlier; only a version's own time can say that it does, and not across a deletion.
func (d dimension) observed() Statement {
	stored := "false"
	if d.tombstone {
		stored = "t." + isDeleted
	}
	now := fmt.Sprintf("greatest(terrace.run_at()::%s, latest.at)", d.fromType)
	time := now
	if d.time != "" {
		time = fmt.Sprintf("case when s.%[1]s <= latest.gone_at then %[2]s else s.%[1]s end", d.timeColumn, now)
	}
	return plain(d.m, None, `create temporary table "events" on commit drop as
with stored as (
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
    select %[6]s, max(_from) as at, max(_from) filter (where _gone) as gone_at
    from known
    group by %[6]s
)
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
    and t._to is null`,
		qualified(d.kept, "t"), d.from, d.to, stored, d.target, columnList(d.key), columnList(d.kept),
		equal(d.key, "n", "t"), qualified(d.kept, "s"), time, stage, now)
}

// timeline replays the events: of several at one time the newest counts, one that says what the one before it said makes
// no version, and the next one's start is the end.
func (d dimension) timeline() Statement {
	overwritten := ""
	for _, name := range drop(d.kept, slices.Concat(d.key, d.tracked)) {
		q := pgx.Identifier{name}.Sanitize()
		overwritten += fmt.Sprintf("        case when _gone then %[1]s else last_value(%[1]s) over spell end as %[1]s,\n", q)
	}
	same := "true"
	if len(d.tracked) > 0 {
		said := fmt.Sprintf("row(%s)::record", columnList(d.tracked))
		same = fmt.Sprintf("%s *= lag(%s) over by_time", said, said)
	}
	// What was seen now is the last word on columns that make no version, whatever time the record carries.
	later := "_order, _from"
	if d.replayed {
		later = "_from"
	}
	shown := "where not _gone"
	if d.tombstone {
		shown = "where true"
	}
	return plain(d.m, None, `create temporary table "timeline" on commit drop as
with newest as (
    select distinct on (%[1]s, _from) %[2]s, _from, _gone, _order
    from pg_temp."events"
    order by %[1]s, _from, _order desc, _gone desc
),
marked as (
    select
        *,
        coalesce(_gone = lag(_gone) over by_time and (_gone or %[3]s), false) as _repeats,
        _gone and lag(_from) over by_time is null as _nothing
    from newest
    window by_time as (partition by %[1]s order by _from)
),
spells as (
    select *, count(*) filter (where not _repeats) over (partition by %[1]s order by _from) as _spell
    from marked
    where not _nothing
),
versions as (
    select
        %[4]s,
%[5]s        _from,
        _gone,
        _repeats
    from spells
    window spell as (
        partition by %[1]s, _spell order by %[7]s rows between unbounded preceding and unbounded following
    )
),
ended as (
    select %[2]s, _from, _gone, lead(_from) over (partition by %[1]s order by _from) as _to
    from versions
    where not _repeats
)
select %[2]s, _from, _to, _gone
from ended
%[6]s`,
		columnList(d.key), columnList(d.kept), same, columnList(slices.Concat(d.key, keep(d.kept, d.tracked))), overwritten, shown, later)
}

// delta replays the events, and finds what the stored timeline does not have so.
func (d dimension) delta() []Statement {
	return []Statement{
		d.timeline(),
		plain(d.m, None, `analyze pg_temp."timeline" (%s, _from)`, columnList(d.key)),
		d.difference(),
		plain(d.m, None, "analyze %s (%s, _from)", delta, columnList(d.key)),
	}
}

func (d dimension) difference() Statement {
	first := pgx.Identifier{d.key[0]}.Sanitize()
	rest := drop(d.kept, d.key)
	only := ""
	if d.partial {
		only = fmt.Sprintf("\n    join pg_temp.\"affected\" using (%s)", columnList(d.key))
	}
	gone := ""
	if d.tombstone {
		gone = fmt.Sprintf(", t.%s as _gone", isDeleted)
	}
	compared := append(slices.Clone(rest), "_to")
	if d.tombstone {
		compared = append(compared, "_gone")
	}
	return plain(d.m, None, `create temporary table "delta" on commit drop as
select
    %[1]s, _from%[2]s,
    n._to,
    n._gone,
    case when n.%[3]s is null then 'deleted' when o.%[3]s is null then 'inserted' else 'updated' end as _action
from pg_temp."timeline" as n
full join (
    select %[4]s, t.%[5]s as _from, t.%[6]s as _to%[7]s
    from %[8]s as t%[9]s
) as o
    using (%[1]s, _from)
where n.%[3]s is null
    or o.%[3]s is null
    or %[10]s`,
		columnList(d.key), list(rest, "", func(q string) string { return ", n." + q }), first,
		qualified(d.kept, "t"), d.from, d.to, gone, d.target, only, differ(compared, "n", "o"))
}

func (d dimension) merge() Statement {
	set := list(drop(d.kept, d.key), "", func(q string) string { return fmt.Sprintf("%s = d.%s,\n    ", q, q) }) + fmt.Sprintf("%s = d._to", d.to)
	columns := columnList(d.kept) + ", " + d.from + ", " + d.to
	values := qualified(d.kept, "d") + ", d._from, d._to"
	if d.tombstone {
		set += fmt.Sprintf(",\n    %s = d._gone", isDeleted)
		columns += ", " + isDeleted
		values += ", d._gone"
	}
	return plain(d.m, None, `merge into %s as t
using pg_temp."delta" as d
    on %s and t.%s = d._from
when matched and d._action = 'deleted' then delete
when matched then update set
    %s
when not matched then insert (%s)
    values (%s)`, d.target, equal(d.key, "t", "d"), d.from, set, columns, values)
}

// feed writes the versions that leave before the merge, and those that came after it.
func (d dimension) feed(in Input, altered bool) (leave, come []Statement) {
	if in.Feed == nil || in.Existing == nil {
		return nil, nil
	}
	all := names(d.columns())
	write := func(old bool, action string) Statement {
		return plain(d.m, Fed, `insert into %s (%s, %s)
select %s, %t
from %s as d
join %s as t
    on %s and t.%s = d._from
where d._action in ('%s', 'updated')
    and (select count(*) from %[6]s) <= %[11]s`,
			FeedOf(d.m.Name), columnList(all), feedOld, qualified(all, "t"), old, delta, d.target,
			equal(d.key, "t", "d"), d.from, action, fmt.Sprintf(feedLimit, Literal(d.target)))
	}
	leave = append(readyFeed(in, altered), write(true, "deleted"))
	return leave, []Statement{write(false, "inserted")}
}

// drop returns the names without some, keep only those that are among some, both in the order of the first list.
func drop(names, some []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(some, name) })
}

func keep(names, some []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(some, name) })
}
