package dag_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// manyFacts are enough for more groups than are named in a statement to be less than a third of them, and for feeds that are
// emptied at once.
const manyFacts = 36_000

// large are relations with the columns of a random query that have many rows.
var large = map[string]string{
	"facts":  "-- kind: table\n-- key: [k]\n-- indexes: [[g]]\n-- depends_on: [ods.facts]\n" + allFacts,
	"parts":  "-- kind: table\n-- key: [d, k]\n-- indexes: [[g]]\n-- partition_by: {range: d, step: 1 month}\n-- depends_on: [ods.facts]\n" + allFacts,
	"group":  "-- kind: incremental\n-- key: [k]\n-- indexes: [[g]]\n-- incremental: {by: [g]}\n-- depends_on: [shop_large.facts]\n" + strings.Replace(allFacts, "ods.", "shop_large.", 1),
	"seen":   "-- depends_on: [shop_large.facts]\n" + strings.Replace(allFacts, "ods.", "shop_large.", 1) + " where f.k % 4 > 0",
	"again":  "-- depends_on: [shop_large.group, shop_large.seen]\nselect s.k, s.g, o.s, s.d, s.v + o.v as v from shop_large.seen as s join shop_large.\"group\" as o on o.k = s.k",
	"places": "-- kind: table\n-- key: [k]\n-- depends_on: [ods.places]\nselect c.k, c.g, c.s, c.d, c.v from ods.places as c",
}

// followed are models of them that follow what changes: a key at a time, and groups of few rows and of many.
var followed = map[string]string{
	"keys":     "-- key: [k]\n-- depends_on: [shop_large.facts]\nselect f.k, f.g + 1 as g, f.s, f.v * 2 as v from shop_large.facts as f",
	"windows":  "-- key: [k]\n-- incremental: {by: [g]}\n-- depends_on: [shop_large.facts]\nselect f.k, f.g, sum(f.v) over (partition by f.g order by f.k) as v from shop_large.facts as f",
	"sums":     "-- key: [g]\n-- depends_on: [shop_large.again]\nselect f.g, count(*) as n, sum(f.v) as v, string_agg(f.s, ',' order by f.k) as s from shop_large.again as f where f.g is not null group by f.g",
	"days":     "-- key: [d]\n-- depends_on: [shop_large.parts]\nselect f.d, count(*) as n, sum(f.v) as v from shop_large.parts as f group by f.d",
	"chained":  "-- key: [d, s]\n-- incremental: {by: [d]}\n-- depends_on: [shop_large.group]\nselect f.d, coalesce(f.s, '') as s, count(*) as n from shop_large.\"group\" as f group by 1, 2",
	"joined":   "-- key: [k]\n-- incremental: {by: [g]}\n-- depends_on: [shop_large.facts, shop_large.places]\nselect f.k, f.g, p.s, f.v + coalesce(p.v, 0) as v from shop_large.facts as f left join shop_large.places as p on p.k = f.g",
	"parted":   "-- key: [d, k]\n-- incremental: {by: [d]}\n-- partition_by: {range: d, step: 1 month}\n-- depends_on: [shop_large.facts]\nselect f.d, f.k, f.v, row_number() over (partition by f.d order by f.v, f.k) as place from shop_large.facts as f",
	"rejected": "-- key: [k]\n-- rejects: {odd: v < 2}\n-- depends_on: [shop_large.group]\nselect f.k, f.v from shop_large.\"group\" as f",
	"counted":  "-- key: [n]\n-- depends_on: [shop_random.sums]\nselect s.n, count(*) as groups, sum(s.v) as v from shop_random.sums as s group by s.n",
}

const allFacts = "select f.k, f.g, f.s, f.d, f.v from ods.facts as f"

// factsFrom are so many facts, from a number on.
const factsFrom = `select i, nullif(i / 6 %% 6000, 7), (array['a', 'north', null, 'x' || i %% 50])[1 + i %% 4], date '2026-01-01' + i / 90, trim_scale(round((i %% 997) / 10.0, 1)) from generate_series(%[1]d, %[1]d + %[2]d - 1) as i`

func newLargeWorld(t *testing.T) *randomWorld {
	t.Helper()
	w := newRandomWorld(t)
	for name, text := range large {
		w.write("models/shop/large/"+name+".sql", text)
	}
	for name, text := range followed {
		w.write("models/shop/random/"+name+".sql", "-- kind: incremental\n"+text)
	}
	w.world.streams = append(w.world.streams, "ods.facts", "ods.places")
	const columns = " (k integer primary key, g integer, s text, d date not null, v numeric)"
	w.exec("create table ods.facts" + columns)
	w.exec("create table ods.places" + columns)
	return w
}

// beginLarge is begin with many facts, of whose queries the models to come are.
func (w *randomWorld) beginLarge(r *rand.Rand) {
	w.t.Helper()
	w.anew(r)
	w.exec("truncate ods.facts, ods.places")
	w.world.land("ods.facts", "insert into ods.facts "+fmt.Sprintf(factsFrom, 1, manyFacts))
	w.world.land("ods.places", "insert into ods.places "+fmt.Sprintf(factsFrom, 1, 6000))
	w.succeed()
	w.exec("analyze")
	w.q = &queries{r: r, only: true}
	for _, name := range slices.Sorted(maps.Keys(large)) {
		w.q.made = append(w.q.made, `shop_large.`+strings.ReplaceAll(name, "group", `"group"`))
	}
}

// changeFacts changes few of them or many, in one of the ways in which rows change.
func (w *randomWorld) changeFacts(r *rand.Rand) {
	few, many := 1+r.IntN(40), 11_000
	from := r.IntN(manyFacts - many)
	some := fmt.Sprintf(" where k between %d and %d", from, from+many)
	if r.IntN(2) == 0 {
		some = fmt.Sprintf(" where k in (select %d + 13 * i from generate_series(1, %d) as i)", from, few)
	}
	set := []string{"v = v + 1", "g = (g + 1) % 6000", "g = 5", "g = null", "d = d + 40", "s = case when s is null then 'a' end", "g = (g + 1) % 6000, d = d + 31, v = v - 2"}
	switch r.IntN(6) {
	case 0:
		w.world.land("ods.facts", "delete from ods.facts"+some)
	case 1:
		w.world.land("ods.facts", "insert into ods.facts "+fmt.Sprintf(factsFrom, manyFacts+1+from, many)+" on conflict (k) do update set v = excluded.v")
	case 2:
		w.world.land("ods.places", "update ods.places set "+set[r.IntN(len(set))]+some)
	default:
		w.world.land("ods.facts", "update ods.facts set "+set[r.IntN(len(set))]+some)
	}
}

// cheap makes queries until one is, as the server judges it, and has not too many rows.
func (w *randomWorld) cheap(query func() string) string {
	w.t.Helper()
	for {
		sql := query()
		var plan []struct {
			Plan struct {
				Cost float64 `json:"Total Cost"`
			}
		}
		require.NoError(w.t, json.Unmarshal([]byte(w.text("explain (format json) "+sql)), &plan), sql)
		if plan[0].Plan.Cost > 60_000 {
			continue
		}
		n, err := strconv.Atoi(w.value(fmt.Sprintf("select count(*) from (select from (%s) as q limit %d) as q", sql, 2*manyFacts)))
		require.NoError(w.t, err)
		if n < 2*manyFacts {
			return sql
		}
	}
}

// text is the one value that a statement gives.
func (w *world) text(sql string) (out string) {
	w.t.Helper()
	require.NoError(w.t, w.db.Pool.QueryRow(w.t.Context(), sql).Scan(&out), sql)
	return out
}

// requireSame is requireFull for many rows.
func (w *world) requireSame(told string) {
	w.t.Helper()
	p, _ := w.project()
	for _, m := range p.Models {
		if m.Schema != "shop_large" && m.Schema != "shop_random" {
			continue
		}
		kept := "true"
		for _, rule := range m.Header.Rejects {
			kept += " and (" + rule.Condition + ") is not true"
		}
		differ := fmt.Sprintf(`with is_there as materialized (select t::text as c from %[1]s as t), wanted as materialized (select t::text as c from (%[2]s) as t where %[3]s)
(select 'too much', c from is_there except all select 'too much', c from wanted limit 3) union all (select 'missing', c from wanted except all select 'missing', c from is_there limit 3)`,
			`"`+m.Schema+`"."`+m.Relation+`"`, m.SQL, kept)
		require.Empty(w.t, w.rows(differ), "%s, %s\n%s", m.Name, told, m.SQL)
	}
}

// TestIncremental_equalsFullOfManyRows is TestIncremental_equalsFullWhateverTheQuery for tables whose plans, feeds and lists of
// groups are those of many rows.
func TestIncremental_equalsFullOfManyRows(t *testing.T) {
	t.Parallel()
	w := newLargeWorld(t)
	ways := map[string]int{}
	all := seeds(t)
	if os.Getenv(seedsVariable) == "" {
		all = all[:1]
	}
	for _, seed := range all {
		r := rand.New(rand.NewPCG(seed, 10))
		t.Logf("seed %d", seed)
		w.beginLarge(r)
		for i := range 2 {
			var header string
			sql := w.cheap(func() (sql string) {
				header, sql = w.q.keyed(r.IntN(2))
				return sql
			})
			w.add(fmt.Sprintf("shop_random.q%d", i), "incremental\n-- "+header, sql)
		}
		for round := range 3 {
			if round > 0 {
				w.changeFacts(r)
			}
			report := w.succeed()
			w.requireSame(fmt.Sprintf("seed %d, round %d", seed, round))
			for _, s := range report.Steps {
				if strings.HasPrefix(s.Name, "shop_random.") {
					ways[took(s)]++
				}
			}
		}
	}
	requireFollowed(t, ways)
}
