package dag_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
)

// groupTypes are groups of types that few have: some whose equality takes several contents for one, some that have none of
// their own.
var groupTypes = []string{
	"case when @.v > 1 then 'NaN' else @.v end", "case when @.v < 0 then '-Infinity' when @.v = 1 then 'NaN' else @.v * '-0'::float8 end", "@.v::real",
	"case when @.g > 4 then 'open' else 'shut' end::ods.state", "row(@.g, @.s)::ods.pair", "row(@.d, @.v)::ods.pair_of_numbers", "(@.s || '!')::ods.code", "@.g::ods.counted", "left(@.s, 2)::ods.short",
	"int4range(@.g, @.g + 2)", "numrange(least(@.v, 0), 5)", "make_interval(days => @.g)", "make_interval(hours => @.g * 24, days => @.k % 2)", "array[@.g]", "array[@.s, @.d::text]::ods.codes",
	"(@.d + time '02:30') at time zone 'America/New_York'", "((@.d + 60) + time '02:30' + make_interval(mins => @.k)) at time zone 'America/New_York'", "@.d::timestamptz(0)", "(time '10:00' + make_interval(hours => @.g % 5))::timetz",
	"to_jsonb(@.v)", "jsonb_build_object('g', @.g, 'v', @.v * 1.0)", "@.g::money", "convert_to(@.s, 'UTF8')", "@.g::oid", "@.g::bit(3)", "md5(@.s)::uuid", "@.s::name", `@.s::"char"`, "('10.0.0.' || abs(@.g) % 200)::inet", "@.s::xml::text", "to_tsvector('simple', @.s)",
}

// hashless finds those of them that the server cannot hash, and so not partition by.
var hashless = regexp.MustCompile(`::money|::bit\(|to_tsvector`)

// groupTypesMade makes those of them that are not the server's.
var groupTypesMade = []string{
	"create type ods.state as enum ('shut', 'open')", "create type ods.pair as (a integer, b text)", "create type ods.pair_of_numbers as (a date, b numeric)",
	"create domain ods.code as text check (value like '%!')", "create domain ods.counted as integer", "create domain ods.short as varchar(2)", "create domain ods.codes as text[]",
}

// TestIncremental_equalsFullWhateverTypeGroupsHave has groups of each of these types, of rows and of sums, that follow a stream
// and a table.
func TestIncremental_equalsFullWhateverTypeGroupsHave(t *testing.T) {
	t.Parallel()
	w := newRandomWorld(t)
	types := groupTypes
	if w.hasICU() {
		w.exec("create collation ods.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
		types = append(types, "case when @.k % 2 = 0 then upper(@.s) else @.s end collate ods.any_case", "(case when @.k % 2 = 0 then upper(@.s) else @.s end collate ods.any_case)::varchar(9)")
	}
	for i, typ := range types {
		for of, from := range map[string]string{"stream": "(" + betweenOrders + ")", "table": "shop_between.table"} {
			deps := map[string]string{"stream": "ods.orders", "table": "shop_between.table"}[of]
			b := strings.ReplaceAll(typ, "@", "o")
			head := "-- kind: incremental\n-- depends_on: [" + deps + "]\n"
			w.write(fmt.Sprintf("models/shop/random/%s_rows%d.sql", of, i), head+"-- key: [k]\n-- incremental: {by: [b]}\nselect o.*, "+b+" as b, "+
				"count(*) over (partition by "+b+") as n from "+from+" as o")
			if strings.Contains(typ, "@.g * 24") || strings.Contains(typ, "any_case") {
				continue // a sum shows one of the contents that are equal, and which is open
			}
			w.write(fmt.Sprintf("models/shop/random/%s_sums%d.sql", of, i), head+"-- key: [b]\nselect "+b+" as b, count(*) as n, sum(o.v) as v from "+from+" as o where "+b+" is not null group by 1")
		}
	}
	ways := map[string]int{}
	all := seeds(t)
	if os.Getenv(seedsVariable) == "" {
		all = all[:1]
	}
	for _, seed := range all {
		r := rand.New(rand.NewPCG(seed, 8))
		t.Logf("seed %d", seed)
		w.source.begin()
		w.write("models/shop/between/coded.csv", codes(r))
		for _, records := range []int{60, 3, 2} {
			w.change(r, ordersStream, records)
			for _, s := range w.succeed().Steps {
				if strings.HasPrefix(s.Name, "shop_random.") {
					ways[took(s)]++
				}
			}
			w.requireFull(fmt.Sprintf("seed %d", seed))
		}
	}
	requireFollowed(t, ways)
}
