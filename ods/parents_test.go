package ods_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

func contacts() ods.Stream {
	return ods.Stream{Name: "shop_ods.contacts", Key: []ods.KeyColumn{
		{Name: "site", Path: "$.site"}, {Name: "id", Path: "$.id", Type: "bigint"},
	}}
}

// child is a world of a child stream beside its parent's, in one database.
func (w *world) child() *world {
	w.Helper()
	child := &world{T: w.T, db: w.db, store: w.store, stream: orders(), run: w.run, now: w.now}
	require.NoError(w, w.store.Ensure(w.Context(), child.stream))
	child.open(ods.SliceSpec{Kind: ods.Parents})
	return child
}

func (w *world) parents(after []string, limit int) [][]string {
	w.Helper()
	keys, err := w.store.ParentKeys(w.Context(), ods.ParentQuery{
		Parent: "shop_ods.contacts", Child: w.stream.Name, Columns: []string{"site", "id"}, Slice: w.slice, After: after, Limit: limit,
	})
	require.NoError(w, err)
	return keys
}

func TestParentKeys_givesEachChangeToOnePass(t *testing.T) {
	t.Parallel()
	parent := newWorld(t, contacts())
	parent.land(`{"site":"a","id":10}`, `{"site":"a","id":9}`, `{"site":"b","id":1}`, `{"site":"c","id":1}`)
	parent.exec(`update shop_ods.contacts set _deleted_at = now() where site = 'c'`)
	child := parent.child()

	parent.land(`{"site":"a","id":9,"v":2}`, `{"site":"z","id":1}`) // meanwhile: the next pass's

	require.Equal(t, [][]string{{"a", "10"}}, child.parents(nil, 1))
	require.Equal(t, [][]string{{"b", "1"}}, child.parents([]string{"a", "10"}, 5))
	require.Empty(t, child.parents([]string{"b", "1"}, 5))
	child.finish()

	child.open(ods.SliceSpec{Kind: ods.Parents})
	require.Equal(t, [][]string{{"a", "9"}, {"z", "1"}}, child.parents(nil, 5))
	child.land()
	require.NoError(t, child.store.FailSlice(t.Context(), child.slice, "stopped"))
	parent.land(`{"site":"b","id":1,"v":2}`)
	child.open(ods.SliceSpec{Kind: ods.Parents})
	require.Equal(t, [][]string{{"a", "9"}, {"z", "1"}}, child.parents(nil, 5), "a pass that goes on is the same pass")
	child.finish()

	child.open(ods.SliceSpec{Kind: ods.Parents})
	require.Equal(t, [][]string{{"b", "1"}}, child.parents(nil, 5))
	require.NoError(t, child.store.FailSlice(t.Context(), child.slice, "stopped"))
	parent.land(`{"site":"a","id":10,"v":2}`)
	child.open(ods.SliceSpec{Kind: ods.Parents})
	require.Equal(t, [][]string{{"a", "10"}, {"b", "1"}}, child.parents(nil, 5), "a pass that landed nothing begins anew")
	parent.land(`{"site":"b","id":1,"v":2}`)
	child.finish()

	child.open(ods.SliceSpec{Kind: ods.Parents})
	require.Empty(t, child.parents(nil, 5), "a record that came unchanged is no work")
}

// A batch that commits after the pass began has a lower number than one that the pass has seen.
func TestParentKeys_losesNoBatchThatCommitsLate(t *testing.T) {
	t.Parallel()
	parent := newWorld(t, contacts())
	conn := parent.db.Conn(t)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `
with b as (insert into terrace.batch (node, rows_inserted) values ('shop_ods.contacts', 1) returning batch_id)
insert into shop_ods.contacts (site, id, payload, _hash, _batch_id, _first_seen_at, _fetched_at)
select 'late', 1, '{}', '', batch_id, now(), now() from b`)
	require.NoError(t, err)
	parent.land(`{"site":"early","id":1}`)
	child := parent.child()
	require.NoError(t, tx.Commit(t.Context()))

	require.Equal(t, [][]string{{"early", "1"}}, child.parents(nil, 5))
	child.finish()
	child.open(ods.SliceSpec{Kind: ods.Parents})
	require.Equal(t, [][]string{{"late", "1"}}, child.parents(nil, 5))
}

func TestParentKeys_refusesAQueryThatSaysTooLittle(t *testing.T) {
	t.Parallel()
	store := ods.New(nil)
	for want, q := range map[string]ods.ParentQuery{
		"schema.stream":           {Parent: "contacts", Columns: []string{"id"}, Limit: 1},
		"columns and a limit":     {Parent: "a.b", Limit: 1},
		"a limit are needed":      {Parent: "a.b", Columns: []string{"id"}},
		"2 values to go on after": {Parent: "a.b", Columns: []string{"id"}, After: []string{"1", "2"}, Limit: 1},
	} {
		_, err := store.ParentKeys(t.Context(), q)
		require.ErrorContains(t, err, want)
	}
}
