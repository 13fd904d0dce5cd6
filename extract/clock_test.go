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
)

// A clock that is wrong neither makes signatures stale nor windows that end in the source's future done.
func TestRead_goesByTheClockOfTheSource(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		skew    time.Duration // of the source
		settle  string
		asked   string // the instant that the second request names
		warned  bool
		refused bool
	}{
		"as ours":         {0, "PT0S", "2026-01-20 12:00:00", false, false},
		"on its way":      {-59 * time.Second, "PT0S", "2026-01-20 12:00:00", false, false},
		"behind":          {-10 * time.Minute, "PT5M", "2026-01-20 11:50:00", true, true},
		"behind, settled": {-10 * time.Minute, "PT15M", "2026-01-20 11:50:00", true, false},
		"ahead":           {10 * time.Minute, "PT0S", "2026-01-20 12:10:00", true, false},
		"another year":    {300 * 24 * time.Hour, "PT0S", "2026-01-20 12:00:00", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.Query().Get("now"))
				w.Header().Set("Date", noon.Add(c.skew).Format(http.TimeFormat))
				fmt.Fprint(w, `{"total":2,"data":[{"id":`+r.URL.Query().Get("page")+`}]}`)
			})
			env := map[string]string{"URL": a.URL}
			var log bytes.Buffer
			d := quick(&lander{}, env)
			d.Log = slog.New(slog.NewTextHandler(&log, nil))
			s := load(t, `
source: hall
base_url: ${URL}
streams:
  payments:
    primary_key: [$.id]
    request: {path: /p, query: {page: "${page.number}", now: "${now(%Y-%m-%d %H:%M:%S)}", from: "${slice.start}"}}
    paginate: {type: page, size: 1, total: $.total}
    slices: {start: "2026-01-20", step: none, settle: `+c.settle+`}
    records: $.data[*]
`, env).Streams[0]
			_, err := extract.NewReader(d).Read(t.Context(), s, extract.Job{})
			require.GreaterOrEqual(t, len(asked), 2)
			require.Equal(t, c.asked, asked[1])
			require.Equal(t, c.warned, strings.Contains(log.String(), "the clocks differ"), log.String())
			if !c.refused {
				require.NoError(t, err)
				return
			}
			e := requireKind(t, err, extract.Incomplete)
			require.Contains(t, e.Message, "clock is 10m0s ahead of the source's")
			require.Contains(t, e.Hint, "settle")
		})
	}
}

// Where the clock was ahead, readings find nothing to do until it comes to where the last one ended: that is told.
func TestRead_warnsWhenItsLastReadingEndedInTheFuture(t *testing.T) {
	t.Parallel()
	for ended, warned := range map[time.Duration]bool{-time.Hour: false, 30 * time.Second: false, 2 * time.Minute: true, 365 * 24 * time.Hour: true} {
		t.Run(ended.String(), func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"total":0,"data":[]}`) })
			env := map[string]string{"URL": a.URL}
			s := load(t, windows, env).Streams[0]
			var log bytes.Buffer
			d := quick(&lander{state: ods.State{Watermarks: map[string]time.Time{"": noon.Add(ended)}}}, env)
			d.Log = slog.New(slog.NewTextHandler(&log, nil))
			reader := extract.NewReader(d)
			_, err := reader.Read(t.Context(), s, extract.Job{})
			require.NoError(t, err)
			require.Equal(t, warned, strings.Contains(log.String(), "ended in what is the future now"), log.String())

			log.Reset()
			asked := a.requests()
			_, err = reader.Read(t.Context(), s, extract.Job{Window: extract.Window{From: noon.AddDate(0, 0, -1)}})
			require.NoError(t, err)
			require.Greater(t, a.requests(), asked, "what is asked for is read")
			require.Empty(t, log.String())
		})
	}
}
