package extract_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

// Whatever keeps a source from being read, it is said what it is and what to do, and no credential is.
func TestRead_saysTheNextStep(t *testing.T) {
	t.Parallel()
	plain := serve(t, pagesOf(1, 10))
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, list(1, 1)) }))
	t.Cleanup(secure.Close)
	odd := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/circle/"):
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/slow/"):
			<-r.Context().Done()
		case strings.HasPrefix(r.URL.Path, "/gz/"):
			_, _ = w.Write(zipped(list(1, 1))[:30])
		case strings.HasPrefix(r.URL.Path, "/gone/"):
			http.NotFound(w, r)
		case strings.HasPrefix(r.URL.Path, "/bad/"):
			http.Error(w, "page must be positive", http.StatusBadRequest)
		case strings.HasPrefix(r.URL.Path, "/down/"):
			w.WriteHeader(http.StatusBadGateway)
		case strings.HasPrefix(r.URL.Path, "/busy/"):
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	for name, c := range map[string]struct {
		url        string
		kind       extract.ErrorKind
		says, hint string
	}{
		"no name":       {"http://nowhere.invalid", extract.Transport, "no such host", "is the name nowhere.invalid right in models/crm/ods/src.yml"},
		"nobody there":  {"http://127.0.0.1:1", extract.Transport, "connection refused", "is 127.0.0.1:1 up"},
		"not trusted":   {secure.URL, extract.Transport, "certificate signed by unknown authority", "SSL_CERT_FILE"},
		"no TLS":        {strings.Replace(plain.URL, "http:", "https:", 1), extract.Transport, "server gave HTTP response to HTTPS client", "write http://"},
		"in a circle":   {odd.URL + "/circle", extract.Transport, "more than 10 redirects", "leads in a circle"},
		"slow":          {odd.URL + "/slow", extract.Transport, "Client.Timeout exceeded", "was given 200ms (limits.timeout)"},
		"half a gzip":   {odd.URL + "/gz", extract.Transport, "the answer broke off: unexpected EOF", "ask for less at a time. What was landed stands"},
		"not found":     {odd.URL + "/gone", extract.Refused, "HTTP 404", "correct base_url or path in models/crm/ods/src.yml"},
		"bad request":   {odd.URL + "/bad", extract.Refused, "HTTP 400: page must be positive", "terrace plan shows"},
		"in trouble":    {odd.URL + "/down", extract.Unavailable, "HTTP 502", "in trouble"},
		"too many":      {odd.URL + "/busy", extract.Throttled, "HTTP 429", "lower limits.rate"},
		"nothing in it": {odd.URL + "/nothing", extract.UnexpectedContent, "the answer is empty", "open the address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"URL": c.url, "CRM_TOKEN": canary}
			d := quick(&lander{}, env)
			d.Retry.Attempts = 2
			timeout := patience
			if name == "slow" {
				timeout = "PT0.2S"
			}
			result, err := extract.NewReader(d).Read(t.Context(), load(t, "limits: {timeout: "+timeout+"}"+paged, env).Streams[0], extract.Job{})
			e := requireKind(t, err, c.kind)
			require.Contains(t, e.Message, c.says)
			require.Contains(t, e.Hint, c.hint)
			require.NotContains(t, err.Error()+e.Hint, canary)
			require.False(t, result.Partial(), "nothing was landed")
		})
	}
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

// Nobody looks at a program that is silent for a minute: each repetition is told with its reason.
func TestRead_tellsOfEachRepetition(t *testing.T) {
	t.Parallel()
	well := pagesOf(1, 10)
	a := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n < 3 {
			http.Error(w, "down: "+r.Header.Get("Authorization"), http.StatusServiceUnavailable)
			return
		}
		well(n, w, r)
	})
	env := map[string]string{"URL": a.URL, "CRM_TOKEN": canary}
	var log bytes.Buffer
	d := quick(&lander{}, env)
	d.Log = slog.New(slog.NewJSONHandler(&log, nil))
	_, err := extract.NewReader(d).Read(t.Context(), load(t, paged, env).Streams[0], extract.Job{})
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Len(t, lines, 2)
	for i, line := range lines {
		var told map[string]string
		require.NoError(t, json.Unmarshal([]byte(line), &told))
		require.Equal(t, "WARN", told["level"])
		require.Equal(t, "stream crm_ods.orders", told["what"])
		require.Equal(t, "HTTP 503: down: Bearer ***", told["why"])
		require.Equal(t, fmt.Sprintf("%d of 4", i+2), told["attempt"])
		require.NotEmpty(t, told["wait"])
	}
}

func TestRead_failsWhereNoFileIs(t *testing.T) {
	t.Parallel()
	had := fstest.MapFS{"data/a.ndjson": file("{\"id\":1}\n")}
	for name, c := range map[string]struct {
		files fstest.MapFS
		more  string
		want  string
	}{
		"a wrong glob":   {fstest.MapFS{"data/a.json": file("{}")}, "", `no file in data matches "*.ndjson"`},
		"all gone":       {fstest.MapFS{"data/x": file("")}, "", `no file in data matches "*.ndjson"`},
		"said to be so":  {fstest.MapFS{"data/x": file("")}, "    on_missing: empty\n", ""},
		"there they are": {had, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lander{}
			d := quick(l, nil)
			d.FS = had
			s := load(t, filesYAML("*.ndjson", "{type: ndjson}", c.more), nil).Streams[0]
			_, err := extract.NewReader(d).Read(t.Context(), s, extract.Job{})
			require.NoError(t, err)
			d.FS = c.files
			_, err = extract.NewReader(d).Read(t.Context(), s, extract.Job{})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			e := requireKind(t, err, extract.NoRecords)
			require.Contains(t, e.Message, c.want)
			require.Contains(t, e.Hint, "on_missing: empty")
		})
	}
}

// A file that was not copied whole is one, not an end of the network.
func TestRead_saysThatACompressedFileBreaksOff(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]string{"ndjson": "{type: ndjson}", "csv": "{type: csv}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := zipped(strings.Repeat("1\n", 1000))
			d := quick(&lander{}, nil)
			d.FS = fstest.MapFS{"data/a.gz": &fstest.MapFile{Data: whole[:len(whole)-9]}}
			_, err := extract.NewReader(d).Read(t.Context(), load(t, filesYAML("*.gz", format, ""), nil).Streams[0], extract.Job{})
			e := requireKind(t, err, extract.UnexpectedContent)
			require.Contains(t, err.Error(), "read data/a.gz: the compressed content breaks off or is damaged (unexpected EOF)")
			require.Contains(t, e.Hint, "copy the file again")
		})
	}
}
