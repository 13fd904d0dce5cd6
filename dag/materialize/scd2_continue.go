package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// A timeline whose new events are all later than every event that was replayed into it is continued: its open version and
// what is new are replayed, and give what a replay of everything would. A key of which that is not known is late; it is
// replayed from all of its versions.

// Continuation continues a dimension that replays versions.
type Continuation struct {
	// Stage fills pg_temp.stage with what comes of the versions that came.
	Stage []Statement
	// Look is a query for how many rows that are, of how many keys, and whether one of those is late.
	Look string
	// Keys fills pg_temp.affected with the keys: "_late" says which of them are. Where none is, and each has one row, it is
	// not needed.
	Keys []Statement
}

// Continue is for a model's source that reads only the versions that came. In.Newest must be known. Errors are of type
// *RefusedError.
func Continue(in Input, source *model.Model) (Continuation, error) {
	d, err := newDimension(in)
	if err != nil {
		return Continuation{}, err
	}
	m, key := in.Model, qualified(d.key, "s")
	before := fmt.Sprintf("coalesce(bool_or(s.%s <= %s), false)", d.timeColumn, d.newestBefore(in))
	late, anyLate := before, before
	if d.gone { // deletions, and keys without a version that is open: those come back
		open := fmt.Sprintf("%s and t.%s is null", equal(d.key, "t", "s"), d.to)
		if d.tombstone {
			open += " and not t." + isDeleted
		}
		gone := fmt.Sprintf("\n        or bool_or(s.%s is not null)", deletedAt)
		back := fmt.Sprintf("not exists (select from %[1]s as t where %[2]s) and exists (select from %[1]s as t where %[3]s)", d.target, open, equal(d.key, "t", "s"))
		late += gone + "\n        or " + back
		anyLate += gone + fmt.Sprintf("\n        or exists (select from %s as s where %s)", stage, back)
	}
	of := analyzeOwn(m, stage+" ("+columnList(d.key)+")")
	return Continuation{
		Stage: append([]Statement{withBody(source, None, "create temporary table \"stage\" on commit drop as", "")}, of...),
		Look:  fmt.Sprintf("select count(*), %s,\n    %s\nfrom %s as s", d.keysStaged(), anyLate, stage),
		Keys: append([]Statement{plain(m, None, "create temporary table \"affected\" on commit drop as\nselect %[1]s,\n    %[2]s as _late\nfrom %[3]s as s\ngroup by %[1]s",
			key, late, stage)}, analyzeOwn(m, affected+" ("+columnList(d.key)+")")...),
	}, nil
}

// keysStaged counts the keys of pg_temp.stage under the alias s. What sorts one column takes a quarter of the time of what
// groups by it.
func (d dimension) keysStaged() string {
	if len(d.key) == 1 {
		return fmt.Sprintf("count(distinct %s)", qualified(d.key, "s"))
	}
	return fmt.Sprintf("(select count(*) from (select from %s as s group by %s) as k)", stage, qualified(d.key, "s"))
}

// newestBefore is the time of the newest event of the timelines that are there.
func (d dimension) newestBefore(in Input) string {
	return fmt.Sprintf("%s::%s", Literal(in.Newest), d.fromType)
}

// LateKeys is true for rows of pg_temp.affected under the alias a whose key is late.
const LateKeys = "a._late"

// replayLate stages all versions of the keys that are late.
func (d dimension) replayLate(in Input) []Statement {
	if !in.Groups.HasLate {
		return nil
	}
	return append([]Statement{
		plain(d.m, None, "delete from %s as s\nusing %s as a\nwhere %s\n    and %s", stage, affected, equal(d.key, "a", "s"), LateKeys),
		withBody(d.m, None, "insert into "+stage+"\nselect q.*\nfrom (", ") as q\nwhere "+in.Groups.Condition("q")),
	}, analyzeOwn(d.m, stage+" ("+columnList(d.key)+")")...)
}

// last is, before events, a WITH part with the stored versions that are compared: all of a key that is late, else the open
// one, which is where its timeline goes on.
func (d dimension) last() string {
	gone := ""
	if d.tombstone {
		gone = ", t." + isDeleted + " as _gone"
	}
	return fmt.Sprintf(`last as (
    select t.ctid as _was, t.tableoid as _part, %s, t.%s as _from, t.%s as _to%s, %s
    from %s
    where %s or t.%s is null
)`, qualified(d.kept, "t"), d.from, d.to, gone, LateKeys, d.held(), LateKeys, d.to)
}

// goingOn are the events of the open versions that are continued. None has another's time.
func (d dimension) goingOn() string {
	return fmt.Sprintf("\n    union all\n    select %s, _from, false, null\n    from last\n    where not _late", columnList(d.kept))
}

// newest is a query for the time of the newest event that the timelines have, as text; "" when it is not to be known: those
// of other keys may have newer ones than what was staged.
func (d dimension) newest(in Input) string {
	if !d.replayed || in.Groups != nil && in.Newest == "" {
		return ""
	}
	times := []string{fmt.Sprintf("max(s.%s)", d.timeColumn)}
	if d.gone {
		for _, name := range []string{seenAt, deletedAt} {
			times = append(times, fmt.Sprintf("max(s.%s::%s)", pgx.Identifier{name}.Sanitize(), d.fromType))
		}
	}
	if in.Groups != nil {
		times = append(times, d.newestBefore(in))
	}
	return fmt.Sprintf("select to_jsonb(greatest(%s)) #>> '{}' from %s as s", strings.Join(times, ", "), stage)
}

// singly is delta where each key has one event that is new: held against the key's open version it closes that one and opens
// another, or says what it says, and then overwrites what makes no version. Nothing has to be put in order.
func (d dimension) singly() Statement {
	first := pgx.Identifier{d.key[0]}.Sanitize()
	untracked := d.untracked()
	ways, cases := "('closes'), ('opens')", ""
	if len(d.tracked) > 0 {
		cases += fmt.Sprintf("\n    when %s then a._way <> 'repeats'", d.differ(d.tracked, "s", "t"))
	}
	if len(untracked) > 0 {
		ways += ", ('repeats')"
		cases += fmt.Sprintf("\n    when %s then a._way = 'repeats'", d.differ(untracked, "s", "t"))
	}
	open := joined(d.target, fmt.Sprintf("%s and t.%s is null", equal(d.key, "t", "s"), d.to), d.few)
	column := func(q string) string {
		if slices.ContainsFunc(untracked, func(name string) bool { return q == (pgx.Identifier{name}).Sanitize() }) {
			return fmt.Sprintf("case a._way when 'closes' then t.%[1]s else s.%[1]s end as %[1]s", q)
		}
		return fmt.Sprintf("case a._way when 'opens' then s.%[1]s else t.%[1]s end as %[1]s", q)
	}
	return plain(d.m, None, `create temporary table "delta" on commit drop as
select
    case when a._way <> 'opens' then t.ctid end as _was,
    case when a._way <> 'opens' then t.tableoid end as _part,
    %[1]s,
    case a._way when 'opens' then s.%[2]s else t.%[3]s end as _from,
    case a._way when 'closes' then s.%[2]s end as _to,
    false as _gone,%[4]s
    case a._way when 'opens' then 'inserted' else 'updated' end as _action
from %[5]s as s
left join %[6]s
cross join lateral (values %[7]s) as a (_way)
where case
    when t.%[8]s is null then a._way = 'opens'%[9]s
    else false
end`, list(d.kept, ",\n    ", column), d.timeColumn, d.from, d.left("t", d.to, isDeleted), stage, open, ways, first, cases)
}
