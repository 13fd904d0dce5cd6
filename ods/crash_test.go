package ods_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// cuttable is a store whose one connection can be cut.
func cuttable(t *testing.T, db *pgtest.DB) (*ods.Store, *pgtest.Cutter) {
	t.Helper()
	pool, cutter := db.Cuttable(t, 1)
	return ods.New(pool), cutter
}

// eventful is a page in which everything happens that landing knows.
var eventful = []string{
	record(1, "a"), record(2, "b"), record(3, "a"), record(3, "b"), record(4, "a"), `{"id":null}`, record(5, "a"),
}

func eventfulStream(n int) ods.Stream {
	stream := orders()
	stream.Name = fmt.Sprintf("shop_ods.orders_%d", n)
	return stream
}

// before lands the window that comes first and gives the only page of the next.
func (w *world) before() ods.Page {
	w.Helper()
	require.NoError(w, w.store.Ensure(w.Context(), w.stream))
	w.open(window(1, 2))
	w.land(record(1, "a"), record(2, "a"))
	w.finish()
	return w.eventfulPage()
}

func (w *world) eventfulPage() ods.Page {
	w.Helper()
	w.open(window(2, 3))
	page := w.page(eventful...)
	page.Last = true
	return page
}

// content is every version that the stream has.
func (w *world) content() []string {
	w.Helper()
	return w.query(`
select id, payload ->> 'v', _superseded_at is null
from ` + w.stream.Name + `__versions
order by id, _version`)
}

// state is all that a page changes, without numbers and clocks.
func (w *world) state() []string {
	w.Helper()
	return append(w.content(), w.query(`
select 'batch', page::text, rows_inserted::text, rows_updated::text, rows_rejected::text from terrace.batch where node = $1
union all
select 'reject', reason, place, '', '' from terrace.reject where node = $1
union all
select 'slice', state, pages::text, rows_received::text, '' from terrace.slice where stream = $1
union all
select 'cursor', watermark::text, '', '', '' from terrace.cursor where stream = $1
order by 1, 2, 3, 4, 5`, w.stream.Name)...)
}

func TestLand_isAllOrNothingWhereverTheConnectionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.stream = eventfulStream(0)
	page := w.before()
	untouched := w.state()
	want := w.landPage(page)
	done := w.state()
	require.Equal(t, ods.Landed{BatchID: want.BatchID, Inserted: 3, Updated: 2, Unchanged: 1, Rejected: 1}, want)
	store, cutter := cuttable(t, w.db)

	cuts, committed := 0, false
	for n := 1; ; n++ {
		after := n%2 == 0
		w.stream = eventfulStream(n)
		page := w.before()
		_, err := store.State(t.Context(), w.stream.Name) // the connection is there
		require.NoError(t, err)
		visible := untouched
		cutter.Arm((n-1)/2, after, func() { visible = w.state() })

		landed, err := store.Land(t.Context(), page)

		fired := cutter.Disarm()
		require.NoError(t, err, "message %d", n/2)
		// After the commit only the notification is left.
		told := slices.Equal(done, visible)
		committed = committed || told
		if !told {
			require.Equal(t, untouched, visible, "message %d, after: %t", n/2, after)
		}
		require.Equal(t, w.state(), done, "message %d, after: %t", n/2, after)
		landed.BatchID = want.BatchID
		require.Equal(t, want, landed)
		if !fired {
			break
		}
		cuts++
	}
	require.True(t, committed, "no cut came after the commit")
	require.Greater(t, cuts, 20, "so many messages a page takes, each cut before and after")
}

// The process dies with its connection; another run reads the window from its start.
func TestLand_convergesWhenTheReaderDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.stream = eventfulStream(0)
	page := w.before()
	untouched := w.content()
	w.landPage(page)
	done := w.content()

	for n := 1; ; n++ {
		w.stream = eventfulStream(n)
		page := w.before()
		store, cutter := cuttable(t, w.db)
		_, err := store.State(t.Context(), w.stream.Name) // the connection is there
		require.NoError(t, err)
		ctx, die := context.WithCancelCause(t.Context())
		cutter.Arm(n-1, true, func() { die(pgtest.ErrCut) })

		_, err = store.Land(ctx, page)

		fired := cutter.Disarm()
		die(nil)
		w.run = uuid.New()
		again := w.eventfulPage() // opening the slice waits for what may still be committing
		if again.Slice.ID == page.Slice.ID {
			require.Error(t, err, "message %d", n)
			require.Equal(t, untouched, w.content(), "message %d", n)
		} else {
			require.Equal(t, done, w.content(), "message %d", n)
		}
		w.landPage(again)
		require.Equal(t, done, w.content(), "message %d", n)
		if !fired {
			require.NoError(t, err)
			return
		}
	}
}
