package dag_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// kindFiles are what stands in a project for every kind, over the same records.
var kindFiles = map[string]string{
	"view":              "kind: view",
	"table":             "kind: table",
	"incremental":       "kind: incremental\n-- key: id",
	"scd2":              "kind: scd2\n-- key: id",
	"materialized_view": "kind: materialized_view",
	"sql":               "kind: sql\n-- target: %s",
	"seed":              "",
}

// A model may become one of another kind: what stands under its name gives way, with its readers and grants. Versions are
// kept unless a full refresh lets them go, and so is what statements or people made.
func TestKinds_fromEveryKindToEveryOther(t *testing.T) {
	t.Parallel()
	type change struct{ from, to, schema string }
	kinds := slices.Sorted(maps.Keys(kindFiles))
	var all []change
	for _, from := range append(kinds, "hand") {
		for _, to := range kinds {
			if from != to {
				all = append(all, change{from, to, fmt.Sprintf("shop_c%d", len(all))})
			}
		}
	}
	w := newWorld(t, nil, "ods.r")
	w.exec("create schema ods; create table ods.r (id integer, name text); insert into ods.r values (1, 'a'), (2, 'b')")
	put := func(c change, kind string) {
		folder := "models/" + strings.ReplaceAll(c.schema, "_", "/") + "/"
		delete(w.files, folder+"x.sql")
		delete(w.files, folder+"x.csv")
		switch kind {
		case "seed":
			w.write(folder+"x.csv", "id,name\n1,a\n2,b\n")
			w.write(folder+"x.yml", "columns: {id: integer}\n")
			return
		case "hand":
			w.exec("create schema " + c.schema + "; create table " + c.schema + ".x as select * from ods.r")
			return
		}
		delete(w.files, folder+"x.yml")
		query := "select r.id, r.name from ods.r as r"
		if kind == "sql" {
			query = "create table if not exists " + c.schema + ".x as " + query
		}
		w.write(folder+"x.sql", "-- "+strings.Replace(kindFiles[kind], "%s", c.schema+".x", 1)+"\n-- depends_on: [ods.r]\n"+query)
	}
	for _, c := range all {
		put(c, c.from)
	}
	w.succeed()
	w.exec("update ods.r set name = 'c' where id = 2")
	w.plan = func(o *dag.PlanOptions) { o.Force = true }
	w.succeed()
	w.plan = nil
	before := map[string][]string{}
	for _, c := range all {
		w.exec(fmt.Sprintf("create view %[1]s.reader as select x.id from %[1]s.x as x; grant select on %[1]s.x to public", c.schema))
		before[c.schema] = w.rows("select x.* from " + c.schema + ".x as x order by x")
		put(c, c.to)
	}
	refused := func(c change) string {
		switch {
		case c.to == "sql":
			return ""
		case c.from == "scd2":
			return c.schema + ".x has the versions that it collected as scd2, and what it is to be now keeps none"
		case c.from == "hand" || c.from == "sql":
			return c.schema + ".x is there already, a table that terrace did not make"
		default:
			return ""
		}
	}

	told := strings.Join(told(w.compile()), "\n")
	report := w.run()
	for _, c := range all {
		s := step(t, report, c.schema+".x")
		if message := refused(c); message != "" {
			require.NotNil(t, s.Error, "%v", c)
			require.Equal(t, message, s.Error.Message, "%v", c)
			require.NotEmpty(t, s.Error.Hint)
			require.Equal(t, before[c.schema], w.rows("select x.* from "+c.schema+".x as x order by x"), "%v", c)
			require.Contains(t, told, message, "check says what the run does")
		} else {
			require.NoError(t, s.Err(), "%v", c)
			require.NotContains(t, told, c.schema+".x", "%v", c)
		}
	}
	w.plan = func(o *dag.PlanOptions) { o.FullRefresh = true }
	report = w.run()
	w.plan = nil
	again := w.run()
	for _, c := range all {
		s := step(t, report, c.schema+".x")
		require.NoError(t, s.Err(), "%v", c)
		if c.from == "scd2" && c.to != "sql" {
			require.Contains(t, s.Reason, "its versions are gone", "%v", c)
		}
		want := []string{"(1)", "(2)"}
		if c.from == "scd2" && c.to == "sql" {
			want = []string{"(1)", "(2)", "(2)"}
		}
		require.Equal(t, want, w.rows("select r.id from "+c.schema+".reader as r order by r.id"), "%v", c)
		require.Equal(t, "t", w.value("select has_table_privilege('public', '"+c.schema+".x', 'select')"), "%v", c)
		if c.to != "sql" && c.to != "seed" {
			require.Equal(t, "0", w.value("select count(*) from "+c.schema+".x as x where x.name = 'b'"), "%v", c)
		}
		if c.to == "scd2" {
			require.Equal(t, []string{"(1,t)", "(2,t)"}, w.rows("select x.id, x.is_current from "+c.schema+".x as x order by x.id"), "%v", c)
		}
		require.Equal(t, dag.Skipped, step(t, again, c.schema+".x").Status, "%v", c)
	}
}

// A table of others that looks like a history is not thrown away: its columns may only have other names.
func TestKinds_aTableThatLooksLikeAHistoryIsNotReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"models/shop/dwd/x.sql": "-- kind: scd2\n-- key: id\n-- depends_on: []\nselect 1 as id"})
	w.exec("create schema shop_dwd; create table shop_dwd.x as select 1 as id, now() as valid_from, now() as ended")
	w.plan = func(o *dag.PlanOptions) { o.FullRefresh = true }
	s := step(t, w.run(), "shop_dwd.x")
	require.NotNil(t, s.Error)
	require.Equal(t, "shop_dwd.x has no column valid_to, so it holds no history that can be continued", s.Error.Message)
	require.Equal(t, "1", w.value("select count(ended) from shop_dwd.x"))
}

// What cannot become a dimension stays what it was.
func TestKinds_aDimensionThatFailsKeepsWhatWasThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"models/shop/dwd/x.sql": "-- kind: table\n-- depends_on: [ods.r]\nselect r.id from ods.r as r"}, "ods.r")
	w.exec("create schema ods; create table ods.r (id integer); insert into ods.r values (1), (1)")
	w.succeed()
	header := "-- kind: scd2\n-- key: id\n-- depends_on: [ods.r]\n-- partition_by: {hash: id, partitions: 2}\n-- assert: [row_count: {max: 1}]\n"
	w.write("models/shop/dwd/x.sql", header+"select r.id from ods.r as r")
	require.Contains(t, step(t, w.run(), "shop_dwd.x").Error.Message, "values of (id) that occur more than once: 1")
	w.exec("update ods.r set id = 2 where ctid = (select max(r.ctid) from ods.r as r)")
	require.Contains(t, step(t, w.run(), "shop_dwd.x").Error.Message, "row_count")
	require.Equal(t, []string{"(1)", "(1)"}, w.rows("select x.* from shop_dwd.x as x"))
	w.write("models/shop/dwd/x.sql", strings.Replace(header, "max: 1", "max: 2", 1)+"select r.id from ods.r as r")
	report := w.succeed()
	require.EqualValues(t, 2, step(t, report, "shop_dwd.x").Rows.Inserted)
	require.Equal(t, []string{"(1,t)", "(2,t)"}, w.rows("select x.id, x.is_current from shop_dwd.x as x order by x.id"))
}
