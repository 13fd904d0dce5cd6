package extract_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

const fanned = `
source: erp
base_url: ${URL}
streams:
  orders:
    primary_key: [{value: "${each.shop}", name: shop_id, type: bigint}, {path: $.id, type: bigint}]
    request: {path: /o, query: {shop: "${each.shop}", status: "${each.status}", from: "${slice.start}"}}
    each: {shop: {sql: "select id from crm_ods.shops"}, status: [Sent, "a&b"]}
    slices: {start: "2026-01-19", step: P1D, format: "%d"}
    records: $[*]
`

func TestRead_readsASliceForEachCombinationOfValues(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `[{"q":%q}]`, r.URL.RawQuery) })
	l := &lander{each: map[string][]any{"select id from crm_ods.shops": {json.Number("7"), json.Number("8")}}}
	result, err := read(t, fanned, a, l)
	require.NoError(t, err)
	require.Equal(t, 8, result.SlicesDone)
	records := l.records()
	slices.Sort(records)
	require.Equal(t, `{"q":"shop=7&status=Sent&from=19"}`, records[0])
	require.Equal(t, `{"q":"shop=8&status=a%26b&from=20"}`, records[7])
	variants := map[string]int{}
	for _, s := range l.slices {
		variants[s.Spec.Variant]++
	}
	require.Equal(t, map[string]int{
		"shop=7&status=Sent": 2, "shop=7&status=a%26b": 2, "shop=8&status=Sent": 2, "shop=8&status=a%26b": 2,
	}, variants)
}

// Nothing to read for would look like having read everything.
func TestRead_refusesAnEachWithoutValues(t *testing.T) {
	t.Parallel()
	a := serve(t, ok)
	_, err := read(t, fanned, a, &lander{each: map[string][]any{}})
	require.Contains(t, requireKind(t, err, extract.Settings).Message, "the query of each.shop gives no values")
	_, err = read(t, fanned, a, &lander{})
	require.ErrorContains(t, err, "each.shop: no values for select id from crm_ods.shops")
	require.Zero(t, a.requests())
}

// Case 63: two shops have a record of the same number. Each variant has a watermark of its own, and one whose slice fails
// stays behind without holding the others back.
func TestRead_keepsVariantsApartInTheWarehouse(t *testing.T) {
	t.Parallel()
	broken := true
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if broken && r.URL.Query().Get("shop") == "8" && r.URL.Query().Get("from") == "19" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `[{"id":1,"shop_name":"s%s"}]`, r.URL.Query().Get("shop"))
	})
	db := pgtest.New(t)
	_, err := db.Pool.Exec(t.Context(), `create schema crm_ods; create table crm_ods.shops as select unnest('{7,8}'::bigint[]) as id`)
	require.NoError(t, err)
	store := ods.New(db.Pool)
	env := map[string]string{"URL": a.URL}
	d := quick(nil, env)
	d.Lander = store
	stream := load(t, strings.NewReplacer(`, status: [Sent, "a&b"]`, "", `, status: "${each.status}"`, "").Replace(fanned), env).Streams[0]
	require.NoError(t, store.Ensure(t.Context(), stream.Landing))

	_, err = extract.NewReader(d).Read(t.Context(), stream, extract.Job{RunID: uuid.New()})
	require.ErrorContains(t, err, "shop=8, 2026-01-19T00:00:00Z to 2026-01-20T00:00:00Z")
	state, err := store.State(t.Context(), stream.Name)
	require.NoError(t, err)
	require.True(t, noon.Equal(state.Watermarks["shop=7"]))
	require.NotContains(t, state.Watermarks, "shop=8", "a later slice is done, and the hole before it counts")

	broken = false
	_, err = extract.NewReader(d).Read(t.Context(), stream, extract.Job{RunID: uuid.New()})
	require.NoError(t, err)
	state, err = store.State(t.Context(), stream.Name)
	require.NoError(t, err)
	require.True(t, noon.Equal(state.Watermarks["shop=8"]))
	var keys string
	require.NoError(t, db.Pool.QueryRow(t.Context(),
		`select string_agg(shop_id || ':' || id || ':' || (payload ->> 'shop_name'), ' ' order by shop_id) from crm_ods.orders`).Scan(&keys))
	require.Equal(t, "7:1:s7 8:1:s8", keys)
}

const routed = `
source: hall
base_url: ${URL}
streams:
  settlements:
    primary_key: [$.id]
    request: {query: {from: "${slice.start}", page: "${page.number}"}}
    route: [{newer_than: P1M, path: /recent}, {newer_than: P2M, path: /former}, {path: "/archive/${slice.start}"}]
    paginate: {type: page, total: $.total}
    slices: {start: "2025-11-05", step: P10D, format: "%m-%d"}
    records: $.list[*]
`

// The recent endpoint is asked for windows that are newer than a month, the former for older ones, and both for a window
// that reaches over the limit: the newer first, since records move to the older.
func TestRead_routesAWindowByItsAge(t *testing.T) {
	t.Parallel()
	a := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"total":1,"list":[{"id":%d}]}`, n)
	})
	l := &lander{}
	yaml := strings.Replace(routed, "streams:", "limits: {concurrency: 1}\nstreams:", 1)
	result, err := read(t, yaml, a, l)
	require.NoError(t, err)
	require.Equal(t, 8, result.SlicesDone)
	var asked []string
	for _, p := range l.pages {
		asked = append(asked, strings.TrimPrefix(p.Endpoint, a.URL)+" "+p.Slice.Spec.Start.Format("01-02"))
	}
	require.Equal(t, []string{
		"/archive/11-05 11-05",
		"/former 11-15", "/archive/11-15 11-15", // over 20 November, two months ago
		"/former 11-25", "/former 12-05",
		"/recent 12-15", "/former 12-15", // over 20 December
		"/recent 12-25", "/recent 01-04", "/recent 01-14",
	}, asked)
	require.Equal(t, []bool{true, false, true, true, true, false, true, true, true, true}, lasts(l.pages))
}

func lasts(pages []ods.Page) []bool {
	var out []bool
	for _, p := range pages {
		out = append(out, p.Last)
	}
	return out
}

const capped = `
source: hall
base_url: ${URL}
streams:
  payments:
    primary_key: [$.at]
    request: {path: /p, query: {from: "${slice.start}", to: "${slice.end}", page: "${page.number}"}}
    paginate: {type: page, total: $.total, max_pages: 3}
    slices: {start: "2026-01-19", step: P1D, min_step: PT1H, format: epoch_s%s}
    records: $.list[*]
`

// burst answers with one record a minute within two hours, ten to a page.
func burst(n int, w http.ResponseWriter, r *http.Request) {
	q := func(name string) int64 { v, _ := strconv.ParseInt(r.URL.Query().Get(name), 10, 64); return v }
	begin := time.Date(2026, 1, 19, 15, 0, 0, 0, time.UTC).Unix()
	var all []string
	for at := max(q("from"), begin); at < min(q("to"), begin+7200); at++ {
		if at%60 == 0 {
			all = append(all, fmt.Sprintf(`{"at":%d}`, at))
		}
	}
	from := min(int(q("page")-1)*10, len(all))
	fmt.Fprintf(w, `{"total":%d,"list":[%s]}`, len(all), strings.Join(all[from:min(from+10, len(all))], ","))
}

// Case 13: a window with more in it than the source gives is cut in two until its parts can be read.
func TestRead_cutsWindowsThatHoldTooMuch(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{
		"by the number of pages":  ", min_step: PT1M",
		"by what the source says": `, min_step: PT1M, split_when: "$.total > 30"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, burst)
			db := pgtest.New(t)
			store := ods.New(db.Pool)
			env := map[string]string{"URL": a.URL}
			d := quick(nil, env)
			d.Lander = store
			stream := load(t, fmt.Sprintf(strings.Replace(capped, ", min_step: PT1H", "", 1), more), env).Streams[0]
			require.NoError(t, store.Ensure(t.Context(), stream.Landing))
			result, err := extract.NewReader(d).Read(t.Context(), stream, extract.Job{RunID: uuid.New()})
			require.NoError(t, err)
			require.Equal(t, result.Slices, result.SlicesDone)
			require.Greater(t, result.Slices, 6)
			var records int
			require.NoError(t, db.Pool.QueryRow(t.Context(), `select count(*) from crm_ods.payments`).Scan(&records))
			require.Equal(t, 120, records)
			state, err := store.State(t.Context(), stream.Name)
			require.NoError(t, err)
			require.True(t, noon.Equal(state.Watermarks[""]))
			status, err := store.Status(t.Context())
			require.NoError(t, err)
			require.Zero(t, status[0].Failed, "the windows that were cut are made up for")
		})
	}
}

func TestRead_failsWhereTheShortestWindowHoldsTooMuch(t *testing.T) {
	t.Parallel()
	a, l := serve(t, burst), &lander{}
	result, err := read(t, fmt.Sprintf(capped, ""), a, l)
	e := requireKind(t, err, extract.TooManyPages)
	require.Contains(t, e.Hint, "even the window from 2026-01-19T15:00:00Z to 2026-01-19T16:30:00Z holds more")
	require.Positive(t, result.SlicesFailed)
	require.True(t, result.Partial())
}

// A record that is touched leaves its window and moves those behind it up by one place. Where that happens faster than
// pages can be read, windows of one page are what nothing is lost in.
func TestRead_cutsWindowsWhoseRecordsChangeFasterThanTheirPages(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	gone := map[int64]bool{}
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		q := func(name string) int64 { v, _ := strconv.ParseInt(r.URL.Query().Get(name), 10, 64); return v }
		begin := time.Date(2026, 1, 19, 8, 0, 0, 0, time.UTC).Unix()
		var all []int64
		for at := max(q("from"), begin); at < min(q("to"), begin+7200); at++ {
			if at%240 == 0 && !gone[at] {
				all = append(all, at)
			}
		}
		from := min(int(q("page")-1)*10, len(all))
		to := min(from+10, len(all))
		var page []string
		for _, at := range all[from:to] {
			page = append(page, fmt.Sprintf(`{"at":%d}`, at))
		}
		if to < len(all) {
			gone[all[0]] = true
		}
		fmt.Fprintf(w, `{"total":%d,"list":[%s]}`, len(all), strings.Join(page, ","))
	})
	l := &lander{}
	_, err := read(t, strings.Replace(fmt.Sprintf(capped, ""), "PT1H", "PT1M", 1), a, l)
	require.NoError(t, err)
	landed := map[string]bool{}
	for _, r := range l.records() {
		landed[r] = true
	}
	require.Len(t, landed, 30, "those that were touched were read before, or will be in their new place")
	require.NotEmpty(t, gone)
}

// Slices are read several at once, within the source's limit, and end in any order; what failed is told in the order of
// time.
func TestRead_readsSlicesAtOnceWithinTheLimit(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now, most := 0, 0
	three := make(chan struct{})
	a := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		if n == 3 {
			close(three)
		}
		<-three // none of the first three is answered before all have been asked
		day := r.URL.Query().Get("day")
		mu.Lock()
		now--
		mu.Unlock()
		if day == "12" || day == "15" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `[{"day":%q}]`, url.QueryEscape(day))
	})
	l := &lander{}
	result, err := read(t, `
source: s
base_url: ${URL}
limits: {concurrency: 3}
streams:
  days:
    request: {path: /d, query: {day: "${slice.start}"}}
    slices: {start: "2026-01-11", step: P1D, format: "%d"}
    records: $[*]
`, a, l)
	requireKind(t, err, extract.Refused)
	require.Equal(t, 3, most)
	require.Equal(t, 8, result.SlicesDone)
	require.Equal(t, 2, result.SlicesFailed)
	require.Len(t, l.records(), 8)
	require.Less(t, strings.Index(err.Error(), "2026-01-12T"), strings.Index(err.Error(), "2026-01-15T"))
	for i, s := range l.slices {
		require.Equal(t, 11+i, s.Spec.Start.Day(), "slices are opened in the order of time")
	}
}

// Case 45: a source that asks to wait longer than a run waits leaves the reading partial. Nothing has failed, and the next
// run goes on.
func TestRead_putsTheRestOffWhenAskedToWaitTooLong(t *testing.T) {
	t.Parallel()
	throttled := true
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if throttled && r.URL.Query().Get("day") >= "14" {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, `[{}]`)
	})
	const yaml = `
source: s
base_url: ${URL}
limits: {concurrency: 1}
streams:
  days:
    request: {path: /d, query: {day: "${slice.start}"}}
    slices: {start: "2026-01-11", step: P1D, format: "%d"}
    records: $[*]
`
	l := &lander{}
	result, err := read(t, yaml, a, l)
	requireKind(t, err, extract.Throttled)
	require.True(t, result.Partial())
	require.Equal(t, 3, result.SlicesDone)
	require.Equal(t, 1, result.SlicesOpen)
	require.Zero(t, result.SlicesFailed)
	require.True(t, noon.Add(time.Hour).Equal(result.ResumeAt))
	require.Equal(t, []string{"done", "done", "done", "open"}, l.states())
	require.Equal(t, 4, a.requests())

	throttled = false
	_, err = read(t, yaml, a, l)
	require.NoError(t, err)
	require.Equal(t, "done", l.states()[3])
}

// Two processes that read one source keep its rates together.
func TestRead_sharesRatesWithOtherProcesses(t *testing.T) {
	t.Parallel()
	store := ods.New(pgtest.New(t).Pool)
	var mu sync.Mutex
	var begun time.Time // no later than the first request was allowed
	var moments []time.Time
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		moments = append(moments, time.Now())
		mu.Unlock()
		fmt.Fprint(w, `[]`)
	})
	env := map[string]string{"URL": a.URL}
	const yaml = `
source: s
base_url: ${URL}
limits: {rate: [{n: 3, per: PT0.3S}]}
streams:
  days:
    request: {path: /d, query: {day: "${slice.start}"}}
    slices: {start: "2026-01-16", step: P1D, format: "%d"}
    records: $[*]
`
	var processes sync.WaitGroup
	for range 2 {
		processes.Go(func() {
			d := quick(nil, env)
			d.Lander = asking{shared{&lander{}, store}, func() {
				mu.Lock()
				defer mu.Unlock()
				if begun.IsZero() {
					begun = time.Now()
				}
			}}
			if _, err := extract.NewReader(d).Read(t.Context(), load(t, yaml, env).Streams[0], extract.Job{}); err != nil {
				t.Error(err)
			}
		})
	}
	processes.Wait()
	require.Len(t, moments, 10)
	// However long requests are under way, the last one was allowed three stretches after the first.
	require.Greater(t, slices.MaxFunc(moments, time.Time.Compare).Sub(begun), 850*time.Millisecond, "ten requests need three stretches")
}

// asking tells when a moment is asked for.
type asking struct {
	shared
	tell func()
}

func (a asking) ReserveRequest(ctx context.Context, source string, rates []ods.Rate) (time.Duration, error) {
	a.tell()
	return a.Store.ReserveRequest(ctx, source, rates)
}

// Case 3: how many empty pages in a row are borne is declared.
func TestRead_bearsAsManyEmptyPagesAsDeclared(t *testing.T) {
	t.Parallel()
	answer := func(n int, w http.ResponseWriter, _ *http.Request) {
		if n < 8 {
			fmt.Fprint(w, `{"code":0,"data":{"more":true,"list":[]}}`)
			return
		}
		fmt.Fprint(w, `{"code":0,"data":{"more":false,"list":[{"id":1}]}}`)
	}
	yaml := strings.Replace(paged, "total: $.data.total", "more: $.data.more", 1)
	_, err := read(t, yaml, serve(t, answer), &lander{})
	requireKind(t, err, extract.Incomplete)
	l := &lander{}
	_, err = read(t, strings.Replace(yaml, "max_pages: 50", "max_empty_pages: 8", 1), serve(t, answer), l)
	require.NoError(t, err)
	require.Len(t, l.records(), 1)
}

// The details of a parent belong to it, although they do not say so.
func TestRead_givesDetailsTheKeyOfTheirParent(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `[{"n":1,"of":%q}]`, r.URL.Path) })
	l := &lander{parents: parentKeys(2)}
	_, err := read(t, `
source: hall
base_url: ${URL}
streams:
  settlements: {primary_key: [{path: $.id, type: bigint}], request: {path: /s}, records: "$[*]"}
  lines:
    parent: {stream: settlements, keys: {settlement: id}}
    primary_key: [{value: "${parent.settlement}", type: bigint}, $.n]
    request: {path: "/t/${parent.settlement}"}
    records: $[*]
`, a, l)
	require.NoError(t, err)
	require.Equal(t, "settlement", l.pages[0].Stream.Key[0].Name)
	require.Equal(t, []string{"10000"}, l.pages[0].Records[0].Given)
	require.Equal(t, []string{"10001"}, l.pages[0].Records[1].Given)
}
