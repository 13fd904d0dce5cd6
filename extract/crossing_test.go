package extract_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

const twoLists = `
source: crm
base_url: ${URL}
limits: {concurrency: 2}
streams:
  orders:
    primary_key: [$.id]
    each: {of: [a, b]}
    request: {path: /orders, query: {of: "${each.of}", page: "${page.number}"}}
    paginate: {type: page, more: $.more}
    records: $.list[*]
`

// crossing is a source with one record in two lists. The answer about list a is on its way until what b says has been landed.
type crossing struct {
	*api
	*lander

	mu      sync.Mutex
	rev     int
	asked   map[string]int
	askedA  chan struct{} // closed when a has been asked for
	landedB chan struct{}
}

// newCrossing makes one. The record changes while a answer is made: before b's with the older one, else before a's.
func newCrossing(t *testing.T, changes string) *crossing {
	c := &crossing{rev: 1, asked: map[string]int{}, askedA: make(chan struct{}), landedB: make(chan struct{})}
	c.lander = &lander{refuse: func(page ods.Page) error {
		if strings.Contains(page.Request, "of=b") {
			close(c.landedB)
		}
		return nil
	}}
	c.api = serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		of := r.URL.Query().Get("of")
		c.mu.Lock()
		c.asked[of]++
		first := c.asked[of] == 1
		c.mu.Unlock()
		var body string
		switch {
		case of == "a" && first && changes == "a":
			close(c.askedA)
			await(c.landedB)
			body = c.list(true)
		case of == "a" && first:
			body = c.list(false)
			close(c.askedA)
			await(c.landedB)
		case of == "b":
			await(c.askedA)
			body = c.list(changes == "b")
		default:
			body = c.list(false)
		}
		fmt.Fprint(w, body)
	})
	return c
}

// await waits for what happens at once, unless something is broken.
func await(what <-chan struct{}) {
	select {
	case <-what:
	case <-time.After(time.Minute):
	}
}

// list shows the record as it is, or as it has become just now.
func (c *crossing) list(changed bool) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if changed {
		c.rev++
	}
	return fmt.Sprintf(`{"more":false,"list":[{"id":7,"rev":%d}]}`, c.rev)
}

// Nobody can tell from outside which of two answers that cross is the newer one: what arrived last may be the older one.
func TestRead_asksOnceMoreForAnAnswerThatCrossesAnother(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		changes string // before the answer about which list
		want    []string
		askedA  int
	}{
		"what arrives last is older":    {"b", []string{`{"id":7,"rev":2}`, `{"id":7,"rev":2}`}, 2},
		"what arrives last is newer":    {"a", []string{`{"id":7,"rev":1}`, `{"id":7,"rev":2}`}, 2},
		"both say the same of a record": {"", []string{`{"id":7,"rev":1}`, `{"id":7,"rev":1}`}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrossing(t, tt.changes)
			result, err := read(t, twoLists, c.api, c.lander)
			require.NoError(t, err)
			require.Equal(t, tt.want, c.records())
			require.Equal(t, map[string]int{"a": tt.askedA, "b": 1}, c.asked)
			require.EqualValues(t, tt.askedA-1, result.Retries)
		})
	}
}

func TestRead_asksNotAgainWhereTheOrderOfAnswersDoesNotMatter(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"a version says which is newer": "primary_key: [$.id]\n    version: $.rev",
		"the first one stays":           "primary_key: [$.id]\n    on_conflict: keep_first",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrossing(t, "b")
			_, err := read(t, strings.Replace(twoLists, "primary_key: [$.id]", line, 1), c.api, c.lander)
			require.NoError(t, err)
			require.Equal(t, map[string]int{"a": 1, "b": 1}, c.asked)
		})
	}
}

// A recording has no answer that was asked for again: its replay asks once.
func TestReplay_landsWhatWasLandedWhereAnswersCrossed(t *testing.T) {
	t.Parallel()
	c := newCrossing(t, "b")
	env := map[string]string{"URL": c.URL}
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	recorder, err := extract.NewRecorder(root)
	require.NoError(t, err)
	deps := quick(c.lander, env)
	deps.Recorder = recorder
	_, err = extract.NewReader(deps).Read(t.Context(), load(t, twoLists, env).Streams[0], extract.Job{})
	require.NoError(t, err)
	require.NoError(t, recorder.Close())
	require.Equal(t, 2, c.asked["a"])

	recording, err := extract.OpenRecording(root)
	require.NoError(t, err)
	again := &lander{}
	deps = quick(again, env)
	deps.Recording = recording
	_, err = extract.NewReader(deps).Read(t.Context(), load(t, twoLists, env).Streams[0], extract.Job{})
	require.NoError(t, err)
	require.Equal(t, []string{`{"id":7,"rev":2}`, `{"id":7,"rev":2}`}, again.records())
}

// A source whose records differ with each answer is not asked for ever.
func TestRead_givesUpWhereAnswersAlwaysCross(t *testing.T) {
	t.Parallel()
	const most = 4
	var askedA, landedB [most + 1]chan struct{}
	for i := range askedA {
		askedA[i], landedB[i] = make(chan struct{}), make(chan struct{})
	}
	var mu sync.Mutex
	n, ofA, ofB := 0, 0, 0
	l := &lander{refuse: func(page ods.Page) error {
		if strings.Contains(page.Request, "of=b") {
			close(landedB[page.Number])
		}
		return nil
	}}
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		of := r.URL.Query().Get("of")
		if of == "a" {
			ofA++
		} else {
			ofB++
		}
		turnA, turnB := ofA, ofB
		n++
		rev := n
		mu.Unlock()
		more := false
		if of == "a" {
			close(askedA[turnA])
			await(landedB[turnA])
		} else {
			await(askedA[turnB])
			more = turnB < most
		}
		fmt.Fprintf(w, `{"more":%t,"list":[{"id":7,"rev":%d}]}`, more, rev)
	})
	env := map[string]string{"URL": a.URL}
	deps := quick(l, env)
	deps.Retry.Attempts = 6
	_, err := extract.NewReader(deps).Read(t.Context(), load(t, twoLists, env).Streams[0], extract.Job{})
	require.NoError(t, err)
	require.Equal(t, most, ofA)
	require.Equal(t, most, ofB)
	require.Len(t, l.records(), most+1)
}
