package dag_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// PostgreSQL itself keeps for every view which columns it reads: the lineage must name the same, no more and no fewer.
func TestTraceColumns_findsWhatPostgresFinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.exec("create schema s")
	w.exec("create table s.a (id integer, x integer, y jsonb)")
	w.exec("create table s.b (id integer, z integer)")
	known := map[string][]string{"s.a": {"id", "x", "y"}, "s.b": {"id", "z"}}
	for i, sql := range []string{
		"select * from s.a",
		"select a.id, b.z from s.a join s.b on a.id = b.id",
		"select id, x, z from s.a join s.b using (id)",
		"select z from s.a natural left join s.b",
		"select x from s.a where exists (select from s.b where b.id = a.id and z > 0)",
		"select (select max(z) from s.b where b.id = a.id) as m from s.a",
		"with c as (select id, x as w from s.a where x > 1), d as (select c.w, b.z from c join s.b using (id)) select w + z as n from d",
		"with recursive r as (select id, x from s.a union all select r.id + 1, b.z from r join s.b on b.id = r.id) select * from r",
		"select x from s.a union select z from s.b order by 1",
		"select id, sum(x) filter (where y ? 'k') as s from s.a group by id having count(*) > 1",
		"select id, rank() over (partition by x order by y ->> 'k') as r from s.a",
		"select sum(x) over w as r from s.a window w as (order by id)",
		"select a.id, e.value ->> 'n' as n from s.a cross join lateral jsonb_array_elements(a.y -> 'list') as e",
		"select k.key, k.value from s.a, jsonb_each(a.y) as k",
		"select l.v from s.a cross join lateral (select a.x + b.z as v from s.b where b.id = a.id limit 1) as l",
		"select distinct on (x) id from s.a order by x, y",
		"select case when x > 0 then id end as c, x::text as t from s.a",
		"select j.p, j.q from (s.a join s.b on a.id = b.id) as j (p, q)",
		"select v.n, b.id from (values (1, 'a'), (2, 'b')) as v (n, t) join s.b on b.z = v.n",
		"select x in (select z from s.b) as hit, array(select b.id from s.b) as ids from s.a",
	} {
		view := fmt.Sprintf("s.v%d", i)
		w.exec("create view " + view + " as " + sql)
		lineage, err := model.TraceColumns(sql, func(relation string) ([]string, bool) {
			columns, ok := known[relation]
			return columns, ok
		})
		require.NoError(t, err)
		require.False(t, lineage.Open || lineage.RowsUnknown, sql)
		var names, found []string
		for _, c := range lineage.Columns {
			require.False(t, c.Unknown, sql)
			names = append(names, "("+c.Name+")")
			for _, o := range c.From {
				found = append(found, fmt.Sprintf("(%s,%s)", o.Relation, o.Column))
			}
		}
		for _, o := range lineage.Rows {
			found = append(found, fmt.Sprintf("(%s,%s)", o.Relation, o.Column))
		}
		slices.Sort(found)
		require.Equal(t, w.rows(`select distinct d.refobjid::regclass::text, a.attname
from pg_depend as d
join pg_rewrite as r on r.oid = d.objid
join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where d.classid = 'pg_rewrite'::regclass
    and r.ev_class = $1::regclass
    and d.refobjid <> r.ev_class
    and d.refobjsubid > 0
order by 1, 2`, view), slices.Compact(found), sql)
		require.Equal(t, w.rows(`select a.attname from pg_attribute as a where a.attrelid = $1::regclass and a.attnum > 0 order by a.attnum`, view), names, sql)
	}
}

// lines gives a tree as text, two spaces to a level.
func lines(t *dag.Traced, indent string) []string {
	name := t.Node
	if t.Column != "" {
		name += "." + t.Column
	}
	if t.Unknown {
		name += " ?"
	}
	if t.Repeated {
		name += " ^"
	}
	out := []string{indent + name}
	for _, next := range t.Next {
		out = append(out, lines(next, indent+"  ")...)
	}
	return out
}

func TestLineage_goesThroughModels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/base.sql":    "-- depends_on: [ods.orders]\nselect o.id, (o.payload ->> 'amount')::numeric as amount from ods.orders as o\n",
		"models/shop/dwd/history.sql": "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.orders__versions]\nselect v.id, v.payload ->> 'state' as state, v._seen_at, v._version from ods.orders__versions as v\n",
		"models/shop/dws/wide.sql":    "-- kind: table\n-- depends_on: [shop_dwd.base, shop_dwd.history]\nselect b.*, h.state, h.valid_from, b.amount * 2 as twice from shop_dwd.base as b join shop_dwd.history as h using (id)\n",
		"models/shop/dws/filled.sql":  "-- kind: sql\n-- target: shop_dws.t\n-- depends_on: [shop_dws.wide]\ninsert into shop_dws.t select w.id from shop_dws.wide as w\n",
	}, "ods.orders")
	compiled := w.compile(func(o *dag.CompileOptions) {
		orders(o)
		shape := o.Shapes["ods.orders"]
		for _, name := range []string{"_seen_at", "_version"} {
			shape.Columns = append(shape.Columns, materialize.Column{Name: name, Type: "timestamptz"})
		}
		o.Shapes["ods.orders__versions"] = shape
	})
	require.Empty(t, compiled.Problems)
	_, graph := w.project()
	lineage := dag.NewLineage(graph, compiled.Columns)

	require.Equal(t, []string{"id", "amount", "state", "valid_from", "twice"}, lineage.Columns("shop_dws.wide"))
	require.Equal(t, []string{
		"shop_dws.wide.twice",
		"  shop_dwd.base.amount",
		"    ods.orders.payload",
	}, lines(lineage.Upstream("shop_dws.wide", "twice"), ""))
	require.Equal(t, []string{
		"shop_dws.wide.valid_from",
		"  shop_dwd.history.valid_from",
		"    ods.orders._seen_at",
	}, lines(lineage.Upstream("shop_dws.wide", "valid_from"), ""))
	require.Equal(t, []string{
		"ods.orders.payload",
		"  shop_dwd.base.amount",
		"    shop_dws.wide.amount ?",
		"    shop_dws.wide.twice ?",
		"  shop_dwd.history.state",
		"    shop_dws.wide.state ?",
	}, lines(lineage.Downstream("ods.orders", "payload"), ""))
	require.Equal(t, []string{
		"shop_dws.filled",
		"  shop_dws.wide",
		"    shop_dwd.base",
		"      ods.orders",
		"    shop_dwd.history",
		"      ods.orders",
	}, lines(lineage.Upstream("shop_dws.filled", ""), ""))
}
