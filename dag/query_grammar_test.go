package dag_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

// queries writes queries at random, as analysts may write them. Each returns the columns k, g (integers), s (text), d (a
// date) and v (a number), any of which may be NULL; so each can stand where another one does. Rows have no order among
// them that the query does not give, and what it gives has no ties but of equal rows: it has one result.
type queries struct {
	r *rand.Rand
	// made are relations with these columns that a query may read.
	made []string
	// only says that it reads nothing else.
	only    bool
	aliases int
}

// fresh is an alias that no other part of the query has.
func (q *queries) fresh() string {
	q.aliases++
	return fmt.Sprintf("t%d", q.aliases)
}

// filled fills in what stands for $1, $2 and so on.
func filled(text string, parts ...string) string {
	places := make([]string, 0, 2*len(parts))
	for i, part := range parts {
		places = append(places, fmt.Sprintf("$%d", i+1), part)
	}
	return strings.NewReplacer(places...).Replace(text)
}

func (q *queries) oneOf(texts ...string) string { return texts[q.r.IntN(len(texts))] }

// seldom is true once in n times.
func (q *queries) seldom(n int) bool { return q.r.IntN(n) == 0 }

// from is a query in parentheses under an alias.
func (q *queries) from(depth int) (from, alias string) {
	alias = q.fresh()
	if depth <= 0 && len(q.made) > 0 && q.seldom(2) {
		return q.oneOf(q.made...) + " as " + alias, alias
	}
	return "(" + q.query(depth) + ") as " + alias, alias
}

// query returns one that is about so deep.
func (q *queries) query(depth int) string {
	if depth <= 0 {
		return q.leaf()
	}
	forms := []func(int) string{
		q.filtered, q.projected, q.projected, q.joined, q.joined, q.joined, q.lateral, q.semi, q.semi, q.grouped, q.grouped, q.distinct,
		q.windowed, q.windowed, q.combined, q.combined, q.named, q.recursive, q.scalar, q.limited, q.called,
	}
	return forms[q.r.IntN(len(forms))](depth)
}

// leaf reads one relation.
func (q *queries) leaf() string {
	if len(q.made) > 0 && (q.only || q.seldom(3)) {
		a := q.fresh()
		return filled("select $1.k, $1.g, $1.s, $1.d, $1.v from $2 as $1", a, q.oneOf(q.made...))
	}
	if q.seldom(20) { // relations with more columns
		a := q.fresh()
		if q.seldom(3) {
			return filled("select ($1.row ->> 'k')::integer as k, ($1.row ->> 'g')::integer as g, $1.rule as s, null::date as d, $1.value::numeric as v from $2 as $1", a, "shop_between.incremental__rejects")
		}
		return filled("select $1.k, $1.g, $1.s, $1.d, $1.v from $2 as $1", a, q.oneOf("shop_between.dimension", "shop_between.kept"))
	}
	if q.seldom(20) {
		return "select x.k, x.g, x.s, x.d, x.v from (values (1, 3, 'a', date '2026-01-02', 1.5), (2, null, null, null, null), (3, 4, 'north', '2026-01-03', 2)) as x (k, g, s, d, v)"
	}
	switch {
	case q.seldom(3):
		return q.customers()
	case q.seldom(4):
		return q.events()
	}
	return q.orders()
}

// events have no key: what they say is what they are.
func (q *queries) events() string {
	of := q.oneOf("ods.events", "ods.events", "ods.events__versions")
	k := q.oneOf("(@.payload ->> 'id')::integer", "(@.payload ->> 'id')::integer", "@._version::integer")
	g := q.oneOf("(@.payload ->> 'customer')::integer", "(@.payload ->> 'customer')::integer", "(@.payload ->> 'id')::integer % 7")
	s := q.oneOf("@.payload -> 'lines' -> 0 ->> 'sku'", "left(@._hash::text, 3)")
	return strings.ReplaceAll(filled("select $1 as k, $2 as g, $3 as s, (@.payload ->> 'at')::date as d, trim_scale((@.payload ->> 'amount')::numeric) as v from $4 as @", k, g, s, of), "@", q.fresh())
}

func (q *queries) orders() string {
	a, of := q.fresh(), "ods.orders"
	if q.seldom(5) {
		of = "ods.orders__versions"
	}
	s := q.oneOf("@.payload -> 'lines' -> 0 ->> 'sku'", "@.payload -> 'lines' -> 0 ->> 'sku'", "@.payload ->> 'amount'", "left(@._hash::text, 3)", "left(md5(@::text), 2)", "to_jsonb(@) ->> 'id'")
	g := q.oneOf("(@.payload ->> 'customer')::integer", "(@.payload ->> 'customer')::integer", "(@.payload ->> 'customer')::integer", "(@.payload ->> 'customer')::integer",
		"@.id % 5", "(@._deleted_at is null)::integer", "(@._batch_id % 5)::integer", "(to_jsonb(@) -> 'payload' ->> 'customer')::integer")
	k := q.oneOf("@.id", "@.id", "@.id", "@._version::integer")
	if of == "ods.orders__versions" && q.seldom(3) {
		g = "(@._superseded_at is null)::integer"
	}
	d := q.oneOf("(@.payload ->> 'at')::date", "date_trunc('week', (@.payload ->> 'at')::timestamp)::date", "(@._fetched_at at time zone 'UTC')::date")
	sql := filled("select $1 as k, $2 as g, $3 as s, $4 as d, trim_scale((@.payload ->> 'amount')::numeric) as v from $5 as @", k, g, s, d, of)
	if q.seldom(5) {
		sql = filled("select $1 as k, $2 as g, l.line ->> 'sku' as s, $3 as d, trim_scale((l.line ->> 'n')::numeric) as v from $4 as @ $5 jsonb_array_elements(@.payload -> 'lines') as l (line)$6",
			k, g, d, of, q.oneOf("cross join lateral", "left join lateral"), "")
		if strings.Contains(sql, "left join") {
			sql += " on true"
		}
	}
	if !q.seldom(3) {
		sql += " where @._deleted_at is null"
	}
	return strings.ReplaceAll(sql, "@", a)
}

func (q *queries) customers() string {
	a, of := q.fresh(), "ods.customers"
	if q.seldom(5) {
		of = "ods.customers__versions"
	}
	g := q.oneOf("@.id", "@.id", "@.id", "(@.payload ->> 'rev')::integer")
	sql := filled("select @.id as k, $1 as g, @.payload ->> 'region' as s, (@.payload ->> 'at')::timestamp::date as d, trim_scale((@.payload ->> 'rate')::numeric) as v from $2 as @", g, of)
	if !q.seldom(3) {
		sql += " where @._deleted_at is null"
	}
	return strings.ReplaceAll(sql, "@", a)
}

// Expressions over the columns of an alias, by type.

func (q *queries) integer(a string) string {
	return strings.ReplaceAll(q.oneOf("@.g", "@.g", "@.k", "coalesce(@.g, 0)", "coalesce(@.g, @.k)", "@.g % 3", "nullif(@.g, 3)", "length(@.s)", "extract(day from @.d)::integer",
		"case when @.s is null then @.g else @.k end", "greatest(@.g, @.k)", "ods.plus_one(@.g)", "(@.v > 1)::integer", "@.g::smallint::integer", "num_nulls(@.g, @.s)",
		"ods.live_orders(@.g)", "ods.region_length(@.g)"), "@", a)
}

func (q *queries) text(a string) string {
	return strings.ReplaceAll(q.oneOf("@.s", "@.s", "coalesce(@.s, '-')", "@.g::text", "upper(@.s)", "left(@.s, 1)", "to_char(@.d, 'YYYY-MM')", "@.s || @.g", "concat(@.s, @.g)",
		"case @.s when 'a' then 'b' when 'north' then null else @.s end", "@.v::text", "left(md5(@::text), 2)", "row(@.g, @.s)::text"), "@", a)
}

func (q *queries) date(a string) string {
	return strings.ReplaceAll(q.oneOf("@.d", "@.d", "date_trunc('week', @.d)::date", "@.d + 1", "coalesce(@.d, '2026-01-01')", "@.d + @.g"), "@", a)
}

func (q *queries) number(a string) string {
	return strings.ReplaceAll(q.oneOf("@.v", "@.v", "@.v + 1", "round(@.v)", "@.g::numeric", "coalesce(@.v, 0)", "abs(@.v)", "nullif(@.v, 1)"), "@", a)
}

// group is an expression for g: as it is, as a rule.
func (q *queries) group(a string) string {
	if q.seldom(4) {
		return q.integer(a)
	}
	return a + ".g"
}

func (q *queries) condition(a string) string {
	c := strings.ReplaceAll(q.oneOf("@.g is not null", "@.g > 3", "@.v > 0", "@.s is null", "@.s <> 'a'", "@.d >= '2026-01-04'", "@.k % 2 = 0", "@.g in (1, 2, 3, 5, 8)", "@.s in ('a', 'north')",
		"coalesce(@.v, 1) = 1", "@.g between 2 and 9", "@.s like '%o%'", "(@.g, @.k) > (4, 7)", "@.g is distinct from @.k", "(@.v is null or @.g = 4)", "not (@.s is null and @.v is null)", "@.g = @.k % 12"), "@", a)
	if q.seldom(5) {
		return "(" + c + q.oneOf(" and ", " or ") + q.condition(a) + ")"
	}
	return c
}

// order is a total one.
func (q *queries) order(a string) string {
	parts := []string{a + ".k", a + ".g", a + ".s", a + ".d", a + ".v"}
	q.r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for i := range parts {
		parts[i] += q.oneOf("", "", " desc", " nulls first")
	}
	return strings.Join(parts, ", ")
}

func (q *queries) filtered(depth int) string {
	from, a := q.from(depth - 1)
	return filled("select * from $1 where $2", from, q.condition(a))
}

func (q *queries) projected(depth int) string {
	from, a := q.from(depth - 1)
	return filled("select $1 as k, $2 as g, $3 as s, $4 as d, $5 as v from $6", q.integer(a), q.group(a), q.text(a), q.date(a), q.number(a), from)
}

// single has one row for each g, or none for all.
func (q *queries) single(depth int) (from, alias string) {
	from, a := q.from(depth)
	alias = q.fresh()
	if q.seldom(2) {
		return filled("(select distinct on ($1.g) $1.* from $2 order by $1.g, $3) as $4", a, from, q.order(a), alias), alias
	}
	return filled("(select min($1.k) as k, $1.g, max($1.s) as s, min($1.d) as d, sum($1.v) as v from $2 group by $1.g) as $3", a, from, alias), alias
}

func (q *queries) joined(depth int) string {
	left, a := q.from(depth - 1)
	right, b := q.single(q.r.IntN(min(2, depth)))
	if depth == 1 && q.seldom(3) {
		right, b = q.from(0)
	}
	on := filled("$1.g = $2.g", a, b)
	switch q.r.IntN(8) {
	case 0:
		on += filled(" and $1.d >= $2.d", a, b)
	case 1:
		on += " and " + q.condition(b)
	case 2:
		on = filled("$1.k = $2.g", a, b)
	case 3:
		on += " and " + q.condition(a)
	}
	join := q.oneOf("join", "join", "left join", "left join", "left join", "right join", "full join")
	switch {
	case join == "full join" || q.seldom(5):
		return filled("select $1.k, g, $2.s, $1.d, $2.v from $3 $4 $5 using (g)", a, b, left, join, right)
	case q.seldom(12):
		one, c := q.from(0)
		return filled("select $1.k, $1.g, $1.s, $2.d, $1.v + $2.v as v from $3 cross join (select max($4.d) as d, sum($4.v) as v from $5) as $2", a, b, left, c, one)
	}
	g := q.oneOf(a+".g", a+".g", a+".g", b+".g", filled("coalesce($1.g, $2.g)", a, b))
	return filled("select $1.k, $2 as g, $3.s, $1.d, coalesce($3.v, 0) + $1.v as v from $4 $5 $6 on $7", a, g, b, left, join, right, on)
}

func (q *queries) lateral(depth int) string {
	outer, a := q.from(depth - 1)
	inner, b := q.from(q.r.IntN(2) / depth)
	l := q.fresh()
	body := q.oneOf(
		filled("select $1.* from $2 where $1.g = $3.g order by $4 limit 2", b, inner, a, q.order(b)),
		filled("select count(*)::integer as k, max($1.s) as s, max($1.d) as d, sum($1.v) as v from $2 where $1.g = $3.g", b, inner, a),
		filled("select x.k, x.s, $1.d, $1.v from (values (1, 'x'), (2, $1.s)) as x (k, s)", a),
		filled("select n as k, $1.s, $1.d, $1.v from generate_series(1, least($1.g, 2)) as n", a))
	return filled("select $1.k, $2.g, $1.s, $1.d, $2.v from $3 $4 ($5) as $1$6", l, a, outer, "left join lateral", body, " on true")
}

func (q *queries) semi(depth int) string {
	outer, a := q.from(depth - 1)
	inner, b := q.from(q.r.IntN(2) / depth)
	more := ""
	if q.seldom(2) {
		more = " and " + q.condition(b)
	}
	return filled("select $1.* from $2 where ", a, outer) + q.oneOf(
		filled("exists (select from $1 where $2.g = $3.g$4)", inner, b, a, more),
		filled("not exists (select from $1 where $2.g = $3.g$4)", inner, b, a, more),
		filled("not exists (select from $1 where $2.g = $3.g and $2.k > $3.k)", inner, b, a),
		filled("$1.g in (select $2.g from $3 where true$4)", a, b, inner, more),
		filled("$1.g not in (select $2.g from $3 where $2.g is not null$4)", a, b, inner, more),
		filled("$1.k not in (select $2.g from $3 where true$4)", a, b, inner, more),
		filled("($1.g, $1.s) in (select $2.g, $2.s from $3)", a, b, inner),
		filled("$1.g = any (array(select $2.k from $3))", a, b, inner),
		filled("$1.v >= all (select $2.v from $3 where $2.g = $1.g)", a, b, inner))
}

func (q *queries) grouped(depth int) string {
	from, a := q.from(depth - 1)
	k := strings.ReplaceAll(q.oneOf("count(*)::integer", "min(@.k)", "count(distinct @.s)::integer", "(array_agg(@.k order by "+q.order("@")+"))[1]", "max(@.k) filter (where "+q.condition("@")+")"), "@", a)
	v := strings.ReplaceAll(q.oneOf("sum(@.v)", "sum(@.v) filter (where "+q.condition("@")+")", "max(@.v)", "(percentile_disc(0.5) within group (order by @.v))"), "@", a)
	having := ""
	if q.seldom(4) {
		having = " having " + strings.ReplaceAll(q.oneOf("count(*) > 1", "sum(@.v) > 0", "bool_or(@.s is null)", "min(@.k) < 20"), "@", a)
	}
	switch q.r.IntN(6) {
	case 0: // of several sets, where one without g is all
		sets := strings.ReplaceAll(q.oneOf("rollup (@.g, @.s)", "grouping sets ((@.g), (@.g, @.s))", "cube (@.g, @.s)", "@.g, rollup (@.s)"), "@", a)
		return filled("select $1 as k, $2.g, $2.s, max($2.d) as d, $3 as v from $4 group by $5$6", k, a, v, from, sets, having)
	case 1:
		return filled("select $1 as k, $2.g, $2.s, $2.d, $3 as v from $4 group by $2.g, $2.s, $2.d$5", k, a, v, from, having)
	case 2:
		return filled("select $1 as k, $2 as g, string_agg(distinct $3.s, ',') as s, max($3.d) as d, $4 as v from $5 group by 2$6", k, q.integer(a), a, v, from, having)
	case 3:
		return filled("select $1 as k, $2.g, $3 as s, max($2.d) as d, $4 as v from $5 group by $2.g, 3$6", k, a, q.text(a), v, from, having)
	}
	return filled("select $1 as k, $2.g, string_agg($2.s, ',' order by $3) as s, max($2.d) as d, $4 as v from $5 group by $2.g$6", k, a, q.order(a), v, from, having)
}

func (q *queries) distinct(depth int) string {
	from, a := q.from(depth - 1)
	switch q.r.IntN(4) {
	case 0:
		return filled("select distinct $1.* from $2", a, from)
	case 1:
		return filled("select distinct on ($1.s) $1.* from $2 order by $1.s, $3", a, from, q.order(a))
	case 2:
		return filled("select distinct on ($1.g, $1.d) $1.* from $2 order by $1.g, $1.d, $3", a, from, q.order(a))
	}
	return filled("select distinct on ($1.g) $1.* from $2 order by $1.g, $3", a, from, q.order(a))
}

func (q *queries) windowed(depth int) string {
	from, a := q.from(depth - 1)
	partition := func() string {
		return strings.ReplaceAll(q.oneOf("partition by @.g", "partition by @.g", "partition by @.g", "partition by @.g", "partition by @.g, @.s", "partition by @.s", ""), "@", a)
	}
	k := strings.ReplaceAll(q.oneOf("row_number() over (# order by !)", "rank() over (# order by @.v)", "count(*) over (#)", "lag(@.k) over (# order by !)", "dense_rank() over (# order by @.d, @.s)"), "@", a)
	v := strings.ReplaceAll(q.oneOf("sum(@.v) over (# order by @.d)", "sum(@.v) over (#)", "first_value(@.v) over (# order by !)", "max(@.v) over (# order by ! rows between 1 preceding and current row)",
		"@.v - lag(@.v) over (# order by !)"), "@", a)
	fill := func(text string) string {
		return strings.ReplaceAll(strings.ReplaceAll(text, "#", partition()), "!", q.order(a))
	}
	sql := filled("select $1::integer as k, $2.g, $2.s, $2.d, $3 as v from $4", fill(k), a, fill(v), from)
	if q.seldom(3) {
		sql = filled("select * from ($1) as $2 where k $3", sql, q.fresh(), q.oneOf("= 1", "<= 2", "> 1", "is null"))
	}
	return sql
}

func (q *queries) combined(depth int) string {
	op := q.oneOf("union all", "union all", "union all", "union", "union", "except", "except all", "intersect", "intersect all")
	return filled("($1) $2 ($3)", q.query(depth-1), op, q.query(q.r.IntN(depth)))
}

func (q *queries) named(depth int) string {
	c, a, b := q.fresh(), q.fresh(), q.fresh()
	with := filled("with $1 as $2 ($3) ", c, q.oneOf("", "", "not materialized", "materialized"), q.query(depth-1))
	return with + q.oneOf(
		filled("select * from $1", c),
		filled("select $1.k, $1.g, $2.s, $1.d, $2.v from $3 as $1 left join (select $3.g, max($3.s) as s, sum($3.v) as v from $3 group by $3.g) as $2 on $2.g = $1.g", a, b, c),
		filled("select * from $1 union all select $2.k, $2.g, 'again', $2.d, $2.v from $1 as $2 where $3", c, a, q.condition(a)),
		filled("select $1.* from $2 as $1 where $1.v = (select max($3.v) from $2 as $3 where $3.g = $1.g)", a, c, b))
}

func (q *queries) recursive(depth int) string {
	from, a := q.from(depth - 1)
	c := q.fresh()
	return filled("with recursive $1 as (select $2.*, 0 as n from $3 union all select $1.k, $4, $1.s, $1.d, $1.v, $1.n + 1 from $1 where $1.n < 2 and $5) select $1.k, $1.g, $1.s, $1.d, $1.v from $1",
		c, a, from, q.oneOf(c+".g", c+".g + 1"), q.condition(c))
}

func (q *queries) scalar(depth int) string {
	outer, a := q.from(depth - 1)
	inner, b := q.from(q.r.IntN(2) / depth)
	where := q.oneOf(filled(" where $1.g = $2.g", b, a), filled(" where $1.k = $2.k", b, a), "")
	return filled("select $1.k, $2 as g, (select max($3.s) from $4$5) as s, $1.d, $1.v from $6",
		a, q.group(a), b, inner, where, outer)
}

func (q *queries) limited(depth int) string {
	from, a := q.from(depth - 1)
	return fmt.Sprintf("(select %s.* from %s order by %s limit %d%s)", a, from, q.order(a), 1+q.r.IntN(30), q.oneOf("", " offset 2"))
}

func (q *queries) called(depth int) string {
	from, a := q.from(depth - 1)
	l := q.fresh()
	return filled("select $1.k, $2.g, $2.s, $2.d, $1.v from $3 $4 $5($2.g) as $1 on true", l, a, from, q.oneOf("join", "left join"), q.oneOf("ods.orders_of", "ods.orders_of", "ods.orders_within"))
}

// dependsOn are the relations that a query reads, itself or through functions, for a header.
func dependsOn(t testing.TB, sql string) string {
	t.Helper()
	reads, err := model.Reads(sql)
	require.NoError(t, err, sql)
	names := map[string]bool{}
	for _, r := range reads {
		names[r.Name] = true
	}
	for function, relation := range readWithin {
		if strings.Contains(sql, function+"(") {
			names[relation] = true
		}
	}
	return "-- depends_on: [" + strings.Join(slices.Sorted(maps.Keys(names)), ", ") + "]\n"
}

// readWithin is what functions read.
var readWithin = map[string]string{
	"ods.live_orders": "ods.orders", "ods.region_length": "ods.customers", "ods.orders_of": "ods.orders", "ods.orders_within": "ods.orders",
}

// functions are what the queries call: of a row alone, and such that read tables, which are put in the query's place or not.
var functions = []string{
	"create function ods.plus_one(n integer) returns integer immutable language sql as 'select n + 1'",
	"create function ods.live_orders(c integer) returns integer stable language sql as $$select count(*)::integer from ods.orders as o where (o.payload ->> 'customer')::integer = c and o._deleted_at is null$$",
	"create function ods.region_length(c integer) returns integer stable language plpgsql as $$begin return (select length(x.payload ->> 'region') from ods.customers as x where x.id = c); end$$",
	"create function ods.orders_of(c integer) returns table (k integer, v numeric) stable language sql as $$select o.id, trim_scale((o.payload ->> 'amount')::numeric) from ods.orders as o where (o.payload ->> 'customer')::integer = c and o._deleted_at is null$$",
	"create function ods.orders_within(c integer) returns table (k integer, v numeric) stable language plpgsql as $$begin return query select o.id, trim_scale((o.payload ->> 'amount')::numeric) from ods.orders as o where o.id = c and o._deleted_at is null; end$$",
}

// told returns the header and the query of an incremental model that says itself which groups a changed row has a part in.
// The query reads each relation in one place or two; its groups go through what no plan sees through.
func (q *queries) told() (header, sql string) {
	read := func(of, g string) string {
		return strings.ReplaceAll(filled("select $1 as g, $2.k, $2.s, $2.v from $3 as $2", g, "@", of), "@", q.fresh())
	}
	switch q.r.IntN(4) {
	case 0: // a group that another relation knows
		changed := `{ods.orders: ["(select c.payload ->> 'region' from ods.customers as c where c.id = (orders.payload ->> 'customer')::integer)"], ods.customers: ["payload ->> 'region'"]}`
		a, b := q.fresh(), q.fresh()
		sql = filled("select c.payload ->> 'region' as g, count(*) as n, sum((o.payload ->> 'amount')::numeric) as v, min(o.id) as k from ods.orders as o join ods.customers as c on c.id = (o.payload ->> 'customer')::integer where o._deleted_at is null group by 1")
		return "key: [g]\n-- incremental: {by: [g], changed: " + changed + "}", filled("select coalesce($1.g, '-') as g, $1.n, $1.v, $1.k, rank() over (partition by $1.g order by $1.v) as place from ($2) as $1 where ($1.g, $1.n) is not null and $1.g in (select $3.g from ($2) as $3)", a, sql, b)
	case 1: // two places of one relation
		g := q.oneOf("@.g", "@.k % 5", "length(@.s)")
		of := q.oneOf(q.made...)
		_, name, _ := strings.Cut(of, ".")
		other := q.oneOf("@.k % 5", "coalesce(@.g, 0)")
		changed := fmt.Sprintf("{%s: [\"unnest(array[%s, %s])\"]}", of, strings.ReplaceAll(g, "@", name), strings.ReplaceAll(other, "@", name))
		sql = read(of, g) + " union all " + read(of, other)
		return "key: [id]\n-- incremental: {by: [g], changed: " + changed + "}", q.opaque(sql)
	case 2: // of a stream's records as they were and as they are
		g := q.oneOf("(@.payload ->> 'customer')::integer", "jsonb_array_length(@.payload -> 'lines')", "((@.payload ->> 'at')::date - '2026-01-01') % 4")
		of := q.oneOf("ods.orders", "ods.events")
		k := map[bool]string{true: "@.id", false: "(@.payload ->> 'id')::integer"}[of == "ods.orders"]
		live := map[bool]string{true: "@._deleted_at is null", false: "true"}[of == "ods.orders"]
		sql = strings.ReplaceAll(filled("select $1 as g, $2 as k, @.payload -> 'lines' -> 0 ->> 'sku' as s, trim_scale((@.payload ->> 'amount')::numeric) as v from $3 as @ where $4", g, k, of, live), "@", q.fresh())
		return fmt.Sprintf("key: [id]\n-- incremental: {by: [g], changed: {%s: [\"%s\"]}}", of, strings.ReplaceAll(g, "@.", "")), q.opaque(sql)
	}
	// of a seed, under which orders stand
	sql = "select x.g, o.id as k, x.s, trim_scale(coalesce((o.payload ->> 'amount')::numeric, 0) + coalesce(x.v, 0)) as v from shop_between.coded as x left join ods.orders as o on o._deleted_at is null and (o.payload ->> 'customer')::integer = x.k"
	changed := `{shop_between.coded: [g], ods.orders: ["(select c.g from shop_between.coded as c where c.k = (orders.payload ->> 'customer')::integer)"]}`
	return "key: [id]\n-- incremental: {by: [g], changed: " + changed + "}", q.opaque(sql)
}

// opaque computes what each group has in ways that a condition on the group does not pass through, and gives rows a key.
func (q *queries) opaque(sql string) string {
	a, b := q.fresh(), q.fresh()
	rows := filled(q.oneOf(
		"select $1.g, $1.k, $1.s, $1.v from ($2) as $1",
		"select $1.g, $1.k, $1.s, sum($1.v) over (partition by $1.g order by $1.k, $1.s, $1.v rows between 1 preceding and current row) as v from ($2) as $1",
		"select ($1.x ->> 'g')::integer as g, ($1.x ->> 'k')::integer as k, $1.x ->> 's' as s, ($1.x ->> 'v')::numeric as v from (select to_jsonb(y.*) as x from ($2) as y) as $1",
		"select $1.g, min($1.k) as k, max($1.s) as s, count(*)::numeric as v from ($2) as $1 group by $1.g",
		"(with w as materialized ($2) select $1.g, $1.k, $1.s, (select max(o.v) from w as o where o.g = $1.g) as v from w as $1)",
	), a, sql)
	return filled("select md5(row($1.g, $1.k, $1.s, $1.v)::text) || '.' || row_number() over (partition by $1.g, $1.k, $1.s, $1.v) as id, $1.* from ($2) as $1", b, rows)
}

// keyed returns what an incremental model says of its groups, and a query that gives each row of another one a key: any of
// them may be there twice.
func (q *queries) keyed(depth int) (header, sql string) {
	if !q.only && q.seldom(6) {
		return q.told()
	}
	from, a := q.from(depth)
	if q.seldom(6) { // each group is a row
		return "key: [g]", filled("select coalesce($1.g, -1) as g, count(*) as rows, sum($1.v) as v, string_agg($1.s, ',' order by $2) as s from $3 group by 1", a, q.order(a), from)
	}
	columns := strings.ReplaceAll("@.k, @.g, @.s, @.d, @.v", "@", a)
	by := q.oneOf("g", "g", "g", "g", "g", "g", "s", "d", "k", "v", "g, s", "g, d")
	key, shown, partition, where := "id", columns, columns, ""
	switch q.r.IntN(4) {
	case 0: // there are none without a group
		key = by + ", id"
		where = " where " + a + "." + strings.ReplaceAll(by, ", ", " is not null and "+a+".") + " is not null"
	case 1: // the group is of another type
		by = "b"
		b := strings.ReplaceAll(q.oneOf("coalesce(@.g, -1)", "@.g::bigint", "@.g::text", "(@.g > 4)", "@.s::varchar(9)", "@.v::numeric(12,2)", `@.s collate "C"`, "@.d::timestamp",
			"coalesce(@.s, '')", "@.g::smallint", "@.g + 1", "@.s::bpchar"), "@", a)
		if q.seldom(2) {
			b = strings.ReplaceAll(q.oneOf(groupTypes...), "@", a)
		}
		shown, partition = shown+", "+b+" as b", b+", "+partition
		if q.seldom(3) {
			key, where = "b, id", " where "+b+" is not null"
		}
	}
	header = "key: [" + key + "]\n-- incremental: {by: [" + by + "]}"
	if q.seldom(6) {
		header += "\n-- rejects: {odd: \"" + q.condition("t") + "\"}"
	}
	if first, _, _ := strings.Cut(key, ","); first != "id" && q.seldom(3) && !hashless.MatchString(partition) {
		header += "\n-- partition_by: {hash: " + first + ", partitions: 2}"
	}
	return header,
		filled("select md5(row($1)::text) || '.' || row_number() over (partition by $2 order by $3.v::text) as id, $4 from $5$6", columns, partition, a, shown, from, where)
}
