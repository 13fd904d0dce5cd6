package dag_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/ods"
)

// between are models that stand between the streams and the random ones, one of each kind.
var between = map[string]string{
	"table": "-- kind: table\n-- key: [k]\n-- partition_by: {hash: k, partitions: 2}\n-- depends_on: [ods.orders]\n" + betweenOrders,
	"bag":   "-- kind: table\n-- depends_on: [ods.orders]\n" + strings.Replace(betweenOrders, "o.id as k", "o.id % 3 as k", 1),
	"seen":  "-- depends_on: [ods.orders]\n" + betweenOrders + " and o.id % 4 > 0",
	"merged": "-- kind: sql\n-- target: shop_between.merged\n-- depends_on: [ods.orders]\ncreate table if not exists shop_between.merged (k integer primary key, g integer, s text, d date, v numeric);\n" +
		"merge into shop_between.merged as t using (" + betweenOrders + ") as o on o.k = t.k\nwhen matched and (t.g, t.s, t.d, t.v) is distinct from (o.g, o.s, o.d, o.v) then update set g = o.g, s = o.s, d = o.d, v = o.v\n" +
		"when not matched then insert values (o.k, o.g, o.s, o.d, o.v);\n" +
		"delete from shop_between.merged as t where not exists (select from ods.orders as o where o.id = t.k and o._deleted_at is null)",
	"kept":        "-- kind: materialized_view\n-- depends_on: [ods.orders]\n" + betweenOrders,
	"incremental": "-- kind: incremental\n-- key: [k]\n-- incremental: {by: [g]}\n-- rejects: {low: v < 0}\n-- depends_on: [ods.orders]\n" + betweenOrders,
	"dimension":   "-- kind: scd2\n-- key: [k]\n-- scd2: {valid_from: at}\n-- depends_on: [ods.customers__versions]\n" + betweenCustomers,
}

// stable are those of them that have just the columns of a query.
var stable = []string{"shop_between.table", "shop_between.bag", "shop_between.seen", "shop_between.incremental", "shop_between.coded", "shop_between.merged"}

// coded describes a seed, whose lines codes writes.
const coded = "key: k\ncolumns: {k: integer, g: integer, s: text, d: date, v: numeric}\n"

// codes are the lines of the seed, as many as there are customers; each has other values one time of so many.
func codes(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("k,g,s,d,v\n")
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	for k := range 13 {
		if r.IntN(6) > 0 {
			fmt.Fprintf(&b, "%d,%s,%s,%s,%s\n", k, pick("", "1", "3", "7"), pick("", "a", "north"), pick("", "2026-01-02", "2026-01-05"), pick("", "0", "1.5", "-2"))
		}
	}
	return b.String()
}

// eventsStream has no key.
var eventsStream = ods.Stream{Name: "ods.events"}

const betweenCustomers = `select c.id as k, c.id as g, c.payload ->> 'region' as s, (c.payload ->> 'at')::timestamp::date as d, trim_scale((c.payload ->> 'rate')::numeric) as v, (c.payload ->> 'at')::timestamptz as at, c._version
from ods.customers__versions as c`

const betweenOrders = `select o.id as k, (o.payload ->> 'customer')::integer as g, o.payload -> 'lines' -> 0 ->> 'sku' as s, (o.payload ->> 'at')::date as d, trim_scale((o.payload ->> 'amount')::numeric) as v
from ods.orders as o
where o._deleted_at is null`

// randomWorld has streams, what stands between, and models that are made anew for each seed.
type randomWorld struct {
	*source
	q      *queries
	models []string
}

func newRandomWorld(t *testing.T) *randomWorld {
	t.Helper()
	files := map[string]string{}
	for name, text := range between {
		files["models/shop/between/"+name+".sql"] = text
	}
	files["models/shop/between/coded.csv"], files["models/shop/between/coded.yml"] = "k,g,s,d,v\n", coded
	w := &randomWorld{source: newSource(t, newWorld(t, files, "ods.orders", "ods.customers", "ods.events"), ordersStream, customersStream, eventsStream)}
	for _, sql := range slices.Concat(groupTypesMade, functions) {
		w.exec(sql)
	}
	return w
}

// anew forgets the models of the last seed, and what landed.
func (w *randomWorld) anew(r *rand.Rand) {
	w.t.Helper()
	for _, name := range w.models {
		delete(w.files, name)
	}
	w.models = nil
	w.source.begin()
	w.write("models/shop/between/coded.csv", codes(r))
}

// begin lands records, and makes two models of random queries for others to read.
func (w *randomWorld) begin(r *rand.Rand) {
	w.t.Helper()
	w.anew(r)
	for _, stream := range w.streams {
		w.change(r, stream, 60)
	}
	w.planDifferently(r)
	few, many := int64(1+1000*r.IntN(3)), 1+r.Int64N(4)
	w.world.change = func(e *dag.SQLExecutor) { e.FewRows, e.ManyRows = few, many }
	w.succeed()
	w.q = &queries{r: r, made: stable}
	for i := range 2 {
		name := fmt.Sprintf("shop_between.random%d", i)
		w.add(name, w.q.oneOf("view", "table"), w.tried(func() string { return w.q.query(1 + r.IntN(2)) }))
		w.succeed(name)
		w.q.made = append(slices.Clip(w.q.made), name)
	}
}

// planDifferently has the server prefer, in the sessions to come, what it would choose for tables of other sizes.
func (w *randomWorld) planDifferently(r *rand.Rand) {
	w.t.Helper()
	w.exec(`do $$begin execute format('alter database %I reset all', current_database()); end$$`)
	for _, setting := range []string{
		"enable_nestloop = off", "enable_hashjoin = off", "enable_mergejoin = off", "enable_hashagg = off", "enable_sort = off", "enable_seqscan = off",
		"enable_bitmapscan = off", "enable_indexscan = off", "enable_material = off", "enable_memoize = off", "enable_partitionwise_join = on",
		"enable_partitionwise_aggregate = on", "from_collapse_limit = 1", "join_collapse_limit = 1",
		"parallel_setup_cost = 0; min_parallel_table_scan_size = 0; parallel_tuple_cost = 0; min_parallel_index_scan_size = 0",
	} {
		if r.IntN(6) > 0 {
			continue
		}
		for one := range strings.SplitSeq(setting, "; ") {
			w.exec(`do $$begin execute format('alter database %I set ` + one + `', current_database()); end$$`)
		}
	}
}

// add makes a model of the query, of a kind to which more of a header may be added.
func (w *randomWorld) add(name, kind, sql string) {
	file := "models/" + strings.NewReplacer("_", "/", ".", "/").Replace(name) + ".sql"
	w.write(file, "-- kind: "+kind+"\n"+dependsOn(w.t, sql)+sql)
	w.models = append(w.models, file)
}

// changeSome lands a few pages.
func (w *randomWorld) changeSome(r *rand.Rand) {
	for range 1 + r.IntN(2) {
		w.change(r, w.streams[max(0, r.IntN(4)-1)], 1+r.IntN(3))
	}
	if r.IntN(5) == 0 {
		w.write("models/shop/between/coded.csv", codes(r))
	}
}

// some are, at times, some of the nodes, else none, which means all.
func (w *randomWorld) some(r *rand.Rand) []string {
	w.t.Helper()
	if r.IntN(3) > 0 {
		return nil
	}
	_, graph := w.project()
	return slices.DeleteFunc(namesOf(graph.Nodes()), func(name string) bool { return strings.HasPrefix(name, "ods.") || r.IntN(2) == 0 })
}

// tried makes queries until one has a result that is not too large.
func (w *randomWorld) tried(query func() string) string {
	w.t.Helper()
	const most = 2000
	for {
		sql := query()
		n, err := strconv.Atoi(w.value(fmt.Sprintf("select count(*) from (select from (%s) as q limit %d) as q", sql, most+1)))
		require.NoError(w.t, err)
		if n <= most {
			return sql
		}
	}
}

// TestIncremental_equalsFullWhateverTheQuery makes models of random queries, and changes what they read in random ways, in
// runs of all or some of them: whatever was changed, each equals its query.
func TestIncremental_equalsFullWhateverTheQuery(t *testing.T) {
	t.Parallel()
	w := newRandomWorld(t)
	ways := map[string]int{}
	for _, seed := range someSeeds(t) {
		r := rand.New(rand.NewPCG(seed, 5))
		t.Logf("seed %d", seed)
		w.begin(r)
		for i := range 8 {
			var header string
			sql := w.tried(func() (sql string) {
				header, sql = w.q.keyed(r.IntN(4))
				return sql
			})
			w.add(fmt.Sprintf("shop_random.q%d", i), "incremental\n-- "+header, sql)
		}
		w.together = r.IntN(4) == 0
		for round := range 5 {
			if round > 0 {
				w.changeSome(r)
			}
			if round == 3 && r.IntN(3) == 0 { // what others read says something else
				w.q.made = stable
				w.add("shop_between.random0", w.q.oneOf("view", "table"), w.tried(func() string { return w.q.leaf() }))
			}
			names := w.some(r)
			report := w.succeed(names...)
			w.requireFull(fmt.Sprintf("seed %d, round %d, a run of %v", seed, round, cmp.Or(strings.Join(names, " "), "all")), names...)
			for _, s := range report.Steps {
				if strings.HasPrefix(s.Name, "shop_random.") {
					ways[took(s)]++
				}
			}
		}
	}
	requireFollowed(t, ways)
}

// requireFollowed fails when hardly any run followed what changed: then the queries would show nothing.
func requireFollowed(t *testing.T, ways map[string]int) {
	t.Helper()
	t.Logf("%v", ways)
	require.Greater(t, 10*ways["groups"], ways["groups"]+ways["full"], "%v", ways)
}

// someSeeds are two of the seeds, unless it is said how many.
func someSeeds(t *testing.T) []uint64 {
	t.Helper()
	if os.Getenv(seedsVariable) != "" {
		return seeds(t)
	}
	return seeds(t)[:2]
}
