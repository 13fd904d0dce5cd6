package extract_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/terrace-elt/terrace/extract"
)

// Case 10: records count more than a total of 0 beside them; a null says nothing; a total that is not there is a mistake
// of the declaration.
func TestRead_judgesTotalsThatSayLittle(t *testing.T) {
	t.Parallel()
	for total, kind := range map[string]extract.ErrorKind{
		`"total":0,`: "", `"total":null,`: "", `"total":"3",`: "", `"total":3.0,`: "", `"total":3.5,`: extract.UnexpectedContent, ``: extract.UnexpectedContent, `"total":-1,`: extract.UnexpectedContent,
		`"total":true,`: extract.UnexpectedContent, `"total":4,`: extract.Incomplete,
	} {
		t.Run(total, func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				rows := map[string]string{"1": `{"id":1},{"id":2}`, "2": `{"id":3}`}[r.URL.Query().Get("page")]
				fmt.Fprintf(w, `{"code":0,"data":{%s"list":[%s]}}`, total, rows)
			})
			l := &lander{}
			_, err := read(t, paged, a, l)
			if kind != "" {
				requireKind(t, err, kind)
				require.Equal(t, []string{"failed"}, l.states())
				return
			}
			require.NoError(t, err)
			require.Len(t, l.records(), 3)
		})
	}
}

// Cases 32 and 33: an answer is read in the encoding that it names, and is no answer when its bytes are not of it.
func TestRead_decodesAnswersByTheirCharset(t *testing.T) {
	t.Parallel()
	const whole = `{"code":0,"data":{"total":1,"list":[{"id":1,"name":"台球厅"}]}}`
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(whole)
	require.NoError(t, err)
	wide, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(whole)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		charset, body string
		kind          extract.ErrorKind
	}{
		"utf-8":                   {"utf-8", whole, ""},
		"a mark":                  {"utf-8", "\ufeff" + whole, ""},
		"gbk":                     {"GBK", gbk, ""},
		"utf-16, and says so":     {"utf-16", wide, ""},
		"utf-16, and does not":    {"utf-8", wide, ""},
		"gbk, and not":            {"gbk", strings.Replace(gbk, "\xcc\xa8", "\xff\xff", 1), extract.UnexpectedContent},
		"an encoding of nobody":   {"x-unknown", whole, extract.UnexpectedContent},
		"two marks are no answer": {"utf-8", "\ufeff\ufeff" + whole, extract.UnexpectedContent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json; charset="+c.charset)
				_, _ = io.WriteString(w, c.body)
			})
			l := &lander{}
			_, err := read(t, paged, a, l)
			if c.kind != "" {
				requireKind(t, err, c.kind)
				require.Empty(t, l.records())
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{`{"id":1,"name":"台球厅"}`}, l.records())
		})
	}
}

// Case 53: a redirect that keeps the method keeps the body, too, on the same host; on another the request stays here.
func TestRead_keepsMethodAndBodyThroughARedirect(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(paged, `request: {path: /orders, query: {page: "${page.number}", limit: "${page.size}"}}`,
		`request: {method: POST, path: /orders, json: {page: "${page.number}"}}`, 1)
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/orders" {
				http.Redirect(w, r, "/v3/orders", status)
				return
			}
			fmt.Fprint(w, list(1, 1))
		})
		l := &lander{}
		_, err := read(t, yaml, a, l)
		require.NoError(t, err)
		require.Len(t, l.records(), 1)
		asked, body := a.request(1)
		require.Equal(t, "POST /v3/orders", asked.Method+" "+asked.URL.Path)
		require.JSONEq(t, `{"page":1}`, body)

		other := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, list(1, 1)) })
		a = serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		_, err = read(t, yaml, a, &lander{})
		requireKind(t, err, extract.Transport)
		require.Zero(t, other.requests())
	}
}

// Case 54: redirects in a loop, a body that comes byte by byte, and one that does not come.
func TestRead_endsWhatNeverEnds(t *testing.T) {
	t.Parallel()
	yaml := "limits: {timeout: PT0.1S}" + paged
	for name, answer := range map[string]http.HandlerFunc{
		"redirects": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) },
		"drops": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, " "); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		},
		"silence": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lander{}
			_, err := read(t, yaml, serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { answer(w, r) }), l)
			requireKind(t, err, extract.Transport)
			require.Equal(t, []string{"failed"}, l.states())
		})
	}
}
