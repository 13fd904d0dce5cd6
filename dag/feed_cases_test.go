package dag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

func TestIncremental_followsAVersionBehindOneThatLandedLate(t *testing.T) {
	t.Parallel()
	const sql = "select c.payload ->> 'region' as region, count(*) as customers from ods.customers as c group by 1"
	s := newSource(t, newWorld(t, map[string]string{
		"models/shop/regions.sql": "-- kind: incremental\n-- key: [region]\n-- depends_on: [ods.customers]\n" + sql,
	}, "ods.customers"), customersStream)
	s.land(customersStream, `{"id": 1, "rev": 10, "region": "north"}`)
	s.land(customersStream, `{"id": 1, "rev": 5, "region": "south"}`)
	s.succeed()
	require.Equal(t, []string{"(north,1)"}, s.rows("select * from shop.regions"))

	s.land(customersStream, `{"id": 1, "rev": 20, "region": "west"}`)

	require.Contains(t, step(t, s.succeed(), "shop.regions").Reason, "; 3 groups recomputed")
	require.Equal(t, []string{"(west,1)"}, s.rows("select * from shop.regions"))
}

func TestIncremental_followsWhatPartitionsHold(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.exec("alter table shop.orders rename to old")
	w.exec("create table shop.orders (id integer, customer integer, amount numeric) partition by range (id)")
	w.exec("create table shop.orders_low partition of shop.orders for values from (0) to (1500)")
	w.exec("create table shop.orders_high partition of shop.orders for values from (1500) to (9000)")
	w.exec("insert into shop.orders table shop.old")
	w.exec("drop table shop.old")
	w.exec("analyze shop.orders")
	w.land("ods.orders", "update ods.orders set amount = 0, customer = 301 where id in (7, 2707)")
	w.requireTotals(w.succeed(), "upstream changed: 2 rows in shop.orders; 2 groups recomputed")
}

func TestIncremental_isRecomputedInFullWhenAFunctionReadsWhatChanged(t *testing.T) {
	t.Parallel()
	w := newFed(t, nil)
	w.exec("create function ods.total(integer) returns numeric language plpgsql stable as 'begin return (select sum(o.amount) from shop.orders as o where o.customer = $1); end'")
	w.write("models/shop/called.sql", "-- kind: incremental\n-- key: [customer]\n-- depends_on: [shop.totals, shop.orders]\n"+
		"select t.customer, ods.total(t.customer) as amount from shop.totals as t where (select count(*) from shop.orders as o where false) = 0")
	w.succeed()
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 7")
	s := step(t, w.succeed(), "shop.called")
	require.Contains(t, s.Reason, "; recomputed in full: no expression gives the group of a row of shop.orders")
	require.Equal(t, dag.Rows{Updated: 1, Unchanged: 299}, s.Rows)
}

func TestIncremental_isRecomputedInFullWhenAWordMeansTheDay(t *testing.T) {
	t.Parallel()
	w := newFed(t, map[string]string{"models/shop/recent.sql": "-- kind: incremental\n-- key: [id]\n-- depends_on: [shop.orders]\n" +
		"select o.id, o.amount from shop.orders as o where date '2000-01-01' + o.id < date 'Today'"})
	w.land("ods.orders", "update ods.orders set amount = amount + 1 where id = 7")
	require.Contains(t, step(t, w.succeed(), "shop.recent").Reason, "; recomputed in full: it uses 'Today'")
}
