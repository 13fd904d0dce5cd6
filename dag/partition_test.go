package dag_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// partitions are a table's partitions with their bounds: "orders__p2026_01 FOR VALUES …".
func (w *world) partitions(relation string) []string {
	w.t.Helper()
	rows, err := w.db.Pool.Query(context.Background(), `select c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid)
from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
where i.inhparent = to_regclass($1) order by c.relname`, relation)
	require.NoError(w.t, err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	return out
}

// partitionings are ways to partition one query's rows: kinds, keys and partition_by.
var partitionings = map[string]string{
	"by_month":    "kind: table\nkey: [at, id]\npartition_by: {range: at, step: 1 month}",
	"by_week":     "kind: incremental\nkey: [id, at]\nincremental: {by: [at]}\npartition_by: {range: at, step: 1 week}",
	"by_day":      "kind: incremental\nkey: [id, local_day]\npartition_by: {range: local_day, step: 2 days}",
	"by_hour":     "kind: table\nkey: [seen, id]\npartition_by: {range: seen, step: 12 hours}",
	"by_zone":     "kind: incremental\nkey: [seen, id]\npartition_by: {range: seen, step: 1 day}",
	"by_number":   "kind: incremental\nkey: id\npartition_by: {range: id, step: 5}",
	"by_amount":   "kind: table\npartition_by: {range: amount, step: 2, default: true}",
	"by_customer": "kind: incremental\nkey: [customer, id]\nincremental: {by: [customer]}\npartition_by: {list: customer}",
	"by_text":     "kind: table\npartition_by: {list: region, default: true}",
	"by_hash":     "kind: incremental\nkey: id\npartition_by: {hash: id, partitions: 3}",
	"by_id":       "kind: scd2\nkey: id\npartition_by: {range: id, step: 4}",
}

const partitionedQuery = `select o.id, o.customer, o.amount, o.at, o.at::timestamp as local_day,
    o.at + make_interval(hours => o.id * 7) + interval '1 hour' as seen, nullif(o.lines -> 0 ->> 'sku', 's0') || '-Ä ' as region
from ods.orders as o`

func newPartitioned(t *testing.T) *world {
	t.Helper()
	files := map[string]string{}
	for name, header := range partitionings {
		files["models/shop/parts/"+name+".sql"] = "-- " + strings.ReplaceAll(header+"\ndepends_on: [ods.orders]", "\n", "\n-- ") + "\n" + partitionedQuery
	}
	w := newWorld(t, files, "ods.orders", "ods.customers")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer primary key, customer integer not null, amount numeric, at date not null, lines jsonb not null)")
	w.exec("create table ods.customers (id integer primary key, region text, rate numeric)")
	return w
}

func TestPartitions_holdTheirQueryAfterAnyChange(t *testing.T) {
	t.Parallel()
	w := newPartitioned(t)
	for _, seed := range seeds(t) {
		w.forget()
		w.exec("truncate ods.orders, ods.customers")
		r := rand.New(rand.NewPCG(seed, 21))
		t.Logf("seed %d", seed)
		for round := range 4 {
			before := map[string]map[string][]string{}
			if round > 0 {
				for name := range partitionings {
					before[name] = w.places("shop_parts." + name)
				}
			}
			changeOrders(w, r)
			w.land("ods.orders", "update ods.orders set at = at + $1::integer where id % 3 = $2", r.IntN(60)-20, r.IntN(3))
			w.succeed()
			for name := range partitionings {
				relation, what := "shop_parts."+name, fmt.Sprintf("%s, seed %d, round %d", name, seed, round)
				current := ""
				if name == "by_id" {
					current = " where is_current"
				}
				columns := "id, customer, amount, at, local_day, seen, region"
				require.Equal(t, w.rows("select row("+columns+")::text as c from ("+partitionedQuery+") as q order by 1"),
					w.rows("select row("+columns+")::text as c from "+relation+current+" order by 1"), what)
				requireUntouched(t, before[name], w.places(relation), what)
				require.Equal(t, "p", w.value("select relkind from pg_class where oid = to_regclass($1)", relation), what)
			}
		}
		before := w.written("shop_parts")
		w.plan = func(o *dag.PlanOptions) { o.Force = true }
		for _, s := range w.succeed().Steps {
			require.Zero(t, s.Rows.Changed(), s.Name)
			require.NotContains(t, s.Reason, "anew", s.Name)
		}
		w.plan = nil
		require.Equal(t, before, w.written("shop_parts"))
	}
}

func TestPartitions_areMadeAsRowsNeedThem(t *testing.T) {
	t.Parallel()
	w := newPartitioned(t)
	w.land("ods.orders", `insert into ods.orders values (1, 1, 3.5, '2026-01-31', '[{"sku": "Überzug"}]'), (7, -2, -1, '2025-11-02', '[]')`)
	w.succeed()
	at := func(name string) []string { return w.partitions("shop_parts." + name) }
	require.Equal(t, []string{
		"by_month__p2025_11 FOR VALUES FROM ('2025-11-01') TO ('2025-12-01')",
		"by_month__p2026_01 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
	}, at("by_month"))
	require.Equal(t, []string{
		"by_week__p2025_10_27 FOR VALUES FROM ('2025-10-27') TO ('2025-11-03')",
		"by_week__p2026_01_26 FOR VALUES FROM ('2026-01-26') TO ('2026-02-02')",
	}, at("by_week"))
	require.Equal(t, []string{
		"by_hour__p2025_11_04_00 FOR VALUES FROM ('2025-11-04 00:00:00') TO ('2025-11-04 12:00:00')",
		"by_hour__p2026_01_31_00 FOR VALUES FROM ('2026-01-31 00:00:00') TO ('2026-01-31 12:00:00')",
	}, at("by_hour"))
	require.Equal(t, []string{"by_number__p0 FOR VALUES FROM (0) TO (5)", "by_number__p5 FOR VALUES FROM (5) TO (10)"}, at("by_number"))
	require.Equal(t, []string{
		"by_amount__p2 FOR VALUES FROM ('2') TO ('4')", "by_amount__pdefault DEFAULT", "by_amount__pm2 FOR VALUES FROM ('-2') TO ('0')",
	}, at("by_amount"))
	require.Equal(t, []string{"by_customer__p1 FOR VALUES IN (1)", "by_customer__pm2 FOR VALUES IN ('-2')"}, at("by_customer"))
	require.Equal(t, []string{"by_text__p_berzug__8c15caa8 FOR VALUES IN ('Überzug-Ä ')", "by_text__pnull FOR VALUES IN (NULL)"}, at("by_text"))
	require.Len(t, at("by_hash"), 3)
	require.Equal(t, []string{"by_id__p0 FOR VALUES FROM (0) TO (4)", "by_id__p4 FOR VALUES FROM (4) TO (8)"}, at("by_id"))
	require.Equal(t, "Partition of shop_parts.by_month by range (at), 1 month", strings.Trim(w.value("select obj_description('shop_parts.by_month__p2026_01'::regclass)"), `"`))
}

func TestPartitions_beginWhenDaysOfTheTimeZoneDo(t *testing.T) {
	t.Parallel()
	// In Havana a day ends twice when clocks are put back: 01:00 becomes 00:00 again.
	w := newWorld(t, map[string]string{"models/shop/seen.sql": "-- kind: table\n-- depends_on: [ods.seen]\n-- partition_by: {range: at, step: 1 day}\nselect s.at from ods.seen as s"}, "ods.seen")
	w.zone = "America/Havana"
	w.exec("create schema ods; create table ods.seen (at timestamptz)")
	w.land("ods.seen", "insert into ods.seen select g from generate_series(timestamptz '2025-11-01 12:00Z', '2025-11-03 12:00Z', '10 minutes') as g")
	w.land("ods.seen", "insert into ods.seen select g from generate_series(timestamptz '2026-03-07 12:00Z', '2026-03-09 12:00Z', '10 minutes') as g")
	w.succeed()
	require.Equal(t, "578", w.value("select count(*) from shop.seen"))
	require.Equal(t, []string{
		"seen__p2025_11_01 FOR VALUES FROM ('2025-11-01 04:00:00+00') TO ('2025-11-02 05:00:00+00')",
		"seen__p2025_11_02 FOR VALUES FROM ('2025-11-02 05:00:00+00') TO ('2025-11-03 05:00:00+00')",
		"seen__p2025_11_03 FOR VALUES FROM ('2025-11-03 05:00:00+00') TO ('2025-11-04 05:00:00+00')",
	}, w.partitions("shop.seen")[:3])

	w.zone = "Asia/Shanghai"
	w.land("ods.seen", "insert into ods.seen values ('2026-03-09 17:00Z')")
	report := w.succeed()
	require.Contains(t, step(t, report, "shop.seen").Reason, "built anew: it is now partitioned by range (at), 1 day")
	require.Equal(t, "seen__p2025_11_01 FOR VALUES FROM ('2025-10-31 16:00:00+00') TO ('2025-11-01 16:00:00+00')", w.partitions("shop.seen")[0])
	require.Equal(t, "579", w.value("select count(*) from shop.seen"))
}

func TestPartitions_followTheHeader(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table", "incremental", "scd2"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			write := func(w *world, by string) {
				if by != "" {
					by = "-- partition_by: " + by + "\n"
				}
				w.write("models/shop/dwd/a_relation_of_which_the_name_is_as_long_as_names_can_be_1234567.sql", "-- kind: "+kind+
					"\n-- key: [id, day]\n-- indexes: [[amount]]\n-- grants: {select: public}\n-- description: All.\n-- depends_on: [ods.orders]\n"+by+"select o.id, o.customer, o.amount, o.at as day from ods.orders as o")
			}
			const relation = "shop_dwd.a_relation_of_which_the_name_is_as_long_as_names_can_be_1234567"
			w := newPartitioned(t)
			for name := range partitionings {
				delete(w.files, "models/shop/parts/"+name+".sql")
			}
			w.land("ods.orders", `insert into ods.orders select g, g % 3, g, date '2026-01-01' + g * 10, '[]' from generate_series(1, 9) as g`)
			write(w, "")
			w.succeed()
			w.exec("create view public.reader as select id, day from " + relation)
			w.exec("create index by_hand on " + relation + " (customer)")
			w.exec("comment on column " + relation + ".customer is 'Who'")
			content := w.rows("select * from " + relation + " order by id, day")
			for _, by := range []string{
				"{range: day, step: 1 month}", "{range: day, step: 1 week}", "{list: day}", "{hash: id, partitions: 2}", "{range: id, step: 4}", "", "{range: day, step: 1 year}",
			} {
				write(w, by)
				report := w.succeed()
				require.Contains(t, step(t, report, relation).Reason, "built anew: it is ", by)
				require.Equal(t, by == "", len(w.partitions(relation)) == 0, by)
				require.Equal(t, content, w.rows("select * from "+relation+" order by id, day"), by)
				require.Equal(t, "9", w.value("select count(*) from public.reader"))
				require.Equal(t, "Who", w.value("select col_description(to_regclass($1), 2)", relation))
				require.Equal(t, "All.", w.value("select obj_description(to_regclass($1))", relation))
				require.Equal(t, "t", w.value("select has_table_privilege('public', $1, 'select')", relation))
				require.Equal(t, "1", w.value("select count(*) from pg_index where indrelid = to_regclass($1) and indexrelid = to_regclass('shop_dwd.by_hand')", relation))
				require.Equal(t, "0", w.value("select count(*) from pg_class as c where relnamespace = 'terrace_stage'::regnamespace"))

				w.land("ods.orders", "insert into ods.orders values (99, 1, 1, '2027-05-05', '[]')")
				report = w.succeed()
				require.NotContains(t, step(t, report, relation).Reason, "anew", by)
				require.EqualValues(t, 1, step(t, report, relation).Rows.Changed(), by)
				if kind == "scd2" {
					require.Equal(t, "10", w.value("select count(*) from "+relation+" where is_current"))
					w.exec("delete from " + relation + " where id = 99")
				}
				w.land("ods.orders", "delete from ods.orders where id = 99")
				w.succeed()
				if kind == "scd2" {
					w.exec("delete from " + relation + " where id = 99")
				}
				for _, s := range w.succeed().Steps {
					require.Equal(t, dag.Skipped, s.Status, by)
				}
			}
		})
	}
}

func TestPartitions_rowsThatHaveNoneAreTold(t *testing.T) {
	t.Parallel()
	model := func(by string) string {
		return "-- kind: table\n-- depends_on: [ods.seen]\n-- partition_by: " + by + "\nselect s.at, s.id from ods.seen as s"
	}
	w := newWorld(t, map[string]string{"models/shop/seen.sql": model("{range: at, step: 1 month}")}, "ods.seen")
	w.exec("create schema ods; create table ods.seen (at date, id integer)")
	w.land("ods.seen", "insert into ods.seen values ('2026-01-01', 1)")
	w.succeed()
	w.land("ods.seen", "insert into ods.seen values (null, 1), ('infinity', 2), ('0044-03-15 BC', 3)")
	s := step(t, w.run(), "shop.seen")
	require.ErrorContains(t, s.Err(), "rows whose at belongs to no partition: 3; for example 0044-03-15 BC NULL infinity")
	require.Contains(t, s.Error.Hint, "default: true")
	require.Equal(t, "1", w.value("select count(*) from shop.seen"))

	w.write("models/shop/seen.sql", model("{range: at, step: 1 month, default: true}"))
	w.succeed()
	require.Equal(t, "3", w.value("select count(*) from shop.seen__pdefault"))

	w.land("ods.seen", "insert into ods.seen select date '2026-01-01' + g, g from generate_series(1, 1200) as g")
	w.succeed()
	w.write("models/shop/seen.sql", model("{list: at, default: true}"))
	s = step(t, w.run(), "shop.seen")
	require.ErrorContains(t, s.Err(), "shop.seen would have more than 1000 partitions")
	require.Equal(t, "1204", w.value("select count(*) from shop.seen"))

	w.write("models/shop/seen.sql", model("{range: id, step: 1 month}"))
	require.ErrorContains(t, step(t, w.run(), "shop.seen").Err(), "partition_by cannot be range (id), 1 month, which is integer")
	w.write("models/shop/seen.sql", model("{list: day}"))
	require.ErrorContains(t, step(t, w.run(), "shop.seen").Err(), `partition_by names column "day", which the query does not return`)
}

func TestPartitions_newOnesKeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	w := newPartitioned(t)
	w.land("ods.orders", "insert into ods.orders values (1, 1, 3.5, '2026-01-31', '[]')")
	w.succeed("shop_parts.by_month")
	reader, err := w.db.Pool.Begin(context.Background())
	require.NoError(t, err)
	defer func() { _ = reader.Rollback(context.Background()) }()
	_, err = reader.Exec(context.Background(), "select * from shop_parts.by_month")
	require.NoError(t, err)

	w.land("ods.orders", "insert into ods.orders values (2, 1, 3.5, '2026-04-30', '[]')")
	w.succeed("shop_parts.by_month") // the reader reads on all the while
	require.Len(t, w.partitions("shop_parts.by_month"), 2)
}

func TestPartitions_arePublishedTogether(t *testing.T) {
	t.Parallel()
	w := newPartitioned(t)
	w.together = true
	w.write("models/shop/parts/reader.sql", "-- kind: table\n-- depends_on: [shop_parts.by_month]\n-- partition_by: {list: customer}\nselect m.customer, count(*) as n from shop_parts.by_month as m group by 1")
	w.land("ods.orders", "insert into ods.orders values (1, 1, 3.5, '2026-01-31', '[]'), (2, 2, 3.5, '2026-02-28', '[]')")
	w.succeed()
	w.write("models/shop/parts/by_month.sql", "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\n-- partition_by: {range: id, step: 1}\n"+partitionedQuery)
	w.land("ods.orders", "insert into ods.orders values (3, 3, 3.5, '2026-03-31', '[]')")
	w.succeed()
	require.Equal(t, []string{"by_month__p1 FOR VALUES FROM (1) TO (2)", "by_month__p2 FOR VALUES FROM (2) TO (3)", "by_month__p3 FOR VALUES FROM (3) TO (4)"}, w.partitions("shop_parts.by_month"))
	require.Equal(t, []string{"(1,1)", "(2,1)", "(3,1)"}, w.rows("select * from shop_parts.reader order by 1"))
}

func TestPartitions_areMadeAnewWhenTheirColumnGetsAnotherType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		was, is  string
		together bool
	}{
		{"table", "table", false},
		{"incremental", "incremental", true},
		{"scd2", "scd2", false},
		{"scd2", "scd2", true},
		{"table", "scd2", true},
	} {
		t.Run(fmt.Sprintf("%s to %s, together %t", c.was, c.is, c.together), func(t *testing.T) {
			t.Parallel()
			w := newPartitioned(t)
			w.together = c.together
			clear(w.files)
			w.write("terrace.yml", "name: shop\n")
			write := func(kind, id string) {
				w.write("models/shop/fact.sql", "-- kind: "+kind+"\n-- key: id\n-- on_schema_change: sync\n-- depends_on: [ods.orders]\n-- partition_by: {range: id, step: 5}\nselect "+id+" from ods.orders as o")
			}
			w.land("ods.orders", "insert into ods.orders values (1, 1, 3.5, '2026-01-31', '[]'), (7, -2, -1, '2025-11-02', '[]')")
			write(c.was, "o.id, o.amount")
			w.succeed()
			w.exec("create view public.reader as select amount from shop.fact")
			write(c.is, "o.id::bigint as id, o.amount, o.customer")
			w.succeed()
			require.Equal(t, []string{"fact__p0 FOR VALUES FROM ('0') TO ('5')", "fact__p5 FOR VALUES FROM ('5') TO ('10')"}, w.partitions("shop.fact"))
			require.Equal(t, []string{"(1,1)", "(7,-2)"}, w.rows("select id, customer from shop.fact"+map[bool]string{true: " where is_current"}[c.is == "scd2"]+" order by 1"))
			require.Equal(t, "2", w.value("select count(distinct amount) from public.reader"))
		})
	}
}
