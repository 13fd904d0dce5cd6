package materialize

import (
	"fmt"
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

// applyDelta is the statements that find what stage changes in the model's table, and those that change it. A part of
// the table is a condition on t for the rows that stage takes the place of; "" means all of them.
func applyDelta(in Input, part string, altered bool) (find, change []Statement) {
	m := in.Model
	target, all := Quote(m.Name), names(in.Columns)
	if len(m.Header.Key) == 0 {
		find = append(find, rowDelta(in))
	} else {
		find = append(find, keyDelta(in, part))
	}
	find = append(find, plain(m, None, "analyze %s", delta))
	change = append(change, feedDelta(in, altered)...)
	// Deleting comes first, so that a row which left a key of another unique index makes room.
	change = append(change, plain(m, Deleted, `delete from %s as t
using %s as d
where %s
    and d._is is null`, target, delta, replaced))
	if len(m.Header.Key) > 0 {
		change = append(change, plain(m, Updated, `update %s as t
set %s
from %s as d
join %s as s
    on s.ctid = d._is
where %s`, target, list(all, ",\n    ", func(q string) string { return q + " = s." + q }), delta, stage, replaced))
	}
	change = append(change, plain(m, Inserted, `insert into %s (%s)
select %s
from %s as d
join %s as s
    on s.ctid = d._is
where d._was is null`, target, columnList(all), qualified(all, "s"), delta, stage))
	return find, change
}

// keyDelta compares by the model's key. A row of stage is compared with the row of its key wherever in the table that
// is: with a part it may come from outside of it, unless the part is keys.
func keyDelta(in Input, part string) Statement {
	m := in.Model
	target, key, all := Quote(m.Name), m.Header.Key, names(in.Columns)
	if part == "" || in.Groups != nil && in.Groups.keys(m) {
		held := target
		if part != "" {
			held = fmt.Sprintf("(\n    select t.ctid, t.tableoid, t.*\n    from %s as t\n    where %s\n)", target, part)
		}
		return plain(m, None, `create temporary table "delta" on commit drop as
select t.ctid as _was, t.tableoid as _part, s.ctid as _is
from %s as t
full join %s as s
    on %s
where t.ctid is null
    or s.ctid is null
    or %s`, held, stage, equal(key, "s", "t"), differ(all, "t", "s"))
	}
	return plain(m, None, `create temporary table "delta" on commit drop as
select t.ctid as _was, t.tableoid as _part, s.ctid as _is
from %[1]s as s
left join %[2]s as t
    on %[3]s
where t.ctid is null
    or %[4]s
union all
select t.ctid, t.tableoid, null
from %[2]s as t
where %[5]s
    and not exists (select from %[1]s as s where %[3]s)`,
		stage, target, equal(key, "s", "t"), differ(all, "t", "s"), part)
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
			plain(m, None, "create table %s (\n    like %s,\n    %s boolean not null,\n    %s xid8 not null default pg_current_xact_id()\n)",
				feed, Quote(m.Name), feedOld, feedTransaction),
			plain(m, None, "create index on %s (%s)", feed, feedTransaction),
		}
	}
	consumers := make([]string, len(in.Feed.Consumers))
	for i, name := range in.Feed.Consumers {
		consumers[i] = Literal(name)
	}
	return []Statement{plain(m, None, `delete from %[1]s as f
where not exists (
        select
        from terrace.node_state as s
        where s.node in (%[2]s)
            and not pg_visible_in_snapshot(f.%[3]s, s.snapshot)
    )
    or (select count(*) from %[1]s) > %[4]s`,
		feed, strings.Join(consumers, ", "), feedTransaction, fmt.Sprintf(feedLimit, Literal(Quote(m.Name))))}
}

// feedRemade reports whether the feed's table takes the place of another, which readers of the old one must let go.
func (in Input) feedRemade() bool {
	if in.Feed == nil || in.Feed.Columns == nil {
		return false
	}
	added, removed, retyped := compare(without(in.Feed.Columns, feedOld, feedTransaction), in.Existing.Columns)
	return len(added)+len(removed)+len(retyped) > 0
}

// feedDelta writes the rows that are about to leave and to come into the feed, if they are few.
func feedDelta(in Input, altered bool) []Statement {
	if in.Feed == nil {
		return nil
	}
	m, all := in.Model, names(in.Columns)
	few := fmt.Sprintf("(select count(*) from %s) <= %s", delta, fmt.Sprintf(feedLimit, Literal(Quote(m.Name))))
	return append(readyFeed(in, altered), plain(m, Fed, `insert into %[1]s (%[2]s, %[3]s)
select %[4]s, true
from %[5]s as d
join %[6]s as t
    on %[10]s
where %[7]s
union all
select %[8]s, false
from %[5]s as d
join %[9]s as s
    on s.ctid = d._is
where %[7]s`,
		FeedOf(m.Name), columnList(all), feedOld, qualified(all, "t"), delta, Quote(m.Name), few, qualified(all, "s"), stage, replaced))
}
