package ods_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

func TestProfile_tellsPathsAndTypesFirstAndLastSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(`{"id":1,"price":"1.10","gone":true,"lines":[{"n":1},{"n":null}]}`)
	w.land(`{"id":1,"price":1.10,"new":{"x":1},"lines":[]}`)
	profile, err := w.store.Profile(t.Context(), w.stream, 10)
	require.NoError(t, err)
	require.EqualValues(t, 2, profile.Versions)
	require.Equal(t, time.Minute, profile.End.Sub(profile.Begin))
	var got []string
	for _, p := range profile.Paths {
		got = append(got, p.Path+" "+p.Type+" "+p.First.UTC().Format("04")+" "+p.Last.UTC().Format("04"))
	}
	require.Equal(t, []string{
		"$ object 01 02", "$.gone boolean 01 01", "$.id number 01 02", "$.lines array 01 02", "$.lines[*] object 01 01",
		"$.lines[*].n null 01 01", "$.lines[*].n number 01 01", "$.new object 02 02", "$.new.x number 02 02",
		"$.price number 02 02", "$.price string 01 01",
	}, got)

	newest, err := w.store.Profile(t.Context(), ods.Stream{Name: w.stream.Name, Key: w.stream.Key}, 1)
	require.NoError(t, err)
	require.EqualValues(t, 2, newest.Versions, "one of the oldest and one of the newest")
}

// What a second reading of a stretch brings came late, and the ledger tells by how much.
func TestArrivals_tellsWhatHadBeenReadBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	window := func(from, to int, records ...string) {
		w.open(ods.SliceSpec{Kind: ods.Window, Start: day.Add(time.Duration(from) * time.Hour), End: day.Add(time.Duration(to) * time.Hour)})
		w.land(records...)
		w.finish()
	}
	window(0, 10, `{"id":1,"at":"2026-03-01T05:00:00Z"}`)
	window(8, 12, `{"id":2,"at":"2026-03-01T11:00:00Z"}`, `{"id":3,"at":"2026-03-01T09:00:00Z"}`, `{"id":4}`)
	arrivals, err := w.store.Arrivals(t.Context(), w.stream, "$.at", 100)
	require.NoError(t, err)
	for i := range arrivals {
		arrivals[i].Before = arrivals[i].Before.UTC()
	}
	require.ElementsMatch(t, []ods.Arrival{
		{Version: "2026-03-01T11:00:00Z", Before: day.Add(10 * time.Hour)},
		{Version: "2026-03-01T09:00:00Z", Before: day.Add(10 * time.Hour)},
	}, arrivals)
}
