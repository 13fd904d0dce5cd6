package dag_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// A dimension that observes is, after its header changed, what it would be had the header been so from the beginning; also
// for keys that do not change any more, and for those that are gone.
func TestSCD2_observedVersionsFollowAnotherHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ was, is, policy string }{
		"fewer are tracked":         {"{track: [a, b]}", "{track: [a]}", "fail"},
		"nothing but b is tracked":  {"{}", "{track: [b]}", "fail"},
		"fewer with tombstones":     {"{track: [a, b], on_delete: tombstone}", "{track: [a], on_delete: tombstone}", "fail"},
		"no more tombstones":        {"{on_delete: tombstone}", "{on_delete: close}", "sync"},
		"none, the column may stay": {"{on_delete: tombstone}", "{}", "append"},
		"none, and fewer tracked":   {"{on_delete: tombstone}", "{track: [a]}", "sync"},
		"tombstones from now on":    {"{on_delete: close}", "{on_delete: tombstone}", "append"},
		"their own times, fewer":    {"{valid_from: at}", "{valid_from: at, track: [a]}", "fail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, seed := range someSeeds(t) {
				r := rand.New(rand.NewPCG(seed, 11))
				w := newWorld(t, nil, "ods.r")
				w.exec("create schema ods; create table ods.r (id integer primary key, a integer, b integer, at timestamptz)")
				write := func(model, spec string) {
					w.write("models/shop/"+model+".sql", "-- kind: scd2\n-- key: id\n-- on_schema_change: "+c.policy+"\n-- scd2: "+spec+
						"\n-- depends_on: [ods.r]\nselect r.id, r.a, r.b, r.at from ods.r as r")
				}
				observe := func() {
					for range 1 + r.IntN(4) {
						w.changeObserved(r)
						w.succeed()
					}
				}
				content := func(model string) []string {
					return w.rows("select to_jsonb(m) from shop." + model + " as m order by m.id, m.valid_from")
				}
				told := fmt.Sprintf("seed %d", seed)

				write("changes", c.was)
				write("always", c.is)
				observe()
				write("changes", c.is)
				if r.IntN(2) == 0 {
					w.changeObserved(r)
				}
				w.together = seed%2 == 0
				w.succeed()
				require.Equal(t, content("always"), content("changes"), told)

				before := w.places("shop.changes")
				require.Equal(t, dag.Skipped, step(t, w.succeed(), "shop.changes").Status, told)
				w.land("ods.r", "select 1")
				w.succeed()
				require.Equal(t, before, w.places("shop.changes"), told)
				observe()
				require.Equal(t, content("always"), content("changes"), told)
			}
		})
	}
}

// changeObserved has some records come, change, or go, at a time of their own that is not before an earlier one.
func (w *world) changeObserved(r *rand.Rand) {
	at := w.now.Add(-90)
	for id := range 6 {
		switch r.IntN(4) {
		case 0:
			w.land("ods.r", "delete from ods.r where id = $1", id)
		case 1, 2:
			w.land("ods.r", `insert into ods.r values ($1, $2, nullif($3, 2), $4)
on conflict (id) do update set a = excluded.a, b = excluded.b, at = excluded.at`, id, r.IntN(2), r.IntN(3), at)
		}
	}
}
