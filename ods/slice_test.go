package ods_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

func day(n int) time.Time {
	return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC)
}

func window(from, to int) ods.SliceSpec {
	return ods.SliceSpec{Kind: ods.Window, Start: day(from), End: day(to)}
}

func (w *world) watermark(variant string) string {
	w.Helper()
	state, err := w.store.State(w.Context(), w.stream.Name)
	require.NoError(w, err)
	if at, known := state.Watermarks[variant]; known {
		return at.UTC().Format("02")
	}
	return "none"
}

func TestWatermark_isTheEndOfTheContiguousDoneWindows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	slices := map[int]ods.Slice{}
	for _, d := range []int{5, 6, 7, 8} {
		w.open(window(d, d+1))
		slices[d] = w.slice
	}
	steps := []struct {
		done int
		want string
	}{{6, "none"}, {5, "07"}, {8, "07"}, {7, "09"}}
	for _, step := range steps {
		w.slice = slices[step.done]
		w.land(record(step.done, "a"))
		w.finish()
		require.Equal(t, step.want, w.watermark(""), "after day %d", step.done)
	}

	for _, step := range []struct {
		from, to int
		want     string
	}{
		{1, 2, "09"},   // an earlier window does not move it back
		{12, 13, "09"}, // a later one leaves a hole
		{8, 10, "10"},  // overlap with what is done
		{10, 12, "13"}, // closes the hole
		{5, 6, "13"},   // read again
	} {
		w.open(window(step.from, step.to))
		w.finish()
		require.Equal(t, step.want, w.watermark(""), "after days %d to %d", step.from, step.to)
	}
}

// What a run reads once more, for records that come late, and does not come to the end of: it is read again.
func TestWatermark_waitsForWhatIsReadOnceMore(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]struct{ first, second, whole []ods.SliceSpec }{
		"a window before it":   {first: []ods.SliceSpec{window(7, 9)}, second: []ods.SliceSpec{window(9, 12)}},
		"a part of a window":   {whole: []ods.SliceSpec{window(7, 12)}, first: []ods.SliceSpec{window(7, 9)}, second: []ods.SliceSpec{window(9, 12)}},
		"a part of the second": {whole: []ods.SliceSpec{window(8, 12)}, first: []ods.SliceSpec{window(7, 8), window(8, 9)}, second: []ods.SliceSpec{window(9, 12)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, orders())
			w.open(window(1, 10))
			w.finish()
			require.Equal(t, "10", w.watermark(""))

			w.run = uuid.New()
			for _, spec := range again.whole {
				w.open(spec)
				require.NoError(t, w.store.FailSlice(t.Context(), w.slice, "read in two parts"))
			}
			var first []ods.Slice
			for _, spec := range again.first {
				w.open(spec)
				first = append(first, w.slice)
			}
			for _, spec := range again.second {
				w.open(spec)
				w.finish()
				require.Equal(t, "10", w.watermark(""), "it is done, and what is before it is not")
			}
			for _, w.slice = range first {
				require.Equal(t, "10", w.watermark(""))
				w.finish()
			}
			require.Equal(t, "12", w.watermark(""))

			w.run = uuid.New()
			w.open(window(8, 10))
			w.open(window(10, 14))
			w.finish()
			require.Equal(t, "12", w.watermark(""))
			w.run = uuid.New()
			w.open(window(8, 13))
			w.finish()
			require.Equal(t, "14", w.watermark(""), "another run does not mind what this one left")
		})
	}
}

func TestWatermark_isKeptForEachVariant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	for variant, to := range map[string]int{"north": 3, "south": 4} {
		spec := window(1, to)
		spec.Variant = variant
		w.open(spec)
		w.finish()
	}
	require.Equal(t, "03 04 none", w.watermark("north")+" "+w.watermark("south")+" "+w.watermark(""))
}

func TestWatermark_countsWindowsThatEndAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	var pages []ods.Page
	for d := 1; d <= 12; d++ {
		w.open(window(d, d+1))
		page := w.page(record(d, "a"))
		page.Last = true
		pages = append(pages, page)
	}
	var landing sync.WaitGroup
	errs := make([]error, len(pages))
	for i, page := range pages {
		landing.Go(func() { _, errs[i] = w.store.Land(t.Context(), page) })
	}
	landing.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, "13", w.watermark(""))
}

func TestOpenSlice_readsAWindowAnewAndGoesOnInAFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	for _, c := range []struct {
		spec   ods.SliceSpec
		pages  int
		resume string
	}{
		{window(1, 2), 0, ""},
		{ods.SliceSpec{Kind: ods.Full, Variant: "full"}, 0, ""},
		{ods.SliceSpec{Kind: ods.File, Key: "sha:1", Meta: map[string]any{"path": "a.csv"}}, 2, "byte 200"},
		{ods.SliceSpec{Kind: ods.Parents}, 2, "byte 200"},
	} {
		w.open(c.spec)
		first := w.slice
		for _, resume := range []string{"byte 100", "byte 200"} {
			page := w.page(record(1, resume))
			page.Resume = resume
			w.landPage(page)
		}
		require.NoError(t, w.store.FailSlice(t.Context(), first, "the source \x00 went away"))
		require.Equal(t, "failed", w.value(`select state from terrace.slice where slice_id = $1`, first.ID))

		w.run = uuid.New()
		w.open(c.spec)

		require.Equal(t, first.ID, w.slice.ID, c.spec.Kind)
		require.Equal(t, c.pages, w.slice.Pages, c.spec.Kind)
		require.Equal(t, c.resume, w.slice.Resume, c.spec.Kind)
		page := w.page(record(2, fmt.Sprint(c.spec.Kind)))
		page.Last = true
		require.Equal(t, int64(1), w.landPage(page).Inserted+w.landPage(page).Updated, "landed once, and the second time its counts are told")

		w.open(c.spec)
		require.NotEqual(t, first.ID, w.slice.ID, "a slice that is done is not opened again")
		require.NoError(t, w.store.FailSlice(t.Context(), first, "too late"))
		require.Equal(t, "done", w.value(`select state from terrace.slice where slice_id = $1`, first.ID))
	}
	state, err := w.store.State(t.Context(), w.stream.Name)
	require.NoError(t, err)
	require.Equal(t, map[string]ods.FileState{"sha:1": {Path: "a.csv"}}, state.Files)
}

func TestState_remembersFilesAsTheyWere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	modified := time.Date(2026, 2, 3, 4, 5, 6, 700_000_000, time.UTC)
	w.open(ods.SliceSpec{Kind: ods.File, Key: "sha:1", Meta: map[string]any{"path": "a.csv", "size": int64(12), "modified": modified}})
	w.finish()

	state, err := w.store.State(t.Context(), w.stream.Name)

	require.NoError(t, err)
	got := state.Files["sha:1"]
	require.True(t, modified.Equal(got.Modified))
	got.Modified = time.Time{}
	require.Equal(t, ods.FileState{Path: "a.csv", Size: 12}, got)
}

func TestLand_returnsWhatAPageDidWhenItComesTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	first := w.page(record(1, "a"), `{"id":null}`)
	second := w.page(record(1, "b"))
	last := w.page()
	last.Last = true
	done := []ods.Landed{w.landPage(first), w.landPage(second), w.landPage(last)}

	for i, page := range []ods.Page{first, second, last} {
		require.Equal(t, done[i], w.landPage(page))
	}
	require.Equal(t, "3", w.value(`select count(*) from terrace.batch`))
	require.Equal(t, "1", w.value(`select count(*) from terrace.reject`))
	require.Equal(t, []string{"1|a|1|2", "1|b|2|-"}, w.versions())
}

func TestLand_refusesPagesOutOfTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	page := w.page(record(1, "a"))
	old := w.run

	page.Number = 2
	_, err := w.store.Land(t.Context(), page)
	require.ErrorContains(t, err, "cannot be its next")

	w.run = uuid.New()
	w.open(ods.SliceSpec{Kind: ods.Full})
	page.Number = 1
	_, err = w.store.Land(t.Context(), page)
	require.ErrorContains(t, err, "taken over by run "+w.run.String())

	page.RunID = w.run
	require.NoError(t, w.store.FailSlice(t.Context(), w.slice, "stopped"))
	_, err = w.store.Land(t.Context(), page)
	require.ErrorContains(t, err, "open it again")

	page.Slice.ID = 1234
	_, err = w.store.Land(t.Context(), page)
	require.ErrorContains(t, err, "does not exist")
	require.NotEqual(t, old, w.run)
	require.Empty(t, w.current())
}

func TestPrepare_refusesPagesThatDoNotSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	good := ods.Page{Stream: orders(), Slice: ods.Slice{ID: 1}, Number: 1, Fetched: time.Unix(1, 0)}
	_, err := ods.Prepare(good)
	require.NoError(t, err)
	for want, spoil := range map[string]func(*ods.Page){
		"no slice":     func(p *ods.Page) { p.Slice.ID = 0 },
		"count from 1": func(p *ods.Page) { p.Number = 0 },
		"fetched":      func(p *ods.Page) { p.Fetched = time.Time{} },
		"begin with $": func(p *ods.Page) { p.Stream.Version = "at" },
		"expected":     func(p *ods.Page) { p.Stream.Key[0].Path = "$..id" },
		"be a key's":   func(p *ods.Page) { p.Stream.Key[0].Type = "point" },
	} {
		page := good
		page.Stream = orders()
		spoil(&page)
		_, err := ods.Prepare(page)
		require.ErrorContains(t, err, want)
	}
}

func TestLand_addsWhatIsKnownAtTheEndToTheSlice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.open(ods.SliceSpec{Kind: ods.File, Key: "etag", Meta: map[string]any{"path": "a.ndjson"}})
	page := w.page(record(1, "a"))
	page.Last, page.Meta = true, map[string]any{"sha256": "abc"}
	w.landPage(page)
	require.Equal(t, `a.ndjson|abc`, w.value(`select meta ->> 'path', meta ->> 'sha256' from terrace.slice where key = 'etag'`))
}

func TestStatus_forgetsAFailedFileWhenALaterContentIsLanded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.finish()
	failed := func() int64 {
		status, err := w.store.Status(t.Context())
		require.NoError(t, err)
		return status[0].Failed
	}
	for _, path := range []string{"a.ndjson", "b.ndjson"} {
		w.open(ods.SliceSpec{Kind: ods.File, Key: "old " + path, Meta: map[string]any{"path": path}})
		require.NoError(t, w.store.FailSlice(t.Context(), w.slice, "it changed"))
	}
	require.EqualValues(t, 2, failed())
	w.open(ods.SliceSpec{Kind: ods.File, Key: "new", Meta: map[string]any{"path": "a.ndjson"}})
	w.finish()
	require.EqualValues(t, 1, failed())
}

func TestPagesPerSlice_areThoseOfTheLatest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	pages, err := w.store.PagesPerSlice(t.Context(), w.stream.Name)
	require.NoError(t, err)
	require.Zero(t, pages)
	w.finish()
	w.open(window(1, 2))
	w.land(record(1, "a"))
	w.finish()
	pages, err = w.store.PagesPerSlice(t.Context(), w.stream.Name)
	require.NoError(t, err)
	require.InDelta(t, 1.5, pages, 0)
}
