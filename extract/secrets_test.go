package extract_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

// A secret appears in no error, page, log line or failed slice, whatever goes wrong with it in the address.
func TestRead_neverShowsASecret(t *testing.T) {
	t.Parallel()
	const yaml = `
source: crm
base_url: http://user:${CRM_TOKEN}@${HOST}
auth: {type: api_key, name: token, key: "${env:CRM_TOKEN}", in: query}
streams:
  orders:
    request:
      path: /orders/${env:CRM_TOKEN}
      method: POST
      query: {key: "${env:CRM_TOKEN}", again: "${CRM_TOKEN}"}
      headers: {X-Key: "${env:CRM_TOKEN}"}
      form: {secret: "${env:CRM_TOKEN}", b: "x${CRM_TOKEN}", sign: "${md5(env:CRM_TOKEN)}"}
    records: $
`
	const secret = "c4nary-s3cret" // no sign that a URL may not have
	echo := func(_ int, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "I got %s %s %v", r.URL, body, r.Header)
	}
	hang := func(_ int, w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	}
	redirect := func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/"+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}
	well := func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":1}`) }
	for name, handle := range map[string]func(int, http.ResponseWriter, *http.Request){"echo": echo, "reset": hang, "redirect": redirect, "well": well} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, l := serve(t, handle), &lander{}
			env := map[string]string{"HOST": strings.TrimPrefix(a.URL, "http://"), "CRM_TOKEN": secret}
			s := load(t, yaml, env)
			_, err := extract.NewReader(quick(l, env)).Read(t.Context(), s.Streams[0], extract.Job{})
			require.Equal(t, name == "well", err == nil, err)
			asked, _ := a.request(0)
			require.Contains(t, asked.URL.String(), secret)
			shown := fmt.Sprintf("%v %+v %#v", err, err, err)
			var e *extract.Error
			if errors.As(err, &e) {
				shown += fmt.Sprintf("%s %s %s", e.Message, e.Hint, e.Request)
			}
			for _, p := range l.pages {
				shown += p.Endpoint + " " + p.Request
			}
			for _, s := range l.slices {
				shown += s.cause
			}
			require.NotContains(t, shown, secret)
			if name == "well" {
				require.Contains(t, l.pages[0].Request, "key=‹CRM_TOKEN›")
			}
		})
	}
}

func TestRead_takesNoCredentialsToAnotherHost(t *testing.T) {
	t.Parallel()
	other := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, list(1, 1)) })
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/elsewhere", http.StatusFound)
	})
	yaml := strings.Replace(paged, `    request: {path: /orders,`, `    request: {path: /orders, headers: {X-Key: "${env:CRM_TOKEN}"},`, 1)
	l := &lander{}
	_, err := read(t, yaml, a, l)
	require.NoError(t, err)
	require.Len(t, l.records(), 1)
	require.Equal(t, canary, a.header(0).Get("X-Key"))
	for name, values := range other.header(0) {
		require.NotContains(t, strings.Join(values, " "), canary, name)
		require.NotEqual(t, "Referer", name)
	}
}
