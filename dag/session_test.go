package dag_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is followed, put into partitions and compared goes through text, and must not hang on how a database shows values.
func TestRun_equalsItsQueryHoweverTheDatabaseShowsValues(t *testing.T) {
	t.Parallel()
	for setting, value := range map[string]string{
		"extra_float_digits":    "0",
		"datestyle":             "Postgres, DMY",
		"intervalstyle":         "sql_standard",
		"bytea_output":          "escape",
		"quote_all_identifiers": "on",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			queries := map[string]string{
				"plain":      "select o.x, o.at, o.took, o.raw, o.n from ods.orders as o",
				"by_number":  "select o.x, sum(o.n) as n from shop.base as o group by 1",
				"by_time":    "select o.at, sum(o.n) as n from shop.base as o group by 1",
				"by_took":    "select o.took, sum(o.n) as n from shop.base as o group by 1",
				"by_raw":     "select o.raw, sum(o.n) as n from shop.base as o group by 1",
				"parted":     "select o.id, o.at, o.n from shop.base as o",
				"dimension":  "select o.id, o.x, o.at, o.took, o.raw, o.n from shop.base as o",
				"rejecting":  "select o.id, o.x, o.n from shop.base as o",
				"base":       "select o.* from ods.orders as o",
				"of_rejects": "select r.rule, count(*) as n from shop.rejecting__rejects as r group by 1",
			}
			heads := map[string]string{
				"plain":      "kind: table\n-- depends_on: [ods.orders]",
				"base":       "kind: table\n-- key: [id]\n-- depends_on: [ods.orders]",
				"by_number":  "kind: incremental\n-- key: [x]\n-- depends_on: [shop.base]",
				"by_time":    "kind: incremental\n-- key: [at]\n-- depends_on: [shop.base]",
				"by_took":    "kind: incremental\n-- key: [took]\n-- depends_on: [shop.base]",
				"by_raw":     "kind: incremental\n-- key: [raw]\n-- depends_on: [shop.base]",
				"parted":     "kind: incremental\n-- key: [id, at]\n-- partition_by: {range: at, step: 1 month}\n-- depends_on: [shop.base]",
				"dimension":  "kind: scd2\n-- key: [id]\n-- depends_on: [shop.base]",
				"rejecting":  "kind: incremental\n-- key: [id]\n-- incremental: {by: [x]}\n-- rejects: {many: n > 900}\n-- depends_on: [shop.base]",
				"of_rejects": "kind: table\n-- depends_on: [shop.rejecting__rejects]",
			}
			files := map[string]string{}
			for name, query := range queries {
				files["models/shop/"+name+".sql"] = "-- " + heads[name] + "\n" + query
			}
			w := newWorld(t, files, "ods.orders")
			w.zone = "Asia/Shanghai"
			w.exec("create schema ods; create table ods.orders (id integer primary key, x float8, at timestamptz, took interval, raw bytea, n integer)")
			w.exec("do $do$ begin execute format('alter database %I set " + setting + " = %L', current_database(), '" + value + "'); end $do$")
			w.land("ods.orders", `insert into ods.orders
select i, 0.1::float8 + i * 1e-16, timestamptz '2026-07-01 08:00:00+08' + i * interval '1.000001 hour',
    make_interval(months => i % 7, days => -i % 5, secs => i), decode(md5(i::text), 'hex'), i
from generate_series(1, 1000) as i`)
			w.succeed()
			w.land("ods.orders", "update ods.orders set n = n + 900 where id in (7, 8); update ods.orders set x = x + 3e-17, took = -took where id = 17; delete from ods.orders where id = 12")
			w.succeed()
			for name, query := range queries {
				held := "shop." + name
				switch name {
				case "rejecting":
					query += " where o.n <= 900"
				case "dimension":
					held = "(select id, x, at, took, raw, n from shop.dimension where is_current)"
				}
				require.Equal(t, []string{"(0)"}, w.rows("select count(*) from ((select * from "+held+" as h except all "+query+") union all ("+query+" except all select * from "+held+" as h)) as d"), name)
			}
			require.Equal(t, "102", w.value("select count(*) from shop.rejecting__rejects"))
		})
	}
}
