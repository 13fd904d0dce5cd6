package dag_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// shaped is a column that a model may return: as many forms as it has types, the first the narrowest.
type shaped struct {
	name  string
	forms [][2]string // expression, type
}

// palette is what the columns beside key and group are taken from. Names that need quotes are among them.
var palette = []shaped{
	{"a", [][2]string{{"o.a", "integer"}, {"o.a::bigint", "bigint"}, {"o.a::numeric", "numeric"}, {"o.a::text", "text"}}},
	{"renamed", [][2]string{{"o.a", "integer"}, {"o.a::bigint", "bigint"}}},
	{"b", [][2]string{{"o.b::varchar(4)", "character varying(4)"}, {"o.b::varchar(9)", "character varying(9)"}, {"o.b", "text"}, {"upper(o.b)", "text"}}},
	{"Two words", [][2]string{{"o.a * 2", "integer"}, {"o.b", "text"}}},
	{"place", [][2]string{{"row_number() over (partition by o.grp order by o.id)", "bigint"}, {"(sum(o.a) over (partition by o.grp))::numeric", "numeric"}}},
	{"nothing", [][2]string{{"null::integer", "integer"}, {"null::bigint", "bigint"}}},
	{"document", [][2]string{{"to_jsonb(o.b)", "jsonb"}}},
}

// widenings are the changes of a type that a table of many rows may follow.
var widenings = []string{
	"integer bigint", "integer numeric", "bigint numeric", "character varying(4) character varying(9)",
	"character varying(4) text", "character varying(9) text",
}

// chosen is a column as one version of the model's file has it.
type chosen struct{ name, expression, typ string }

func (c chosen) quoted() string { return `"` + c.name + `"` }

// choose returns columns in a random order: some of the palette, each in one of its forms.
func choose(r *rand.Rand, before []chosen) []chosen {
	if len(before) > 0 && r.IntN(4) == 0 { // only in another order
		after := slices.Clone(before)
		r.Shuffle(len(after), func(i, j int) { after[i], after[j] = after[j], after[i] })
		return after
	}
	var out []chosen
	for _, c := range palette {
		form := c.forms[r.IntN(len(c.forms))]
		i := slices.IndexFunc(before, func(b chosen) bool { return b.name == c.name })
		switch {
		case i >= 0 && r.IntN(3) > 0:
			out = append(out, before[i])
		case r.IntN(2) == 0:
			out = append(out, chosen{c.name, form[0], form[1]})
		}
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// follows says what on_schema_change makes of a table's columns: those that it has then, in their order, or not ok.
func follows(policy string, have, want []chosen) (after []chosen, ok bool) {
	changed := false
	for _, c := range have {
		i := slices.IndexFunc(want, func(w chosen) bool { return w.name == c.name })
		switch {
		case i < 0:
			changed = true
			if policy != "sync" {
				after = append(after, c)
			}
		case want[i].typ != c.typ:
			changed = true
			if !slices.Contains(widenings, c.typ+" "+want[i].typ) {
				return nil, false
			}
			after = append(after, want[i])
		default:
			after = append(after, want[i])
		}
	}
	for _, c := range want {
		if !slices.ContainsFunc(have, func(h chosen) bool { return h.name == c.name }) {
			changed = true
			after = append(after, c)
		}
	}
	return after, !changed || policy != "fail"
}

func quotedNames(columns []chosen) string {
	out := ""
	for _, c := range columns {
		out += ", t." + c.quoted()
	}
	return out
}

// left are the columns of a table that its query no longer returns.
func left(have, want []chosen) []chosen {
	return slices.DeleteFunc(slices.Clone(have), func(h chosen) bool {
		return slices.ContainsFunc(want, func(w chosen) bool { return w.name == h.name })
	})
}

// reshaped is a world whose model's columns change at random.
type reshaped struct {
	*world
	r          *rand.Rand
	told       string
	policy     string
	have, want []chosen
}

func newReshaped(t *testing.T, seed uint64) *reshaped {
	w := &reshaped{world: newWorld(t, map[string]string{
		"models/shop/dws/n.sql":     "-- kind: incremental\n-- key: [grp]\n-- depends_on: [shop_dwd.m]\nselect m.grp, count(*) as n, sum(m.id) as ids from shop_dwd.m as m group by m.grp",
		"models/shop/dws/all.sql":   "-- kind: table\n-- depends_on: [shop_dwd.m]\nselect m.* from shop_dwd.m as m",
		"models/shop/dws/whole.sql": "-- kind: incremental\n-- key: [id]\n-- depends_on: [shop_dwd.m]\nselect m.id, to_jsonb(m) as whole from shop_dwd.m as m",
		"models/shop/dws/some.sql":  "-- kind: view\n-- depends_on: [shop_dwd.m]\nselect m.id, m.grp from shop_dwd.m as m",
	}, "ods.o"), r: rand.New(rand.NewPCG(seed, 5)), told: fmt.Sprintf("seed %d", seed)}
	w.exec("create schema ods; create table ods.o (id integer primary key, grp integer not null, a integer, b text)")
	w.landSome()
	return w
}

func (w *reshaped) landSome() {
	w.land("ods.o", fmt.Sprintf(`insert into ods.o
select n, n * %[1]d / 3 %% 5, nullif(n * %[1]d %% 7, 3), nullif(left(md5((n * %[1]d)::text), 3), '')
from generate_series(%[2]d, %[3]d) as n
on conflict (id) do update set grp = excluded.grp, a = excluded.a, b = excluded.b`, w.r.IntN(90)+1, w.r.IntN(12), 3+w.r.IntN(12)))
	if w.r.IntN(3) == 0 {
		w.land("ods.o", fmt.Sprintf("delete from ods.o where id %% 5 = %d", w.r.IntN(5)))
	}
}

func (w *reshaped) query() string {
	out := "select o.id, o.grp"
	for _, c := range w.want {
		out += ", " + c.expression + " as " + c.quoted()
	}
	return out + " from ods.o as o"
}

func (w *reshaped) writeModel() {
	w.write("models/shop/dwd/m.sql", "-- kind: incremental\n-- key: [id]\n-- incremental: {by: [grp]}\n-- on_schema_change: "+w.policy+"\n-- depends_on: [ods.o]\n"+w.query())
}

// build runs, and if that cannot be published with all others, alone.
func (w *reshaped) build() dag.StepReport {
	report := w.run()
	s := step(w.t, report, "shop_dwd.m")
	if s.Error != nil && strings.Contains(s.Error.Message, "have to be changed in place") {
		require.True(w.t, w.together, w.told)
		require.Equal(w.t, "append", w.policy, w.told)
		w.together = false
		report = w.run()
		s = step(w.t, report, "shop_dwd.m")
	}
	if s.Error == nil {
		for _, other := range report.Steps {
			require.NoError(w.t, other.Err(), "%s: %s", w.told, other.Name)
		}
	}
	return s
}

func (w *reshaped) stored() []string {
	return w.rows(`select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute as a
where a.attrelid = to_regclass('shop_dwd.m') and a.attnum > 2 and not a.attisdropped order by a.attnum`)
}

func columnRows(columns []chosen) []string {
	var out []string
	for _, c := range columns {
		name, typ := c.name, c.typ
		if strings.Contains(name, " ") {
			name = `"` + name + `"`
		}
		if strings.Contains(typ, " ") || strings.Contains(typ, "(") {
			typ = `"` + typ + `"`
		}
		out = append(out, "("+name+","+typ+")")
	}
	return out
}

// requireContent compares the table, and what is made of it, with the query; and columns that only old rows have with what
// was in them.
func (w *reshaped) requireContent(before map[string]string, gone []chosen) {
	w.t.Helper()
	sorted := " order by 1, 2"
	require.Equal(w.t, w.rows("select t.id, t.grp"+quotedNames(w.want)+" from ("+w.query()+") as t"+sorted),
		w.rows("select t.id, t.grp"+quotedNames(w.want)+" from shop_dwd.m as t"+sorted), w.told)
	require.Equal(w.t, w.rows("select o.grp, count(*), sum(o.id) from ods.o as o group by 1 order by 1"), w.rows("select * from shop_dws.n order by 1"), w.told)
	require.Equal(w.t, w.rows("select * from shop_dwd.m order by 1"), w.rows("select * from shop_dws.all order by 1"), w.told)
	require.Equal(w.t, w.rows("select id, to_jsonb(m) from shop_dwd.m as m order by 1"), w.rows("select * from shop_dws.whole order by 1"), w.told)
	require.Equal(w.t, w.rows("select id, grp from ods.o order by 1"), w.rows("select * from shop_dws.some order by 1"), w.told)
	for id, was := range w.leftIn(gone) {
		require.Equal(w.t, before[id], was, "%s: what %s has in columns that left", w.told, id)
	}
}

// leftIn is what the rows have in columns, by id; those that have nothing are not in it.
func (w *reshaped) leftIn(columns []chosen) map[string]string {
	out := map[string]string{}
	if len(columns) == 0 {
		return out
	}
	for _, row := range w.rows("select t.id || '|' || row(" + quotedNames(columns)[2:] + ")::text from shop_dwd.m as t where num_nonnulls(" + quotedNames(columns)[2:] + ") > 0") {
		id, rest, _ := strings.Cut(strings.Trim(row, `("`), "|")
		out[id] = rest
	}
	return out
}

// Whatever happens to the columns of an incremental model, and however it is run: its table has those that on_schema_change
// says, every row has in them what the query returns, also in groups in which nothing changed, and what is refused
// leaves all as it was. What a column has that only append keeps is what it had.
func TestIncremental_followsAnyChangeOfColumns(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newReshaped(t, seed)
			w.policy, w.want = "fail", choose(w.r, nil)
			w.writeModel()
			w.succeed()
			w.have = w.want
			for round := range 5 {
				w.reshape(fmt.Sprintf("seed %d, round %d", seed, round))
			}
		})
	}
}

func (w *reshaped) reshape(told string) {
	was := w.want
	w.policy, w.want = []string{"fail", "append", "append", "sync", "sync"}[w.r.IntN(5)], choose(w.r, w.want)
	w.writeModel()
	if w.r.IntN(2) == 0 {
		w.landSome()
	}
	w.together = w.r.IntN(3) == 0
	full := w.r.IntN(6) == 0
	w.plan = func(o *dag.PlanOptions) { o.FullRefresh = full }
	w.told = fmt.Sprintf("%s: %s, together %t, full %t, from %v to\n%s", told, w.policy, w.together, full, w.have, w.query())

	after, ok := follows(w.policy, w.have, w.want)
	if full {
		after, ok = w.want, true
	}
	gone := left(after, w.want)
	before, rows := w.leftIn(gone), w.rows("select * from shop_dwd.m order by 1")
	s := w.build()
	if !ok {
		require.Equal(w.t, dag.Failure, s.Status, w.told)
		require.Contains(w.t, s.Error.Message, "no longer match its table", w.told)
		require.NotEmpty(w.t, s.Error.Hint)
		require.Equal(w.t, columnRows(w.have), w.stored(), w.told)
		require.Equal(w.t, rows, w.rows("select * from shop_dwd.m order by 1"), w.told)
		w.want = was
		return
	}
	require.NoError(w.t, s.Err(), w.told)
	w.have = after
	if w.together || full {
		require.ElementsMatch(w.t, columnRows(after), w.stored(), w.told)
		w.have = w.order(after)
	} else {
		require.Equal(w.t, columnRows(after), w.stored(), w.told)
	}
	w.requireContent(before, gone)

	w.plan, w.together = nil, false
	w.landSome() // and the next run is as ever
	before = w.leftIn(gone)
	s = w.build()
	require.NoError(w.t, s.Err(), w.told)
	w.requireContent(before, gone)
}

// order puts columns as they stand in the table.
func (w *reshaped) order(columns []chosen) []chosen {
	stored := w.stored()
	out := slices.Clone(columns)
	slices.SortFunc(out, func(a, b chosen) int {
		return slices.Index(stored, columnRows([]chosen{a})[0]) - slices.Index(stored, columnRows([]chosen{b})[0])
	})
	return out
}
