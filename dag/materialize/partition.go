package materialize

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// Partitioning is how a relation of the database is partitioned.
type Partitioning struct {
	Strategy string   `json:"strategy"` // of model.PartitionStrategy, or another word
	Columns  []string `json:"columns"`
	// Marks are the comments on its partitions, each once: what they were made for.
	Marks []string `json:"marks"`
	// Zone is the time zone of the session.
	Zone string `json:"zone"`
}

// partitioning is a model's partition_by, over a column whose type is known. Partitions are tables beside the model's
// own, x__p2026_01, made when rows come that need them.
type partitioning struct {
	model.Partition
	m      *model.Model
	column string // quoted
	kind   string // the column's type, without a precision
	typed  string // with it
	// guard is the unique index of a partition that PostgreSQL cannot give the table as a whole, as what follows the
	// table in CREATE INDEX, or "".
	guard string
}

// maxPartitions is beyond what plans are made for in reasonable time. Who gets there has a step that is too short, or
// values in the column that are none.
const maxPartitions = 1000

var (
	precision   = regexp.MustCompile(`\([^)]*\)`)
	wholes      = map[string][2]string{"smallint": {"-32768", "32767"}, "integer": {"-2147483648", "2147483647"}, "bigint": {"-9223372036854775808", "9223372036854775807"}}
	listedTypes = []string{"smallint", "integer", "bigint", "text", "character varying", "character", "boolean", "date", "uuid"}
)

const zoned = "timestamp with time zone"

// newPartitioning is nil for a model that is not partitioned. Columns are those that its table has.
func newPartitioning(m *model.Model, columns []Column) (*partitioning, error) {
	spec := m.Header.PartitionBy
	if spec == nil {
		return nil, nil
	}
	c, found := find(columns, spec.Column)
	if !found {
		return nil, &RefusedError{
			Message: fmt.Sprintf("%s: partition_by names column %q, which the query does not return", m.Name, spec.Column),
			Hint:    "The query returns " + strings.Join(names(columns), ", ") + ".",
			Key:     "partition_by",
		}
	}
	p := &partitioning{Partition: *spec, m: m, column: pgx.Identifier{c.Name}.Sanitize(), kind: precision.ReplaceAllString(c.Type, ""), typed: c.Type}
	refused := func(hint string) error {
		return &RefusedError{Message: fmt.Sprintf("%s: partition_by cannot be %s, which is %s", m.Name, p.Partition.String(), c.Type), Hint: hint, Key: "partition_by"}
	}
	_, whole := wholes[p.kind]
	number := whole || p.kind == "numeric"
	temporal := p.kind == "date" || p.kind == zoned || p.kind == "timestamp without time zone"
	switch {
	case p.Strategy == model.ByList && !slices.Contains(listedTypes, p.kind):
		return nil, refused("A list takes a column of one of these types: " + strings.Join(listedTypes, ", ") + ".")
	case p.Strategy != model.ByRange:
	case number && p.Step.Numbers == 0:
		return nil, refused("Its step is a number: step: 100000 for one.")
	case number:
	case !temporal:
		return nil, refused("A range takes a column of dates, times or numbers.")
	case p.Step.Numbers > 0:
		return nil, refused("Its step is a length of time: step: 1 month for one.")
	case p.kind == "date" && p.Step.Hours > 0:
		return nil, refused("The step of a date is of days, weeks, months or years.")
	}
	return p, nil
}

// mark is the comment on each partition. What it says decides where rows are: days begin when they do in a time zone.
func (p *partitioning) mark(zone string) string {
	text := fmt.Sprintf("Partition of %s by %s", p.m.Name, p.Partition.String())
	if p.Default {
		text += " with default"
	}
	if p.local() {
		text += ", " + zone
	}
	return text
}

// local reports whether bounds are times of a time zone.
func (p *partitioning) local() bool {
	return p.Strategy == model.ByRange && p.kind == zoned && p.Step.Hours == 0
}

// as reports whether a table is partitioned so already. The type of the column cannot be changed in place.
func (p *partitioning) as(table *Relation) bool {
	there := table.Partition
	if p == nil || there == nil {
		return p == nil && there == nil
	}
	if c, found := find(table.Columns, p.Column); found && c.Type != p.typed {
		return false
	}
	same := func(mark string) bool { return mark == p.mark(there.Zone) }
	return there.Strategy == string(p.Strategy) && slices.Equal(there.Columns, []string{p.Column}) &&
		!slices.ContainsFunc(there.Marks, func(mark string) bool { return !same(mark) })
}

// clause is what follows the columns in CREATE TABLE.
func (p *partitioning) clause() string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf(" partition by %s (%s)", p.Strategy, p.column)
}

// checks find rows that have no partition.
func (p *partitioning) checks(relation string) []Check {
	if p == nil || p.Default || p.Strategy == model.ByHash {
		return nil
	}
	v, hint := "t."+p.column, "Filter these rows out, or keep them in a partition of their own, partition_by: {…, default: true}."
	if len(p.m.Header.Key) > 0 {
		hint = "Filter these rows out, or correct the values."
	}
	return []Check{{
		SQL: fmt.Sprintf(`select format('rows whose %%s belongs to no partition: %%s; for example %%s', %s, count(*), %s)
from (
    select coalesce(%s::text, 'NULL') as sample
    from %s as t
    where (%s) is not true
) as bad
having count(*) > 0`, Literal(p.Column), samples, v, relation, p.placeable(v)),
		Hint: hint,
	}}
}

// placeable is true for a value that a partition can be made for.
func (p *partitioning) placeable(v string) string {
	switch _, whole := wholes[p.kind]; {
	case p.Strategy != model.ByRange || whole:
		return v + " is not null"
	case p.kind == "numeric":
		return fmt.Sprintf("%[1]s > '-Infinity' and %[1]s < 'Infinity'", v)
	default:
		return fmt.Sprintf("%[1]s >= '0001-01-01' and %[1]s < '9999-01-01'", v)
	}
}

// make makes the partitions that the rows of a query need and that a table, quoted, lacks. PostgreSQL itself makes them by
// ATTACH, which neither readers nor writers of the table have to wait for; only those of a default partition do. A table
// that takes the model's name later has partitions under other names until then.
func (p *partitioning) make(target, rows string) Statement {
	schema, relation := p.m.Schema, p.m.Relation
	mark := Literal(p.mark("")) // the end is the zone
	if p.local() {
		mark += " || current_setting('timezone')"
	}
	staged := target == StageOf(p.m.Name)
	name := "w.final"
	if staged {
		schema, name, mark = "terrace_stage", shortSQL(fmt.Sprintf("%s || w.final", Literal(p.m.Schema+"."))), "part.final"
	}
	guard := ""
	if p.guard != "" {
		guard = fmt.Sprintf("\n        execute format('create unique index %%I on %%I.%%I %%s', %s, %s, part.name, %s);",
			shortSQL("part.final || '"+oneOpenVersion+"'"), Literal(schema), Literal(p.guard))
	}
	s := plain(p.m, None, "do %s", dollar(fmt.Sprintf(`
declare
    part record;
    number integer := (select count(*) from pg_inherits as i where i.inhparent = %[1]s::regclass);
begin
    for part in
        with wanted (suffix, bounds) as (
%[2]s
        ),
        named as (
            select w.final, %[3]s as name, w.bounds
            from (select %[4]s as final, wanted.bounds from wanted) as w
        )
        select n.name, n.final, n.bounds
        from named as n
        where not exists (
            select
            from pg_inherits as i
            join pg_class as c
                on c.oid = i.inhrelid
            where i.inhparent = %[1]s::regclass
                and c.relname = n.name
        )
        order by n.final
    loop
        number := number + 1;
        if number > %[5]d then
            raise exception using
                message = %[6]s,
                hint = %[7]s;
        end if;
        execute format('create table %%I.%%I (like %%s including constraints including generated including storage)', %[8]s, part.name, %[1]s);%[9]s
        execute format('alter table %%s attach partition %%I.%%I %%s', %[1]s, %[8]s, part.name, part.bounds);
        execute format('comment on table %%I.%%I is %%L', %[8]s, part.name, %[10]s);
    end loop;
end
`, Literal(target), indent(p.wanted(rows), 12), name, shortSQL(Literal(relation+"__p")+" || wanted.suffix"), maxPartitions,
		Literal(fmt.Sprintf("%s would have more than %d partitions", p.m.Name, maxPartitions)),
		Literal("Look for values that are none in column "+p.Column+", or choose a longer step or another column in partition_by."),
		Literal(schema), guard, mark)))
	s.Purpose = "make partitions of " + p.m.Name
	return s
}

// wanted is a query for what partitions the rows of a query need: the end of the name of each, and its bounds.
func (p *partitioning) wanted(rows string) string {
	var out string
	switch p.Strategy {
	case model.ByHash:
		return fmt.Sprintf("select n::text, format('for values with (modulus %d, remainder %%s)', n)\nfrom generate_series(0, %d) as n", p.Count, p.Count-1)
	case model.ByList:
		out = p.wantedList(rows)
	default:
		out = p.wantedRanges(rows)
	}
	if p.Default && p.Strategy == model.ByRange {
		out += "\nunion all\nselect 'default', 'default'"
	}
	return out
}

func (p *partitioning) wantedList(rows string) string {
	suffix := "v.value::text"
	if _, whole := wholes[p.kind]; !whole {
		suffix = `left(regexp_replace(lower(v.value::text collate "default"), '[^a-z0-9]+', '_', 'g'), 20) || '_' || left(md5(v.value::text), 8)`
	} else {
		suffix = "replace(v.value::text, '-', 'm')"
	}
	where := "\nwhere v.value is not null"
	if p.Default {
		where = ""
	}
	return fmt.Sprintf(`select coalesce(%s, 'null'), format('for values in (%%L)', v.value::text)
from (select distinct r.%s as value from (%s) as r) as v%s`, suffix, p.column, rows, where)
}

// wantedRanges groups the values by the number of their range, counted from the year 2000. In a time zone the number can
// be wrong by one: where a clock is put back at midnight, a day begins before it has begun. So it is corrected by the
// bounds that it gives.
func (p *partitioning) wantedRanges(rows string) string {
	number := func(v string) string {
		return fmt.Sprintf("g.number - (%[1]s < %[2]s)::integer + (%[1]s >= %[3]s)::integer", v, p.bound("g.number"), p.bound("g.number + 1"))
	}
	return fmt.Sprintf(`select distinct %[1]s, 'for values from (' || %[2]s || ') to (' || %[3]s || ')'
from (
    select (%[4]s)::bigint as number, min(r.%[5]s) as low, max(r.%[5]s) as high
    from (%[6]s) as r
    where %[7]s
    group by 1
) as g
cross join lateral generate_series(
    %[8]s,
    %[9]s
) as n`, p.suffix(), p.edge(p.bound("n")), p.edge(p.bound("n + 1")), p.numberOf("r."+p.column), p.column, rows, p.placeable("r."+p.column), number("g.low"), number("g.high"))
}

// numberOf is the number of the range that a value is in, "" steps from the year 2000; weeks begin on Monday.
func (p *partitioning) numberOf(v string) string {
	switch s := p.Step; {
	case s.Numbers > 0:
		return fmt.Sprintf("floor(%s::numeric / %d)", v, s.Numbers)
	case s.Months > 0:
		return fmt.Sprintf("floor(((extract(year from %[1]s) - 2000) * 12 + extract(month from %[1]s) - 1) / %[2]d)", v, s.Months)
	case s.Days > 0:
		return fmt.Sprintf("floor((%s::date - date '2000-01-03')::numeric / %d)", v, s.Days)
	default:
		return fmt.Sprintf("floor(extract(epoch from %s - %s) / %d)", v, p.origin(), 3600*s.Hours)
	}
}

// bound is where the range of a number begins, in the column's type.
func (p *partitioning) bound(n string) string {
	if p.Step.Numbers > 0 {
		return fmt.Sprintf("((%s) * %d::numeric)", n, p.Step.Numbers)
	}
	if p.Step.Hours > 0 && p.kind == zoned {
		return fmt.Sprintf("(%s + make_interval(hours => ((%s) * %d)::integer))", p.origin(), n, p.Step.Hours)
	}
	return fmt.Sprintf("%s::%s", p.start(n), p.kind)
}

func (p *partitioning) origin() string {
	if p.kind == zoned {
		return "timestamp with time zone '2000-01-03 00:00+00'"
	}
	return "timestamp '2000-01-03 00:00'"
}

// start is bound as a time without a zone.
func (p *partitioning) start(n string) string {
	switch s := p.Step; {
	case s.Months > 0:
		return fmt.Sprintf("(timestamp '2000-01-01 00:00' + make_interval(months => ((%s) * %d)::integer))", n, s.Months)
	case s.Days > 0:
		return fmt.Sprintf("(timestamp '2000-01-03 00:00' + make_interval(days => ((%s) * %d)::integer))", n, s.Days)
	default:
		return fmt.Sprintf("(timestamp '2000-01-03 00:00' + make_interval(hours => ((%s) * %d)::integer))", n, s.Hours)
	}
}

// edge is a bound as SQL has it. A number that is beyond those of the column's type bounds nothing.
func (p *partitioning) edge(bound string) string {
	limits, whole := wholes[p.kind]
	if !whole {
		return fmt.Sprintf("quote_literal(%s)", bound)
	}
	return fmt.Sprintf("case when %[1]s < %[2]s then 'minvalue' when %[1]s > %[3]s then 'maxvalue' else quote_literal(%[1]s) end", bound, limits[0], limits[1])
}

// suffix is the end of the name of the partition of number n.
func (p *partitioning) suffix() string {
	switch s := p.Step; {
	case s.Numbers > 0:
		return "replace(" + p.bound("n") + "::text, '-', 'm')"
	case s.Months > 0 && s.Months%12 == 0:
		return "to_char(" + p.start("n") + ", 'YYYY')"
	case s.Months > 0:
		return "to_char(" + p.start("n") + ", 'YYYY_MM')"
	case s.Days > 0:
		return "to_char(" + p.start("n") + ", 'YYYY_MM_DD')"
	default:
		return "to_char(" + p.start("n") + ", 'YYYY_MM_DD_HH24')"
	}
}

// indexed gives the indexes of partitions that are made aside names which nobody else has in the model's schema, before
// readers wait for anything.
func (p *partitioning) indexed(target string) []Statement {
	if p == nil {
		return nil
	}
	s := plain(p.m, None, "do %s", dollar(fmt.Sprintf(`
declare
    index record;
begin
    for index in
        select c.relname as name, left(final, 50) || '_' || left(md5(%[2]s || final || coalesce(u.relname, '')), 12) as final
        from pg_inherits as i
        cross join obj_description(i.inhrelid, 'pg_class') as final
        join pg_index as x
            on x.indrelid = i.inhrelid
        join pg_class as c
            on c.oid = x.indexrelid
        left join pg_inherits as upper
            on upper.inhrelid = x.indexrelid
        left join pg_class as u
            on u.oid = upper.inhparent
        where i.inhparent = %[1]s::regclass
        order by 2
    loop
        execute format('alter index terrace_stage.%%I rename to %%I', index.name, index.final);
    end loop;
end
`, Literal(target), Literal(p.m.Name))))
	s.Purpose = "name the indexes of partitions of " + p.m.Name
	return []Statement{s}
}

// take gives the partitions of the model's table, which had another name until now, names to go with that. The comment on
// each says what it shall be called.
func (p *partitioning) take() []Statement {
	if p == nil {
		return nil
	}
	mark := Literal(p.mark(""))
	if p.local() {
		mark += " || current_setting('timezone')"
	}
	s := plain(p.m, None, "do %s", dollar(fmt.Sprintf(`
declare
    part record;
begin
    for part in
        select c.relname as name, obj_description(c.oid, 'pg_class') as final
        from pg_inherits as i
        join pg_class as c
            on c.oid = i.inhrelid
        where i.inhparent = %[1]s::regclass
        order by 2
    loop
        execute format('alter table terrace_stage.%%I set schema %%I', part.name, %[2]s);
        execute format('alter table %%I.%%I rename to %%I', %[2]s, part.name, part.final);
        execute format('comment on table %%I.%%I is %%L', %[2]s, part.final, %[3]s);
    end loop;
end
`, Literal(Quote(p.m.Name)), Literal(p.m.Schema), mark)))
	s.Purpose = "name the partitions of " + p.m.Name
	return []Statement{s}
}

// analyzed has the planner know the table as a whole when it has changed by a tenth: autovacuum looks at partitions only.
func (p *partitioning) analyzed(target string) []Statement {
	if p == nil {
		return nil
	}
	return []Statement{plain(p.m, None, "do %s", dollar(fmt.Sprintf(`
begin
    if exists (select from %[3]s) and (
        select abs(sum(pg_stat_get_live_tuples(i.inhrelid)) - max(c.reltuples)) > greatest(max(c.reltuples) / 10, 1000)
        from pg_inherits as i
        join pg_class as c
            on c.oid = i.inhparent
        where i.inhparent = %[1]s::regclass
    ) then
        analyze %[2]s;
    end if;
end
`, Literal(target), target, delta)))}
}

// dollar quotes a body of statements.
func dollar(body string) string {
	tag := "$do$"
	for n := 1; strings.Contains(body, tag); n++ {
		tag = fmt.Sprintf("$do%d$", n)
	}
	return tag + body + tag
}

// shortSQL is an SQL expression for a name, cut as Short does, but in characters: it is for names of which all are ASCII.
func shortSQL(name string) string {
	return fmt.Sprintf("case when length(%[1]s) <= %[2]d then %[1]s else left(%[1]s, %[3]d) || '_' || left(md5(%[1]s), 10) end", name, maxName, maxName-11)
}

func indent(text string, by int) string {
	pad := strings.Repeat(" ", by)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad)
}
