package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// rejected holds what the rules of a model reject of the rows in stage: one row for each row and rule.
const rejected = `pg_temp."rejected"`

// RejectColumns are the columns of a relation of rejected rows. A row that breaks two rules is there twice; run is the
// run that found it first.
var RejectColumns = []Column{
	{"row", "jsonb"},
	{"rule", "text"},
	{"field", "text"},
	{"message", "text"},
	{"value", "text"},
	{"run", "uuid"},
}

// filed are those of RejectColumns that say what was found, and not when.
var filed = names(RejectColumns[:len(RejectColumns)-1])

// RejectsName is the relation that has the rejected rows of a relation.
func RejectsName(relation string) string { return relation + model.RejectsSuffix }

// reject takes the rows out of stage for which a condition is true, and brings the relation that keeps them up to date.
// A part is the condition on t for the model's rows that stage takes the place of; "" means all of them. It comes before
// everything that looks at stage: a rejected row has no say in keys and assertions.
func reject(in Input, part string) []Statement {
	m := in.Model
	if len(m.Header.Rejects) == 0 {
		return nil
	}
	judge := sieve(in)
	judge.Purpose = "judge rows by rejects"
	out := []Statement{
		judge,
		plain(m, Rejected, `delete from %s as t
where t.ctid in (select r._row from %s as r)`, stage, rejected),
	}
	if !in.HasRejects {
		out = append(out, makeRejects(m)...)
	}
	target := Quote(RejectsName(m.Name))
	return append(out,
		refile(in, part),
		plain(m, Filed, `delete from %s as r
using pg_temp."refiled" as d
where r.ctid = d._was`, target),
		plain(m, Filed, `insert into %s (%s, "run")
select %s, terrace.run_id()
from pg_temp."refiled" as d
join %s as r
    on r.ctid = d._is`, target, columnList(filed), qualified(filed, "r"), rejected))
}

// sieve judges every row by every rule. Nearly all rows break none, so they are asked that first.
func sieve(in Input) Statement {
	rules := in.Model.Header.Rejects
	any, each := make([]string, len(rules)), make([]string, len(rules))
	var values strings.Builder
	for i, rule := range rules {
		fields := shownBy(rule, in.Columns)
		message := rule.Message
		if message == "" {
			message = rule.Condition
		}
		any[i] = "(" + rule.Condition + ")"
		each[i] = fmt.Sprintf("(%s, %s, %s, (%s))",
			Literal(rule.Name), Literal(strings.Join(fields, ", ")), Literal(message), rule.Condition)
		fmt.Fprintf(&values, "\n        when %s then %s", Literal(rule.Name), shownValue(fields))
	}
	return plain(in.Model, None, `create temporary table "rejected" on commit drop as
select
    t.ctid as _row,
    to_jsonb(t.*) as "row",
    r.rule,
    r.field,
    r.message,
    case r.rule%s
    end as value
from %s as t
cross join lateral (
    select
    where %s
) as bad
cross join lateral (
    values
        %s
) as r (rule, field, message, broken)
where r.broken`, values.String(), stage, strings.Join(any, "\n        or "), strings.Join(each, ",\n        "))
}

// shownBy are the columns by which a rule shows a row: those that it names, else those of its condition.
func shownBy(rule model.RejectRule, columns []Column) []string {
	if len(rule.Fields) > 0 {
		return rule.Fields
	}
	return slices.DeleteFunc(model.ColumnsOf(rule.Condition), func(name string) bool {
		_, found := find(columns, name)
		return !found
	})
}

// shownValue is one column's value as text, or that of several as a JSON object.
func shownValue(fields []string) string {
	switch len(fields) {
	case 0:
		return "null"
	case 1:
		return "t." + pgx.Identifier{fields[0]}.Sanitize() + "::text"
	}
	parts := make([]string, len(fields))
	for i, name := range fields {
		parts[i] = fmt.Sprintf("%s, t.%s", Literal(name), pgx.Identifier{name}.Sanitize())
	}
	return "jsonb_build_object(" + strings.Join(parts, ", ") + ")::text"
}

func makeRejects(m *model.Model) []Statement {
	target := Quote(RejectsName(m.Name))
	lines := make([]string, len(RejectColumns))
	for i, c := range RejectColumns {
		lines[i] = fmt.Sprintf("    %s %s", pgx.Identifier{c.Name}.Sanitize(), c.Type)
		if c.Name != "value" && c.Name != "run" {
			lines[i] += " not null"
		}
	}
	return []Statement{
		plain(m, None, "create table %s (\n%s\n)", target, strings.Join(lines, ",\n")),
		statement("comment on table %s is %s", target, Literal("Rows that "+m.Name+" left out, and the rules that they broke")),
	}
}

// dropRejects drops the relation of rejected rows of a model that rejects none any more: kept, it would be of yesterday.
func dropRejects(m *model.Model) Statement {
	drop := plain(m, None, "drop table %s", Quote(RejectsName(m.Name)))
	drop.Purpose = fmt.Sprintf("drop %s, since no rule rejects rows any more", RejectsName(m.Name))
	return drop
}

// refile finds what the relation of rejects has too much and lacks. What was found before stays where it is, with the run
// that found it. A part is about the model's columns, which a rejected row has in its JSON.
func refile(in Input, part string) Statement {
	held := Quote(RejectsName(in.Model.Name)) + " as r"
	if part != "" {
		held += fmt.Sprintf("\n    cross join lateral (select %s) as t\n    where %s",
			strings.Join(unpacked(in), ", "), part)
	}
	content := record(filed, "r") + "::text"
	return plain(in.Model, None, `create temporary table "refiled" on commit drop as
select held.id as _was, wanted.id as _is
from (
    select r.ctid as id, %[1]s as content, row_number() over (partition by %[1]s) as n
    from %[2]s
) as held
full join (
    select r.ctid as id, %[1]s as content, row_number() over (partition by %[1]s) as n
    from %[3]s as r
) as wanted
    using (content, n)
where held.id is null
    or wanted.id is null`, content, held, rejected)
}

// unpacked are the columns that a part of the relation is told by, read from a rejected row's JSON.
func unpacked(in Input) []string {
	var columns []Column
	if in.Groups != nil {
		columns = in.Groups.By
	} else if window, found := find(in.Columns, in.Model.Header.Window); found {
		columns = []Column{window}
	}
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = fmt.Sprintf(`(r."row" ->> %s)::%s as %s`, Literal(c.Name), c.Type, pgx.Identifier{c.Name}.Sanitize())
	}
	return out
}
