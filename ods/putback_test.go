package ods_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Windows that were read by a clock which was ahead count as read no more once the watermark is put back over them, whatever
// is read afterwards, and the way there is found in the ledger.
func TestPutBack_undoesWhatAWrongClockRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	// The database has a clock of its own, which was right: a window was read when the test says.
	read := func(from, to int, at time.Time) {
		w.open(window(from, to))
		w.finish()
		w.exec(`update terrace.slice set started_at = $1, ended_at = $1 where slice_id = $2`, at, w.slice.ID)
	}
	read(1, 4, day(4))
	read(4, 5, day(5))
	read(4, 6, day(5)) // these three by a clock that was weeks ahead
	read(6, 20, day(5))
	read(20, 28, day(5))
	now := day(8)
	require.Equal(t, "28", w.watermark(""))
	since, err := w.store.FalseSince(t.Context(), w.stream.Name, []string{""}, now)
	require.NoError(t, err)
	require.True(t, day(4).Equal(since), since)
	none, err := w.store.FalseSince(t.Context(), w.stream.Name, []string{"shop=7"}, now)
	require.NoError(t, err)
	require.Zero(t, none)

	require.Error(t, w.store.PutBack(t.Context(), w.stream.Name, now, now), "it lies before now")
	require.Equal(t, "28", w.watermark(""))
	require.NoError(t, w.store.PutBack(t.Context(), w.stream.Name, since, now))
	require.Equal(t, "04", w.watermark(""))
	since, err = w.store.FalseSince(t.Context(), w.stream.Name, []string{""}, now)
	require.NoError(t, err)
	require.Zero(t, since)
	status, err := w.store.Status(t.Context())
	require.NoError(t, err)
	require.True(t, day(4).Equal(*status[0].AskedUpTo), status[0].AskedUpTo)

	read(4, 7, day(8))
	require.Equal(t, "07", w.watermark(""), "not over what the wrong clock read")
	read(7, 8, day(8))
	require.Equal(t, "08", w.watermark(""))
	require.NoError(t, w.store.PutBack(t.Context(), w.stream.Name, day(2), day(9)))
	require.Equal(t, "08", w.watermark(""), "one that does not lie after now stays")
}
