package materialize

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// delta is what the relation and its new content differ in: each row says where the old row is (_was), where the new one
// is (_is), or both. It is computed once; what changes the relation and what tells others of the change read it. A place
// is one in a partition (_part): each of them has the same places.
const delta = `pg_temp."delta"`

// replaced is true for an old row t and its row d of delta.
const replaced = `t.ctid = d._was
    and t.tableoid = d._part`

// replacing is replaced for the rows of delta for which a condition is true. Of a large table their places are named as a
// list, too: the planner takes every place for a page that has to be fetched, and would sooner read the whole table than
// join them. A list is read in the order of places, each page once; of a table in parts each part is asked for all of it, so
// that it has to be short.
func (in Input) replacing(condition string) string {
	if in.Groups == nil || !in.Groups.Few && (!in.Groups.Listed || in.layout.m == nil || in.layout.parts != nil) {
		return replaced
	}
	return fmt.Sprintf("t.ctid = any (array(select d._was from %s as d where %s))\n    and %s", delta, condition, replaced)
}

// applyDelta is the statements that find what stage changes in the model's table, and those that change it. A part of
// the table is a condition on t for the rows that stage takes the place of; "" means all of them.
func applyDelta(in Input, part string, altered bool) (find, change []Statement) {
	m := in.Model
	target, all := Quote(m.Name), names(in.Columns)
	analyze := analyzeOwn(m, delta+" (_was, _is)")
	switch {
	case len(m.Header.Key) == 0:
		find = append([]Statement{rowDelta(in)}, analyze...)
	case in.looksUp():
		find = leave(in)
	default:
		find = append([]Statement{keyDelta(in, part)}, analyze...)
	}
	early, late := in.layout.making()
	find, change = append(find, early...), append(change, late...)
	change = append(change, feedDelta(in, altered)...)
	// Deleting comes first, so that a row which left a key of another unique index makes room.
	change = append(change, plain(m, Deleted, `delete from %s as t
using %s as d
where %s
    and d._is is null`, target, delta, in.replacing("d._is is null")))
	came, from := in.came()
	if len(m.Header.Key) > 0 {
		change = append(change, makeRoom(in)...)
		set := make([]string, len(all))
		for i, name := range all {
			set[i] = pgx.Identifier{name}.Sanitize() + " = " + came[i]
		}
		change = append(change, plain(m, Updated, `update %s as t
set %s
from %s
where %s
    and d._is is not null`, target, strings.Join(set, ",\n    "), from, in.replacing("d._is is not null")))
	}
	change = append(change, plain(m, Inserted, `insert into %s (%s)
select %s
from %s
where d._was is null`, target, columnList(all), strings.Join(came, ", "), from))
	return find, change
}

// keyDelta compares by the model's key. A row of stage is compared with the row of its key wherever in the table that
// is: with a part it may come from outside of it, unless the part is keys.
func keyDelta(in Input, part string) Statement {
	m := in.Model
	target, key := Quote(m.Name), m.Header.Key
	kept := in.keptRows(false)
	switch {
	case part == "":
		return plain(m, None, `create temporary table "delta" on commit drop as
select t.ctid as _was, t.tableoid as _part, s.ctid as _is%s
from %s as t
full join %s as s
    on %s
where t.ctid is null
    or s.ctid is null
    or %s`, kept, target, stage, equal(key, "s", "t"), in.differs())
	case in.Groups != nil && in.Groups.Keys(m):
		// Each row of stage is of a key among the groups, so none has left where there are as many of both.
		return plain(m, None, `create temporary table "delta" on commit drop as
select t.ctid as _was, t.tableoid as _part, s.ctid as _is%[1]s
from %[2]s as s
left join %[3]s
where t.ctid is null
    or %[4]s
union all
select t.ctid, t.tableoid, null%[8]s
from %[5]s as a
join %[6]s
where %[10]d > (select count(*) from %[2]s)
    and not exists (select from %[2]s as s where %[7]s)%[9]s`,
			kept, stage, in.held("s"), in.differs(), in.Groups.rows(), in.held("a"), equal(key, "s", "a"), in.keptRows(true), in.byPlace(), in.Groups.Count)
	}
	return plain(m, None, `create temporary table "delta" on commit drop as
select t.ctid as _was, t.tableoid as _part, s.ctid as _is%[6]s
from %[1]s as s
left join %[2]s as t
    on %[3]s
where t.ctid is null
    or %[4]s
union all
select t.ctid, t.tableoid, null%[7]s
from %[2]s as t
where %[5]s
    and not exists (select from %[1]s as s where %[3]s)`,
		stage, target, equal(key, "s", "t"), in.differs(), part, kept, in.keptRows(true))
}

// byPlace has few rows that were looked up by their keys follow one another as they are in the table.
func (in Input) byPlace() string {
	if in.Groups.Few {
		return "\norder by _was"
	}
	return ""
}

// held joins the model's rows, as t, with the rows of an alias that have their keys.
func (in Input) held(alias string) string {
	return joined(Quote(in.Model.Name), equal(in.Model.Header.Key, "t", alias), in.indexed())
}

// joined is a table, as t, and on what it is joined. Few rows are looked up one by one: the planner takes every look for a page
// that has to be fetched, and would sooner read the whole table.
func joined(table, on string, few bool) string {
	if !few {
		return fmt.Sprintf("%s as t\n    on %s", table, on)
	}
	return fmt.Sprintf(`lateral (
    select t.ctid, t.tableoid, t.*
    from %s as t
    where %s
    offset 0
) as t
    on true`, table, on)
}

// keepsLeft reports whether delta keeps the rows that leave, so that the feed need not look for them again. Of everything
// a change may be most rows, which no feed is told of.
func (in Input) keepsLeft() bool {
	return in.Feed != nil && in.Groups != nil && !in.Groups.Most && len(in.Model.Header.Key) > 0
}

// keepsCame reports whether delta keeps the rows that come, too, so that nothing has to look for them in stage again. What
// may be long is not written twice.
func (in Input) keepsCame() bool {
	return in.looksUp() || in.Groups != nil && len(in.Model.Header.Key) > 0 && in.short()
}

// short reports whether the model's rows are as a rule no longer than some lines.
func (in Input) short() bool {
	return !slices.ContainsFunc(in.Columns, func(c Column) bool { return !isShort(c.Type) })
}

// came are the columns of a row that comes, and where they are found.
func (in Input) came() (columns []string, from string) {
	if !in.keepsCame() {
		return strings.Split(qualified(names(in.Columns), "s"), ", "), fmt.Sprintf("%s as d\njoin %s as s\n    on s.ctid = d._is", delta, stage)
	}
	for i := range in.Columns {
		columns = append(columns, fmt.Sprintf("d._is_%d", i+1))
	}
	return columns, delta + " as d"
}

// keptRows are, for delta, the columns of a row that leaves and of one that comes, under names that are nobody's; none says
// that no row comes.
func (in Input) keptRows(none bool) string {
	var b strings.Builder
	for i, c := range in.Columns {
		if in.keepsLeft() {
			fmt.Fprintf(&b, ", t.%s as _was_%d", pgx.Identifier{c.Name}.Sanitize(), i+1)
		}
	}
	for i, c := range in.Columns {
		switch {
		case !in.keepsCame():
		case none:
			b.WriteString(", null")
		default:
			fmt.Fprintf(&b, ", s.%s as _is_%d", pgx.Identifier{c.Name}.Sanitize(), i+1)
		}
	}
	return b.String()
}

// rowDelta compares the rows of a model without a key: a row is its whole content, and equal rows are counted.
func rowDelta(in Input) Statement {
	all := names(in.Columns)
	return plain(in.Model, None, `create temporary table "delta" on commit drop as
select held.id as _was, held.part as _part, wanted.id as _is
from (
    select t.ctid as id, t.tableoid as part, %[1]s as content, row_number() over (partition by %[1]s) as n
    from %[2]s as t
) as held
full join (
    select s.ctid as id, %[3]s as content, row_number() over (partition by %[3]s) as n
    from %[4]s as s
) as wanted
    using (content, n)
where held.id is null
    or wanted.id is null`, record(all, "t")+"::text", Quote(in.Model.Name), record(all, "s")+"::text", stage)
}

// Feed says that other models want to know which rows of a relation change.
type Feed struct {
	// Consumers are the models that are driven by the rows.
	Consumers []string
	// Columns are those of the feed as it is, nil where there is none.
	Columns []Column
	// Collations are those of them that have another than their type, quoted, by name.
	Collations map[string]string
}

// FeedOf is the relation, quoted, that holds the rows which left a relation and those which came. They are known by the
// transaction that changed them, which is that of the relation's row in terrace.batch.
func FeedOf(relation string) string {
	return pgx.Identifier{"terrace_changes", FeedName(relation)}.Sanitize()
}

// FeedName is FeedOf without its schema, as the catalog has it.
func FeedName(relation string) string { return Short(relation) }

// What a feed has beside the columns of its relation.
const (
	feedOld         = "_old" // the row left; else it came
	feedTransaction = "_xid"
)

// Feedable reports whether a feed can have such columns beside its own.
func Feedable(columns []Column) bool {
	return len(without(columns, feedOld, feedTransaction)) == len(columns)
}

// feedLimit is how many rows of a relation a feed may hold: past a third of them, reading them costs more than reading
// the relation. The number is an estimate, as the planner's are, and small relations are not worth the thought.
const feedLimit = `(select greatest(c.reltuples / 3, 1000) from pg_class as c where c.oid = %s::regclass)`

// readyFeed makes the feed, or makes it anew where the table's columns are others, and takes out what every consumer has
// seen. One that its consumers do not keep up with is emptied: they find that rows are missing, and read everything.
func readyFeed(in Input, altered bool) []Statement {
	m, feed := in.Model, FeedOf(in.Model.Name)
	if in.Feed.Columns == nil || altered || in.feedRemade() {
		return []Statement{
			plain(m, None, "drop table if exists %s", feed),
			plain(m, None, "create unlogged table %s (\n    like %s,\n    %s boolean not null,\n    %s xid8 not null default pg_current_xact_id()\n)",
				feed, Quote(m.Name), feedOld, feedTransaction),
		}
	}
	names := make([]string, len(in.Feed.Consumers))
	for i, name := range in.Feed.Consumers {
		names[i] = Literal(name)
	}
	consumers := strings.Join(names, ", ")
	out := []Statement{plain(m, None, `delete from %[1]s as f
where f.%[3]s in (
        select seen.xid
        from (select distinct f.%[3]s as xid from %[1]s as f) as seen
        where not exists (
                select
                from terrace.node_state as s
                where s.node in (%[2]s)
                    and not pg_visible_in_snapshot(seen.xid, s.snapshot)
            )
    )
    or (select count(*) from %[1]s) > %[4]s`,
		feed, consumers, feedTransaction, fmt.Sprintf(feedLimit, Literal(Quote(m.Name))))}
	if in.Aside {
		return out
	}
	return append([]Statement{emptyFeed(in, consumers)}, out...)
}

// emptyFeed takes the rows out of a feed at once if it is not small and no consumer waits for any of them. That locks it until
// the commit; whoever reads it just now keeps it from being emptied, and the rows are deleted one by one.
func emptyFeed(in Input, consumers string) Statement {
	feed := FeedOf(in.Model.Name)
	return plain(in.Model, None, `do $feed$
begin
    if pg_relation_size(%[1]s) >= 1024 * 1024 and not exists (
        select
        from terrace.node_state as s
        join terrace.batch as b
            on b.node = %[2]s
            and b.xid >= pg_snapshot_xmin(s.snapshot)
            and not pg_visible_in_snapshot(b.xid, s.snapshot)
        where s.node in (%[3]s)
    ) then
        lock table %[4]s in access exclusive mode nowait;
        truncate %[4]s;
    end if;
exception
    when lock_not_available or insufficient_privilege then null;
end
$feed$`, Literal(feed), Literal(in.Model.Name), consumers, feed)
}

// feedRemade reports whether the feed's table takes the place of another, which readers of the old one must let go.
func (in Input) feedRemade() bool {
	if in.Feed == nil || in.Feed.Columns == nil {
		return false
	}
	added, removed, retyped := compare(without(in.Feed.Columns, feedOld, feedTransaction), in.Existing.Columns)
	return len(added)+len(removed)+len(retyped) > 0 || !maps.Equal(in.Feed.Collations, in.Existing.Collations)
}

// feedDelta writes the rows that are about to leave and to come into the feed, if they are few.
func feedDelta(in Input, altered bool) []Statement {
	if in.Feed == nil {
		return nil
	}
	m, all := in.Model, names(in.Columns)
	few := fmt.Sprintf("(select count(*) from %s) <= %s", delta, fmt.Sprintf(feedLimit, Literal(Quote(m.Name))))
	left, join := make([]string, len(all)), ""
	for i := range left {
		left[i] = fmt.Sprintf("d._was_%d", i+1)
	}
	from := "d._was is not null"
	if !in.keepsLeft() {
		left, from = []string{qualified(all, "t")}, in.replacing("d._was is not null")
		join = "\ncross join " + Quote(m.Name) + " as t"
	}
	came, source := in.came()
	return append(readyFeed(in, altered), plain(m, Fed, `insert into %[1]s (%[2]s, %[3]s)
select %[4]s, true
from %[5]s as d%[6]s
where %[7]s
    and %[8]s
union all
select %[9]s, false
from %[10]s
where d._is is not null
    and %[8]s`,
		FeedOf(m.Name), columnList(all), feedOld, strings.Join(left, ", "), delta, join, from, few, strings.Join(came, ", "), source))
}
