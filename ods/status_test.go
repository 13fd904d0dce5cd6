package ods_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

func TestStatus_saysHowFarEachStreamHasBeenRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.finish()
	w.open(window(1, 2))
	w.land(record(1, "a"), record(2, "a"), `{}`)
	w.finish()
	w.exec(`update shop_ods.orders set _deleted_at = now() where id = 2`)
	for _, d := range []int{3, 4, 6} { // 3 stays open, 4 fails, 6 fails and is made up for
		w.open(window(d, d+1))
		if d > 3 {
			require.NoError(t, w.store.FailSlice(t.Context(), w.slice, "went away"))
		}
	}
	w.open(window(5, 8))
	w.finish()
	empty := ods.Stream{Name: "shop_ods.never"}
	require.NoError(t, w.store.Ensure(t.Context(), empty))
	require.NoError(t, w.store.Ensure(t.Context(), ods.Stream{Name: "shop_ods.gone"}))
	w.exec(`drop table shop_ods.gone cascade`)

	status, err := w.store.Status(t.Context())

	require.NoError(t, err)
	require.Len(t, status, 3)
	require.Equal(t, ods.StreamStatus{Stream: "shop_ods.gone", Gone: true}, status[0])
	require.Equal(t, ods.StreamStatus{Stream: "shop_ods.never"}, status[1])
	got := status[2]
	require.Equal(t, uuid.NullUUID{UUID: w.run, Valid: true}, got.RunID)
	require.NotNil(t, got.LandedAt)
	require.Equal(t, []int64{1, 1, 1, 1}, []int64{got.Current, got.Open, got.Failed, got.Rejected})
	require.Len(t, got.Variants, 1)
	require.True(t, day(2).Equal(*got.Variants[0].Watermark))
	require.Equal(t, w.run, got.Variants[0].RunID.UUID)
	require.False(t, got.Variants[0].LastEnded.Before(*got.Variants[0].LastStarted))
}

// How often a stream changes is known of the runs that changed it, and what was asked last of all slices.
func TestStatus_knowsTheRhythmAndTheLastFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	at := func() ods.StreamStatus {
		all, err := w.store.Status(t.Context())
		require.NoError(t, err)
		return all[0]
	}
	require.Nil(t, at().LastChange)
	_, err := w.db.Pool.Exec(t.Context(), `
insert into terrace.batch (node, run_id, rows_inserted, committed_at)
select 'shop_ods.orders', gen_random_uuid(), case when i % 2 = 0 then 1 else 0 end, timestamptz '2026-01-01' + i * interval '30 minutes'
from generate_series(0, 20) as i`)
	require.NoError(t, err)
	got := at()
	require.Equal(t, time.Hour, *got.Usual)
	require.True(t, got.LastChange.Equal(time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)), got.LastChange)

	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w.open(ods.SliceSpec{Kind: ods.Window, Start: start, End: start.Add(time.Hour)})
	require.NoError(t, w.store.FailSlice(t.Context(), w.slice, "HTTP 401"))
	got = at()
	require.Equal(t, "HTTP 401", got.Failure)
	require.True(t, got.AskedUpTo.Equal(start.Add(time.Hour)))
	w.open(ods.SliceSpec{Kind: ods.Window, Start: start, End: start.Add(time.Hour)})
	page := w.page(record(1, "a"))
	page.Last = true
	w.landPage(page)
	require.Empty(t, at().Failure, "what was read since makes up for it")
}
