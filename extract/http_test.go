package extract_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

func TestRead_landsEveryPageOnceAndMarksTheLast(t *testing.T) {
	t.Parallel()
	a, l := serve(t, pagesOf(25, 10)), &lander{}

	result, err := read(t, paged, a, l)

	require.NoError(t, err)
	require.Len(t, l.records(), 25)
	require.Equal(t, `{"id":0,"price":1.10}`, l.records()[0])
	require.Equal(t, []string{"done"}, l.states())
	require.Equal(t, 3, a.requests())
	require.Equal(t, 3, result.Pages)
	require.EqualValues(t, 25, result.Received)
	require.EqualValues(t, 25, result.Inserted)
	require.Equal(t, 1, result.SlicesDone)
	require.Equal(t, "Bearer "+canary, a.header(0).Get("Authorization"))
	require.Equal(t, a.URL+"/v2/orders", l.pages[0].Endpoint)
	require.Equal(t, "GET /v2/orders?page=1&limit=10", l.pages[0].Request)
	require.EqualValues(t, 25, *l.pages[2].Total)
}

// Case 11: null is no records when the envelope says that all is well.
func TestRead_takesNullForNoRecordsWhenTheEnvelopeIsGood(t *testing.T) {
	t.Parallel()
	answer := func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"code":0,"data":{"total":0,"list":null}}`)
	}
	l := &lander{}
	_, err := read(t, paged, serve(t, answer), l)
	require.NoError(t, err)
	require.Empty(t, l.records())
	require.Equal(t, []string{"done"}, l.states())

	_, err = read(t, strings.Replace(paged, "    success_when: $.code == 0\n", "", 1), serve(t, answer), &lander{})
	requireKind(t, err, extract.NoRecords)
}

func TestRead_namesTheVariableThatIsNotSet(t *testing.T) {
	t.Parallel()
	a := serve(t, pagesOf(1, 1))
	s := load(t, paged, map[string]string{"URL": a.URL})
	_, err := extract.NewReader(quick(&lander{}, nil)).Read(t.Context(), s.Streams[0], extract.Job{})
	e := requireKind(t, err, extract.Settings)
	require.Contains(t, e.Message, "CRM_TOKEN")
	require.Zero(t, a.requests())
}

// Requests by POST are repeated with their body, in which values keep their type.
func TestRead_postsTypedJSONAgainOnEachAttempt(t *testing.T) {
	t.Parallel()
	a := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, `{"code":0,"data":[{"id":1}]}`)
	})
	_, err := read(t, `
source: hall
base_url: ${URL}
streams:
  members:
    primary_key: [{path: $.id, type: bigint}]
    request:
      method: POST
      path: /List
      json: {siteId: "${env:CRM_TOKEN}", page: "${page.number}", limit: "${page.size}", at: "${now(epoch_s)}", exact: 1.10, deep: {list: [1, "${page.number}"]}, text: "p${page.number}"}
    paginate: {type: page, size: 100, more: $.more}
    records: $.data[*]
`, a, &lander{})
	requireKind(t, err, extract.UnexpectedContent) // $.more is not there
	require.Equal(t, a.form(0), a.form(1))
	require.Equal(t, `{"siteId":"`+canary+`","page":1,"limit":100,"at":1768910400,"exact":1.10,"deep":{"list":[1,1]},"text":"p1"}`, a.form(0))
	require.Equal(t, "application/json", a.header(0).Get("Content-Type"))
}

// Case 51: a response larger than what is kept in memory goes through a file, and lands in several pages.
// A body of chunks, of which there are none, is more than some servers take.
func TestRead_saysThatAPostHasNoBody(t *testing.T) {
	t.Parallel()
	a := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"code":0,"data":{"total":1,"list":[{"id":1}]}}`)
	})
	_, err := read(t, strings.Replace(paged, "path: /orders", "method: POST, path: /orders", 1), a, &lander{})
	require.NoError(t, err)
	for n := range 2 {
		r, _ := a.request(n)
		require.Equal(t, http.MethodPost, r.Method)
		require.Empty(t, r.TransferEncoding, "attempt %d", n+1)
		require.Equal(t, "0", r.Header.Get("Content-Length"), "attempt %d", n+1)
	}
}

func TestRead_landsALargeResponseInParts(t *testing.T) {
	t.Parallel()
	const n = 120_000
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"code":0,"data":{"list":[`)
		for i := range n {
			if i > 0 {
				fmt.Fprint(w, ",")
			}
			fmt.Fprintf(w, `{"id":%d,"filler":%q}`, i, strings.Repeat("x", 80))
		}
		fmt.Fprintf(w, `],"total":%d}}`, n)
	})
	l := &lander{}
	result, err := read(t, paged, a, l)
	require.NoError(t, err)
	require.EqualValues(t, n, result.Received)
	require.Greater(t, result.Pages, 20)
	var last struct{ ID int }
	records := l.records()
	require.NoError(t, json.Unmarshal([]byte(records[n-1]), &last))
	require.Equal(t, n-1, last.ID)

	_, err = read(t, strings.Replace(paged, "auth:", "limits: {max_body: 1MB}\nauth:", 1), a, &lander{})
	requireKind(t, err, extract.UnexpectedContent)
}

// A page that cannot be landed ends the reading; the next run goes on with the same slice.
func TestRead_stopsWhenAPageCannotBeLanded(t *testing.T) {
	t.Parallel()
	a := serve(t, pagesOf(200, 10))
	l := &lander{refuse: func(p ods.Page) error {
		if p.Number == 3 {
			return errPowerCut
		}
		return nil
	}}
	_, err := read(t, paged, a, l)
	require.ErrorIs(t, err, errPowerCut)
	require.Len(t, l.records(), 20)
	require.Less(t, a.requests(), 10)

	l.refuse = nil
	_, err = read(t, paged, a, l)
	require.NoError(t, err)
	require.Equal(t, []string{"done"}, l.states())
	require.Len(t, l.records(), 220)
}

func TestRead_keepsTheSliceOpenWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	a := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 2 {
			cancel(errPowerCut)
			<-r.Context().Done()
			return
		}
		pagesOf(25, 10)(n, w, r)
	})
	env := map[string]string{"URL": a.URL, "CRM_TOKEN": canary}
	l := &lander{}
	_, err := extract.NewReader(quick(l, env)).Read(ctx, load(t, paged, env).Streams[0], extract.Job{})
	require.ErrorIs(t, err, errPowerCut)
	require.Equal(t, []string{"open"}, l.states())
}
