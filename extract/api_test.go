package extract_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

const canary = "s3cr3t/c4nary+token=="

// load reads one source file and refuses problems.
func load(t *testing.T, yaml string, env map[string]string) *extract.Source {
	t.Helper()
	sources, problems := extract.Load(
		fstest.MapFS{"models/crm/ods/src.yml": {Data: []byte(yaml)}},
		func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	)
	require.Empty(t, problems)
	require.Len(t, sources, 1)
	return sources[0]
}

// api is a stand-in that pages through its records and remembers what it was asked.
type api struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
	forms []string
}

func serve(t *testing.T, handle func(n int, w http.ResponseWriter, r *http.Request)) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		a.mu.Lock()
		a.asked = append(a.asked, r)
		a.forms = append(a.forms, string(body))
		n := len(a.asked)
		a.mu.Unlock()
		handle(n, w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

// request gives what the nth request asked, and its body.
func (a *api) request(n int) (*http.Request, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[n], a.forms[n]
}

func (a *api) form(n int) string {
	_, form := a.request(n)
	return form
}

func (a *api) header(n int) http.Header {
	r, _ := a.request(n)
	return r.Header
}

func (a *api) requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

const paged = `
source: crm
base_url: ${URL}/v2
auth: {type: bearer, token: "${env:CRM_TOKEN}"}
streams:
  orders:
    primary_key: [$.id]
    request: {path: /orders, query: {page: "${page.number}", limit: "${page.size}"}}
    paginate: {type: page, size: 10, total: $.data.total, max_pages: 50}
    records: $.data.list[*]
    success_when: $.code == 0
    on: [{when: "$.code == 199", do: backoff, wait: PT0.001S, reason: throttled}]
`

// list is a page of ids as the stand-ins answer it.
func list(total int, ids ...int) string {
	rows := make([]string, len(ids))
	for i, id := range ids {
		rows[i] = fmt.Sprintf(`{"id":%d,"price":1.10}`, id)
	}
	return fmt.Sprintf(`{"code":0,"data":{"total":%d,"list":[%s]}}`, total, strings.Join(rows, ","))
}

func span(from, to int) []int {
	var ids []int
	for i := from; i < to; i++ {
		ids = append(ids, i)
	}
	return ids
}

func read(t *testing.T, yaml string, a *api, l *lander) (extract.Result, error) {
	t.Helper()
	env := map[string]string{"URL": a.URL, "CRM_TOKEN": canary}
	s := load(t, yaml, env)
	return extract.NewReader(quick(l, env)).Read(t.Context(), s.Streams[len(s.Streams)-1], extract.Job{})
}

// pagesOf answers with pages of size records out of n, whatever size is asked for.
func pagesOf(n, size int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		from := min((page-1)*size, n)
		fmt.Fprint(w, list(n, span(from, min(from+size, n))...))
	}
}

func requireKind(t *testing.T, err error, kind extract.ErrorKind) *extract.Error {
	t.Helper()
	var e *extract.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind, err.Error())
	return e
}
