package extract_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

const linked = `
source: crm
base_url: ${URL}/v2
auth: {type: bearer, token: "${env:CRM_TOKEN}"}
streams:
  orders:
    primary_key: [$.id]
    request: {path: /orders, query: {limit: "${page.size}"}, headers: {X-Key: "${env:CRM_TOKEN}", X-Lang: zh}}
    paginate: {type: next_link, size: 10, next: $.next}
    records: $.list[*]
`

// chain answers with a link for each path, the last with none.
func chain(next map[string]string) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, r *http.Request) {
		link := next[r.URL.RequestURI()]
		w.Header().Set("Link", link)
		if link != "" && !strings.HasPrefix(link, "<") {
			link = fmt.Sprintf(`"next":%q,`, link)
		} else {
			link = ""
		}
		fmt.Fprintf(w, `{%s"list":[{"id":%d}]}`, link, n)
	}
}

// Case 12: links may be relative to the page that gives them.
func TestRead_followsLinks(t *testing.T) {
	t.Parallel()
	a := serve(t, nil)
	a.Config.Handler = handler(a, chain(map[string]string{
		"/v2/orders?limit=10":        "?limit=10&page=2",
		"/v2/orders?limit=10&page=2": "/v2/deep/orders?at=a%20b+c#top",
		"/v2/deep/orders?at=a%20b+c": "more",
		"/v2/deep/more":              "URL/v2/last",
	}))
	l := &lander{}
	_, err := read(t, linked, a, l)
	require.NoError(t, err)
	require.Len(t, l.records(), 5)
	require.Equal(t, 5, a.requests())
	require.Equal(t, "Bearer "+canary, a.header(4).Get("Authorization"))
	require.Equal(t, canary, a.header(4).Get("X-Key"))
	require.Equal(t, "GET /v2/deep/orders?at=a b c", l.pages[2].Request)
}

// handler makes a stand-in whose answers may name its own address as URL.
func handler(a *api, handle func(int, http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.asked, a.forms = append(a.asked, r), append(a.forms, "")
		n := len(a.asked)
		a.mu.Unlock()
		answer := httptest.NewRecorder()
		handle(n, answer, r)
		for name, values := range answer.Header() {
			for _, v := range values {
				w.Header().Add(name, strings.ReplaceAll(v, "URL", a.URL))
			}
		}
		fmt.Fprint(w, strings.ReplaceAll(answer.Body.String(), "URL", a.URL))
	})
}

// Case 12: a link that leaves the source is refused before anything is sent there.
func TestRead_refusesLinksThatLeaveTheSource(t *testing.T) {
	t.Parallel()
	other := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"list":[{"id":2}]}`) })
	host := strings.TrimPrefix(other.URL, "http://")
	for name, c := range map[string]struct{ link, want string }{
		"another host":      {other.URL + "/x", "leads to " + host},
		"another host, //":  {"//" + host + "/x", "leads to " + host},
		"another scheme":    {"file:///etc/passwd", "is no address"},
		"no address":        {"http://%zz/", "is no address"},
		"with credentials":  {"http://me:too@" + host, "holds credentials"},
		"another port":      {"http://127.0.0.1:1/x", "leads to 127.0.0.1:1"},
		"a name like it":    {"http://127.0.0.1.example/x", "leads to 127.0.0.1.example"},
		"an address in it":  {"URL@evil.example/x", "holds credentials"},
		"a backslash in it": {`\\evil.example\x`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, nil)
			a.Config.Handler = handler(a, chain(map[string]string{"/v2/orders?limit=10": c.link}))
			l := &lander{}
			_, err := read(t, linked, a, l)
			if c.want == "" { // which is a path of the same host
				require.NoError(t, err)
				require.Equal(t, 2, a.requests())
				return
			}
			e := requireKind(t, err, extract.Refused)
			require.Contains(t, e.Message, "the link to the next page "+c.want)
			require.Equal(t, []string{"failed"}, l.states())
			require.Equal(t, 1, a.requests())
		})
	}
	require.Zero(t, other.requests())
}

// A host on the list may be asked, but is told nothing that we know.
func TestRead_takesNoCredentialsToHostsOnTheList(t *testing.T) {
	t.Parallel()
	other := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"list":[{"id":2}]}`) })
	a := serve(t, nil)
	a.Config.Handler = handler(a, chain(map[string]string{"/v2/orders?limit=10": other.URL + "/x?signature=abc"}))
	l := &lander{}
	yaml := strings.Replace(linked, "next: $.next", fmt.Sprintf("next: $.next, allow_hosts: [%q]", strings.TrimPrefix(other.URL, "http://")), 1)
	_, err := read(t, yaml, a, l)
	require.NoError(t, err)
	require.Len(t, l.records(), 2)
	require.NotContains(t, fmt.Sprint(other.header(0)), canary)
	require.Equal(t, "zh", other.header(0).Get("X-Lang"))
	require.Equal(t, "GET /x?signature=***", l.pages[1].Request)
	require.Equal(t, other.URL+"/x", l.pages[1].Endpoint)
}

func TestRead_refusesLinksThatGiveUpEncryption(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"next":"http://%s/x","list":[{"id":1}]}`, r.Host)
	}))
	t.Cleanup(server.Close)
	env := map[string]string{"URL": server.URL, "CRM_TOKEN": canary}
	d := quick(&lander{}, env)
	d.Transport = server.Client().Transport
	_, err := extract.NewReader(d).Read(t.Context(), load(t, linked, env).Streams[0], extract.Job{})
	require.Contains(t, requireKind(t, err, extract.Refused).Message, "is not encrypted, unlike base_url")
}

// Links that lead back, at whatever distance, end the reading.
func TestRead_refusesLinksInALoop(t *testing.T) {
	t.Parallel()
	a := serve(t, nil)
	a.Config.Handler = handler(a, chain(map[string]string{
		"/v2/orders?limit=10": "a", "/v2/a": "b", "/v2/b": "c", "/v2/c": "a",
	}))
	_, err := read(t, linked, a, &lander{})
	requireKind(t, err, extract.RepeatedPage)
	require.Equal(t, 4, a.requests())
}

func TestRead_followsLinkHeaders(t *testing.T) {
	t.Parallel()
	for header, last := range map[string]bool{
		`<URL/v2/next>; rel="next"`:                                                false,
		`<URL/v2/prev>; rel="prev", <URL/v2/next>; rel="next"`:                     false,
		`<URL/v2/next>;rel=next;title="a, <b>; rel=last"`:                          false,
		`<URL/v2/first,1>; title="x\"y"; rel="first", </v2/next>; REL="last Next"`: false,
		`<next>; rel="prev"; rel="next"`:                                           true,
		`<URL/v2/prev>; rel="prev"`:                                                true,
		`</v2/next>`:                                                               true,
		`broken`:                                                                   true,
	} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			a := serve(t, nil)
			a.Config.Handler = handler(a, func(n int, w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v2/next" {
					w.Header().Set("Link", header)
				}
				fmt.Fprintf(w, `{"list":[{"id":%d}]}`, n)
			})
			l := &lander{}
			_, err := read(t, strings.Replace(linked, "type: next_link, size: 10, next: $.next", "type: link_header, size: 10", 1), a, l)
			require.NoError(t, err)
			require.Equal(t, map[bool]int{false: 2, true: 1}[last], len(l.records()))
		})
	}
}

// Case 12: what a link says of time, token and signature is of the page that gave it, so it is made anew.
func TestRead_signsLinksAnew(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.api = serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			i.handle(n, w, r)
			return
		}
		next := ""
		if r.URL.Query().Get("after") == "" {
			next = `"next":"/o?sign=stale&t=1&token=stale&after=x",`
		}
		fmt.Fprintf(w, `{%s"list":[{"id":%d}]}`, next, n)
	})
	env := i.env()
	d := quick(&lander{}, env)
	now := noon
	d.Now = func() time.Time { now = now.Add(time.Second); return now }
	_, err := extract.NewReader(d).Read(t.Context(), load(t, `
source: erp
base_url: ${URL}
auth: {type: token_call, request: {path: /token, sign: false}, extract: {access: $.access_token}}
sign: {over: [query], pair: "{key}={value}", join: "&", wrap: "{pairs}&${env:SECRET}", algo: md5, into: {query: sign}}
streams:
  orders:
    request: {path: /o, query: {t: "${now(%Y)}${now(epoch_s)}", token: "${token.access}", kind: a}}
    paginate: {type: next_link, next: $.next}
    records: $.list[*]
`, env).Streams[0], extract.Job{})
	require.NoError(t, err)
	r, _ := i.request(2)
	q := r.URL.Query()
	require.Equal(t, []string{"x"}, q["after"])
	require.Equal(t, []string{"tok3n-1"}, q["token"])
	require.NotEqual(t, "1", q.Get("t"))
	require.Len(t, q["t"], 1, "it is one parameter, however much in it ages")
	require.Empty(t, q["kind"], "the link says what to ask for")
	signed := url.Values{"after": q["after"], "t": q["t"], "token": q["token"]}
	require.Equal(t, []string{hexMD5(signed.Encode() + "&" + canary)}, q["sign"])
}
