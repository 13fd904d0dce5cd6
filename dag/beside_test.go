package dag_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// newMany is a world with a table of 12,000 rows and an incremental model of them, whose rows all change with a landing.
func newMany(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, map[string]string{
		"models/shop/orders.sql": "-- kind: table\n-- key: [id]\n-- description: Orders.\n-- indexes: [[customer]]\n-- depends_on: [ods.orders]\nselect * from ods.orders",
		"models/shop/large.sql":  "-- kind: incremental\n-- key: [id]\n-- depends_on: [shop.orders]\nselect o.id, o.amount * 2 as amount from shop.orders as o",
	}, "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer primary key, customer integer, amount numeric)")
	w.land("ods.orders", "insert into ods.orders select i, i % 300, i from generate_series(1, 12000) as i")
	w.succeed()
	w.exec("analyze shop.orders, shop.large")
	return w
}

func (w *world) oid(relation string) string {
	return w.value("select '" + relation + "'::regclass::oid")
}

func (w *world) requireMany() {
	w.t.Helper()
	require.Equal(w.t, w.rows("select * from ods.orders order by 1"), w.rows("select * from shop.orders order by 1"))
	require.Equal(w.t, w.rows("select id, amount * 2 from ods.orders order by 1"), w.rows("select * from shop.large order by 1"))
}

func TestBeside_aRelationOfWhichNoRowStaysIsBuiltBeside(t *testing.T) {
	t.Parallel()
	w := newMany(t)
	role := w.role("reader")
	w.exec("grant select on shop.orders to " + role)
	w.exec("create index by_amount on shop.orders (amount desc) where amount > 3")
	w.exec("alter table shop.orders add constraint positive check (amount > 0), alter column amount set default 1, add primary key (id)")
	w.exec("create view public.board as select id, customer from shop.orders")
	w.exec("grant select on public.board to " + role)
	around := `select c.relname, array_to_string(c.relacl, ' '), obj_description(c.oid), array(select pg_get_indexdef(i.indexrelid) from pg_index as i where i.indrelid = c.oid order by 1),
    array(select pg_get_constraintdef(k.oid) from pg_constraint as k where k.conrelid = c.oid order by 1), array(select pg_get_expr(v.adbin, v.adrelid) from pg_attrdef as v where v.adrelid = c.oid)
from pg_class as c where c.relname in ('orders', 'board') and c.relnamespace in ('shop'::regnamespace, 'public'::regnamespace) order by 1`
	before, orders, large := w.rows(around), w.oid("shop.orders"), w.oid("shop.large")

	w.land("ods.orders", "update ods.orders set amount = amount + 1")
	r := w.succeed()

	require.NotEqual(t, orders, w.oid("shop.orders"))
	require.NotEqual(t, large, w.oid("shop.large"))
	require.Equal(t, before, w.rows(around))
	w.requireMany()
	for _, name := range []string{"shop.orders", "shop.large"} {
		s := step(t, r, name)
		require.Contains(t, s.Reason, "; built beside: 12000 rows of about 12000 changed")
		require.Equal(t, dag.Rows{Updated: 12000}, s.Rows)
	}
	require.Contains(t, step(t, r, "shop.large").Reason, "; recomputed in full: the change of shop.orders is in no feed; ")

	w.land("ods.orders", "update ods.orders set amount = 1 where id = 7")
	r = w.succeed()
	require.Contains(t, step(t, r, "shop.large").Reason, "; 1 group recomputed")
	require.Equal(t, dag.Rows{Updated: 1, Unchanged: 11999}, step(t, r, "shop.orders").Rows)
	w.requireMany()
	require.Equal(t, "12000", w.value("select count(*) from public.board"))
	require.Empty(t, w.rows("select c.relname from pg_class as c where c.relnamespace = 'terrace_stage'::regnamespace"))
}

func TestBeside_countsRowsThatComeAndGo(t *testing.T) {
	t.Parallel()
	w := newMany(t)
	w.land("ods.orders", "update ods.orders set id = case when id <= 1000 then id + 12000 else id end, amount = amount + 1")
	s := step(t, w.succeed(), "shop.orders")
	require.Contains(t, s.Reason, "; built beside: 13000 rows of about 12000 changed")
	require.Equal(t, dag.Rows{Inserted: 1000, Updated: 11000, Deleted: 1000}, s.Rows)
	w.requireMany()
}

func TestBeside_leavesInPlaceWhatMustStay(t *testing.T) {
	t.Parallel()
	const all = "update ods.orders set amount = amount + 1"
	for name, c := range map[string]struct{ made, change string }{
		"a row that did not change": {"select", all + " where id <> 9000"},
		"a materialized view":       {"create materialized view public.board as select id from shop.orders", all},
		"a foreign key":             {"alter table shop.orders add primary key (id); create table public.notes (id integer references shop.orders on delete cascade); insert into public.notes values (5)", all},
		"a setting":                 {"alter table shop.orders set (fillfactor = 80)", all},
		"a column's setting":        {"alter table shop.orders alter column amount set statistics 500", all},
		"a policy":                  {"alter table shop.orders enable row level security", all},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newMany(t)
			w.exec(c.made)
			before, place := w.oid("shop.orders"), w.value("select ctid from shop.orders where id = 9000")
			w.land("ods.orders", c.change)
			r := w.succeed()
			require.NotContains(t, step(t, r, "shop.orders").Reason, "beside")
			require.Equal(t, before, w.oid("shop.orders"))
			if c.change != all {
				require.Equal(t, place, w.value("select ctid from shop.orders where id = 9000"))
				require.Equal(t, dag.Rows{Updated: 11999, Unchanged: 1}, step(t, r, "shop.orders").Rows)
			}
			w.requireMany()
		})
	}
}

func TestBeside_waitsForNoReader(t *testing.T) {
	t.Parallel()
	w := newMany(t)
	ctx := context.Background()
	reader, err := w.db.Pool.Begin(ctx)
	require.NoError(t, err)
	var n int
	require.NoError(t, reader.QueryRow(ctx, "select count(*) from shop.orders").Scan(&n))
	before := w.oid("shop.orders")

	w.land("ods.orders", "update ods.orders set amount = amount + 1")
	r := w.succeed()

	require.Equal(t, before, w.oid("shop.orders"))
	require.NotContains(t, step(t, r, "shop.orders").Reason, "beside")
	require.Contains(t, step(t, r, "shop.large").Reason, "beside", "nobody reads it")
	require.NoError(t, reader.QueryRow(ctx, "select count(*) from shop.orders").Scan(&n))
	require.Equal(t, 12000, n)
	require.NoError(t, reader.Rollback(ctx))
	w.requireMany()
}

func TestBeside_readersSeeTheOldOrTheNew(t *testing.T) {
	t.Parallel()
	w := newMany(t)
	ctx, cancel := context.WithCancel(context.Background())
	seen := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			var n, kinds int
			if err := w.db.Pool.QueryRow(context.Background(), "select count(*), count(distinct amount = id) from shop.orders").Scan(&n, &kinds); err != nil {
				seen <- err
				return
			}
			if n != 12000 || kinds != 1 {
				seen <- fmt.Errorf("%d rows of %d kinds", n, kinds)
				return
			}
		}
		seen <- nil
	}()
	for _, amount := range []string{"id + 1", "id", "id + 2"} {
		w.land("ods.orders", "update ods.orders set amount = "+amount)
		w.succeed()
		w.requireMany()
	}
	cancel()
	require.NoError(t, <-seen)
}
