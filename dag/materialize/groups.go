package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// affected holds the groups that are recomputed, one row for each, in columns named as the model's.
const affected = `pg_temp."affected"`

// Groups limits a build to groups of the model's rows: to those in pg_temp.affected, or to those that Query gives.
type Groups struct {
	// By are the columns that make a group.
	By []Column
	// Query gives the groups, one row for each, in columns named as the model's; "" when pg_temp.affected has them.
	Query string
	// Count is how many groups there are.
	Count int64
	// Values are, for each of By, all values in affected as the text of an array; nil when they are too many to be told.
	Values []string
	// Few says that the rows of the groups are few of a large table.
	Few bool
	// Most says that they are most of the table.
	Most bool
	// Listed says that the places of their rows can be named in a list: they are not too many for it.
	Listed bool
	// Open are those of By of which NULL is a group that is always recomputed.
	Open []string
	// Continued says that pg_temp.stage and pg_temp.affected are as Continue made them. HasLate says that some of the keys
	// are late: Values are those of them alone. Single says that none is, that each has one version in pg_temp.stage, and that
	// there is no pg_temp.affected.
	Continued, HasLate, Single bool
	// Source, when set, is the model reading nothing but what its groups are made of: no condition has to limit it.
	Source *model.Model
}

// rows are the groups, in place of a relation's name. Of a dimension that is continued they are the keys that are late.
func (g Groups) rows() string {
	switch {
	case g.Continued:
		return "(select a.* from " + affected + " as a where " + LateKeys + ")"
	case g.Query != "":
		return "(" + g.Query + ")"
	default:
		return affected
	}
}

// GroupColumns are the columns that tell which rows of a model's result are computed together: those of by for an
// incremental model, the key for a dimension.
func GroupColumns(m *model.Model) []string {
	if m.Header.Incremental != nil && len(m.Header.Incremental.By) > 0 {
		return m.Header.Incremental.By
	}
	return m.Header.Key
}

// Condition is true for the rows of an alias that belong to the groups. Each part of it that is about single columns is
// one that PostgreSQL can move into a query: through GROUP BY, PARTITION BY and UNION, down to an index.
func (g Groups) Condition(alias string) string {
	open := list(g.Open, "", func(q string) string { return fmt.Sprintf(" or %s.%s is null", alias, q) })
	var parts []string
	for i, values := range g.Values {
		parts = append(parts, fmt.Sprintf("(%s.%s = any (%s::%s[])%s)",
			alias, pgx.Identifier{g.By[i].Name}.Sanitize(), Literal(values), g.By[i].Type, open))
	}
	if len(g.By) > 1 || g.Values == nil {
		by := names(g.By)
		exact := fmt.Sprintf("(%s) in (select %s from %s as a)", qualified(by, alias), qualified(by, "a"), g.rows())
		if open != "" {
			exact = "(" + exact + open + ")"
		}
		parts = append(parts, exact)
	}
	return strings.Join(parts, "\n    and ")
}

// Stored is true for the rows of an alias of the model's own table that belong to the groups. Nothing stands between it
// and the table, so a join serves, which costs the same however many groups there are.
func (g Groups) Stored(alias string) string {
	if len(g.Open) > 0 { // no join has OR
		return g.Condition(alias)
	}
	by := names(g.By)
	return fmt.Sprintf("(%s) in (select %s from %s as a)", qualified(by, alias), qualified(by, "a"), g.rows())
}

// Keys reports whether each group is the row of one key.
func (g Groups) Keys(m *model.Model) bool {
	by := names(g.By)
	return len(g.Open) == 0 && len(drop(by, m.Header.Key)) == 0 && len(drop(m.Header.Key, by)) == 0
}

// Scope is a part of what says which groups a change concerns: rows of a relation that changed, under an alias, and for
// each column of the groups an expression over them.
type Scope struct {
	Rows        string // a query
	Alias       string
	Expressions []string
	// Collations are those of the groups' columns, as Input has them.
	Collations map[string]string
	// Counted says that the rows are counted.
	Counted bool
	// Newest, when set, is a condition for rows that are counted, too, in NewestCount. Of the scopes only a single one has it.
	Newest string
}

// groups are the columns of the groups.
func (s Scope) groups(by []Column) string {
	columns := make([]string, len(by))
	for i, c := range by {
		columns[i] = fmt.Sprintf("(%s)::%s%s as %s", s.Expressions[i], c.Type, s.collate(c), pgx.Identifier{c.Name}.Sanitize())
	}
	return strings.Join(columns, ", ")
}

// collate has groups told apart as those of the model are, which an expression over other rows need not do.
func (s Scope) collate(c Column) string {
	if s.Collations != nil && isText(c.Type) && s.Collations[c.Name] == "" {
		return ` collate "default"`
	}
	return collate(s.Collations, c.Name)
}

// Groups is a query for the groups, as often as there are rows of them.
func (s Scope) Groups(by []Column) string {
	return fmt.Sprintf("select %s from (%s) as %s", s.groups(by), s.Rows, pgx.Identifier{s.Alias}.Sanitize())
}

// Affected fills pg_temp.affected from the scopes. A group of which a column is NULL is among them once. What CountOf
// names says how many rows of each scope that is counted gave the group.
func Affected(m *model.Model, by []Column, scopes []Scope) []Statement {
	parts := make([]string, len(scopes), len(scopes)+1)
	counts := ""
	for i, s := range scopes {
		columns := s.groups(by)
		newest := ""
		if s.Newest != "" {
			newest = fmt.Sprintf(", %s as _newest", s.Newest)
			counts += fmt.Sprintf(", count(*) filter (where c._newest) as %s", NewestCount)
		}
		parts[i] = fmt.Sprintf("    select %s, %d as _scope%s\n    from (\n%s\n    ) as %s", columns, i, newest, s.Rows, pgx.Identifier{s.Alias}.Sanitize())
		if s.Counted {
			counts += fmt.Sprintf(", count(*) filter (where c._scope = %d) as %s", i, CountOf(i))
		}
	}
	if len(parts) == 0 { // what changed is read and has no part in the result
		none := make([]string, len(by))
		for j, c := range by {
			none[j] = fmt.Sprintf("null::%s as %s", c.Type, pgx.Identifier{c.Name}.Sanitize())
		}
		parts = append(parts, "    select "+strings.Join(none, ", ")+"\n    where false")
	}
	group := qualified(names(by), "c")
	return append(
		[]Statement{plain(m, None, "create temporary table \"affected\" on commit drop as\nselect %[1]s%[2]s\nfrom (\n%[3]s\n) as c\ngroup by %[1]s",
			group, counts, strings.Join(parts, "\n    union all\n"))},
		analyzeOwn(m, fmt.Sprintf("%s (%s)", affected, columnList(names(by))))...)
}

// CountOf is the column of pg_temp.affected that counts the rows of the scope with a number.
func CountOf(scope int) string { return fmt.Sprintf("_rows_%d", scope) }

// NewestCount is the column of pg_temp.affected that counts the rows which Scope.Newest is about.
const NewestCount = "_newest"

// grouped is the model's query, limited to the groups.
func grouped(in Input) Statement {
	if in.Groups.Source != nil {
		return withBody(in.Groups.Source, Staged, "create temporary table \"stage\" on commit drop as", "")
	}
	return withBody(in.Model, Staged,
		"create temporary table \"stage\" on commit drop as\nselect q.*\nfrom (",
		") as q\nwhere "+in.Groups.Condition("q"))
}

// groupChecks finds keys that a group has and another one too: no other check would see the second one.
func groupChecks(in Input, part string) []Check {
	m, by := in.Model, names(in.Groups.By)
	if !slices.ContainsFunc(by, func(name string) bool { return !slices.Contains(m.Header.Key, name) }) {
		return nil
	}
	return []Check{{
		SQL: fmt.Sprintf(`select format('values of %%s that occur in more than one group: %%s; for example %%s', %s, count(*), %s)
from (
    select %s as sample
    from %s as s
    join %s as t
        on %s
    where (%s) is not true
) as bad
having count(*) > 0`, Literal("("+strings.Join(m.Header.Key, ", ")+")"), samples,
			strings.ReplaceAll(sample(m.Header.Key), "t.", "s."), stage, Quote(m.Name), equal(m.Header.Key, "s", "t"), part),
		Hint: "Make the query return one row per key, or say under incremental: changed: which groups a changed row belongs to.",
	}}
}
