package ods_test

import (
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

// listing gives keys as a source lists them, and an error in the end where one is set.
func listing(end error, keys ...string) iter.Seq2[ods.Record, error] {
	return func(yield func(ods.Record, error) bool) {
		for _, k := range keys {
			if !yield(ods.Record{Raw: []byte(k)}, nil) {
				return
			}
		}
		if end != nil {
			yield(ods.Record{}, end)
		}
	}
}

// sweep is a listing of bare ids, made a minute after what was landed last.
func (w *world) sweep(keys ...string) ods.Sweep {
	stream := w.stream
	stream.Key = append([]ods.KeyColumn{}, stream.Key...)
	stream.Key[0].Path = "$"
	w.now = w.now.Add(time.Minute)
	return ods.Sweep{
		Stream: stream, RunID: w.run, Keys: listing(nil, keys...), Endpoint: "http://shop/ids", Request: "GET /ids",
		Began: w.now, Ended: w.now, MaxShare: 0.5,
	}
}

// Case 64: what the source has no more gets a tombstone as a version of its own, and what comes back is a record again.
func TestSweep_marksWhatIsGoneAndForgivesWhatComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(record(1, "a"), record(2, "b"), record(3, "c"))

	swept, err := w.store.Sweep(t.Context(), w.sweep("1", `3`, "3"))
	require.NoError(t, err)
	require.Equal(t, ods.Swept{BatchID: swept.BatchID, Listed: 3, Live: 3, Deleted: 1}, swept)
	require.Equal(t, []string{"1|-", "2|02", "3|-"}, w.query(`select id, to_char(_deleted_at at time zone 'UTC', 'MI') from shop_ods.orders order by id`))
	require.Equal(t, []string{"1|a|1|-", "2|b|1|2", "2|b|2|-", "3|c|1|-"}, w.versions())
	require.Equal(t, "3|1|2|http://shop/ids|GET /ids", w.value(`
select rows_received, rows_deleted, rows_unchanged, endpoint, request
from terrace.batch where batch_id = $1`, swept.BatchID))
	require.Equal(t, fmt.Sprint(swept.BatchID), w.value(`select _batch_id from shop_ods.orders where id = 2`), "consumers find it by its batch")

	before := w.fingerprint()
	swept, err = w.store.Sweep(t.Context(), w.sweep("1", "3"))
	require.NoError(t, err)
	require.Zero(t, swept.Deleted)
	require.EqualValues(t, 2, swept.Live)
	require.Equal(t, before, w.fingerprint(), "what is marked already is left as it is")

	landed := w.land(record(2, "b"))
	require.EqualValues(t, 1, landed.Inserted)
	require.Equal(t, []string{"2|b|1|2", "2|b|2|4", "2|b|4|-"}, w.versions()[1:4])
	require.Equal(t, "3", w.value(`select count(*) from shop_ods.orders where _deleted_at is null`))
}

func TestSweep_refusesToDeleteMuchAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(record(1, "a"), record(2, "b"), record(3, "c"), record(4, "d"))
	for _, listed := range [][]string{{"1"}, {}} {
		before := w.fingerprint()
		_, err := w.store.Sweep(t.Context(), w.sweep(listed...))
		var mass *ods.MassDeleteError
		require.ErrorAs(t, err, &mass)
		require.EqualValues(t, 4-len(listed), mass.Missing)
		require.ErrorContains(t, err, "--allow-mass-delete")
		require.Equal(t, before, w.fingerprint())
		require.Empty(t, w.query(`select 1 from terrace.batch where rows_deleted > 0`))
	}
	allowed := w.sweep("1")
	allowed.Unlimited = true
	swept, err := w.store.Sweep(t.Context(), allowed)
	require.NoError(t, err)
	require.EqualValues(t, 3, swept.Deleted)

	half := w.sweep()
	half.MaxShare = 1
	swept, err = w.store.Sweep(t.Context(), half)
	require.NoError(t, err)
	require.EqualValues(t, 1, swept.Deleted)
}

// A listing that breaks off or cannot be read proves nothing.
func TestSweep_marksNothingWhenTheListingIsNotWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(record(1, "a"), record(2, "b"), record(3, "c"))
	before := w.fingerprint()
	broken := errors.New("broke off")
	for want, keys := range map[string]iter.Seq2[ods.Record, error]{
		"broke off":                   listing(broken, "1", "2"),
		"listed key 2 cannot be read": listing(nil, "1", `"two"`),
		"has no value":                listing(nil, "1", "null", "2"),
	} {
		sweep := w.sweep()
		sweep.Keys = keys
		_, err := w.store.Sweep(t.Context(), sweep)
		require.ErrorContains(t, err, want)
	}
	require.Equal(t, before, w.fingerprint())
	stream := ods.Stream{Name: "shop_ods.lines"}
	require.NoError(t, w.store.Ensure(t.Context(), stream))
	_, err := w.store.Sweep(t.Context(), ods.Sweep{Stream: stream, Keys: listing(nil)})
	require.ErrorContains(t, err, "no key")
}

// What was landed after the listing began is newer than the listing.
func TestSweep_leavesAloneWhatWasLandedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(record(1, "a"), record(2, "b"))
	sweep := w.sweep("1", "2")
	w.land(record(3, "new"))
	sweep.Ended = w.now
	swept, err := w.store.Sweep(t.Context(), sweep)
	require.NoError(t, err)
	require.Zero(t, swept.Deleted)
}

func TestSweep_comparesKeysOfSeveralColumnsAndTypes(t *testing.T) {
	t.Parallel()
	stream := ods.Stream{Name: "shop_ods.lines", FileColumns: true, Key: []ods.KeyColumn{
		{Name: "site", Path: "", Type: "text"}, {Name: "day", Path: "$.d", Type: "date"}, {Name: "n", Path: "$.n", Type: "numeric"},
	}}
	w := newWorld(t, orders())
	w.stream = stream
	require.NoError(t, w.store.Ensure(t.Context(), stream))
	w.open(ods.SliceSpec{Kind: ods.Full})
	page := w.page(`{"d":"2026-01-01","n":1.0}`, `{"d":"2026-01-01","n":2}`, `{"d":"2026-01-02","n":1}`)
	for i := range page.Records {
		page.Records[i].Given = []string{`"s1"`}
	}
	w.landPage(page)
	listed := stream
	listed.Key = []ods.KeyColumn{stream.Key[0], {Name: "day", Path: "$.key.day", Type: "date"}, {Name: "n", Path: "$.key.no", Type: "numeric"}}
	keys := func(yield func(ods.Record, error) bool) {
		for _, site := range []string{`"s1"`, `"s2"`} {
			for _, k := range []string{`{"key":{"day":"2026-01-01","no":"1"}}`, `{"key":{"day":"2026-01-02","no":1e0}}`} {
				if !yield(ods.Record{Raw: []byte(k), Given: []string{site}}, nil) {
					return
				}
			}
		}
	}
	swept, err := w.store.Sweep(t.Context(), ods.Sweep{Stream: listed, RunID: uuid.New(), Keys: keys, Began: w.now, Ended: w.now, MaxShare: 0.5})
	require.NoError(t, err)
	require.EqualValues(t, 1, swept.Deleted)
	require.Equal(t, "2", w.value(`select n from shop_ods.lines where _deleted_at is not null`))
}
