package dag_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// seedsVariable says which seeds random tests use.
const seedsVariable = "TERRACE_TEST_SEEDS"

// seeds returns the seeds that random tests use: few with -short, else five, or those that TERRACE_TEST_SEEDS says, as
// many as "500" or from one to another as "301-500".
func seeds(t *testing.T) []uint64 {
	t.Helper()
	first, last := 1, 5
	if testing.Short() {
		last = 2
	}
	if text := os.Getenv(seedsVariable); text != "" {
		from, to, ranged := strings.Cut(text, "-")
		if !ranged {
			from, to = "1", text
		}
		var err error
		first, err = strconv.Atoi(from)
		require.NoError(t, err)
		last, err = strconv.Atoi(to)
		require.NoError(t, err)
	}
	var out []uint64
	for i := first; i <= last; i++ {
		out = append(out, uint64(i))
	}
	return out
}

// forget brings a world's database back to where its files were never run.
func (w *world) forget() {
	w.t.Helper()
	for _, schema := range w.rows("select nspname from pg_namespace where nspname like 'shop%'") {
		w.exec("drop schema " + strings.Trim(schema, "()") + " cascade")
	}
	w.exec("truncate terrace.node_state, terrace.batch, terrace.run, terrace.step, terrace.assertion_result")
}

// places returns where each row of a relation is, by its content: equal rows have several places.
func (w *world) places(relation string) map[string][]string {
	w.t.Helper()
	rows, err := w.db.Pool.Query(context.Background(), "select t::text, concat_ws(' ', t.ctid, t.xmin, t.tableoid) from "+relation+" as t order by t.ctid")
	require.NoError(w.t, err)
	out := map[string][]string{}
	var content, place string
	_, err = pgx.ForEachRow(rows, []any{&content, &place}, func() error {
		out[content] = append(out[content], place)
		return nil
	})
	require.NoError(w.t, err)
	return out
}

// written tells, for every relation of the models' schemas and of terrace's own, where its rows are: a run that
// writes nothing leaves it as it was.
func (w *world) written(schemas ...string) map[string]map[string][]string {
	w.t.Helper()
	out := map[string]map[string][]string{}
	for _, row := range w.rows(`select format('"%s"."%s"', n.nspname, c.relname) as name
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname = any($1)`, schemas) {
		name := strings.ReplaceAll(strings.Trim(row, "()"), `"""`, `"`)
		name = strings.ReplaceAll(name, `""`, `"`)
		out[name] = w.places(name)
	}
	return out
}

// requireUntouched fails unless every row that is still what it was is still where it was.
func requireUntouched(t testing.TB, before, after map[string][]string, name string) {
	t.Helper()
	for content, places := range before {
		stayed := 0
		for _, place := range after[content] {
			if slices.Contains(places, place) {
				stayed++
			}
		}
		require.Equal(t, min(len(places), len(after[content])), stayed, "%s: row %s was written though nothing in it changed", name, content)
	}
}

var shapes = map[string]string{
	"grouped":  "select o.customer, count(*) as orders, sum(o.amount) as amount, max(o.at) as newest from ods.orders as o group by o.customer",
	"joined":   "select o.id, c.region, o.amount * coalesce(c.rate, 1) as amount from ods.orders as o left join ods.customers as c on c.id = o.customer",
	"ranked":   "select o.id, o.customer, row_number() over (partition by o.customer order by o.at, o.id) as place, sum(o.amount) over (partition by o.customer order by o.at, o.id) as total from ods.orders as o",
	"exploded": "select o.id, l.n, l.line ->> 'sku' as sku, (l.line ->> 'qty')::numeric as qty, l.line from ods.orders as o cross join lateral jsonb_array_elements(o.lines) with ordinality as l (line, n)",
}

var shapeKeys = map[string]string{"grouped": "[customer]", "joined": "[id]", "ranked": "[id]", "exploded": "[id, n]"}

// newShapes is a world with every shape as an incremental model, as a table with a key, and as one without.
func newShapes(t *testing.T) *world {
	t.Helper()
	files := map[string]string{}
	for name, sql := range shapes {
		head := "-- depends_on: [ods.orders]\n"
		if strings.Contains(sql, "ods.customers") {
			head = "-- depends_on: [ods.orders, ods.customers]\n"
		}
		key := "-- key: " + shapeKeys[name] + "\n"
		files["models/shop/inc/"+name+".sql"] = "-- kind: incremental\n" + key + head + sql
		files["models/shop/keyed/"+name+".sql"] = "-- kind: table\n" + key + head + sql
		files["models/shop/bag/"+name+".sql"] = "-- kind: table\n" + head + strings.Replace(sql, "o.id, ", "", 1)
	}
	w := newWorld(t, files, "ods.orders", "ods.customers")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer primary key, customer integer not null, amount numeric, at date not null, lines jsonb not null)")
	w.exec("create table ods.customers (id integer primary key, region text, rate numeric)")
	return w
}

// changeOrders makes one random batch: late and new orders, changed ones, moves between groups, deletions.
func changeOrders(w *world, r *rand.Rand) {
	lines := func() string {
		parts := []string{}
		for range r.IntN(3) {
			parts = append(parts, fmt.Sprintf(`{"sku": "s%d", "qty": %d.%d}`, r.IntN(3), r.IntN(9), r.IntN(2)*10))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	for range 1 + r.IntN(6) {
		id, customer := 1+r.IntN(12), 1+r.IntN(4)
		switch r.IntN(6) {
		case 0:
			w.land("ods.orders", "delete from ods.orders where id = $1", id)
		case 1:
			w.land("ods.orders", "update ods.orders set customer = $2 where id = $1", id, customer)
		case 2:
			w.land("ods.customers", `insert into ods.customers values ($1, $2, $3)
on conflict (id) do update set region = excluded.region, rate = excluded.rate`,
				customer, []any{nil, "north", "south"}[r.IntN(3)], []any{nil, "1.0", "1.00", "2"}[r.IntN(4)])
		case 3:
			w.land("ods.customers", "delete from ods.customers where id = $1", customer)
		default:
			w.land("ods.orders", `insert into ods.orders values ($1, $2, $3, date '2026-01-01' + $4::integer, $5::jsonb)
on conflict (id) do update set customer = excluded.customer, amount = excluded.amount, at = excluded.at, lines = excluded.lines`,
				id, customer, []any{nil, "1.0", "1.00", "5", "-3.50"}[r.IntN(5)], r.IntN(10), lines())
		}
	}
}

func TestModels_equalTheirQueryAfterAnyChange(t *testing.T) {
	t.Parallel()
	w := newShapes(t)
	for _, seed := range seeds(t) {
		w.forget()
		w.exec("truncate ods.orders, ods.customers")
		r := rand.New(rand.NewPCG(seed, 1))
		t.Logf("seed %d", seed)
		for range 3 {
			before := w.written("shop_inc", "shop_keyed", "shop_bag")
			changeOrders(w, r)
			w.succeed()
			p, _ := w.project()
			for _, m := range p.Models {
				relation := `"` + m.Schema + `"."` + m.Relation + `"`
				require.Equal(t, w.rows("select q::text as c from ("+m.SQL+") as q order by 1"),
					w.rows("select q::text as c from "+relation+" as q order by 1"), "%s, seed %d", m.Name, seed)
				requireUntouched(t, before[relation], w.places(relation), m.Name)
			}
		}
	}
}

func TestModels_areSkippedAndWriteNothingWhenNothingChanged(t *testing.T) {
	t.Parallel()
	w := newShapes(t)
	changeOrders(w, rand.New(rand.NewPCG(7, 7)))
	w.land("ods.orders", "insert into ods.orders values (100, 1, 1, '2026-01-01', '[]')")
	w.succeed()
	schemas := []string{"shop_inc", "shop_keyed", "shop_bag", "ods"}
	before, state := w.written(schemas...), w.places("terrace.node_state")

	for _, s := range w.succeed().Steps {
		require.Equal(t, dag.Skipped, s.Status, s.Name)
		require.Equal(t, "unchanged", s.Reason, s.Name)
	}

	require.Equal(t, before, w.written(schemas...))
	require.Equal(t, state, w.places("terrace.node_state"))
	require.Equal(t, "1", w.value("select count(*) from terrace.batch where rows_inserted > 0 and node = 'shop_inc.grouped'"))
}

func TestModels_writeNothingWhenForcedOnTheSameInput(t *testing.T) {
	t.Parallel()
	w := newShapes(t)
	changeOrders(w, rand.New(rand.NewPCG(8, 8)))
	w.land("ods.orders", "insert into ods.orders values (100, 1, 1, '2026-01-01', '[]'), (101, 1, 1, '2026-01-01', '[]')")
	w.succeed()
	before := w.written("shop_inc", "shop_keyed", "shop_bag")

	w.plan = func(o *dag.PlanOptions) { o.Force = true }
	for _, s := range w.succeed().Steps {
		require.Equal(t, "forced", s.Reason, s.Name)
		require.Zero(t, s.Rows.Changed(), s.Name)
	}

	require.Equal(t, before, w.written("shop_inc", "shop_keyed", "shop_bag"))
	require.NotEmpty(t, slices.Collect(maps.Keys(before)))
}
