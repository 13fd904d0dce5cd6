package dag_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// taken makes something of a kind under the name shop_dwd.x.
var taken = map[string]string{
	"nothing":           "",
	"table":             "create table shop_dwd.x (id integer, old text); insert into shop_dwd.x values (7, 'precious')",
	"view":              "create view shop_dwd.x as select 7 as id, 'precious'::text as old",
	"materialized view": "create materialized view shop_dwd.x as select 7 as id, 'precious'::text as old",
	"sequence":          "create sequence shop_dwd.x",
	"type":              "create type shop_dwd.x as (id integer)",
}

// makers are models of every kind, and a seed, that make shop_dwd.x.
var makers = map[string]map[string]string{
	"view":              {"models/shop/dwd/x.sql": "-- kind: view\n-- depends_on: []\nselect 1 as id"},
	"table":             {"models/shop/dwd/x.sql": "-- kind: table\n-- depends_on: []\nselect 1 as id"},
	"incremental":       {"models/shop/dwd/x.sql": "-- kind: incremental\n-- key: [id]\n-- depends_on: []\nselect 1 as id"},
	"scd2":              {"models/shop/dwd/x.sql": "-- kind: scd2\n-- key: [id]\n-- depends_on: []\nselect 1 as id"},
	"materialized_view": {"models/shop/dwd/x.sql": "-- kind: materialized_view\n-- depends_on: []\nselect 1 as id"},
	"seed":              {"models/shop/dwd/x.csv": "id\n1\n"},
}

// meeting is one maker that finds one kind of relation under its name, in a schema of their own.
type meeting struct{ kind, maker, schema string }

func (m meeting) relation() string { return m.schema + ".x" }

// meet makes a world in which every maker meets every kind.
func meet(t *testing.T, kinds ...string) (*world, []meeting) {
	files, meetings, setup := map[string]string{}, []meeting{}, ""
	for i, kind := range kinds {
		for j, maker := range slices.Sorted(maps.Keys(makers)) {
			m := meeting{kind, maker, fmt.Sprintf("shop_m%d%d", i, j)}
			meetings = append(meetings, m)
			for name, text := range makers[maker] {
				files[strings.Replace(name, "dwd", m.schema[len("shop_"):], 1)] = text
			}
			setup += "create schema " + m.schema + "; " + strings.ReplaceAll(taken[kind], "shop_dwd", m.schema) + ";\n"
		}
	}
	w := newWorld(t, files)
	w.exec(setup)
	return w, meetings
}

func TestOwn_whatOthersMadeIsNotTouched(t *testing.T) {
	t.Parallel()
	w, meetings := meet(t, "table", "view", "materialized view", "sequence", "type")
	look := func() (out []string) {
		for _, m := range meetings {
			out = append(out, w.rows("select c.relname, c.oid, c.relkind from pg_class as c where c.relnamespace = '"+m.schema+"'::regnamespace order by 1")...)
			if m.kind != "sequence" && m.kind != "type" {
				out = append(out, w.rows("select * from "+m.relation())...)
			}
		}
		return out
	}
	before := look()

	report := w.run()

	for _, m := range meetings {
		s := step(t, report, m.relation())
		require.Equal(t, dag.Failure, s.Status, "%v", m)
		require.Equal(t, fmt.Sprintf("%s is there already, a %s that terrace did not make", m.relation(), m.kind), s.Error.Message)
		require.NotEmpty(t, s.Error.Hint)
	}
	require.Equal(t, before, look())
	require.Equal(t, "0", w.value("select count(*) from terrace.node_state"))
}

func TestOwn_aFullRefreshTakesOverAndKeepsReaders(t *testing.T) {
	t.Parallel()
	w, meetings := meet(t, "table", "view", "materialized view")
	for _, m := range meetings {
		w.exec("create view " + m.schema + ".reader as select x.id from " + m.relation() + "; grant select on " + m.relation() + " to public")
	}
	w.plan = func(o *dag.PlanOptions) { o.FullRefresh = true }

	report := w.run()

	for _, m := range meetings {
		require.NoError(t, step(t, report, m.relation()).Err(), "%v", m)
		require.Equal(t, []string{"(1)"}, w.rows("select * from "+m.schema+".reader"), "%v", m)
		require.Equal(t, "t", w.value("select has_table_privilege('public', '"+m.relation()+"', 'select')"), "%v", m)
	}
	w.plan = nil
	report = w.run()
	for _, m := range meetings {
		require.Equal(t, dag.Skipped, step(t, report, m.relation()).Status, "%v", m)
	}
}

func TestOwn_aTableOfTheSameColumnsIsReplacedWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, makers["incremental"])
	w.exec("create schema shop_dwd; create table shop_dwd.x (id integer); insert into shop_dwd.x values (1), (1), (null)")
	w.plan = func(o *dag.PlanOptions) { o.FullRefresh = true }
	w.succeed()
	require.Equal(t, []string{"(1)"}, w.rows("select * from shop_dwd.x"))
}

func TestOwn_whatWasReplacedByHandIsNotTouched(t *testing.T) {
	t.Parallel()
	w, meetings := meet(t, "nothing")
	w.succeed()
	for _, m := range meetings {
		word := map[string]string{"view": "view", "materialized_view": "materialized view"}[m.maker]
		if word == "" {
			word = "table"
		}
		w.exec("drop " + word + " " + m.relation() + "; create table " + m.relation() + " as select 8 as id")
	}

	for _, s := range w.open().plan.Steps {
		require.Equal(t, "its relation was replaced by hand", s.Reason, s.Name)
	}
	for _, s := range w.run().Steps {
		require.Equal(t, s.Name+" was replaced by hand: the table of that name is not what terrace built", s.Error.Message)
		require.Equal(t, []string{"(8)"}, w.rows("select * from "+s.Name))
		w.exec("drop table " + s.Name)
	}
	for _, s := range w.succeed().Steps {
		require.Equal(t, "its relation is gone", s.Reason, s.Name)
		require.Equal(t, []string{"(1)"}, w.rows("select id from "+s.Name))
	}
}

// A table that is exchanged takes the views over it with it, and those are nodes as well.
func TestOwn_viewsThatAnExchangeMadeAgainAreOurs(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprintf("together %t", together), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{
				"models/shop/dwd/x.sql":   "-- kind: table\n-- depends_on: []\nselect 1 as id",
				"models/shop/dwd/v.sql":   "-- kind: view\n-- depends_on: [shop_dwd.x]\nselect x.id from shop_dwd.x as x",
				"models/shop/dwd/top.sql": "-- kind: view\n-- depends_on: [shop_dwd.v]\nselect v.id from shop_dwd.v as v",
			})
			w.together = together
			w.succeed()
			w.write("models/shop/dwd/x.sql", "-- kind: table\n-- depends_on: []\nselect 1 as id, 2 as more")
			w.succeed()
			for _, s := range w.succeed().Steps {
				require.Equal(t, dag.Skipped, s.Status, "%s: %s", s.Name, s.Reason)
			}
			w.write("models/shop/dwd/v.sql", "-- kind: view\n-- depends_on: [shop_dwd.x]\nselect x.id, x.more from shop_dwd.x as x")
			w.succeed()
			require.Equal(t, []string{"(1,2)"}, w.rows("select * from shop_dwd.v"))
		})
	}
}

// In a copy of the database every oid is another one; kinds are compared.
func TestOwn_aCopyOfTheDatabaseIsOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, makers["table"])
	w.succeed()
	w.exec("drop table shop_dwd.x; create table shop_dwd.x as select 1 as id")
	w.exec("update terrace.node_state set database = 1")
	require.Equal(t, dag.Skipped, step(t, w.succeed(), "shop_dwd.x").Status)
	w.plan = func(o *dag.PlanOptions) { o.Force = true }
	w.succeed()
	w.plan = nil
	require.Equal(t, "t", w.value("select relation = 'shop_dwd.x'::regclass from terrace.node_state"))
	w.exec("drop table shop_dwd.x; create view shop_dwd.x as select 1 as id; update terrace.node_state set database = 1")
	var fault *dag.StepError
	require.True(t, errors.As(step(t, w.run(), "shop_dwd.x").Err(), &fault))
}

func TestOwn_aRelationInThePlaceOfRejectsIsNotTouched(t *testing.T) {
	t.Parallel()
	w := newTrades(t, nil)
	w.exec("create schema shop_dwd; create table shop_dwd.trade__rejects (id integer)")
	s := step(t, w.run(), "shop_dwd.trade")
	require.Equal(t, "shop_dwd.trade__rejects is there already, a table that terrace did not make", s.Error.Message)
}

func TestCompile_warnsOfWhatARunWouldNotTouch(t *testing.T) {
	t.Parallel()
	w, meetings := meet(t, "nothing", "table", "view", "materialized view")
	w.streams = append(w.streams, "ods.trades")
	w.write("models/shop/dwd/trade.sql", trades)
	w.exec("create schema ods; create table ods.trades (line integer, id text, price numeric, volume integer, amount numeric)")
	w.exec("create schema shop_dwd; create table shop_dwd.trade__rejects (id integer)")
	want := map[string]string{
		"shop_dwd.trade": "models/shop/dwd/trade.sql:5:1 warning: shop_dwd.trade__rejects is there already, a table that terrace did not make",
	}
	for _, m := range meetings {
		if m.kind == "nothing" {
			continue
		}
		file := "models/shop/" + strings.TrimPrefix(m.schema, "shop_") + "/x.sql"
		if m.maker == "seed" {
			file = strings.TrimSuffix(file, "sql") + "csv"
		}
		want[m.relation()] = fmt.Sprintf("%s:1:1 warning: %s is there already, a %s that terrace did not make", file, m.relation(), m.kind)
	}
	require.ElementsMatch(t, slices.Collect(maps.Values(want)), told(w.compile()))
	for _, s := range w.run().Steps {
		require.Equal(t, want[s.Name] != "", s.Status == dag.Failure, "check says what the run does: %s", s.Name)
		if s.Error != nil {
			require.Contains(t, want[s.Name], s.Error.Message)
		}
	}

	for _, m := range meetings {
		if m.kind == "nothing" && m.maker != "view" && m.maker != "materialized_view" {
			w.exec("drop table " + m.relation() + "; create table " + m.relation() + " (id integer)")
			want[m.relation()] = m.relation() + " was replaced by hand: the table of that name is not what terrace built"
		}
	}
	now := strings.Join(told(w.compile()), "\n")
	require.Equal(t, len(want), strings.Count(now, "\n")+1, now)
	for _, message := range want {
		require.Contains(t, now, message)
	}
}
