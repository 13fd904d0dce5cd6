package extract_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

// packed gives so many lines, compressed.
func packed(t *testing.T, line string, bytesOfText int64, method string) []byte {
	t.Helper()
	var out bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&out)
	if method == "zstd" {
		var err error
		z, err = zstd.NewWriter(&out)
		require.NoError(t, err)
	}
	_, err := io.Copy(z, io.LimitReader(&repeated{line: []byte(line)}, bytesOfText))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

// Case 52: what is small on disk and fills one when it is decompressed is refused, while there is little of it yet.
func TestRead_refusesContentThatGrowsBeyondMeasure(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"gzip", "zstd"} {
		bomb := packed(t, strings.Repeat(" ", 1<<16), 100<<20, method)
		require.Less(t, len(bomb), 1<<20)
		for format, kind := range map[string]string{"rows.ndjson": "{type: ndjson}", "rows.json": "{type: json}"} {
			l := &lander{}
			more := ""
			if format == "rows.json" {
				more = "    records: $[*]\n"
			}
			result, err := readFiles(t, filesYAML("*", kind, more), fstest.MapFS{"data/" + format: {Data: bomb}}, l)
			require.ErrorContains(t, err, "grows more than 250-fold", method)
			require.Zero(t, result.Received)
			require.Equal(t, []string{"failed"}, l.states())
		}
	}
}

// What was stored compressed may be compressed once more on its way. A third time is no accident.
func TestRead_seesThroughTwoCompressions(t *testing.T) {
	t.Parallel()
	shrink := func(plain []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, err := z.Write(plain)
		require.NoError(t, err)
		require.NoError(t, z.Close())
		return out.Bytes()
	}
	once := shrink([]byte(list(2, 1, 2)))
	for name, body := range map[string][]byte{"gzip": once, "gzip, gzip": shrink(once), "gzip, gzip, gzip": shrink(shrink(once))} {
		l := &lander{}
		_, err := read(t, paged, serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", name)
			_, _ = w.Write(body)
		}), l)
		if strings.Count(name, "gzip") < 3 {
			require.NoError(t, err, name)
			require.Len(t, l.records(), 2)
			continue
		}
		require.Contains(t, requireKind(t, err, extract.UnexpectedContent).Hint, "more than twice")
	}
	bomb := shrink(packed(t, strings.Repeat(" ", 1<<16), 100<<20, "gzip"))
	_, err := read(t, paged, serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bomb) }), &lander{})
	require.ErrorContains(t, err, "grows more than 250-fold")
}

func TestRead_refusesAnAnswerThatGrowsBeyondMeasure(t *testing.T) {
	t.Parallel()
	bomb := packed(t, strings.Repeat(" ", 1<<16), 100<<20, "gzip")
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bomb) // a gzip that no header mentions
	})
	env := map[string]string{"URL": a.URL, "CRM_TOKEN": canary}
	l := &lander{}
	_, err := extract.NewReader(quick(l, env)).Read(t.Context(), load(t, "limits: {max_body: 4GB}"+paged, env).Streams[0], extract.Job{})
	require.ErrorContains(t, err, "grows more than 250-fold")
	require.Equal(t, 1, a.requests(), "asking again brings the same")
}

// Text that is merely repetitive is not taken for one.
func TestRead_landsRepetitiveFiles(t *testing.T) {
	t.Parallel()
	line := `{"id":1,"state":"ok","text":"` + strings.Repeat("the same words over and over ", 4) + "\"}\n"
	const lines = 550_000
	content := packed(t, line, int64(len(line))*lines, "gzip")
	l := &thrifty{}
	d := quick(nil, nil)
	d.Lander, d.FS = l, fstest.MapFS{"data/rows.gz": {Data: content}}
	_, err := extract.NewReader(d).Read(t.Context(), load(t, filesYAML("*", "{type: ndjson}", ""), nil).Streams[0], extract.Job{})
	require.NoError(t, err)
	require.Equal(t, lines, l.rows)
	require.Greater(t, len(line)*lines/len(content), 100)
}
