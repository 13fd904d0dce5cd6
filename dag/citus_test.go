package dag_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// standInCitus gives the database what of Citus terrace talks to: functions that refuse what the real ones do in such a
// case, a table that is not empty, and write down what they were asked; and the catalog of what is distributed.
const standInCitus = `set allow_system_table_mods = on;
create schema if not exists called;
create table called.calls (n serial, call text);
create table pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char", partkey text, repmodel "char");
create function pg_catalog.create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text default 'hash', colocate_with text default 'default'
) returns void language plpgsql as $$
declare
    filled boolean;
begin
    execute format('select exists (select from %s)', table_name) into filled;
    if filled or current_setting('citus.multi_shard_modify_mode') <> 'sequential' or current_setting('citus.propagate_set_commands') <> 'local' then
        raise exception 'not empty, or not set up';
    end if;
    if colocate_with <> 'default' and not exists (select from pg_catalog.pg_dist_partition as p where p.logicalrelid = colocate_with::regclass) then
        raise exception 'relation % is not distributed', colocate_with;
    end if;
    insert into pg_catalog.pg_dist_partition values (table_name, 'h', distribution_column, 'c');
    insert into called.calls (call) values (format('%s by %s with %s', table_name, distribution_column, colocate_with));
end $$;
create function pg_catalog.create_reference_table(table_name regclass) returns void language plpgsql as $$
begin
    insert into pg_catalog.pg_dist_partition values (table_name, 'n', null, 't');
    insert into called.calls (call) values (format('%s everywhere', table_name));
end $$`

func TestDistribute_tablesAreDistributedBeforeTheyAreFilled(t *testing.T) {
	t.Parallel()
	header := func(kind, distribute string) string {
		return "-- kind: " + kind + "\n-- key: [customer, id]\n-- depends_on: [ods.orders, shop.dim]\n" + distribute + "select o.id, o.customer, o.amount from ods.orders as o join shop.dim as d on d.id = o.customer"
	}
	w := newWorld(t, map[string]string{
		"models/shop/dim.sql":    "-- kind: table\n-- key: id\n-- depends_on: [ods.orders]\n-- distribute: {by: id}\nselect distinct customer as id from ods.orders",
		"models/shop/fact.sql":   header("table", "-- distribute: {by: customer, colocate: shop.dim}\n-- partition_by: {range: id, step: 10}\n"),
		"models/shop/sums.sql":   header("incremental", "-- distribute: {by: customer}\n"),
		"models/shop/copied.sql": header("table", "-- distribute: reference\n"),
		"models/shop/here.sql":   header("table", "-- distribute: local\n"),
		"models/shop/past.sql":   header("scd2", "-- distribute: local\n"),
	}, "ods.orders")
	w.threads = 1
	w.exec("create schema ods; create table ods.orders (id integer, customer integer, amount numeric)")
	w.exec(standInCitus)
	calls := func() []string {
		defer w.exec("truncate called.calls; delete from pg_catalog.pg_dist_partition as p where not exists (select from pg_class as c where c.oid = p.logicalrelid)")
		return w.rows("select call from called.calls order by call")
	}
	w.land("ods.orders", "insert into ods.orders select g, g % 3, g from generate_series(1, 20) as g")
	w.succeed()
	require.Equal(t, []string{
		`("shop.copied everywhere")`, `("shop.dim by id with default")`, `("shop.fact by customer with ""shop"".""dim""")`, `("shop.sums by customer with default")`,
	}, calls())
	require.Len(t, w.partitions("shop.fact"), 3)

	// From here no row's place can be told, so what changes is made anew, and distributed before it is filled again.
	w.exec("create view public.reader as select * from shop.sums")
	w.land("ods.orders", "update ods.orders set amount = 99 where id = 7")
	w.succeed()
	require.Equal(t, []string{
		`("terrace_stage.""shop.copied"" everywhere")`, `("terrace_stage.""shop.dim"" by id with default")`,
		`("terrace_stage.""shop.fact"" by customer with ""shop"".""dim""")`, `("terrace_stage.""shop.sums"" by customer with default")`,
	}, calls())
	for _, relation := range []string{"shop.fact", "shop.copied", "shop.here", "shop.sums", "public.reader", "(select * from shop.past where is_current)"} {
		require.Equal(t, "99", w.value("select q.amount from "+relation+" as q where q.id = 7"))
		require.Equal(t, "20", w.value("select count(*) from "+relation+" as q"))
	}

	// One that comes home is made anew once, and changed in place after that.
	w.write("models/shop/sums.sql", header("incremental", ""))
	w.succeed()
	oid := w.value("select 'shop.sums'::regclass::oid")
	w.land("ods.orders", "update ods.orders set amount = 98 where id = 7")
	w.succeed()
	require.Equal(t, oid, w.value("select 'shop.sums'::regclass::oid"))
	require.Equal(t, "98", w.value("select q.amount from shop.sums as q where q.id = 7"))
}

func TestDistribute_doesNothingOnAPlainServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/fact.sql": "-- kind: incremental\n-- key: id\n-- depends_on: [ods.orders]\n-- distribute: {by: id}\nselect * from ods.orders",
	}, "ods.orders")
	w.exec("create schema ods; create table ods.orders (id integer, customer integer)")
	w.land("ods.orders", "insert into ods.orders values (1, 1)")
	w.succeed()
	places := w.places("shop.fact")
	w.land("ods.orders", "insert into ods.orders values (2, 1)")
	w.succeed()
	requireUntouched(t, places, w.places("shop.fact"), "shop.fact")

	w.write("models/shop/fact.sql", "-- kind: incremental\n-- key: id\n-- depends_on: [ods.orders]\n-- distribute: {by: id}\nselect id as other from ods.orders")
	require.ErrorContains(t, step(t, w.run(), "shop.fact").Err(), `the key names column "id", which the query does not return`)
	w.write("models/shop/fact.sql", "-- kind: table\n-- depends_on: [ods.orders]\n-- distribute: {by: site}\nselect id from ods.orders")
	require.ErrorContains(t, step(t, w.run(), "shop.fact").Err(), `distribute names column "site", which the query does not return`)
}

func TestCompile_comparesTheTypesOfWhatIsColocated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dim.sql":  "-- kind: table\n-- depends_on: []\n-- distribute: {by: id}\nselect 1::bigint as id",
		"models/shop/fact.sql": "-- kind: table\n-- depends_on: [shop.dim]\n-- distribute: {by: dim_id, colocate: shop.dim}\nselect id::integer as dim_id from shop.dim",
	})
	_, graph := w.project()
	conn, err := w.db.Pool.Acquire(context.Background())
	require.NoError(t, err)
	defer conn.Release()
	compiled, err := dag.Compile(context.Background(), conn.Conn(), graph, dag.CompileOptions{Sources: func(*dag.Node) string { return "" }})
	require.NoError(t, err)
	require.Len(t, compiled.Problems, 1)
	require.Equal(t, "models/shop/fact.sql:3", compiled.Problems[0].File+":3")
	require.Equal(t, 3, compiled.Problems[0].Line)
	require.Equal(t, "distribute: dim_id is integer, and id of shop.dim, with which it is to be colocated, is bigint", compiled.Problems[0].Message)
}
