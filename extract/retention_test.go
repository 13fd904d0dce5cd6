package extract_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// What a source has deleted since the last reading is lost: that is told, and goes on only when it is asked for.
func TestRead_refusesToGoOnPastWhatTheSourceKept(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"total":0,"data":[]}`) })
	env := map[string]string{"URL": a.URL}
	s := load(t, strings.Replace(windows, "step: P1D", `step: P30D, retention: P90D`, 1), env).Streams[0]
	l := &lander{state: ods.State{Watermarks: map[string]time.Time{"": noon.AddDate(0, 0, -91)}}}

	_, err := extract.NewReader(quick(l, env)).Read(t.Context(), s, extract.Job{})
	e := requireKind(t, err, extract.Incomplete)
	require.Contains(t, e.Message, "ended at 2025-10-21 20:00:00, and the source keeps records only since 2025-10-22 20:00:00")
	require.Contains(t, e.Hint, "--from 2025-10-21T20:00:00+08:00")
	require.Zero(t, a.requests())

	_, err = extract.NewReader(quick(l, env)).Read(t.Context(), s, extract.Job{Window: extract.Window{From: noon.AddDate(0, 0, -91)}})
	require.NoError(t, err)
	require.NotZero(t, a.requests())

	l.state.Watermarks[""] = noon.AddDate(0, 0, -89)
	l.state.Watermarks["shop=7"] = noon.AddDate(-2, 0, 0) // which each does not have any more
	_, err = extract.NewReader(quick(l, env)).Read(t.Context(), s, extract.Job{})
	require.NoError(t, err)
}

// Records that are masked for a while land as versions, and somebody is told.
func TestRead_warnsWhenMostRecordsChangeAtOnce(t *testing.T) {
	t.Parallel()
	masked := 0
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		var rows []string
		for i := range 120 {
			name := fmt.Sprintf("name %d", i)
			if i < masked {
				name = "***"
			}
			rows = append(rows, fmt.Sprintf(`{"id":%d,"name":%q}`, i, name))
		}
		fmt.Fprintf(w, "[%s]", strings.Join(rows, ","))
	})
	env := map[string]string{"URL": a.URL}
	s := load(t, "source: hall\nbase_url: ${URL}\nstreams:\n  members: {primary_key: [$.id], request: {path: /m}, records: \"$[*]\"}\n", env).Streams[0]
	store := ods.New(pgtest.New(t).Pool)
	require.NoError(t, store.Ensure(t.Context(), s.Landing))
	var log bytes.Buffer
	d := quick(nil, env)
	d.Lander, d.Log = store, slog.New(slog.NewTextHandler(&log, nil))
	reader := extract.NewReader(d)
	for _, step := range []struct {
		masked int
		warned bool
	}{{0, false}, {50, false}, {120, true}, {120, false}} {
		masked = step.masked
		log.Reset()
		_, err := reader.Read(t.Context(), s, extract.Job{})
		require.NoError(t, err)
		require.Equal(t, step.warned, strings.Contains(log.String(), "most records have changed at once"), "%d masked: %s", masked, &log)
	}
}
