package ods_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

// replay lands the pending rejects as the stream is declared, an hour after what was landed last.
func (w *world) replay(stream ods.Stream) ods.Replayed {
	w.Helper()
	pending, err := w.store.Rejects(w.Context(), ods.RejectFilter{Stream: stream.Name, Pending: true})
	require.NoError(w, err)
	if len(pending) == 0 {
		return ods.Replayed{}
	}
	done, err := w.store.ReplayRejects(w.Context(), stream, pending, w.run, time.Now().Add(time.Hour))
	require.NoError(w, err)
	return done
}

// What a wrong declaration refused is landed when the declaration is right, once, and marked.
func TestReplayRejects_landsWhatTheDeclarationAllowsNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	page := w.page(record(1, "a"), `{"order":{"id":2},"v":"b"}`, `{"v":"no key"}`, `{"order":{"id":3},"v":"c"}`)
	require.EqualValues(t, 3, w.landPage(page).Rejected)

	corrected := orders()
	corrected.Key[0].Path = "$.order.id"
	done := w.replay(corrected)
	require.EqualValues(t, 2, done.Inserted)
	require.Len(t, done.Refused, 1)
	require.Equal(t, ods.ReasonMissingKey, done.Refused[0].Reason)
	require.Equal(t, []string{"1|a", "2|b", "3|c"}, w.query(`select id, payload ->> 'v' from shop_ods.orders order by id`))
	require.Equal(t, []string{"t|2", "f|1"}, w.query(`select replayed_at is not null, count(*) from terrace.reject group by 1 order by 1 desc`))
	require.Equal(t, "2|-", w.value(`select rows_inserted, slice_id from terrace.batch where endpoint = 'terrace.reject'`))

	before := w.fingerprint()
	require.Len(t, w.replay(corrected).Refused, 1)
	require.Equal(t, before, w.fingerprint(), "nothing is landed twice")
}

// A reject is as old as its rejection: what was landed of its key meanwhile stays current.
func TestReplayRejects_doesNotReplaceWhatIsNewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.landPage(w.page(`{"order":{"id":1},"v":"old"}`, `{"order":{"id":2},"v":"only"}`))
	w.now = time.Now().Add(time.Minute) // after the server's own time of the rejection
	w.land(record(1, "new"))
	corrected := orders()
	corrected.Key[0].Path = "$.order.id"
	done := w.replay(corrected)
	require.EqualValues(t, 1, done.Inserted)
	require.Equal(t, []string{"1|new", "2|only"}, w.query(`select id, payload ->> 'v' from shop_ods.orders order by id`))
	require.Equal(t, []string{"new", "old"}, w.query(`select payload ->> 'v' from shop_ods.orders__versions where id = 1 order by 1`))
}

// A deleted record does not come back by a reject from before.
func TestReplayRejects_doesNotReviveWhatIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.landPage(w.page(record(1, "a"), record(2, "b"), record(3, "c"), `{"order":{"id":1},"v":"old"}`))
	w.now = time.Now().Add(time.Minute)
	swept, err := w.store.Sweep(t.Context(), w.sweep("2", "3"))
	require.NoError(t, err)
	require.EqualValues(t, 1, swept.Deleted)
	corrected := orders()
	corrected.Key[0].Path = "$.order.id"
	w.replay(corrected)
	require.Equal(t, "t", w.value(`select _deleted_at is not null from shop_ods.orders where id = 1`))
}

func TestReplayRejects_goesByTheDeclaredVersion(t *testing.T) {
	t.Parallel()
	stream := orders()
	stream.Version = "$.at"
	w := newWorld(t, stream)
	w.landPage(w.page(`{"order":{"id":1},"v":"newest","at":9}`))
	w.land(`{"id":1,"v":"landed","at":5}`)
	corrected := stream
	corrected.Key = []ods.KeyColumn{{Name: "id", Path: "$.order.id", Type: "bigint"}}
	w.replay(corrected)
	require.Equal(t, "newest", w.value(`select payload ->> 'v' from shop_ods.orders where id = 1`))
}

// One that only the server refuses does not keep its neighbours out.
func TestReplayRejects_landsTheNeighboursOfWhatTheServerRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.exec(`alter table shop_ods.orders add constraint sane check (payload ->> 'v' <> 'poison')`)
	w.landPage(w.page(`{"o":1,"v":"a"}`, `{"o":2,"v":"poison"}`, `{"o":3,"v":"c"}`))
	corrected := orders()
	corrected.Key[0].Path = "$.o"
	done := w.replay(corrected)
	require.EqualValues(t, 2, done.Inserted)
	require.Len(t, done.Refused, 1)
	require.Equal(t, ods.ReasonRefused, done.Refused[0].Reason)
	require.Equal(t, []string{"1|a", "3|c"}, w.query(`select id, payload ->> 'v' from shop_ods.orders order by id`))
	require.Equal(t, "1", w.value(`select count(*) from terrace.reject where replayed_at is null`))
}

func TestReplayRejects_keepsThePlaceInTheFile(t *testing.T) {
	t.Parallel()
	stream := orders()
	stream.FileColumns = true
	w := newWorld(t, stream)
	page := w.page()
	page.Rejects = []ods.Reject{{Raw: []byte(`{"id":7,"v":"x"}`), Reason: "encoding", Place: "data/a:b.ndjson:17"}}
	w.landPage(page)
	require.EqualValues(t, 1, w.replay(stream).Inserted)
	require.Equal(t, "data/a:b.ndjson|17", w.value(`select _file, _line from shop_ods.orders`))
}
