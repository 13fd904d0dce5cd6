package dag

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/materialize"
)

func TestConjuncts_takesConditionsApartAsExplainWritesThem(t *testing.T) {
	t.Parallel()
	for cond, want := range map[string][]string{
		"":                           nil,
		"(o.customer = $1)":          {"o.customer = $1"},
		"((a.x = $1) AND (a.y > 5))": {"a.x = $1", "a.y > 5"},
		"((a.x = $1) OR (a.y = $2))": {"(a.x = $1) OR (a.y = $2)"},
		"(((o.at)::date = $2) AND (o.a AND o.b))":              {"(o.at)::date = $2"}, /* columns alone compare nothing */
		`((o."odd ) AND (" = $1) AND (o.s = ') AND ('::text))`: {`o."odd ) AND (" = $1`, `o.s = ') AND ('::text`},
		"(a.x = $1) AND (a.y":                                  nil,
	} {
		require.Equal(t, want, conjuncts(cond), cond)
	}
}

func TestScan_isComparedOnlyByEqualityWithTheParameter(t *testing.T) {
	t.Parallel()
	for cond, want := range map[string]string{
		"o.customer = $1":                              "o.customer",
		"(o.payload ->> 'x'::text) = $1":               "(o.payload ->> 'x'::text)",
		"o.customer = $12":                             "",
		"o.customer >= $1":                             "",
		"o.customer <> $1":                             "",
		"(o.a = 1) OR (o.customer = $1)":               "",
		"(o.a + $2) = $1":                              "",
		"(SubPlan 1) = $1":                             "",
		"COALESCE(o.x, (InitPlan 1).col1) = $1":        "",
		"$1 = o.customer":                              "",
		"md5((o.*)::text) = $1":                        "",
		"(to_jsonb(ROW(o.a, o.b)) ->> 'x'::text) = $1": "",
		"o.x ~ 'a.*'::text":                            "",
		"(o.x ~ 'a.*'::text) = $1":                     "(o.x ~ 'a.*'::text)",
		"o.customer = ANY ($1)":                        "",
		"o.customer OPERATOR(public.=) $1":             "",
		"o.customer IS NOT DISTINCT FROM $1":           "",
	} {
		require.Equal(t, want, scan{alias: "o", conds: []string{"o.z > 1", cond}}.comparedWith(1), cond)
	}
}

func TestScan_isNotComparedByARowAsOneValue(t *testing.T) {
	t.Parallel()
	s := scan{alias: `an "order"`, conds: []string{`md5(("an ""order""".*)::text) = $1`}}
	require.Empty(t, s.comparedWith(1))
}

func TestDriver_knowsItsColumnsWhereItIsNothingElse(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"o.id": "id", "o._id_2": "_id_2",
		"p.id": "", "id": "", "(o.id)::text": "", `o."Id"`: "", "o.id + 1": "", "(o.payload ->> 'x'::text)": "", "o.payload.id": "",
	} {
		names, ok := driver{"o", []string{"o.day", expression}}.columns()
		require.Equal(t, want != "", ok, expression)
		if ok {
			require.Equal(t, []string{"day", want}, names)
		}
	}
}

func TestScopesOf_askForOlderVersionsUnlessTheKeyAloneGivesTheGroup(t *testing.T) {
	t.Parallel()
	node := "ods.orders"
	c := pendingChange{Node: &node, Batches: []string{"7"}, KeyColumns: []string{"id", "line"}}
	rows := changedRows{query: "r"}
	require.Equal(t,
		[]scope{{materialize.Scope{Rows: "r", Alias: "v", Expressions: []string{`v."id"`}}, rows, false}},
		scopesOf(c, rows, driver{"h", []string{"h.id"}}, false))
	require.True(t, scopesOf(c, rows, driver{"h", []string{"h.line", "h.id"}}, false)[0].ofKey)
	require.False(t, scopesOf(c, rows, driver{"h", []string{"h.id", "h.id"}}, false)[0].ofKey)
	for _, d := range []driver{{"h", []string{"h.id", "h.day"}}, {"h", []string{"(h.id)::text"}}} {
		scopes := scopesOf(c, rows, d, false)
		require.Len(t, scopes, 2)
		for _, s := range scopes {
			require.Equal(t, d, driver{s.Alias, s.Expressions})
		}
		require.Equal(t, "r", scopes[0].Rows)
		require.Contains(t, scopes[1].Rows, "select distinct on")
	}
	require.Len(t, scopesOf(c, rows, driver{"h", []string{"h.id"}}, true), 2)
	c.KeyColumns = nil // a feed has the rows as they were
	require.Len(t, scopesOf(c, rows, driver{"h", []string{"h.day"}}, false), 1)
}

func TestQueryPlan_isNoProofUnlessEveryScanHasTheCondition(t *testing.T) {
	t.Parallel()
	plan, err := readPlan([]byte(`[{"Plan": {"Plans": [
        {"Relation Name": "o", "Schema": "s", "Alias": "a", "Index Cond": "((a.x = $501) AND (a.v = $1))", "Filter": "((a.y)::date = $502)"},
        {"Plans": [{"Relation Name": "o", "Schema": "s", "Alias": "b", "Recheck Cond": "((b.w = $1) AND (b.z = $501) AND (b.d = $502))"}]},
        {"Relation Name": "p", "Schema": "s", "Alias": "p", "Filter": "(p.x = $501)"}]}}]`))
	require.NoError(t, err)
	found, ok := plan.lookups([]string{"s.o"}, 2)
	require.True(t, ok)
	require.Len(t, found, 2)
	for i, want := range []driver{{"a", []string{"a.x", "(a.y)::date"}}, {"b", []string{"b.z", "b.d"}}} {
		require.Empty(t, found[i].steps)
		require.Equal(t, want, found[i].driver())
	}
	_, ok = plan.lookups([]string{"s.p"}, 2)
	require.False(t, ok, "nothing says what the second column is")
	_, ok = plan.lookups([]string{"s.unread"}, 2)
	require.False(t, ok, "a function may read it")
	plan.pruned = true
	_, ok = plan.lookups([]string{"s.o"}, 2)
	require.False(t, ok)
}

func TestQueryPlan_namesTheFunctionsThatItCalls(t *testing.T) {
	t.Parallel()
	plan, err := readPlan([]byte(`[{"Plan": {"Output": ["o.id", "ext.rate(o.kind)", "ARRAY[\"Ext 1\".\"a\"\"b\"(1)]", "terrace.to_date(o.x, 'a.b'::text)", "(o.x)::ext.color", "lower(o.y)", "(ext.rate((o.z + 1)))"]}}]`))
	require.NoError(t, err)
	require.Equal(t, []string{`"Ext 1"."a""b"`, "ext.rate"}, plan.calls())
}

func TestQueryPlan_isUnsteadyWhereAFunctionHasAnotherValueInAnotherRun(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"(o.at < now())": "now()", "random()": "random()",
		"random(1, 6)": "random()", "random_normal('0'::double precision, '1'::double precision)": "random_normal()", // since versions 17 and 16
		"uuidv4()": "uuidv4()", "uuidv7('-01:00:00'::interval)": "uuidv7()", // since 18
		"o.random": "", "(o.at < o.now)": "",
	} {
		require.Equal(t, want, queryPlan{text: text}.unsteady(""), text)
	}
}

func TestQueryPlan_isRowByRowOnlyWhereEachRowComesOfOneRow(t *testing.T) {
	t.Parallel()
	scan := func(relation, role string) string {
		return `{"Node Type": "Index Scan", "Schema": "a", "Relation Name": "` + relation + `", "Parent Relationship": "` + role + `", "Output": ["o.id"]}`
	}
	for plan, want := range map[string]bool{
		scan("o", "Outer"):        true,
		scan("p", "Outer"):        false,
		`{"Node Type": "Result"}`: false,
		`{"Node Type": "Append", "Plans": [` + scan("o__history", "Member") + `, ` + scan("o", "Member") + `]}`:   true,
		`{"Node Type": "Append", "Plans": [` + scan("o", "Member") + `, ` + scan("p", "Member") + `]}`:            false,
		`{"Node Type": "Append", "Plans": [` + scan("o", "Member") + `, ` + scan("o", "InitPlan") + `]}`:          false,
		`{"Node Type": "Result", "Plans": [` + scan("o", "Outer") + `]}`:                                          true,
		`{"Node Type": "WindowAgg", "Plans": [` + scan("o", "Outer") + `]}`:                                       false,
		`{"Node Type": "Aggregate", "Plans": [` + scan("o", "Outer") + `]}`:                                       false,
		`{"Node Type": "Limit", "Plans": [` + scan("o", "Outer") + `]}`:                                           false,
		`{"Node Type": "Unique", "Plans": [` + scan("o", "Outer") + `]}`:                                          false,
		`{"Node Type": "ProjectSet", "Plans": [` + scan("o", "Outer") + `]}`:                                      false,
		`{"Node Type": "Nested Loop", "Plans": [` + scan("o", "Outer") + `, ` + scan("o", "Inner") + `]}`:         false,
		`{"Node Type": "Sample Scan", "Schema": "a", "Relation Name": "o"}`:                                       false,
		`{"Node Type": "Seq Scan", "Schema": "a", "Relation Name": "o", "Output": ["to_jsonb(o.*)"]}`:             false,
		`{"Node Type": "Seq Scan", "Schema": "a", "Relation Name": "o", "Output": ["to_jsonb(ROW(o.id, o.x))"]}`:  false,
		`{"Node Type": "Seq Scan", "Schema": "a", "Relation Name": "o", "Plans": [` + scan("o", "SubPlan") + `]}`: false,
	} {
		p, err := readPlan([]byte(`[{"Plan": ` + plan + `}]`))
		require.NoError(t, err)
		require.Equal(t, want, p.rowByRow([]string{"a.o", "a.o__history", "a.o__versions"}), plan)
	}
}

func TestQueryPlan_isMadeOfARelationOnlyWhereNothingElseGivesRows(t *testing.T) {
	t.Parallel()
	const scan = `{"Node Type": "Index Scan", "Schema": "a", "Relation Name": "o", "Parent Relationship": "Outer"}`
	for plan, want := range map[string]bool{
		scan: true,
		`{"Node Type": "Bitmap Heap Scan", "Schema": "a", "Relation Name": "o", "Plans": [{"Node Type": "Bitmap Index Scan", "Parent Relationship": "Outer"}]}`: true,
		`{"Node Type": "Aggregate", "Plans": [` + scan + `]}`: true,
		`{"Node Type": "Nested Loop", "Join Type": "Left", "Plans": [` + scan + `, {"Node Type": "Function Scan", "Parent Relationship": "Inner"}]}`:                                       true,
		`{"Node Type": "Nested Loop", "Join Type": "Left", "Plans": [{"Node Type": "Function Scan", "Parent Relationship": "Outer"}, ` + strings.Replace(scan, "Outer", "Inner", 1) + `]}`: false,
		`{"Node Type": "Nested Loop", "Join Type": "Left", "Plans": [{"Node Type": "Values Scan", "Parent Relationship": "Outer"}, ` + strings.Replace(scan, "Outer", "Inner", 1) + `]}`:   false,
		`{"Node Type": "Nested Loop", "Join Type": "Inner", "Plans": [` + scan + `, {"Node Type": "Seq Scan", "Schema": "a", "Relation Name": "p", "Parent Relationship": "Inner"}]}`:      false,
		`{"Node Type": "Nested Loop", "Join Type": "Anti", "Plans": [` + scan + `, {"Node Type": "Function Scan", "Parent Relationship": "Inner"}]}`:                                       false,
		`{"Node Type": "Append", "Plans": [` + strings.Replace(scan, "Outer", "Member", 1) + `, {"Node Type": "Result", "Parent Relationship": "Member"}]}`:                                false,
		`{"Node Type": "Aggregate", "Plans": [` + scan + `, {"Node Type": "Seq Scan", "Schema": "a", "Relation Name": "p", "Parent Relationship": "SubPlan"}]}`:                            false,
		`{"Node Type": "Seq Scan", "Schema": "a", "Relation Name": "o", "Plans": [{"Node Type": "Seq Scan", "Schema": "a", "Relation Name": "o", "Parent Relationship": "InitPlan"}]}`:     false,
		`{"Node Type": "Result"}`: false,
		`{"Node Type": "Seq Scan", "Schema": "a", "Relation Name": "p"}`: false,
	} {
		p, err := readPlan([]byte(`[{"Plan": ` + plan + `}]`))
		require.NoError(t, err)
		require.Equal(t, want, p.madeOf("a.o"), plan)
	}
}

// Behind an outer join, and in grouping sets, NULL may stand for a row: only what NULL does not meet is about rows.
func TestQueryPlan_meetsRowsThatMayBeMissingOnlyWhereNULLMeetsNobody(t *testing.T) {
	t.Parallel()
	scan := func(alias, role, filter string) string {
		return `{"Node Type": "Seq Scan", "Schema": "s", "Relation Name": "` + alias + `", "Alias": "` + alias + `", "Parent Relationship": "` + role + `", "Filter": "` + filter + `"}`
	}
	join := func(role, kind, on, outer, inner string) string {
		return `{"Node Type": "Hash Join", "Join Type": "` + kind + `", "Parent Relationship": "` + role + `", "Hash Cond": "` + on + `", "Plans": [` + outer + `, ` + inner + `]}`
	}
	a, b, t1 := scan("a", "Outer", ""), scan("b", "Inner", ""), scan("t", "Inner", "(t.g = $501)")
	b0, t0 := scan("b", "Outer", ""), scan("t", "Outer", "(t.g = $501)")
	beside := func(of string) string {
		return `{"Node Type": "Nested Loop", "Join Type": "Inner", "Plans": [` + of + `, ` + scan("b", "Inner", "(b.y = COALESCE(t.y, 0))") + `]}`
	}
	sets := `{"Node Type": "Aggregate", "Parent Relationship": "Outer", "Plans": [` + scan("t", "Outer", "(t.g = $501)") + `]}`
	for name, c := range map[string]struct {
		plan string
		want bool
	}{
		"the changed row may be missing":            {join("", "Inner", "(COALESCE(b.y, 0) = t.y)", join("Outer", "Left", "(b.aid = a.id)", a, b), t1), false},
		"it is on the other side":                   {join("", "Inner", "(COALESCE(b.y, 0) = t.y)", join("Outer", "Right", "(b.aid = a.id)", a, b), t1), true},
		"either may be missing":                     {join("", "Inner", "(COALESCE(b.y, 0) = t.y)", join("Outer", "Full", "(b.aid = a.id)", a, b), t1), false},
		"NULL does not meet it":                     {join("", "Inner", "(((b.y -> 'A||'::text))::integer = t.y)", join("Outer", "Left", "(b.aid = a.id)", a, b), t1), true},
		"the row that it meets may be missing":      {join("", "Right", "(b.y = COALESCE(t.y, 0))", scan("b", "Outer", ""), join("Inner", "Left", "(t.g = a.g)", a, t1)), false},
		"and NULL meets nobody":                     {join("", "Right", "(b.y = t.y)", scan("b", "Outer", ""), join("Inner", "Left", "(t.g = a.g)", a, t1)), true},
		"a function may make something of NULL":     {join("", "Right", "(b.y = f(t.y))", scan("b", "Outer", ""), join("Inner", "Left", "(t.g = a.g)", a, t1)), false},
		"the row that it is computed for may be":    {beside(join("Outer", "Left", "(t.g = a.g)", a, t1)), false},
		"the row that it is computed for is there":  {beside(join("Outer", "Inner", "(t.g = a.g)", a, t1)), true},
		"it is computed for sets":                   {beside(sets), false},
		"only one that meets a row is there":        {join("", "Right Semi", "(b.y = t.y)", b0, t1), true},
		"and the one that it meets is":              {join("", "Right Semi", "(b.y = t.y)", t0, b), true},
		"it is there once, whomever else it meets":  {join("", "Inner", "(COALESCE(b.y, 0) = t.y)", join("Outer", "Right Semi", "(a.id = b.aid)", a, b), t1), true},
		"it is there for it meets nobody":           {join("", "Inner", "(COALESCE(b.y, 0) = t.y)", join("Outer", "Right Anti", "(a.id = b.aid)", a, b), t1), true},
		"another row as a whole is in the equality": {join("", "Inner", "(b.y = (t.y + length((a.*)::text)))", join("Outer", "Inner", "(b.aid = a.id)", a, b), t1), false},
	} {
		p, err := readPlan([]byte(`[{"Plan": ` + c.plan + `}]`))
		require.NoError(t, err, name)
		_, ok := p.lookups([]string{"s.b"}, 1)
		require.Equal(t, c.want, ok, name)
	}
}
