package materialize

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// Assertion returns the query of an inline assertion: the failing rows of a relation, which is given quoted because it
// may be the staged one.
func Assertion(a model.Inline, relation string) string {
	if broken := Broken(a); broken != "" {
		return fmt.Sprintf("select t.*\nfrom %s as t\nwhere %s", relation, broken)
	}
	switch a.Kind {
	case model.Unique:
		return unique(a, relation)
	case model.References:
		column := pgx.Identifier{a.Columns[0]}.Sanitize()
		return failing(relation, a.Where, fmt.Sprintf(
			"t.%s is not null\n    and not exists (select from %s as parent where parent.%s = t.%s)",
			column, Quote(a.To), pgx.Identifier{a.ToColumn}.Sanitize(), column))
	case model.RowCount:
		return rowCount(a, relation)
	case model.Freshness:
		column := pgx.Identifier{a.Columns[0]}.Sanitize()
		return fmt.Sprintf(`select max(t.%s) as newest
from %s as t%s
having coalesce(max(t.%s) < terrace.run_at() - interval '%d seconds', true)`,
			column, relation, where(a.Where), column, int64(a.MaxAge.Seconds()))
	case model.Reconcile:
		return reconcile(a, relation)
	default:
		return ""
	}
}

// Broken is the condition of a row t that breaks an inline assertion, where a row can do that by itself; else it is "".
func Broken(a model.Inline) string {
	switch a.Kind {
	case model.NotNull:
		return within(a.Where, list(a.Columns, " or ", func(q string) string { return "t." + q + " is null" }))
	case model.Values:
		column := "t." + pgx.Identifier{a.Columns[0]}.Sanitize()
		return within(a.Where, fmt.Sprintf("%s not in (%s)", column, literals(a.Values)))
	case model.Expression:
		return within(a.Where, fmt.Sprintf("(%s) is not true", a.Expression))
	default:
		return ""
	}
}

// BrokenCounts asks in one scan of a relation, given quoted, how many rows hold each of the conditions.
func BrokenCounts(relation string, conditions []string) string {
	return "select\n    count(*) filter (where " + strings.Join(conditions, "),\n    count(*) filter (where ") + ")\nfrom " + relation + " as t"
}

// failing selects the rows for which bad holds, among those that are judged.
func failing(relation, scope, bad string) string {
	return fmt.Sprintf("select t.*\nfrom %s as t\nwhere %s", relation, within(scope, bad))
}

func within(scope, bad string) string { return fmt.Sprintf("(%s)\n    and (%s)", orTrue(scope), bad) }

func unique(a model.Inline, relation string) string {
	columns := list(a.Columns, ", ", func(q string) string { return "t." + q })
	return fmt.Sprintf("select %s, count(*) as times\nfrom %s as t%s\ngroup by %s\nhaving count(*) > 1",
		columns, relation, where(a.Where), columns)
}

func rowCount(a model.Inline, relation string) string {
	var bad []string
	if a.Min != nil {
		bad = append(bad, fmt.Sprintf("count(*) < %d", *a.Min))
	}
	if a.Max != nil {
		bad = append(bad, fmt.Sprintf("count(*) > %d", *a.Max))
	}
	return fmt.Sprintf("select count(*) as row_count\nfrom %s as t%s\nhaving %s", relation, where(a.Where), strings.Join(bad, " or "))
}

// reconcile compares counts and sums with another relation's; a row of the result is one difference.
func reconcile(a model.Inline, relation string) string {
	ours, theirs, pairs := []string{}, []string{}, []string{}
	compare := func(label, our, their, tolerance string) {
		n := len(pairs)
		ours = append(ours, fmt.Sprintf("%s as v%d", our, n))
		theirs = append(theirs, fmt.Sprintf("%s as v%d", their, n))
		pairs = append(pairs, fmt.Sprintf("(%s, ours.v%d::numeric, theirs.v%d::numeric, %s::numeric)", Literal(label), n, n, tolerance))
	}
	if a.Count {
		compare("count", "count(*)", "count(*)", "0")
	}
	for _, sum := range a.Sums {
		compare("sum of "+sum.Ours,
			fmt.Sprintf("coalesce(sum(%s), 0)", sum.Ours), fmt.Sprintf("coalesce(sum(%s), 0)", sum.Theirs), sum.Tolerance)
	}
	return fmt.Sprintf(`select compared.what, compared.ours, compared.theirs, compared.ours - compared.theirs as difference
from (select %s from %s as t%s) as ours
cross join (select %s from %s as t%s) as theirs
cross join lateral (values
    %s
) as compared (what, ours, theirs, tolerance)
where abs(compared.ours - compared.theirs) > compared.tolerance`,
		strings.Join(ours, ", "), relation, where(a.Where),
		strings.Join(theirs, ", "), Quote(a.To), where(a.ToWhere),
		strings.Join(pairs, ",\n    "))
}

func where(condition string) string {
	if condition == "" {
		return ""
	}
	return "\nwhere " + condition
}

func orTrue(condition string) string {
	if condition == "" {
		return "true"
	}
	return condition
}

func literals(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = Literal(v)
	}
	return strings.Join(out, ", ")
}
