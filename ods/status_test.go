package ods_test

import (
	"testing"

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
	require.Equal(t, ods.StreamStatus{Stream: "shop_ods.gone"}, status[0])
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
