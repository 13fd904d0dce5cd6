package model_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

// traced gives each output column as "name < s.a.x s.b.y", with "?" for what is not known, and the rows' columns last.
func traced(t *testing.T, sql string) string {
	t.Helper()
	known := map[string][]string{"s.a": {"id", "x", "y"}, "s.b": {"id", "z"}}
	lineage, err := model.TraceColumns(sql, func(relation string) ([]string, bool) {
		columns, ok := known[relation]
		return columns, ok
	})
	require.NoError(t, err, sql)
	origins := func(list []model.Origin, unknown bool) string {
		var parts []string
		for _, o := range list {
			parts = append(parts, strings.TrimPrefix(o.Relation, "s.")+"."+o.Column)
		}
		if unknown {
			parts = append(parts, "?")
		}
		return strings.Join(parts, " ")
	}
	var out []string
	for _, c := range lineage.Columns {
		out = append(out, strings.TrimSpace(c.Name+" < "+origins(c.From, c.Unknown)))
	}
	if lineage.Open {
		out = append(out, "*")
	}
	if rows := origins(lineage.Rows, lineage.RowsUnknown); rows != "" {
		out = append(out, "rows: "+rows)
	}
	return strings.Join(out, ", ")
}

func TestTraceColumns_followsValues(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"select 1 as n, x from s.a":                                                                                             "n <, x < a.x",
		"select a.x + a.y as sum, upper(x::text), x::text from s.a":                                                             "sum < a.x a.y, upper < a.x, x < a.x",
		"select * from s.a":                                                                                                     "id < a.id, x < a.x, y < a.y",
		"select b.*, q.x as w from s.a as q join s.b on b.id = q.id":                                                            "id < b.id, z < b.z, w < a.x, rows: a.id b.id",
		"select * from s.a join s.b using (id)":                                                                                 "id < a.id b.id, x < a.x, y < a.y, z < b.z, rows: a.id b.id",
		"select id, z from s.a natural join s.b":                                                                                "id < a.id b.id, z < b.z, rows: a.id b.id",
		"with c as (select x as w from s.a where y > 0) select w from c":                                                        "w < a.x, rows: a.y",
		"with c (p, q) as (select x, y from s.a) select q from c":                                                               "q < a.y",
		"with a as (select z from s.b) select a.z from a":                                                                       "z < b.z",
		"select t.k from (select x || y as k from s.a) as t":                                                                    "k < a.x a.y",
		"select x as v from s.a union all select z from s.b":                                                                    "v < a.x b.z",
		"select x from s.a union select z from s.b":                                                                             "x < a.x b.z, rows: a.x b.z",
		"select sum(x) filter (where y > 0) as s from s.a group by id":                                                          "s < a.x a.y, rows: a.id",
		"select row_number() over (partition by x order by y) as n from s.a":                                                    "n < a.x a.y",
		"select sum(x) over w as n from s.a window w as (partition by y)":                                                       "n < a.x, rows: a.y",
		"select (select max(z) from s.b where b.id = a.id) as m from s.a":                                                       "m < b.z, rows: a.id b.id",
		"select x in (select z from s.b) as hit from s.a":                                                                       "hit < a.x b.z",
		"select e.value ->> 'k' as k from s.a, lateral jsonb_array_elements(x) as e":                                            "k < a.x",
		"select exists (select from s.b where b.id = a.id) as has, x from s.a":                                                  "has < a.id b.id, x < a.x",
		"select x from s.a where not exists (select z from s.b where b.id = a.id)":                                              "x < a.x, rows: a.id b.id",
		"select (q).x as w, (s.a).y as v, (c).x as u from s.a as q, s.a, (select x, y from s.a) as c":                           "w < a.x, v < a.y, u < a.x",
		"select t.p, t.q, t.n from s.a, rows from (unnest(x), jsonb_array_elements(y)) with ordinality as t (p, q, n)":          "p < a.x, q < a.y, n <",
		"select t.p, t.q from s.a, unnest(x, y) as t (p, q)":                                                                    "p < a.x, q < a.y",
		"select t.p, t.q from s.a, rows from (f(x), unnest(y)) as t (p, q)":                                                     "p < a.x a.y, q < a.x a.y",
		"select t.p, t.r from s.a, rows from (json_to_record(x) as (p text, q text), unnest(y)) as t (p, q, r)":                 "p < a.x, r < a.y",
		"select e from s.a, unnest(y) as e":                                                                                     "e < a.y",
		"select l.v from s.a cross join lateral (select a.x + b.z as v from s.b) l":                                             "v < a.x b.z",
		"select v.column1, w.b from (values (1, 2)) as v, (values (3)) as w (b)":                                                "column1 <, b <",
		"select x as k, count(*) from s.a group by k order by 2, k":                                                             "k < a.x, count <, rows: a.x",
		"select case when x > 0 then y end, coalesce(x, y), s.a.id from s.a limit 1":                                            "case < a.x a.y, coalesce < a.x a.y, id < a.id",
		"with recursive r as (select id, x from s.a union all select r.id, b.z from r join s.b on b.id = r.id) select * from r": "id < a.id, x < a.x b.z, rows: a.id b.id",
		"select distinct x from s.a":                                                                                            "x < a.x, rows: a.x",
		"select distinct on (y) x from s.a order by y, id":                                                                      "x < a.x, rows: a.id a.y",
		"select j.x, j.z from (s.a join s.b on a.id = b.id) as j":                                                               "x < a.x, z < b.z, rows: a.id b.id",
		"table s.b": "id < b.id, z < b.z",
	} {
		require.Equal(t, want, traced(t, sql), sql)
	}
}

func TestTraceColumns_saysWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"select * from s.other":                                                 "*",
		"select o.n from s.other as o":                                          "n < other.n",
		"select n from s.other":                                                 "n < other.n",
		"select n, x from s.other, s.a":                                         "n < other.n, x < a.x",
		"select n from s.other, s.more":                                         "n < ?",
		"select q.n from (select * from s.other) as q":                          "n < ?",
		"select (f(a)).* from s.a":                                              "*",
		"with w as (insert into s.a values (1) returning *) select w.id from w": "id < ?, rows: ?",
		"select (o).n, (a).nothing from s.other as o, s.a":                      "n < other.n, nothing < a.id a.x a.y",
		"select nothing.x from s.a":                                             "x < ?",
		"select count(o.*) from s.other as o":                                   "count < ?",
	} {
		require.Equal(t, want, traced(t, sql), sql)
	}
}
