package dag_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/ods"
)

// driven are models by the reason that they must give when only some orders, or only some customers, changed: "groups"
// when the change is followed, "full" when nothing says which groups it concerns.
var driven = map[string]struct{ header, sql, orders, customers string }{
	"by_row": {
		"key: [id]\n-- depends_on: [ods.orders]",
		"select o.id, o.amount as amount, o.at as at from ods.orders as o where o._deleted_at is null", "groups", "",
	},
	"grouped_by_key": { // only of a table a key gives the other columns
		"key: [id]\n-- depends_on: [ods.orders]",
		"select o.id, o.amount as amount, count(*) as lines from ods.orders as o where o._deleted_at is null group by o.id",
		"groups", "",
	},
	"renamed": {
		"key: [order_id]\n-- depends_on: [ods.orders]",
		"select o.id::bigint as order_id, o.amount as amount from ods.orders as o where o._deleted_at is null", "groups", "",
	},
	"exploded": {
		"key: [id, n]\n-- incremental: {by: [id]}\n-- depends_on: [ods.orders]",
		"select o.id, l.n, l.line ->> 'sku' as sku, l.line from ods.orders as o cross join lateral jsonb_array_elements(o.lines) with ordinality as l (line, n) where o._deleted_at is null",
		"groups", "",
	},
	"joined": { // the orders of a changed customer are looked up
		"key: [id]\n-- depends_on: [ods.customers, ods.orders]",
		"select o.id, c.region as region, o.amount * coalesce(c.rate, 1) as amount from ods.orders as o left join ods.customers as c on c.id = o.customer where o._deleted_at is null",
		"groups", "groups",
	},
	"looked_up": {
		"key: [id]\n-- depends_on: [ods.customers, ods.orders]",
		"select o.id, (select max(c.rate) from ods.customers as c where c.id = o.customer and c._deleted_at is null) as rate from ods.orders as o where o._deleted_at is null",
		"groups", "groups",
	},
	"beside_its_customer": {
		"key: [id]\n-- depends_on: [ods.customers, ods.orders]",
		"select o.id, l.region from ods.orders as o left join lateral (select c.region as region from ods.customers as c where c.id = o.customer order by c.rate limit 1) as l on true where o._deleted_at is null",
		"groups", "groups",
	},
	"of_nobody": {
		"key: [id]\n-- depends_on: [ods.customers, ods.orders]",
		"select o.id, o.amount as amount from ods.orders as o where o._deleted_at is null and not exists (select from ods.customers as c where c.id = o.customer and c.region is not null)",
		"groups", "groups",
	},
	"two_steps_away": {
		"key: [id]\n-- depends_on: [ods.customers, ods.orders]",
		"select o.id, c.region as region, p.payload ->> 'region' as other from ods.orders as o join ods.customers as c on c.id = o.customer left join ods.customers as p on p.id = 1 + c.id / 2 where o._deleted_at is null",
		"groups", "groups",
	},
	"by_region": { // the region of a changed order is looked up
		"key: [region]\n-- depends_on: [ods.customers, ods.orders]",
		"select coalesce(c.region, '') as region, count(*) as orders, sum(o.amount) as amount from ods.orders as o join ods.customers as c on c.id = o.customer where o._deleted_at is null group by 1",
		"groups", "groups",
	},
	"by_region_or_none": {
		"key: [region]\n-- columns: {label: {not_null: true}}\n-- incremental: {by: [region]}\n-- depends_on: [ods.customers, ods.orders]",
		"select c.region as region, coalesce(min(c.region), '') as label, count(*) as orders from ods.orders as o left join ods.customers as c on c.id = o.customer where o._deleted_at is null group by 1 having c.region is not null",
		"groups", "groups",
	},
	"by_day_and_region": { // an order tells the day, its customer the region
		"key: [day, region]\n-- depends_on: [ods.customers, ods.orders]",
		"select o.at::date as day, coalesce(c.region, '') as region, count(*) as orders, sum(o.amount) as amount from ods.orders as o join ods.customers as c on c.id = o.customer where o._deleted_at is null group by 1, 2",
		"groups", "groups",
	},
	"joined_by_customer": {
		"key: [id]\n-- incremental: {by: [customer]}\n-- depends_on: [ods.customers, ods.orders]",
		"select o.id, o.customer as customer, c.region as region, o.amount * coalesce(c.rate, 1) as amount from ods.orders as o left join ods.customers as c on c.id = o.customer where o._deleted_at is null",
		"groups", "groups",
	},
	"grouped": {
		"key: [customer]\n-- depends_on: [ods.orders]",
		"select coalesce(o.customer, 0) as customer, count(*) as orders, sum(o.amount) as amount, max(o.at) as newest from ods.orders as o where o._deleted_at is null group by 1",
		"groups", "",
	},
	"grouped_by_day": {
		"key: [day, customer]\n-- incremental: {by: [day], changed: {ods.orders: [\"(payload ->> 'at')::date\"]}}\n-- depends_on: [ods.orders]",
		"select o.at::date as day, coalesce(o.customer, -1) as customer, sum(o.amount) as amount from ods.orders as o where o._deleted_at is null group by 1, 2",
		"groups", "",
	},
	"ranked": { // a changed order gives places to others
		"key: [id]\n-- depends_on: [ods.orders]",
		"select o.id, o.customer as customer, row_number() over (partition by o.customer order by o.at, o.id) as place from ods.orders as o where o._deleted_at is null",
		"full", "",
	},
	"ranked_by_customer": {
		"key: [id]\n-- incremental: {by: [customer]}\n-- depends_on: [ods.orders]",
		"select o.id, o.customer as customer, row_number() over (partition by o.customer order by o.at, o.id) as place, sum(o.amount) over (partition by o.customer order by o.at, o.id) as total from ods.orders as o where o._deleted_at is null",
		"groups", "",
	},
	"two_sources": {
		"key: [customer]\n-- depends_on: [ods.customers, ods.orders]",
		"with m as (select o.customer as customer, o.amount as amount, 1 as orders from ods.orders as o where o._deleted_at is null union all select c.id, c.rate, 0 from ods.customers as c where c._deleted_at is null) select m.customer, sum(m.amount) as amount, sum(m.orders) as orders from m where m.customer is not null group by m.customer",
		"groups", "groups",
	},
	"outer": { // a customer without orders is in the group without a customer
		"key: [id]\n-- incremental: {by: [customer]}\n-- depends_on: [ods.customers, ods.orders]",
		"select c.id, min(o.customer) as customer, count(o.id) as orders from ods.customers as c left join ods.orders as o on o.customer = c.id and o._deleted_at is null group by c.id",
		"full", "full",
	},
	"unmatched": {
		"key: [customer_id, order_id]\n-- incremental: {by: [customer]}\n-- depends_on: [ods.customers, ods.orders]",
		"select c.id as customer_id, coalesce(o.id, 0) as order_id, o.customer as customer, o.amount as amount from ods.customers as c left join ods.orders as o on o.customer = c.id and o._deleted_at is null",
		"groups", "groups",
	},
	"unmatched_declared": { // the groups of both sides are told, and what is in none is told by neither
		"key: [customer_id, order_id]\n-- incremental: {by: [customer], changed: {ods.orders: [\"(payload ->> 'customer')::integer\"], ods.customers: [id]}}\n-- depends_on: [ods.customers, ods.orders]",
		"select c.id as customer_id, coalesce(o.id, 0) as order_id, o.customer as customer from ods.customers as c left join ods.orders as o on o.customer = c.id and o._deleted_at is null",
		"groups", "groups",
	},
	"rollup": { // the sum of all is in the group without a customer
		"key: [label]\n-- incremental: {by: [customer], changed: {ods.orders: [\"(payload ->> 'customer')::integer\"]}}\n-- depends_on: [ods.orders]",
		"select coalesce(o.customer::text, 'all') as label, o.customer as customer, sum(o.amount) as amount from ods.orders as o where o._deleted_at is null and o.customer is not null group by rollup (o.customer)",
		"groups", "",
	},
	"latest": {
		"key: [customer]\n-- depends_on: [ods.orders]",
		"select distinct on (coalesce(o.customer, 0)) coalesce(o.customer, 0) as customer, o.id, o.amount as amount from ods.orders as o where o._deleted_at is null order by coalesce(o.customer, 0), o.at desc, o.id",
		"groups", "",
	},
	"known": {
		"key: [id]\n-- incremental: {by: [customer]}\n-- columns: {customer: {not_null: true}}\n-- depends_on: [ods.customers, ods.orders]",
		"select o.id, o.customer as customer from ods.orders as o where exists (select from ods.customers as c where c.id = o.customer and c.region is not null)",
		"groups", "groups",
	},
	"by_sku": { // an order has lines of many
		"key: [sku]\n-- depends_on: [ods.orders]",
		"select coalesce(l.line ->> 'sku', '') as sku, count(*) as lines from ods.orders as o cross join lateral jsonb_array_elements(o.lines) as l (line) where o._deleted_at is null group by 1",
		"full", "",
	},
	"total": {
		"key: [one]\n-- depends_on: [ods.orders]",
		"select 1 as one, sum(o.amount) as amount from ods.orders as o where o._deleted_at is null", "full", "",
	},
	"share": { // a total beside each row
		"key: [id]\n-- depends_on: [ods.orders]",
		"select o.id, o.amount / nullif((select sum(p.amount) from ods.orders as p where p._deleted_at is null), 0) as share from ods.orders as o where o._deleted_at is null",
		"full", "",
	},
	"versions": {
		"key: [customer]\n-- depends_on: [ods.orders__versions]",
		"select coalesce(v.customer, 0) as customer, count(*) as versions from ods.orders__versions as v group by 1", "groups", "",
	},
	"by_customer_of_view": {
		"key: [customer]\n-- depends_on: [shop_v.paid]",
		"select p.customer, count(*) as orders, sum(p.amount) as amount from shop_v.paid as p group by p.customer", "groups", "",
	},
}

// chained read what other models make.
var chained = map[string]struct{ header, sql string }{
	"models/shop/v/paid.sql": {
		"kind: view\n-- depends_on: [ods.orders]",
		"select o.id, coalesce(o.customer, 0) as customer, o.amount as amount from ods.orders as o where o.amount > 0 and o._deleted_at is null",
	},
	"models/shop/two/plain.sql": {
		"kind: table\n-- key: [id]\n-- depends_on: [ods.orders]",
		"select o.id, o.customer as customer, o.amount as amount, o.at as at from ods.orders as o where o._deleted_at is null",
	},
	"models/shop/two/bag.sql": {
		"kind: table\n-- depends_on: [ods.orders]",
		"select o.customer as customer, o.amount as amount from ods.orders as o where o._deleted_at is null",
	},
	"models/shop/two/of_table.sql": {
		"kind: incremental\n-- key: [customer]\n-- depends_on: [shop_two.plain]",
		"select coalesce(p.customer, 0) as customer, count(*) as orders, sum(p.amount) as amount from shop_two.plain as p group by 1",
	},
	"models/shop/two/of_bag.sql": {
		"kind: incremental\n-- key: [customer]\n-- depends_on: [shop_two.bag]",
		"select coalesce(p.customer, 0) as customer, count(*) as orders, sum(p.amount) as amount from shop_two.bag as p group by 1",
	},
	"models/shop/two/hashed.sql": { // a row as one value
		"kind: incremental\n-- key: [hash]\n-- depends_on: [shop_two.bag]",
		"select md5(b::text) as hash, min(b.customer) as customer, count(*) as orders from shop_two.bag as b group by 1",
	},
	"models/shop/two/of_incremental.sql": {
		"kind: incremental\n-- key: [customer]\n-- depends_on: [shop_inc.joined_by_customer, shop_inc.ranked_by_customer]",
		"select r.customer, max(r.place) as places, sum(j.amount) as amount from shop_inc.ranked_by_customer as r join shop_inc.joined_by_customer as j on j.id = r.id and j.customer = r.customer group by r.customer",
	},
	"models/shop/two/of_dimension.sql": {
		"kind: incremental\n-- key: [region]\n-- depends_on: [shop_two.dimension]",
		"select coalesce(d.region, '') as region, count(*) as versions, count(*) filter (where d.is_current) as open from shop_two.dimension as d group by 1",
	},
	"models/shop/two/dimension.sql": {
		"kind: scd2\n-- key: [id]\n-- scd2: {valid_from: at}\n-- depends_on: [ods.customers__versions]",
		"select v.id, v.region as region, v.rate as rate, v.at as at, v._version from ods.customers__versions as v",
	},
	"models/shop/two/as_it_was.sql": { // the order's customer as it was then
		"kind: incremental\n-- key: [id]\n-- incremental: {by: [customer]}\n-- depends_on: [shop_two.dimension, shop_two.plain]",
		"select p.id, p.customer, d.region from shop_two.plain as p left join shop_two.dimension as d on d.id = p.customer and p.at >= d.valid_from and (p.at < d.valid_to or d.valid_to is null)",
	},
	"models/shop/two/by_region.sql": {
		"kind: incremental\n-- key: [region]\n-- depends_on: [shop_two.dimension, shop_two.plain]",
		"select coalesce(d.region, '') as region, count(*) as orders, sum(p.amount) as amount from shop_two.plain as p join shop_two.dimension as d on d.id = p.customer and p.at >= d.valid_from and (p.at < d.valid_to or d.valid_to is null) group by 1",
	},
	"models/shop/three/of_of_table.sql": {
		"kind: incremental\n-- key: [orders]\n-- depends_on: [shop_two.of_table]",
		"select t.orders, count(*) as customers from shop_two.of_table as t group by t.orders",
	},
}

// typed says how models read the fields of records.
var typed = strings.NewReplacer(slices.Concat(
	fieldOf("customer", "integer", "o", "p", "v"), fieldOf("amount", "numeric", "o", "p"), fieldOf("at", "timestamp", "o"),
	fieldOf("region", "text", "c", "v"), fieldOf("rate", "numeric", "c", "v"), fieldOf("at", "timestamptz", "v"),
	[]string{"o.lines", "o.payload -> 'lines'"},
)...)

func fieldOf(field, typ string, aliases ...string) []string {
	var out []string
	for _, alias := range aliases {
		out = append(out, alias+"."+field, fmt.Sprintf("(%s.payload ->> '%s')::%s", alias, field, typ))
	}
	return out
}

var (
	ordersStream    = ods.Stream{Name: "ods.orders", Key: []ods.KeyColumn{{Name: "id", Path: "$.id", Type: "integer"}}}
	customersStream = ods.Stream{Name: "ods.customers", Key: []ods.KeyColumn{{Name: "id", Path: "$.id", Type: "integer"}}, Version: "$.rev"}
)

func newDriven(t *testing.T) *source {
	t.Helper()
	files := map[string]string{"tests/shop/poison.sql": "-- on: [shop_inc.by_row]\nselect r.* from shop_inc.by_row as r where r.amount = 666"}
	add := func(file, header, sql string) {
		if strings.Contains(header, "ods.") {
			sql = typed.Replace(sql)
		}
		files[file] = "-- " + header + "\n" + sql
	}
	for name, m := range driven {
		add("models/shop/inc/"+name+".sql", "kind: incremental\n-- "+m.header, m.sql)
	}
	for name, m := range chained {
		add(name, m.header, m.sql)
	}
	return newSource(t, newWorld(t, files, "ods.orders", "ods.customers"), ordersStream, customersStream)
}

// order and customer are records with random contents.
func order(r *rand.Rand, id int) string {
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	customer := fmt.Sprint(1 + r.IntN(12))
	return fmt.Sprintf(`{"id": %d, "customer": %s, "amount": %s, "at": "%s", "lines": %s}`, id, pick("null", customer, customer),
		pick("null", "1.0", "1.00", "5", "-3.50"), hour(r.IntN(200)).Format("2006-01-02T15:04:05"),
		pick("[]", `[{"sku": "a"}]`, `[{"sku": "b", "n": 1.0}, {"sku": "b", "n": 1.00}, {"sku": "a"}]`))
}

// customer may be an older version than the one that is there.
func customer(r *rand.Rand) string {
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	return fmt.Sprintf(`{"id": %d, "rev": %d, "region": %s, "rate": %s, "at": "%s"}`, 1+r.IntN(12), r.IntN(10),
		pick("null", `"north"`, `"south"`, `"west"`), pick("null", "1.0", "2"), hour(r.IntN(100)).Format(time.RFC3339))
}

// change lands one page of a stream, or a listing without some of its keys.
func (s *source) change(r *rand.Rand, stream ods.Stream, records int) {
	s.t.Helper()
	if r.IntN(4) == 0 && len(stream.Key) > 0 {
		s.sweep(stream, 1+r.IntN(40), 1+r.IntN(12))
		return
	}
	page := make([]string, records)
	for i := range page {
		if page[i] = customer(r); stream.Name != customersStream.Name {
			page[i] = order(r, 1+r.IntN(40))
		}
	}
	s.land(stream, page...)
}

// requireFull fails unless every model, or every one that is named, equals its query, and its rejects the rows that break
// rules; a dimension is compared with one that is built anew.
func (w *world) requireFull(told string, names ...string) {
	w.t.Helper()
	p, _ := w.project()
	for _, m := range p.Models {
		if m.Header.Kind == model.SCD2 || m.Header.Kind == model.SQL || len(names) > 0 && !slices.Contains(names, m.Name) {
			continue
		}
		relation, kept, rejected := `"`+m.Schema+`"."`+m.Relation+`"`, "true", []string{}
		for _, rule := range m.Header.Rejects {
			kept += " and (" + rule.Condition + ") is not true"
			rejected = append(rejected, fmt.Sprintf("select to_jsonb(t) as row, '%s' as rule from (%s) as t where %s", rule.Name, m.SQL, rule.Condition))
		}
		require.Equal(w.t, w.rows("select t::text as c from ("+m.SQL+") as t where "+kept+" order by 1"),
			w.rows("select q::text as c from "+relation+" as q order by 1"), "%s, %s\n%s", m.Name, told, m.SQL)
		if len(rejected) > 0 {
			require.Equal(w.t, w.rows(strings.Join(rejected, " union all ")+" order by 1, 2"),
				w.rows("select r.row, r.rule from "+relation[:len(relation)-1]+model.RejectsSuffix+`" as r order by 1, 2`), "rejects of %s, %s\n%s", m.Name, told, m.SQL)
		}
	}
}

// builtBeside is what a step says of a dimension whose place a new table took.
const builtBeside = "; built beside: "

// took tells how a model was brought up to date.
func took(s dag.StepReport) string {
	reason, _, _ := strings.Cut(s.Reason, builtBeside)
	_, told, _ := strings.Cut(reason, "; ")
	switch {
	case s.Status == dag.Skipped:
		return "skipped"
	case strings.HasSuffix(told, " recomputed"), strings.HasSuffix(told, " continued"):
		return "groups"
	case strings.HasPrefix(told, "recomputed in full: "):
		return "full"
	default:
		return s.Reason
	}
}

// TestIncremental_equalsFullAfterAnyChange lands records of two streams as extraction does: new, changed, late and deleted
// ones, in pages that commit before, between and during runs, and after others that began later. Runs are of all models
// or of some, may be of everything anew, fail at an assertion, or be broken off. Whatever happened, the next run makes of every model
// what its query gives.
func TestIncremental_equalsFullAfterAnyChange(t *testing.T) {
	t.Parallel()
	s := newDriven(t)
	beside := false
	for _, seed := range seeds(t) {
		r := rand.New(rand.NewPCG(seed, 4))
		many := 1 + r.Int64N(4)
		s.world.change = func(e *dag.SQLExecutor) { e.ManyRows = many }
		t.Logf("seed %d", seed)
		s.begin()
		for _, stream := range []ods.Stream{ordersStream, customersStream} {
			s.change(r, stream, 60)
		}
		s.succeed()
		var late *landing
		changed, ahead := map[string]bool{}, []string{}
		for round := range 6 {
			streams := []ods.Stream{ordersStream, customersStream}[r.IntN(2):][:1]
			if r.IntN(3) == 0 {
				streams = []ods.Stream{ordersStream, customersStream}
			}
			for range 1 + r.IntN(2) { // several batches pending
				for _, stream := range streams {
					before := s.changes(stream)
					records := 1 + r.IntN(3)
					if stream.Name == customersStream.Name && (round == 2 || r.IntN(6) == 0) {
						records = 60 // most versions of the dimension change
					}
					s.change(r, stream, records)
					changed[stream.Name] = changed[stream.Name] || s.changes(stream) > before
				}
			}
			if late != nil {
				late.commit() // its number is older than those that a build has seen
				changed[ordersStream.Name] = true
				late = nil
			}
			if r.IntN(2) == 0 {
				late = s.landHeld(ordersStream, order(r, 100+round))
			}
			told := fmt.Sprintf("seed %d, round %d", seed, round)
			if r.IntN(2) == 0 {
				s.forgetOld()
			}
			if names := s.disturb(r, told, round); names != nil {
				ahead = append(ahead, names...)
				continue
			}
			report := s.succeed()
			s.requireFull(told)
			requireTook(t, report, changed, ahead, told)
			beside = beside || strings.Contains(step(t, report, "shop_two.dimension").Reason, builtBeside)
			changed, ahead = map[string]bool{}, nil
		}
		if late != nil {
			late.commit()
		}
		s.succeed()
		s.requireFull(fmt.Sprintf("seed %d, at the end", seed))
		dimension := s.rows("select d::text from shop_two.dimension as d order by 1")
		s.exec("drop table shop_two.dimension")
		s.succeed()
		require.Equal(t, s.rows("select d::text from shop_two.dimension as d order by 1"), dimension, "seed %d", seed)
	}
	require.True(t, beside, "the dimension was never built beside")
}

// disturb makes, at times, a run that brings some of the models up to date, none of them, or nobody knows which, and
// returns those.
func (s *source) disturb(r *rand.Rand, told string, round int) []string {
	s.t.Helper()
	some := []string{"shop_inc.by_row", "shop_inc.ranked_by_customer", "shop_two.plain", "shop_v.paid"}
	_, graph := s.project()
	switch r.IntN(10) {
	case 0, 1:
		s.succeed(some...)
		return some
	case 2:
		s.plan = func(o *dag.PlanOptions) { o.FullRefresh = true }
		s.succeed(some[:3]...) // a view that is made again may be another one
		s.plan = nil
		return some[:3]
	case 3: // an assertion fails, and what comes after it is skipped
		s.land(ordersStream, `{"id": 999, "customer": 3, "amount": 666, "at": "2026-01-01T00:00:00", "lines": []}`)
		require.Contains(s.t, ends(s.run()), "shop_inc.by_row failure", told)
		s.land(ordersStream, `{"id": 999, "customer": 4, "amount": 6, "at": "2026-01-01T00:00:00", "lines": []}`)
	case 4: // the run is broken off
		session := s.open()
		require.NoError(s.t, session.ledger.Begin(context.Background(), &session.info))
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(200))*time.Millisecond)
		(&dag.Runner{Threads: s.threads, Execute: session.executor, Now: time.Now}).Run(ctx, session.plan)
		cancel()
		session.pool.Close()
	case 5: // and its sessions are
		done := make(chan struct{})
		session := s.open()
		go func() { defer close(done); s.runOpened(context.Background(), session) }()
		for range 1 + r.IntN(3) {
			time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
			s.exec("select pg_terminate_backend(a.pid) from pg_stat_activity as a where a.datname = current_database() and a.application_name like 'terrace:%:%.%'")
		}
		<-done
		session.pool.Close()
	case 6: // records land while the models are built
		page := order(r, 200+round)
		done := make(chan struct{})
		go func() { defer close(done); s.land(ordersStream, page) }()
		s.succeed()
		<-done
	default:
		return nil
	}
	return namesOf(graph.Nodes())
}

// requireTook fails when a model did not follow the change although it can, or did although it cannot. What some have seen
// in an earlier run is not asked of those.
func requireTook(t *testing.T, report dag.Report, changed map[string]bool, ahead []string, told string) {
	t.Helper()
	for name, m := range driven {
		if slices.Contains(ahead, "shop_inc."+name) {
			continue
		}
		want := []string{}
		for stream, how := range map[string]string{"ods.orders": m.orders, "ods.customers": m.customers} {
			if changed[stream] && how != "" {
				want = append(want, how)
			}
		}
		s := step(t, report, "shop_inc."+name)
		how := took(s)
		switch {
		case slices.Contains(want, "full"):
			require.Equal(t, "full", how, "%s, %s: %s", s.Name, told, s.Reason)
		case len(want) > 0:
			require.Equal(t, "groups", how, "%s, %s: %s", s.Name, told, s.Reason)
		}
	}
	for _, s := range report.Steps {
		if strings.HasPrefix(s.Name, "shop_two.of_") || s.Name == "shop_two.as_it_was" || s.Name == "shop_two.by_region" || s.Name == "shop_two.dimension" || s.Name == "shop_three.of_of_table" {
			if strings.Contains(s.Reason, "recomputed in full: the change of ") && strings.Contains(s.Reason, " is in no feed") {
				continue // what it reads was built beside, now or before
			}
			require.Contains(t, []string{"groups", "skipped"}, took(s), "%s, %s: %s", s.Name, told, s.Reason)
		}
	}
}
