package dag_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// handing is a world whose rows hand values of unique columns on to one another: places, the names of those that are
// active, and codes, which are unique by an index that people made.
type handing struct {
	*world
	rand *rand.Rand
	rows map[int]handed
}

type handed struct {
	place, code, grp int // no place is 0
	name             string
	active           bool
}

var handers = map[string]string{
	"shop.whole":    "kind: table\n-- key: [id]",
	"shop.followed": "kind: incremental\n-- key: [id]",
	"shop.grouped":  "kind: incremental\n-- key: [id]\n-- incremental: {by: [grp]}",
}

func newHanding(t *testing.T, seed uint64) *handing {
	t.Helper()
	files := map[string]string{
		"models/shop/base.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\nselect o.* from ods.orders as o",
	}
	for name, kind := range handers {
		files["models/"+strings.Replace(name, ".", "/", 1)+".sql"] = "-- " + kind +
			"\n-- indexes: [{columns: [grp, place], unique: true}, {columns: [place desc], unique: true}, {columns: [lower(name)], unique: true, where: active}]" +
			"\n-- depends_on: [shop.base]\nselect b.* from shop.base as b"
	}
	h := &handing{world: newWorld(t, files, "ods.orders"), rand: rand.New(rand.NewPCG(seed, 0)), rows: map[int]handed{}}
	h.exec("create schema ods")
	h.exec("create table ods.orders (id integer primary key, place integer, name text, active boolean, code integer, grp integer)")
	return h
}

// next is what the rows are after a change: some or all of them hand on what they have, some go and others come.
func (h *handing) next() map[int]handed {
	const ids = 60
	out := map[int]handed{}
	few := h.rand.IntN(2) == 0 && len(h.rows) > 0
	places, codes, names := h.rand.Perm(ids), h.rand.Perm(ids), h.rand.Perm(ids)
	for id := range ids {
		was, there := h.rows[id]
		switch {
		case few && there:
			out[id] = was
		case !few && h.rand.IntN(4) > 0:
			out[id] = handed{
				place: places[id] % (ids - 2), code: codes[id], grp: h.rand.IntN(3), active: h.rand.IntN(2) == 0,
				name: fmt.Sprintf("%c%d", "aA"[h.rand.IntN(2)], names[id]),
			}
		}
	}
	seen := map[int]bool{0: true}
	for id, row := range out { // two of them have none
		if seen[row.place] {
			row.place = 0
		}
		seen[row.place], out[id] = true, row
	}
	if few { // a round of three
		round := h.rand.Perm(ids)[:3]
		if a, b, c := out[round[0]], out[round[1]], out[round[2]]; a.name != "" && b.name != "" && c.name != "" {
			a.place, b.place, c.place = b.place, c.place, a.place
			a.name, b.name, a.active, b.active = b.name, a.name, b.active, a.active
			a.code, c.code = c.code, a.code
			out[round[0]], out[round[1]], out[round[2]] = a, b, c
		}
	}
	return out
}

// change lands a next state, and says what it does to the rows.
func (h *handing) change() (want dag.Rows) {
	h.t.Helper()
	next := h.next()
	values := []string{"(null::integer, null::integer, null::text, null::boolean, null::integer, null::integer)"}
	for id, row := range next {
		was, there := h.rows[id]
		switch {
		case !there:
			want.Inserted++
		case was != row:
			want.Updated++
		default:
			want.Unchanged++
		}
		values = append(values, fmt.Sprintf("(%d, nullif(%d, 0), '%s', %t, %d, %d)", id, row.place, row.name, row.active, row.code, row.grp))
	}
	want.Deleted = int64(len(h.rows)) - want.Updated - want.Unchanged
	h.exec("truncate ods.orders")
	h.land("ods.orders", "insert into ods.orders select * from (values "+strings.Join(values, ", ")+") as v (id, place, name, active, code, grp) where id is not null")
	h.rows = next
	return want
}

// Values of a unique index may move from row to row between two runs: what is there after the second is what a rebuild gives,
// though every update by itself would meet the row that still has the value.
func TestBuild_rowsMayHandOnWhatIsUnique(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			h := newHanding(t, seed)
			// With 1 few rows of a large table are looked up, and a new table takes the place of one none of whose rows stays.
			h.world.change = func(e *dag.SQLExecutor) { e.ManyRows = int64(seed % 2) }
			h.change()
			h.succeed()
			for name := range handers {
				h.exec("create unique index on " + name + " (code) include (name)")
			}
			for range 5 {
				h.exec("analyze")
				want := h.change()
				report := h.succeed()
				for name := range handers {
					rows := step(t, report, name).Rows
					rows.Unchanged = want.Unchanged // those of other groups are not looked at
					require.Equal(t, want, rows, name)
					require.Equal(t, h.world.rows("select o.* from ods.orders as o order by o.id"), h.world.rows("select t.* from "+name+" as t order by t.id"), name)
				}
			}
		})
	}
}

// The key stays with its row, so that nothing that refers to it is told that it went.
func TestBuild_handingOnWhatIsUniqueLeavesRowsThatOthersReferToInPlace(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table\n-- key: [id]\n-- indexes: [{columns: [state], unique: true}]", allOrders), nil)
	w.succeed()
	w.exec("alter table shop_dwd.orders add primary key (id)")
	w.exec("create table public.notes (id integer references shop_dwd.orders on delete cascade)")
	w.exec("insert into public.notes values (1), (2)")
	w.land("ods.orders", "update ods.orders set state = case state when 'open' then 'paid' else 'open' end")
	require.Equal(t, dag.Rows{Updated: 2}, step(t, w.succeed(), "shop_dwd.orders").Rows)
	require.Equal(t, []string{"(1,paid)", "(2,open)"}, w.rows("select id, state from shop_dwd.orders order by id"))
	require.Equal(t, []string{"(1)", "(2)"}, w.rows("select id from public.notes order by id"))

	w.land("ods.orders", "update ods.orders set state = 'both'")
	failed := step(t, w.run(), "shop_dwd.orders")
	require.Equal(t, "23505", failed.Error.SQLState)
	require.Equal(t, []string{"(1,paid)", "(2,open)"}, w.rows("select id, state from shop_dwd.orders order by id"))
}

// Versions are changed in place where what changed makes no version. A dimension that observes is what its query gives, and one
// that replays what it would be had it been built at the end.
func TestSCD2_versionsMayHandOnWhatIsUnique(t *testing.T) {
	t.Parallel()
	const indexes = "-- indexes: [{columns: [code], unique: true, where: is_current}, {columns: [lower(name)], unique: true, where: is_current}]\n"
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 7))
			fields := func(alias string) string {
				return strings.ReplaceAll("a.id, a.payload ->> 'region' as region, (a.payload ->> 'code')::integer as code, a.payload ->> 'name' as name", "a.", alias+".")
			}
			s := newSource(t, newWorld(t, map[string]string{
				"models/shop/seen.sql":     "-- kind: scd2\n-- key: [id]\n-- scd2: {track: [region]}\n" + indexes + "-- depends_on: [ods.customers]\nselect " + fields("c") + " from ods.customers as c",
				"models/shop/replayed.sql": "-- kind: scd2\n-- key: [id]\n-- scd2: {track: [region]}\n" + indexes + "-- depends_on: [ods.customers__versions]\nselect " + fields("v") + ", v._seen_at, v._version from ods.customers__versions as v",
			}, "ods.customers"), customersStream)
			// With 1 few keys of a large table are looked up.
			s.world.change = func(e *dag.SQLExecutor) { e.ManyRows = int64(seed % 2) }
			const ids = 30
			codes, names := r.Perm(ids), r.Perm(ids)
			for rev := range 6 {
				ofPage := r.Perm(ids)[:ids-10*r.IntN(3)] // the others keep what they have
				page := make([]string, len(ofPage))
				for i, j := range r.Perm(len(ofPage)) {
					a, b := ofPage[i], ofPage[j]
					codes[a], codes[b] = codes[b], codes[a]
					names[a], names[b] = names[b], names[a]
				}
				for i, id := range ofPage {
					page[i] = fmt.Sprintf(`{"id": %d, "rev": %d, "region": "r%d", "code": %d, "name": "%c%d"}`, id, rev, r.IntN(2), codes[id], "nN"[r.IntN(2)], names[id])
				}
				s.land(customersStream, page...)
				s.exec("analyze")
				s.succeed()
				for _, name := range []string{"shop.seen", "shop.replayed"} {
					require.Equal(t, s.rows("select "+fields("c")+" from ods.customers as c order by 1"),
						s.rows("select t.id, t.region, t.code, t.name from "+name+" as t where t.is_current order by 1"), "%s, round %d", name, rev)
				}
			}
			before := s.rows("select t::text from shop.replayed as t order by 1")
			s.exec("drop table shop.replayed")
			s.succeed()
			require.Equal(t, s.rows("select t::text from shop.replayed as t order by 1"), before)
		})
	}
}
