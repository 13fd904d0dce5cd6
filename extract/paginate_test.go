package extract_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

// Case 8: the source answers with fewer records than asked for, and counts pages by its own size.
func TestRead_goesOnWhenTheSourceClampsThePageSize(t *testing.T) {
	t.Parallel()
	a, l := serve(t, pagesOf(25, 4)), &lander{}

	_, err := read(t, paged, a, l)

	require.NoError(t, err)
	require.Len(t, l.records(), 25)
}

// Case 8: by offset, what is asked for next follows from what was received.
func TestRead_movesTheOffsetByWhatWasReceived(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		fmt.Fprint(w, list(25, span(min(from, 25), min(from+4, 25))...))
	})
	l := &lander{}
	yaml := strings.NewReplacer(`page: "${page.number}"`, `offset: "${page.offset}"`, "type: page", "type: offset").Replace(paged)

	_, err := read(t, yaml, a, l)

	require.NoError(t, err)
	require.Len(t, l.records(), 25)
	require.Equal(t, 7, a.requests())
}

// Case 5: past its last page the source gives the last one again.
func TestRead_refusesARepeatedPage(t *testing.T) {
	t.Parallel()
	a := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		page := min(n, 2)
		fmt.Fprint(w, list(99, span((page-1)*10, page*10)...))
	})
	l := &lander{}

	_, err := read(t, paged, a, l)

	requireKind(t, err, extract.RepeatedPage)
	require.Len(t, l.records(), 20)
	require.Equal(t, []string{"failed"}, l.states())
}

// Cases 4 and 5: the same page for ever, of which each record has something that differs with every answer. Without a look at
// the keys three such pages add up to a total of thirty.
func TestRead_refusesARepeatedPageWhateverDiffersInIt(t *testing.T) {
	t.Parallel()
	answer := func(n int, total string) string {
		var rows []string
		for id := range 10 {
			rows = append(rows, fmt.Sprintf(`{"id":%d,"asked_at":%d}`, id, n))
		}
		return fmt.Sprintf(`{"code":0,"more":true,"data":{%s"list":[%s]}}`, total, strings.Join(rows, ","))
	}
	for name, c := range map[string]struct {
		yaml, total string
		want        extract.ErrorKind
	}{
		"a total that seems to add up": {paged, `"total":30,`, extract.RepeatedPage},
		"more for ever":                {strings.Replace(paged, "total: $.data.total", "more: $.more", 1), "", extract.RepeatedPage},
		"no end is told":               {strings.Replace(paged, ", total: $.data.total", "", 1), "", extract.RepeatedPage},
		"versions of the same records": {
			strings.NewReplacer("[$.id]\n", "[$.id]\n    version: $.asked_at\n", "size: 10", "size: 10, repeats: true").Replace(paged), `"total":30,`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer(n, c.total)) })
			l := &lander{}
			_, err := read(t, c.yaml, a, l)
			if c.want == "" {
				require.NoError(t, err)
				require.Len(t, l.records(), 30)
				return
			}
			require.Contains(t, requireKind(t, err, c.want).Message, "page 2 has records of the same keys as page 1")
			require.Equal(t, 2, a.requests())
			require.Equal(t, []string{"failed"}, l.states())
		})
	}
}

// Case 2: a record is deleted while pages are read, so that another one moves to a page that was read already.
func TestRead_readsASliceAgainWhenRecordsMoved(t *testing.T) {
	t.Parallel()
	ids := span(0, 25)
	a := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 2 {
			ids = ids[1:]
		}
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		from := min((page-1)*10, len(ids))
		fmt.Fprint(w, list(len(ids), ids[from:min(from+10, len(ids))]...))
	})
	l := &lander{}

	_, err := read(t, paged, a, l)

	require.NoError(t, err)
	require.Contains(t, strings.Join(l.records(), " "), `{"id":10,`)
	require.Equal(t, []string{"done"}, l.states())
	require.Equal(t, 6, a.requests())
}

// Case 2: a total that never adds up is no success, but what was received is landed.
func TestRead_failsWhenTheTotalNeverAddsUp(t *testing.T) {
	t.Parallel()
	a := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n%2 == 1 {
			fmt.Fprint(w, list(12, span(0, 10)...))
			return
		}
		fmt.Fprint(w, list(12))
	})
	l := &lander{}

	result, err := read(t, paged, a, l)

	e := requireKind(t, err, extract.Incomplete)
	require.Contains(t, e.Error(), "10 records received, the source says 12")
	require.Equal(t, 4, a.requests())
	require.Equal(t, []string{"failed"}, l.states())
	require.Equal(t, 1, result.SlicesFailed)
}

// shifting answers with pages of ten in the source's order, which change has another go at before each page but the first.
func shifting(n int, change func(asked int, ids []int) []int) func(int, http.ResponseWriter, *http.Request) {
	ids := span(0, n)
	return func(asked int, w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		if page > 1 {
			ids = change(asked, ids)
		}
		from := min((page-1)*10, len(ids))
		fmt.Fprint(w, list(len(ids), ids[from:min(from+10, len(ids))]...))
	}
}

// Case 2: a record that was read moves to the end, so that another one comes to a page that was read already, and the number of
// records still equals the total.
func TestRead_readsASliceAgainWhenPagesOverlap(t *testing.T) {
	t.Parallel()
	a := serve(t, shifting(25, func(asked int, ids []int) []int {
		if asked == 2 {
			ids = append(slices.Clone(ids[1:]), ids[0])
		}
		return ids
	}))
	l := &lander{}

	_, err := read(t, paged, a, l)

	require.NoError(t, err)
	require.Contains(t, strings.Join(l.records(), " "), `{"id":10,`)
	require.Equal(t, []string{"done"}, l.states())
	require.Equal(t, 7, a.requests(), "three pages, one more that might have what is missing, and three")
}

// Case 2: a source without an order that stays shows one record on two pages and another on none, each time.
func TestRead_failsWherePagesOverlapEachTime(t *testing.T) {
	t.Parallel()
	overlapping := func(_ int, w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		pages := [][]int{span(0, 10), append([]int{9}, span(11, 20)...), span(20, 25)}
		if page > len(pages) {
			fmt.Fprint(w, list(25))
			return
		}
		fmt.Fprint(w, list(25, pages[page-1]...))
	}
	clamping := func(n int, w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("page") == "4" {
			q.Set("page", "3")
			r.URL.RawQuery = q.Encode()
		}
		overlapping(n, w, r)
	}
	for name, answer := range map[string]func(int, http.ResponseWriter, *http.Request){"empty past the end": overlapping, "clamped": clamping} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lander{}
			_, err := read(t, paged, serve(t, answer), l)
			require.Contains(t, requireKind(t, err, extract.Incomplete).Message, "25 records received, of which 1 were on an earlier page already; the source says 25")
			require.Equal(t, []string{"failed"}, l.states())
			require.Len(t, l.records(), 50, "what was received is landed")

			l = &lander{}
			_, err = read(t, strings.Replace(paged, "size: 10", "size: 10, repeats: true", 1), serve(t, answer), l)
			require.NoError(t, err, "declared as a list that may have a key on several pages")
			require.Len(t, l.records(), 25)
		})
	}
}

// Case 2: records that come to the front all the time shift the pages, and take nothing away.
func TestRead_endsWhereRecordsComeToTheFrontAllTheTime(t *testing.T) {
	t.Parallel()
	a := serve(t, shifting(25, func(asked int, ids []int) []int { return append([]int{100 + asked}, ids...) }))
	l := &lander{}

	_, err := read(t, paged, a, l)

	require.NoError(t, err)
	landed := strings.Join(l.records(), " ")
	for id := range 25 {
		require.Contains(t, landed, fmt.Sprintf(`{"id":%d,`, id))
	}
}

// Pages overlap on purpose where each begins with the last record of the one before: the total counts it once.
func TestRead_countsARecordOnceWhereAKeysetIncludesItsKey(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("page"))
		fmt.Fprint(w, list(25, span(from, min(from+10, 25))...))
	})
	l := &lander{}
	yaml := strings.NewReplacer(`page: "${page.number}"`, `page: "${cursor}"`, "type: page", "type: keyset, field: $.id").Replace(paged)

	_, err := read(t, yaml, a, l)

	require.NoError(t, err)
	require.Contains(t, l.records()[len(l.records())-1], `{"id":24,`)
}

// A rule may not hide that records are missing: what it skips counts against the total, and against a promise of more.
func TestRead_takesASkippedPageForTheEndOnlyWhereNothingIsMissing(t *testing.T) {
	t.Parallel()
	const skip = "on: [{when: status == 404, do: skip}, "
	yaml := strings.Replace(paged, "on: [", skip, 1)
	gone := func(from int, good func(int, http.ResponseWriter, *http.Request)) func(int, http.ResponseWriter, *http.Request) {
		return func(n int, w http.ResponseWriter, r *http.Request) {
			if n >= from {
				http.NotFound(w, r)
				return
			}
			good(n, w, r)
		}
	}
	_, err := read(t, yaml, serve(t, gone(2, pagesOf(25, 10))), &lander{})
	requireKind(t, err, extract.Incomplete)

	flagged := strings.Replace(yaml, "total: $.data.total", "more: $.more", 1)
	_, err = read(t, flagged, serve(t, gone(2, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"code":0,"more":1,"data":{"list":[{"id":1}]}}`)
	})), &lander{})
	requireKind(t, err, extract.Incomplete)

	l := &lander{}
	_, err = read(t, yaml, serve(t, gone(1, nil)), l)
	require.NoError(t, err)
	require.Equal(t, []string{"done"}, l.states())

	l = &lander{}
	_, err = read(t, strings.Replace(yaml, "total: $.data.total, ", "", 1), serve(t, gone(2, pagesOf(10, 10))), l)
	require.NoError(t, err)
	require.Len(t, l.records(), 10)
}

// Case 3: a flag that promises more over and over.
func TestRead_failsWhenEmptyPagesPromiseMore(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"code":0,"data":{"has_next":true,"list":[]}}`)
	})
	_, err := read(t, strings.Replace(paged, "total: $.data.total", "more: $.data.has_next", 1), a, &lander{})

	e := requireKind(t, err, extract.Incomplete)
	require.Contains(t, e.Message, "3 pages in a row are empty")
}

func TestRead_failsBeyondMaxPages(t *testing.T) {
	t.Parallel()
	_, err := read(t, strings.Replace(paged, "max_pages: 50", "max_pages: 2", 1), serve(t, pagesOf(25, 10)), &lander{})
	requireKind(t, err, extract.TooManyPages)
}

// Without any word of the source, only a page without records is the end.
func TestRead_asksUntilAPageIsEmptyWhenNothingElseTellsTheEnd(t *testing.T) {
	t.Parallel()
	a, l := serve(t, pagesOf(25, 10)), &lander{}

	_, err := read(t, strings.Replace(paged, "total: $.data.total, ", "", 1), a, l)

	require.NoError(t, err)
	require.Len(t, l.records(), 25)
	require.Equal(t, 4, a.requests())
}

// Cases 6 and 7: cursors end by null or "", and may not repeat at any distance.
func TestRead_followsCursors(t *testing.T) {
	t.Parallel()
	yaml := strings.NewReplacer(
		`page: "${page.number}"`, `cursor: "${cursor}"`,
		"paginate: {type: page, size: 10, total: $.data.total, max_pages: 50}", "paginate: {type: cursor, size: 10, next: $.next}",
	).Replace(paged)
	for name, c := range map[string]struct {
		next map[string]string // cursor → JSON of the next one
		want int
		kind extract.ErrorKind
	}{
		"null ends":     {next: map[string]string{"": `"a"`, "a": `7`, "7": `null`}, want: 3},
		"empty ends":    {next: map[string]string{"": `"a"`, "a": `""`}, want: 2},
		"a loop A B A":  {next: map[string]string{"": `"A"`, "A": `"B"`, "B": `"A"`}, want: 2, kind: extract.RepeatedPage},
		"not a cursor":  {next: map[string]string{"": `{"a":1}`}, want: 0, kind: extract.UnexpectedContent},
		"zero goes on":  {next: map[string]string{"": `"0"`, "0": `null`}, want: 2},
		"missing: ends": {next: map[string]string{"": ``}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
				cursor, sent := r.URL.Query().Get("cursor"), r.URL.Query().Has("cursor")
				if n == 1 && sent {
					http.Error(w, "an empty cursor", http.StatusBadRequest)
					return
				}
				next := c.next[cursor]
				if next != "" {
					next = `"next":` + next + ","
				}
				fmt.Fprintf(w, `{%s"code":0,"data":{"list":[{"id":%d}]}}`, next, n)
			})
			l := &lander{}
			_, err := read(t, yaml, a, l)
			if c.kind != "" {
				requireKind(t, err, c.kind)
			} else {
				require.NoError(t, err)
			}
			require.Len(t, l.records(), c.want)
		})
	}
}
