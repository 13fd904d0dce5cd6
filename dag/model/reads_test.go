package model_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

// written gives each read as it stands in the SQL, with "=" before the plain name where that differs and "+" after an
// aliased one.
func written(t *testing.T, sql string) []string {
	t.Helper()
	reads, err := model.Reads(sql)
	require.NoError(t, err, sql)
	out := []string{}
	for _, r := range reads {
		text := sql[r.Offset : r.Offset+r.Length]
		if text != r.Name {
			text += " = " + r.Name
		}
		if r.Aliased {
			text += "+"
		}
		out = append(out, text)
	}
	return out
}

func TestReads_resolvesNamesAsPostgresDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sql  string
		want []string
	}{
		{"select 1", []string{}},
		{"select * from a.b", []string{"a.b"}},
		{"table a.b", []string{"a.b"}},
		{"select * from a.b as x join c.d y using (id) cross join e.f", []string{"a.b+", "c.d+", "e.f"}},
		{`select * from "A b"."c.d" as x`, []string{`"A b"."c.d" = A b.c.d+`}},
		{"select * from a /* . */ . -- x\n b where true", []string{"a /* . */ . -- x\n b = a.b"}},
		{"select * from A.B", []string{"A.B = a.b"}},
		{"select * from db.a.b", []string{"db.a.b = a.b"}},
		{"select 'é', * from a.b", []string{"a.b"}},
		{"select * from only a.b, only (c.d) z", []string{"a.b", "c.d+"}},
		{"select * from a.b tablesample system (1)", []string{"a.b"}},
		{"select (select max(x) from a.b), exists (select from c.d) from e.f where x in (select y from g.h)", []string{"a.b", "c.d", "e.f", "g.h"}},
		{"select * from a.b x, lateral (select * from c.d where c.d.id = x.id) y", []string{"a.b+", "c.d"}},
		{"select * from generate_series(1, 3) g, unnest(array[1]), a.f(1)", []string{}},
		{"select * from a.b union all (select * from c.d except select * from a.b)", []string{"a.b", "c.d", "a.b"}},
		{"select * from a.b for update of b", []string{"a.b"}},
		{"values (1), ((select max(id) from a.b))", []string{"a.b"}},
		{"select 'from a.b', $$from a.b$$, $x$ $$ from a.b $x$ /* from /* a.b */ a.b */ -- from a.b\nfrom c.d", []string{"c.d"}},
		{"select x from orders", []string{"orders"}},

		{"with b as (select * from a.b) select * from b", []string{"a.b"}},
		{"with b as (select * from b) select * from b", []string{"b"}},
		{"with a as (select * from b), b as (select 1) select * from a, b", []string{"b"}},
		{"with recursive a as (select * from b), b as (select 1) select * from a, b", []string{}},
		{"with recursive t as (select 1 union all select n from t join x.y on true) select * from t", []string{"x.y"}},
		{"with b as (select 1) select * from s.b", []string{"s.b"}},
		{`with "B" as (select 1) select * from b`, []string{"b"}},
		{"with a as (with b as (select * from c.d) select * from b) select * from a, b", []string{"c.d", "b"}},
		{"with a as (select 1) select * from (with a as (select * from a, c.d) select * from a) x, a", []string{"c.d"}},
		{"select * from (with a as (select 1) select * from a) x, a", []string{"a"}},
		{"with a as (select 1) select * from c.d where exists (select from a) union select * from a", []string{"c.d"}},

		{"insert into a.b select * from c.d", []string{"c.d"}},
		{"with a as (select * from x.y) insert into a.b select * from a", []string{"x.y"}},
		{"update a.b set x = 1 from c.d where b.id = d.id", []string{"c.d"}},
		{"delete from a.b using c.d as z where b.id = z.id", []string{"c.d+"}},
		{
			"merge into a.b t using (select * from c.d) s on t.id = s.id when matched then delete when not matched then insert values ((select 1 from e.f))",
			[]string{"c.d", "e.f"},
		},
		{"merge into a.b using c.d on true when matched then do nothing", []string{"c.d"}},
		{"with moved as (delete from a.b returning *) insert into c.d select * from moved", []string{}},
		{"create temp table x as select * from a.b; insert into c.d select * from x; drop table x", []string{"a.b"}},
		{"create table a.b (like c.d); truncate e.f, g.h; lock table i.j", []string{"c.d"}},
		{"select * into a.b from c.d", []string{"c.d"}},
		{"copy a.b to stdout; copy c.d from stdin", []string{"a.b"}},
		{"create view a.b as select * from c.d", []string{"c.d"}},
		{"refresh materialized view a.b", []string{}},
		{"select * from json_table(jsonb '[]', '$[*]' columns (x int path '$')) j, a.b", []string{"a.b"}},
	} {
		require.Equal(t, c.want, written(t, c.sql), c.sql)
	}
}

func TestReads_saysWhatIsNotSQL(t *testing.T) {
	t.Parallel()
	_, err := model.Reads("select from from")
	require.ErrorContains(t, err, "syntax error")
	_, err = model.Reads("select 1; \x00drop table x")
	require.ErrorContains(t, err, "NUL")
	_, err = model.Reads("select " + strings.Repeat("(", 20_000) + "1" + strings.Repeat(")", 20_000))
	require.Error(t, err)
	_, err = model.Reads("select 1" + strings.Repeat("+1", 10_000))
	require.Error(t, err)
	_, err = model.Reads("select 1" + strings.Repeat("+1", 500_000)) // more than the parser's stack holds
	require.ErrorContains(t, err, "too many to be parsed")
	_, err = model.Reads("values (1)" + strings.Repeat(",(1)", 12_000))
	require.NoError(t, err, "a list does not nest")
}

func TestVars_findsTheNamesThatAreRead(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string][]string{
		"select terrace.var('b'), TERRACE.VAR(name => 'a'), terrace . var('b')": {"a", "b"},
		"select terrace.var('a' || x) from t.u":                                 {"*"},
		"select 'terrace.var(''x'')', var('x'), other.var('x')":                 nil,
	} {
		got, err := model.Vars(sql)
		require.NoError(t, err)
		require.Equal(t, want, got, sql)
	}
}
