package extract_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

const windows = `
source: hall
base_url: ${URL}
limits: {concurrency: 1}
streams:
  payments:
    primary_key: [$.id]
    request: {method: POST, path: /Pay, json: {page: "${page.number}", startTime: "${slice.start}", endTime: "${slice.end}"}}
    paginate: {type: page, size: 10, total: $.total}
    slices: {start: "2026-01-17", step: P1D, format: "%Y-%m-%d %H:%M:%S", timezone: Asia/Shanghai, settle: PT5M}
    records: $.data[*]
`

// One bad day does not keep the others from being read, and the reading is no success.
func TestRead_goesOnAfterASliceThatFails(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(body)
		if strings.Contains(string(body), `"startTime":"2026-01-18 00:00:00"`) {
			http.Error(w, "bad day", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"total":1,"data":[{"id":%q}]}`, body)
	})
	l := &lander{}

	result, err := read(t, windows, a, l)

	e := requireKind(t, err, extract.Refused)
	require.Contains(t, e.Request, `"startTime":"2026-01-18 00:00:00"`)
	require.Contains(t, err.Error(), "read crm_ods.payments: 2026-01-17T16:00:00Z to 2026-01-18T16:00:00Z: ")
	require.True(t, result.Partial())
	require.Equal(t, 4, result.Slices)
	require.Equal(t, 3, result.SlicesDone)
	require.Equal(t, 1, result.SlicesFailed)
	require.Equal(t, []string{"done", "failed", "done", "done"}, l.states())
	require.Contains(t, a.form(3), `"startTime":"2026-01-20 00:00:00","endTime":"2026-01-20 19:55:00"`)
}

// What fails for all slices is asked once.
func TestRead_stopsAtOnceWhenTheTokenIsRefused(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	_, err := read(t, windows, a, &lander{})
	requireKind(t, err, extract.Auth)
	require.Equal(t, 1, a.requests())
}

func TestRead_followsTheWindowThatItIsGiven(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"total":0,"data":[]}`) })
	env := map[string]string{"URL": a.URL}
	l := &lander{state: ods.State{Watermarks: map[string]time.Time{"": noon}}}
	var events []extract.Event
	d := quick(l, env)
	d.Progress = func(e extract.Event) { events = append(events, e) }
	run := uuid.New()
	_, err := extract.NewReader(d).Read(t.Context(), load(t, windows, env).Streams[0], extract.Job{RunID: run, Window: extract.Window{
		From: noon.Add(-100 * time.Hour), To: noon.Add(-50 * time.Hour), Split: extract.NoSplit, Pad: time.Hour,
	}})
	require.NoError(t, err)
	require.Len(t, l.slices, 1)
	require.Equal(t, noon.Add(-101*time.Hour), l.slices[0].Spec.Start)
	require.Equal(t, noon.Add(-49*time.Hour), l.slices[0].Spec.End)
	require.Len(t, events, 1)
	require.Equal(t, run, l.pages[0].RunID)
	require.True(t, l.pages[0].Last)
	require.Empty(t, l.pages[0].Records)
}

const details = `
source: hall
base_url: ${URL}
limits: {concurrency: 8}
streams:
  settlements:
    primary_key: [{path: $.id, type: bigint}]
    request: {path: /s}
    records: $[*]
  tickets:
    parent: {stream: settlements, keys: {id: id}, only: changed, concurrency: 4}
    primary_key: [$.id]
    request: {method: POST, path: "/t/${parent.id}", json: {orderSettleId: "${parent.id}"}}
    records: $
    success_when: $.code == 0
    on: [{when: status == 404, do: skip}]
`

func parentKeys(n int) [][]string {
	var keys [][]string
	for i := range n {
		keys = append(keys, []string{fmt.Sprintf("%05d", 10000+i)})
	}
	return keys
}

// Case 14: a parent that is gone is skipped. Details come at once, and land in the order of their parents.
func TestRead_fetchesTheDetailsOfEachChangedParent(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	four := make(chan struct{})
	a := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		defer now.Add(-1)
		if got := now.Add(1); got > most.Load() {
			most.Store(got)
		}
		if n == 4 {
			close(four)
		}
		<-four // none of the first four is answered before all have been asked
		if r.URL.Path == "/t/10007" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"code":0,"id":%s}`, strings.TrimPrefix(r.URL.Path, "/t/"))
	})
	l := &lander{parents: parentKeys(120)}

	result, err := read(t, details, a, l)

	require.NoError(t, err)
	records := l.records()
	require.Len(t, records, 119)
	require.Equal(t, `{"code":0,"id":10000}`, records[0])
	require.Equal(t, `{"code":0,"id":10008}`, records[7])
	require.Equal(t, `{"code":0,"id":10119}`, records[118])
	require.EqualValues(t, 4, most.Load())
	require.Equal(t, 3, result.Pages)
	require.Equal(t, []string{`["10049"]`, `["10099"]`, `["10119"]`}, []string{l.pages[0].Resume, l.pages[1].Resume, l.pages[2].Resume})
	require.Contains(t, a.form(0), `{"orderSettleId":100`, "the key of type bigint stays a number")
	require.Equal(t, "POST /t/10000 {\"orderSettleId\":10000} and 49 more", l.pages[0].Request)
}

func TestRead_goesOnAfterTheLastParentThatWasLanded(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]int{}
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.URL.Path]++
		if r.URL.Path == "/t/10060" && asked[r.URL.Path] == 1 {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, `{"code":0}`)
	})
	l := &lander{parents: parentKeys(120)}
	_, err := read(t, details, a, l)
	requireKind(t, err, extract.Refused)
	require.Len(t, l.records(), 50)

	_, err = read(t, details, a, l)
	require.NoError(t, err)
	require.Len(t, l.records(), 120)
	require.Equal(t, []string{"done", "done"}, l.states(), "the pass of then, and one for what changed since")
	require.Equal(t, 1, asked["/t/10049"], "what was landed is not asked for again")
}

func TestRead_endsAPassWithoutParents(t *testing.T) {
	t.Parallel()
	a, l := serve(t, nil), &lander{}
	_, err := read(t, details, a, l)
	require.NoError(t, err)
	require.Equal(t, []string{"done"}, l.states())
	require.Zero(t, a.requests())
}

// The streams of a source share its rates, whoever reads them: of eight requests at one moment, two may go at once, two
// more after each tenth of a second, and five within four tenths.
func TestRead_keepsWithinTheRatesOfItsSource(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[]`) })
	env := map[string]string{"URL": a.URL}
	var yaml strings.Builder
	yaml.WriteString("source: s\nbase_url: ${URL}\nlimits: {rate: [{n: 2, per: PT0.1S}, {n: 5, per: PT0.4S}], concurrency: 10}\nstreams:\n")
	for i := range 8 {
		fmt.Fprintf(&yaml, "  s%d: {request: {path: /s}, records: \"$[*]\"}\n", i)
	}
	reader := extract.NewReader(quick(&lander{}, env)) // whose clock stands still
	var readers sync.WaitGroup
	var waited atomic.Int64
	for _, s := range load(t, yaml.String(), env).Streams {
		readers.Go(func() {
			result, err := reader.Read(t.Context(), s, extract.Job{})
			waited.Add(int64(result.Waited))
			if err != nil {
				t.Error(err)
			}
		})
	}
	readers.Wait()
	require.Equal(t, 8, a.requests())
	require.Equal(t, (0+0+100+100+200+400+400+500)*time.Millisecond, time.Duration(waited.Load()))
}

func TestRead_hasNothingToDoForRelationsThatOthersFill(t *testing.T) {
	t.Parallel()
	sources, problems := extract.Load(fstest.MapFS{"models/x/ods/x.yml": {Data: []byte("source: x\ntype: existing\nstreams:\n  a: {relation: public.a}\n")}}, noEnv)
	require.Empty(t, problems)
	result, err := extract.NewReader(quick(&lander{}, nil)).Read(t.Context(), sources[0].Streams[0], extract.Job{})
	require.NoError(t, err)
	require.Zero(t, result)
}

// A reason that many slices have in common is not said for each of them: years of days would fill the screen.
func TestRead_saysOfFewSlicesWhyTheyFailed(t *testing.T) {
	t.Parallel()
	yaml := strings.NewReplacer(`limit: "${page.size}"`, `from: "${slice.start}", to: "${slice.end}"`,
		"    records:", "    slices: {start: \"2026-01-10\", step: P1D}\n    records:").Replace(paged)
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"code":7}`) })
	l := &lander{}

	result, err := read(t, yaml, a, l)

	requireKind(t, err, extract.Refused)
	require.Equal(t, 11, result.SlicesFailed)
	require.Equal(t, 3, strings.Count(err.Error(), "$.code is 7"), err.Error())
	require.Contains(t, err.Error(), "2026-01-10T00:00:00Z to 2026-01-11T00:00:00Z")
	require.Contains(t, err.Error(), "and 8 more slices failed")
	for i := range 11 {
		require.Contains(t, l.slices[i].cause, "$.code is 7", "each slice keeps its own")
	}
}
