package dag_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/ods"
)

const trades = `-- kind: table
-- key: [id]
-- depends_on: [ods.trades]
-- rejects:
--   no_id: id is null
--   negative: t.price < 0
--   does_not_add_up:
--     when: abs(amount - price * volume) > 0.01
--     message: the amount is not price by volume
--     field: [amount, price, volume]
select t.line, t.id, t.price, t.volume, t.amount
from ods.trades as t
`

func newTrades(t *testing.T, more map[string]string) *world {
	t.Helper()
	files := map[string]string{"models/shop/dwd/trade.sql": trades}
	maps.Copy(files, more)
	w := newWorld(t, files, "ods.trades")
	w.exec("create schema ods; create table ods.trades (line integer, id text, price numeric, volume integer, amount numeric)")
	return w
}

const foundTrades = "select (r.row ->> 'line')::integer, r.rule, r.field, r.message, r.value from shop_dwd.trade__rejects as r order by 1, 2"

func TestRejects_areKeptBesideTheTable(t *testing.T) {
	t.Parallel()
	w := newTrades(t, nil)
	w.land("ods.trades", `insert into ods.trades values
    (1, 'a', 10, 2, 20), (2, 'b', -1, 2, -2), (3, null, 1, 1, 1), (4, null, -1, 1, 5), (5, 'c', null, 2, null)`)

	report := w.succeed()

	require.Equal(t, dag.PartialSuccess, report.Status)
	s := step(t, report, "shop_dwd.trade")
	require.Equal(t, dag.Success, s.Status)
	require.Equal(t, dag.Rows{Inserted: 2, Rejected: 3}, s.Rows)
	require.Equal(t, []string{"(1,a,10,2,20)", "(5,c,,2,)"}, w.rows("select * from shop_dwd.trade order by 1"))
	adds := `"{""price"": -1, ""amount"": 5, ""volume"": 1}"`
	require.Equal(t, []string{
		`(2,negative,price,"t.price < 0",-1)`,
		`(3,no_id,id,"id is null",)`,
		`(4,does_not_add_up,"amount, price, volume","the amount is not price by volume",` + adds + `)`,
		`(4,negative,price,"t.price < 0",-1)`,
		`(4,no_id,id,"id is null",)`,
	}, w.rows(foundTrades))
	require.Equal(t, []string{`("{""id"": ""b"", ""line"": 2, ""price"": -1, ""amount"": -2, ""volume"": 2}",` + report.RunID + ")"},
		w.rows("select r.row, r.run from shop_dwd.trade__rejects as r where r.row ->> 'line' = '2'"))
	require.Equal(t, "3", w.value("select rows_rejected from terrace.step where node = 'shop_dwd.trade'"))
	require.Equal(t, "partial_success", w.value("select status from terrace.run"))

	t.Log("what does not change stays where it is, with the run that found it; a foreign view stays too")
	w.exec("create view public.bad as select r.row ->> 'line' as line from shop_dwd.trade__rejects as r")
	before := w.places("shop_dwd.trade__rejects")
	w.land("ods.trades", "delete from ods.trades where line = 2")
	w.land("ods.trades", "update ods.trades set price = -2, amount = 5 where line = 3")
	s = step(t, w.succeed(), "shop_dwd.trade")
	require.Equal(t, dag.Rows{Unchanged: 2, Rejected: 2}, s.Rows)
	requireUntouched(t, before, w.places("shop_dwd.trade__rejects"), "rejects")
	require.Equal(t, []string{"(3,does_not_add_up)", "(3,negative)", "(3,no_id)", "(4,does_not_add_up)", "(4,negative)", "(4,no_id)"},
		w.rows("select (r.row ->> 'line')::integer, r.rule from shop_dwd.trade__rejects as r order by 1, 2"))
	require.Equal(t, "6", w.value("select count(*) from public.bad"))

	t.Log("nothing new is no partial success")
	report = w.succeed()
	require.Equal(t, dag.Success, report.Status)

	t.Log("columns that change exchange the table, and not what it rejected")
	w.write("models/shop/dwd/trade.sql", trades[:len(trades)-len("from ods.trades as t\n")-1]+", 1 as more\nfrom ods.trades as t\n")
	w.succeed()
	require.Equal(t, "6", w.value("select count(*) from public.bad"))

	t.Log("the last bad row leaves")
	w.land("ods.trades", "delete from ods.trades where line in (3, 4)")
	require.Equal(t, dag.Success, w.succeed().Status)
	require.Equal(t, "0", w.value("select count(*) from public.bad"))
}

func TestRejects_areReadByOthers(t *testing.T) {
	t.Parallel()
	w := newTrades(t, map[string]string{
		"models/shop/dws/bad.sql":   "-- kind: table\n-- depends_on: [shop_dwd.trade__rejects]\nselect r.rule, count(*) as n from shop_dwd.trade__rejects as r group by r.rule",
		"models/shop/v/bad.sql":     "-- kind: view\n-- depends_on: [shop_dwd.trade__rejects]\nselect r.rule, r.value from shop_dwd.trade__rejects as r",
		"models/shop/dws/group.sql": "-- kind: incremental\n-- key: [rule]\n-- depends_on: [shop_v.bad]\nselect b.rule, count(*) as n from shop_v.bad as b group by b.rule",
	})
	w.land("ods.trades", "insert into ods.trades values (1, 'a', -1, 1, -1)")
	w.succeed()
	require.Equal(t, []string{"(negative,1)"}, w.rows("select * from shop_dws.bad"))

	w.land("ods.trades", "insert into ods.trades values (2, 'b', -1, 1, -1), (3, null, 1, 1, 1)")
	report := w.succeed()

	require.Equal(t, dag.Rows{Rejected: 3}, step(t, report, "shop_dwd.trade").Rows)
	for _, relation := range []string{"shop_dws.bad", "shop_dws.group"} {
		require.Equal(t, []string{"(negative,2)", "(no_id,1)"}, w.rows("select * from "+relation+" order by 1"), relation)
	}
}

func TestRejects_areJudgedBeforeAnythingIsPublished(t *testing.T) {
	t.Parallel()
	w := newTrades(t, map[string]string{
		"tests/shop/few.sql": "-- on: shop_dwd.trade__rejects\n-- error_if: '> 1'\nselect r.rule from shop_dwd.trade__rejects as r",
	})
	w.land("ods.trades", "insert into ods.trades values (1, 'a', -1, 1, -1)")
	w.succeed()
	w.land("ods.trades", "insert into ods.trades values (2, 'b', -1, 1, -1), (3, 'c', 1, 1, 1)")

	report := w.run()

	require.Equal(t, dag.Failure, report.Status)
	require.Equal(t, dag.Failure, step(t, report, "shop_dwd.trade").Status)
	require.Equal(t, "0", w.value("select count(*) from shop_dwd.trade"))
	require.Equal(t, "1", w.value("select count(*) from shop_dwd.trade__rejects"))
}

func TestRejects_aBadVersionIsPassedOver(t *testing.T) {
	t.Parallel()
	prices := ods.Stream{Name: "ods.prices", Key: []ods.KeyColumn{{Name: "id", Path: "$.id", Type: "integer"}}}
	s := newSource(t, newWorld(t, map[string]string{
		"models/shop/dwd/price.sql": "-- kind: scd2\n-- key: [id]\n-- scd2: {valid_from: at}\n-- depends_on: [ods.prices__versions]\n-- rejects: {negative: price < 0}\n" +
			"select v.id, (v.payload ->> 'price')::integer as price, (v.payload ->> 'at')::date as at, v._version from ods.prices__versions as v",
		"models/shop/dwd/state.sql": "-- kind: scd2\n-- key: [id]\n-- scd2: {on_delete: keep}\n-- depends_on: [ods.prices]\n-- rejects: {negative: price < 0}\n" +
			"select p.id, (p.payload ->> 'price')::integer as price from ods.prices as p",
	}, "ods.prices"), prices)
	put := func(id, price, day int) {
		s.land(prices, fmt.Sprintf(`{"id": %d, "price": %d, "at": "2026-01-%02d"}`, id, price, day))
	}
	put(1, 5, 1)
	put(2, -1, 1)
	s.succeed()
	put(1, -5, 2)
	report := s.succeed()
	require.EqualValues(t, 1, step(t, report, "shop_dwd.price").Rows.Rejected)
	require.EqualValues(t, 2, step(t, report, "shop_dwd.state").Rows.Rejected)
	put(1, 6, 3)
	s.succeed()

	require.Equal(t, []string{"(1,5,2026-01-01,2026-01-03)", "(1,6,2026-01-03,)"},
		s.rows("select id, price, valid_from, valid_to from shop_dwd.price order by valid_from"))
	require.Equal(t, []string{"(-1,2)", "(-5,1)"},
		s.rows("select value, (r.row ->> 'id')::integer from shop_dwd.price__rejects as r order by 2 desc"))
	require.Equal(t, []string{"(1,5,f)", "(1,6,t)"}, s.rows("select id, price, is_current from shop_dwd.state order by price"))
	require.Equal(t, []string{"(-1)"}, s.rows("select value from shop_dwd.state__rejects"))
}

func TestRejects_readWhatARunHasBuiltAndNotPublished(t *testing.T) {
	t.Parallel()
	w := newTrades(t, map[string]string{
		"models/shop/dwd/account.sql": "-- kind: table\n-- depends_on: []\nselect 'a' as id",
		"models/shop/dwd/known.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.trades, shop_dwd.account]\n-- rejects: {unknown: t.id not in (select a.id from shop_dwd.account as a)}\n" +
			"select t.id from ods.trades as t",
	})
	w.land("ods.trades", "insert into ods.trades values (1, 'a', 1, 1, 1), (2, 'b', 1, 1, 1)")
	w.together = true
	w.succeed()
	require.Equal(t, []string{"(a)"}, w.rows("select * from shop_dwd.known"))

	w.write("models/shop/dwd/account.sql", "-- kind: table\n-- depends_on: []\nselect 'b' as id, 1 as exchanged")
	w.succeed()

	require.Equal(t, []string{"(b)"}, w.rows("select * from shop_dwd.known"))
	require.Equal(t, []string{"(unknown,id,\"t.id not in (select a.id from shop_dwd.account as a)\",a)"},
		w.rows("select rule, field, message, value from shop_dwd.known__rejects"))
}

func TestRejects_areTakenOutInUnitTests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/paid.sql": "-- kind: incremental\n-- key: [id]\n-- depends_on: [ods.orders]\n-- rejects: {twice: exists (select from ods.orders as o where o.id = -t.id)}\nselect o.id from ods.orders as o where o.id > 0",
	}, "ods.orders")
	failure, _ := w.unit(`model: shop_dwd.paid
given: {ods.orders: [{id: 1}, {id: 2}, {id: -2}]}
expect: [{id: 1}]
given_then: {ods.orders: [{id: 1}, {id: -1}, {id: 2}]}
expect_then: [{id: 2}]
`)
	require.Nil(t, failure)
}

// ruled are models with rules, by what they are recomputed by when only orders changed.
var ruled = map[string]struct{ header, sql, orders, customers string }{
	"by_row": {
		"key: [id]\n-- depends_on: [ods.orders]\n-- rejects: {negative: amount < 0, unpriced: amount is null}",
		"select o.id, o.amount as amount, o.at as at from ods.orders as o where o._deleted_at is null", "groups", "",
	},
	"null_key": { // rows of the group NULL are all rejected
		"key: [customer]\n-- depends_on: [ods.orders]\n-- rejects: {nobody: customer is null, poor: amount < 0}",
		"select o.customer as customer, sum(o.amount) as amount, max(o.at) as newest from ods.orders as o where o._deleted_at is null group by 1", "groups", "",
	},
	"many": {
		"key: [id]\n-- incremental: {by: [day, customer], changed: {ods.orders: [\"(payload ->> 'at')::timestamp::date\", \"(payload ->> 'customer')::integer\"]}}\n-- depends_on: [ods.orders]\n-- rejects: {first: {when: place = 1, field: [at, lines]}}",
		"select o.id, o.at::date as day, o.customer as customer, o.at as at, o.lines as lines, row_number() over (partition by o.customer, o.at::date order by o.at, o.id) as place from ods.orders as o where o._deleted_at is null",
		"groups", "",
	},
	"unmatched": { // an outer join gives NULL groups and keys
		"key: [order_id]\n-- incremental: {by: [customer]}\n-- depends_on: [ods.customers, ods.orders]\n-- rejects: {unordered: order_id is null}",
		"select c.id as customer_id, o.id as order_id, o.customer as customer, o.amount as amount from ods.customers as c left join ods.orders as o on o.customer = c.id and o._deleted_at is null",
		"groups", "groups",
	},
	"looks": { // a rule that reads a relation: the orders of a customer that changed are looked up
		"key: [id]\n-- depends_on: [ods.customers, ods.orders]\n-- rejects:\n--   unknown: not exists (select from ods.customers as c where c.id = t.customer and c.payload ->> 'region' is not null)",
		"select o.id, o.customer as customer from ods.orders as o where o._deleted_at is null", "groups", "groups",
	},
	"numbers": { // groups that are equal and not written alike
		"key: [id]\n-- incremental: {by: [amount]}\n-- depends_on: [ods.orders]\n-- rejects: {odd: id % 2 = 1}",
		"select o.id, o.amount as amount, o.customer as customer from ods.orders as o where o._deleted_at is null", "groups", "",
	},
}

func TestRejects_incrementalEqualsFullAfterAnyChange(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"models/shop/two/price.sql": "-- kind: scd2\n-- key: [id]\n-- scd2: {valid_from: at}\n-- depends_on: [ods.customers__versions]\n-- rejects: {west: region = 'west'}\n" +
			typed.Replace("select v.id, v.region as region, v.rate as rate, v.at as at, v._version from ods.customers__versions as v"),
	}
	for name, m := range ruled {
		files["models/shop/inc/"+name+".sql"] = "-- kind: incremental\n-- " + m.header + "\n" + typed.Replace(m.sql)
	}
	s := newSource(t, newWorld(t, files, "ods.orders", "ods.customers"), ordersStream, customersStream)
	rebuilt := 0
	for _, seed := range seeds(t) {
		r := rand.New(rand.NewPCG(seed, 11))
		s.begin()
		s.change(r, ordersStream, 60)
		s.change(r, customersStream, 60)
		// With statistics of so few rows the server reads them all for the rule of "looks", as autovacuum may find in a while.
		s.exec("alter table ods.customers set (autovacuum_enabled = off)")
		s.succeed()
		s.requireScreened(fmt.Sprintf("seed %d, first build", seed))
		for round := range 5 {
			told := fmt.Sprintf("seed %d, round %d", seed, round)
			stream := []ods.Stream{ordersStream, ordersStream, customersStream}[r.IntN(3)]
			before := s.changes(stream)
			s.change(r, stream, 1+r.IntN(3))
			report := s.succeed()
			s.requireScreened(told)
			if s.changes(stream) == before {
				continue
			}
			for name, m := range ruled {
				if want := map[string]string{"ods.orders": m.orders, "ods.customers": m.customers}[stream.Name]; want != "" {
					require.Equal(t, want, took(step(t, report, "shop_inc."+name)), "%s, %s: %s", name, told, step(t, report, "shop_inc."+name).Reason)
				}
			}
		}
		rebuilt += s.requireRebuilt("shop_two.price", seed)
	}
	require.Positive(t, rebuilt)
}

// requireScreened fails unless every incremental model has the rows of its query that break no rule, and its rejects
// the others.
func (w *world) requireScreened(told string) {
	w.t.Helper()
	p, _ := w.project()
	for _, m := range p.Models {
		if m.Header.Kind != model.Incremental {
			continue
		}
		good, bad := "select t::text as c from ("+m.SQL+") as t where true", "select null::text as c where false"
		for _, rule := range m.Header.Rejects {
			good += " and (" + rule.Condition + ") is not true"
			bad += fmt.Sprintf(" union all select to_jsonb(t)::text || '%s' from (%s) as t where %s", rule.Name, m.SQL, rule.Condition)
		}
		require.Equal(w.t, w.rows(good+" order by 1"), w.rows("select t::text as c from "+m.Name+" as t order by 1"), "%s, %s", m.Name, told)
		require.Equal(w.t, w.rows("select * from ("+bad+") as b order by 1"),
			w.rows("select r.row::text || r.rule as c from "+m.Name+"__rejects as r order by 1"), "rejects of %s, %s", m.Name, told)
	}
}

// requireRebuilt fails unless a model and its rejects are what they are when they are built anew, of so many rows.
func (w *world) requireRebuilt(name string, seed uint64) int {
	w.t.Helper()
	look := func() [][]string {
		return [][]string{
			w.rows("select t::text from " + name + " as t order by 1"),
			w.rows("select r.row, r.rule, r.field, r.message, r.value from " + name + "__rejects as r order by 1, 2"),
		}
	}
	found := look()
	w.exec("drop table " + name + ", " + name + "__rejects")
	w.succeed()
	require.Equal(w.t, look(), found, "%s, seed %d", name, seed)
	return len(found[0]) + len(found[1])
}

func TestRejects_goWithTheLastRule(t *testing.T) {
	t.Parallel()
	plain := "-- depends_on: [ods.trades]\nselect t.line, t.id, t.price, t.volume, t.amount\nfrom ods.trades as t where t.id is not null and t.price > 0\n"
	for _, kind := range []string{"table\n-- key: [id]", "incremental\n-- key: [id]", "view", "table"} {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s together %t", kind, together), func(t *testing.T) {
				t.Parallel()
				w := newTrades(t, nil)
				w.together = together
				w.land("ods.trades", "insert into ods.trades values (1, 'a', 10, 2, 20), (2, null, -1, 2, -2)")
				w.succeed()
				w.exec("create view public.bad as select row from shop_dwd.trade__rejects; create materialized view public.worse as select 1 from shop_dwd.trade__rejects")
				w.write("models/shop/dwd/trade.sql", "-- kind: "+kind+"\n"+plain)

				s := step(t, w.run(), "shop_dwd.trade")
				require.Equal(t, dag.Failure, s.Status)
				require.Equal(t, "shop_dwd.trade no longer rejects rows, and these depend on shop_dwd.trade__rejects, which has to go: materialized view public.worse, view public.bad", s.Error.Message)
				require.Equal(t, "2", w.value("select count(*) from public.bad"))

				w.exec("drop materialized view public.worse; drop view public.bad")
				w.succeed()
				require.Equal(t, "", w.value("select to_regclass('shop_dwd.trade__rejects')"))
				require.Equal(t, "1", w.value("select count(*) from shop_dwd.trade"))

				t.Log("what is not ours under that name stays, and rules may come back")
				w.write("models/shop/dwd/trade.sql", trades)
				w.succeed()
				require.Equal(t, "2", w.value("select count(*) from shop_dwd.trade__rejects"))
				w.exec("drop table shop_dwd.trade__rejects; create table shop_dwd.trade__rejects (id integer)")
				w.write("models/shop/dwd/trade.sql", "-- kind: "+kind+"\n"+plain)
				w.succeed()
				require.Equal(t, "0", w.value("select count(*) from shop_dwd.trade__rejects"))
			})
		}
	}
}
