package dag_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// A dimension whose key becomes another one keeps apart the versions of the new key, and nothing of the old one is in
// their way.
func TestSCD2_followsAnotherKey(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		from, more string
		together   bool
	}{
		"replayed":           {"ods.r__versions", ", r._version", false},
		"observed":           {"ods.r", "", false},
		"replayed, together": {"ods.r__versions", ", r._version", true},
		"observed, together": {"ods.r", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil, "ods.r")
			w.together = of.together
			w.exec(`create schema ods;
create table ods.r (id integer, site text, v integer, at timestamptz);
create table ods.r__versions (like ods.r, _version bigint generated always as identity)`)
			land := func(values string) {
				w.land("ods.r", "insert into ods.r values "+values)
				w.exec("insert into ods.r__versions (id, site, v, at) values " + values)
			}
			keyed := func(key string) dag.StepReport {
				w.write("models/shop/m.sql", "-- kind: scd2\n-- key: "+key+"\n-- scd2: {valid_from: at}\n-- depends_on: ["+of.from+"]\nselect r.id, r.site, r.v, r.at"+of.more+" from "+of.from+" as r")
				return step(t, w.run(), "shop.m")
			}
			content := func() []string {
				return w.rows("select m.id, m.site, m.v, m.is_current from shop.m as m order by 1, 2, 3")
			}
			land("(1, 'a', 1, '2026-01-01'), (2, 'b', 1, '2026-01-01')")
			require.NoError(t, keyed("id").Err())
			w.exec("create view ods.seen as select m.id, m.site from shop.m as m; create index own on shop.m (v)")

			s := keyed("[site, id]")
			require.NoError(t, s.Err())
			require.Contains(t, s.Reason, "built anew: its key is another one")
			land("(1, 'b', 1, '2026-01-01')") // which the old key could not tell apart
			w.succeed()
			require.Equal(t, []string{"(1,a,1,t)", "(1,b,1,t)", "(2,b,1,t)"}, content())
			require.Equal(t, "3", w.value("select count(*) from ods.seen"))
			require.Equal(t, "1", w.value("select count(*) from pg_indexes as i where i.schemaname = 'shop' and i.indexname = 'own'"))
			_, err := w.db.Pool.Exec(t.Context(), "insert into shop.m (id, site, v, at, valid_from) select id, site, v, at, '2026-02-01' from shop.m where id = 2")
			require.Error(t, err, "a second open version")

			before := w.places("shop.m")
			if of.more != "" { // of two versions of one time the newest landed holds
				s = keyed("id")
				require.NoError(t, s.Err())
				require.Equal(t, []string{"(1,b,1,t)", "(2,b,1,t)"}, content())
				require.Equal(t, "2", w.value("select count(*) from ods.seen"))
				return
			}
			w.land("ods.r", "delete from ods.r where site = 'b' and id = 1")
			s = keyed("id") // there is one of each now, and there were two
			require.Equal(t, dag.Failure, s.Status)
			require.Equal(t, "versions of one (id) that hold at one time: 1; for example (1)", s.Error.Message)
			require.Contains(t, s.Error.Hint, `alter table "shop"."m" rename to`)
			require.Equal(t, before, w.places("shop.m"))
		})
	}
}

// A key is the same key whatever its letters are, where its type says so.
func TestSCD2_observesAKeyThatIsWrittenInAnotherWay(t *testing.T) {
	t.Parallel()
	for onDelete, want := range map[string]string{
		"close":     "(abc,1,1,2) (abc,2,2,4) (abc,2,5,) (def,1,1,)",
		"keep":      "(abc,1,1,2) (abc,2,2,) (def,1,1,)",
		"tombstone": "(abc,1,1,2) (abc,2,2,4) (abc,2,4,5) (abc,2,5,) (def,1,1,)",
	} {
		t.Run(onDelete, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{
				"models/shop/dim.sql": "-- kind: scd2\n-- key: [k]\n-- scd2: {on_delete: " + onDelete + "}\n-- depends_on: [ods.things]\nselect o.k, o.v from ods.things as o",
			}, "ods.things")
			w.exec("create extension citext schema public; create schema ods; create table ods.things (k public.citext, v integer)")
			w.land("ods.things", "insert into ods.things values ('abc', 1), ('def', 1)")
			for i, change := range []string{
				"select 1", "update ods.things set k = 'ABC', v = 2 where k::text = 'abc'", "update ods.things set k = 'Abc' where k::text = 'ABC'",
				"delete from ods.things where k::text = 'Abc'", "insert into ods.things values ('aBC', 2)", "update ods.things set k = 'ABC' where k::text = 'aBC'",
			} {
				w.land("ods.things", change)
				w.now = time.Date(2026, 1, i+1, 0, 0, 0, 0, time.UTC)
				w.succeed()
			}
			require.Equal(t, want, strings.Join(w.rows("select k, v, extract(day from valid_from)::integer, extract(day from valid_to)::integer from shop.dim order by k, valid_from"), " "))
		})
	}
}
