package extract_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

// Cases 45 and 46: throttled by status with either form of Retry-After, throttled by body, broken, then well.
func TestRead_repeatsWhatIsTemporary(t *testing.T) {
	t.Parallel()
	broken := map[string]func(w http.ResponseWriter){
		"429 for no time": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "0"); w.WriteHeader(429) },
		"429 until a date": func(w http.ResponseWriter) {
			w.Header().Set("Date", noon.Format(http.TimeFormat))
			w.Header().Set("Retry-After", noon.Add(time.Second).Format(http.TimeFormat))
			w.WriteHeader(429)
		},
		"429 with a negative wait":   func(w http.ResponseWriter) { w.Header().Set("Retry-After", "-3"); w.WriteHeader(429) },
		"502 with a page for people": func(w http.ResponseWriter) { w.WriteHeader(502); fmt.Fprint(w, "<html>502</html>") },
		"throttled in the body":      func(w http.ResponseWriter) { fmt.Fprint(w, `{"code":199,"msg":"slow down"}`) },
		"a short body": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "5000")
			fmt.Fprint(w, list(25, span(0, 10)...))
		},
		"JSON that breaks off": func(w http.ResponseWriter) { whole := list(25, span(0, 10)...); fmt.Fprint(w, whole[:len(whole)-20]) },
		"an empty answer":      func(http.ResponseWriter) {},
		"a reset": func(w http.ResponseWriter) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
		},
		"a gzip with a bad checksum": func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x4b\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00")
		},
	}
	for name, misbehave := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			well := pagesOf(25, 10)
			a := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if n == 2 {
					misbehave(w)
					return
				}
				well(n, w, r)
			})
			l := &lander{}
			result, err := read(t, paged, a, l)
			require.NoError(t, err)
			require.Len(t, l.records(), 25)
			require.Equal(t, 4, a.requests())
			if name != "a reset" { // which net/http repeats by itself
				require.EqualValues(t, 1, result.Retries)
				require.EqualValues(t, 4, result.Requests)
				require.Positive(t, result.Waited)
			}
		})
	}
}

// Case 45: a wait longer than a run waits is not cut short; the run ends and can be repeated.
func TestRead_endsWhenAskedToWaitTooLong(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]string{
		"86400": "24h0m0s",
		noon.Add(48 * time.Hour).Format(http.TimeFormat): "48h0m0s",
		noon.Add(48 * time.Hour).Format(time.RFC850):     "48h0m0s",
		"99999999999999999999":                           "left alone for",
	} {
		a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", noon.Format(http.TimeFormat))
			w.Header().Set("Retry-After", asked)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		_, err := read(t, paged, a, &lander{})
		e := requireKind(t, err, extract.Throttled)
		require.Contains(t, e.Message, want, asked)
		require.Equal(t, 1, a.requests(), asked)
	}
}

// What is no time to wait, or is over, counts as no word of it.
func TestRead_repeatsAfterWaitsThatSayNothing(t *testing.T) {
	t.Parallel()
	for _, asked := range []string{"", "-5", "-99999999999999999999", "1.5", "soon", noon.Add(-time.Hour).Format(http.TimeFormat)} {
		well := pagesOf(5, 10)
		a := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", noon.Format(http.TimeFormat))
			if n == 1 {
				w.Header().Set("Retry-After", asked)
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			well(n, w, r)
		})
		_, err := read(t, paged, a, &lander{})
		require.NoError(t, err, asked)
		require.Equal(t, 2, a.requests(), asked)
	}
}

// JSON that is none for one byte is not told as a page for people, and neither is what is compressed in a way of its own.
func TestRead_saysWhatToDoAboutContentThatIsNoJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ encoding, body, hint string }{
		"a page for people":   {"", "<html>", "Open the address in a browser"},
		"a control character": {"", "{\"code\":0,\"data\":{\"list\":[{\"id\":\"a\x01\"}]}}", "the source has to mend its JSON"},
		"another compression": {"br", "\x1b\x0a\x00\xf8", "Accept-Encoding: identity"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				if c.encoding != "" {
					w.Header().Set("Content-Encoding", c.encoding)
				}
				fmt.Fprint(w, c.body)
			})
			_, err := read(t, paged, a, &lander{})
			e := requireKind(t, err, extract.UnexpectedContent)
			require.Contains(t, e.Hint, c.hint)
			require.Contains(t, e.Message, c.encoding)
		})
	}
}

func TestRead_givesUpAfterItsAttempts(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "down", http.StatusServiceUnavailable)
	})
	_, err := read(t, paged, a, &lander{})
	e := requireKind(t, err, extract.Unavailable)
	require.Contains(t, e.Message, "HTTP 503: down")
	require.Equal(t, 4, a.requests())
}

func TestRead_failsAtOnceOnWhatStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		kind   extract.ErrorKind
		says   string
	}{
		"case 49, a page for people": {200, "<!DOCTYPE html><title>登录</title>", extract.UnexpectedContent, "<!DOCTYPE html><title>登录</title>"},
		"case 49, no text at all":    {200, "\x00\x1b[31m\xff", extract.UnexpectedContent, "unexpected content"},
		"no text at all, and no":     {404, "\x00\x1b[31m\xff", extract.Refused, "HTTP 404"},
		"case 11, no records":        {200, `{"code":0,"data":{"rows":[]}}`, extract.NoRecords, "there is no $.data.list"},
		"case 11, an object":         {200, `{"code":0,"data":{"list":{"id":1}}}`, extract.NoRecords, "$.data.list is an object, not an array"},
		"an envelope that says no":   {200, `{"code":7,"msg":"no"}`, extract.Refused, `$.code is 7`},
		"case 50, the token expired": {401, `{"code":401}`, extract.Auth, "HTTP 401"},
		"case 50, not on the list":   {403, `no`, extract.Auth, "HTTP 403: no"},
		"case 41, something follows": {200, list(1, 1) + "{}", extract.UnexpectedContent, "unexpected content"},
		"not found":                  {404, `{}`, extract.Refused, "HTTP 404"},
		"case 10, a total as text":   {200, `{"code":0,"data":{"total":"1,234","list":[{"id":1}]}}`, extract.UnexpectedContent, `$.data.total is "1,234", not a count`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			l := &lander{}
			_, err := read(t, paged, a, l)
			e := requireKind(t, err, c.kind)
			require.Contains(t, e.Message, c.says)
			require.NotRegexp(t, `[\x00-\x08\x0e-\x1f]`, err.Error(), "the ledger keeps it, and a terminal shows it")
			require.Contains(t, e.Request, "GET /v2/orders?page=1&limit=10")
			require.Equal(t, 1, a.requests())
			require.Empty(t, l.records())
			if c.status == 401 {
				require.Contains(t, e.Hint, "set CRM_TOKEN")
			}
		})
	}
}
