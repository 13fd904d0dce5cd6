package extract_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
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

// Where the clock was ahead, readings find nothing to do until it comes to where the last one ended: that is an error. Where
// they look back by more than that, it is told.
func TestRead_failsWhenItsLastReadingEndedInTheFuture(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ended          time.Duration
		lookback       string
		warned, failed bool
	}{
		"past":              {-time.Hour, "PT0S", false, false},
		"a clock's breadth": {30 * time.Second, "PT0S", false, false},
		"near":              {2 * time.Minute, "PT0S", false, true},
		"within lookback":   {2 * time.Minute, "PT1H", true, false},
		"far":               {365 * 24 * time.Hour, "PT1H", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"total":0,"data":[]}`) })
			env := map[string]string{"URL": a.URL}
			s := load(t, strings.Replace(windows, "settle: PT5M", "settle: PT5M, lookback: "+c.lookback, 1), env).Streams[0]
			var log bytes.Buffer
			d := quick(&lander{state: ods.State{Watermarks: map[string]time.Time{"": noon.Add(c.ended), "site=of-old": noon.AddDate(9, 0, 0)}}}, env)
			d.Log = slog.New(slog.NewTextHandler(&log, nil))
			result, err := extract.NewReader(d).Read(t.Context(), s, extract.Job{})
			require.Equal(t, c.warned, strings.Contains(log.String(), "which is in the future"), log.String())
			if !c.failed {
				require.NoError(t, err)
				return
			}
			require.Equal(t, 1, result.SlicesFailed)
			require.Zero(t, a.requests())
			require.Contains(t, requireKind(t, err, extract.Incomplete).Hint, "terrace extract crm_ods.payments --from TIME")
		})
	}
}

// The command that such an error names reads again what was read by the wrong clock, and what comes later is read again by
// itself. It does not help to say when the clock was wrong: windows that it made count as read no more.
func TestRead_goesOnAfterAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	for name, split := range map[string]string{"one window": "none", "a window for each day": "P1D"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := noon
			a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { // a record for each hour that is over
				from, err := time.Parse(time.RFC3339, r.URL.Query().Get("from"))
				require.NoError(t, err)
				to, err := time.Parse(time.RFC3339, r.URL.Query().Get("to"))
				require.NoError(t, err)
				var ids []int
				for at := noon.AddDate(0, 0, -3); at.Before(now); at = at.Add(time.Hour) {
					if !at.Before(from) && at.Before(to) {
						ids = append(ids, int(at.Unix()/3600))
					}
				}
				w.Header()["Date"] = nil
				fmt.Fprint(w, list(len(ids), ids...))
			})
			env := map[string]string{"URL": a.URL}
			s := load(t, `
source: hall
base_url: ${URL}
streams:
  payments:
    primary_key: [$.id]
    request: {path: /p, query: {from: "${slice.start}", to: "${slice.end}"}}
    slices: {start: "2026-01-17T12:00:00Z", step: `+split+`, lookback: PT1H}
    records: $.data.list[*]
`, env).Streams[0]
			c := newCopy(t, env)
			wrong := time.Duration(0)
			c.deps.Now = func() time.Time { return now.Add(wrong) }
			require.NoError(t, c.store.Ensure(t.Context(), s.Landing))
			read := func(from time.Time) error {
				_, err := extract.NewReader(c.deps).Read(t.Context(), s, extract.Job{RunID: uuid.New(), Window: extract.Window{From: from}})
				return err
			}
			landed := func() int { return len(column(t, c.db, "select id::text from crm_ods.payments")) }
			// The database has a clock of its own, which was right: here it says what the test says.
			told := func() {
				_, err := c.db.Pool.Exec(t.Context(),
					`update terrace.slice set started_at = $1, ended_at = $1, meta = meta || '{"told": true}' where not meta ? 'told'`, now)
				require.NoError(t, err)
			}

			require.NoError(t, read(time.Time{}))
			told()
			require.Equal(t, 72, landed())
			now, wrong = now.Add(5*time.Hour), 40*24*time.Hour
			require.NoError(t, read(time.Time{}))
			told()
			require.Equal(t, 77, landed())

			now, wrong = now.Add(5*time.Hour), 0
			e := requireKind(t, read(time.Time{}), extract.Incomplete)
			require.Equal(t, 77, landed())
			_, command, found := strings.Cut(e.Hint, "terrace extract crm_ods.payments --from ")
			require.True(t, found, e.Hint)
			since, err := time.Parse(time.RFC3339, strings.Fields(command)[0])
			require.NoError(t, err)
			require.False(t, since.After(noon), "what was read with the wrong clock began before noon")

			require.NoError(t, read(since))
			told()
			require.Equal(t, 82, landed())
			for range 3 {
				now = now.Add(5 * time.Hour)
				require.NoError(t, read(time.Time{}))
				told()
			}
			require.Equal(t, 97, landed())
			require.Equal(t, []string{now.UTC().Format(time.RFC3339)}, column(t, c.db, `
select to_char(watermark at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') from terrace.cursor`))
		})
	}
}
