package extract_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

const keyed = `
source: erp
base_url: ${URL}
streams:
  orders:
    primary_key: [$.id]
    request: {method: POST, path: /o, form: {biz: "${json({page_index: 1, start_ts: cursor, size: page.size})}"}}
    paginate: {type: keyset, field: $.ts, start: 0, size: 10}
    records: $.list[*]
`

// rowsAfter answers with up to ten rows whose ts is greater than start_ts.
func rowsAfter(rows []int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, r *http.Request) {
		var biz struct {
			From int `json:"start_ts"`
		}
		if err := json.Unmarshal([]byte(r.FormValue("biz")), &biz); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		at := sort.SearchInts(rows, biz.From+1)
		var page []string
		for _, ts := range rows[at:min(at+10, len(rows))] {
			page = append(page, fmt.Sprintf(`{"id":%d,"ts":%d}`, ts%7, ts))
		}
		fmt.Fprintf(w, `{"list":[%s]}`, strings.Join(page, ","))
	}
}

// The ts cursor of an ERP: the page stays 1, and the last row says where to go on.
func TestRead_followsTheKeyOfTheLastRecord(t *testing.T) {
	t.Parallel()
	a, l := serve(t, rowsAfter(span(9007199254740990, 9007199254741015))), &lander{}
	_, err := read(t, keyed, a, l)
	require.NoError(t, err)
	require.Len(t, l.records(), 25)
	require.Equal(t, 4, a.requests(), "the last is empty")
	require.Contains(t, a.form(0), "start_ts%22%3A0%2C")
	require.Contains(t, a.form(1), "start_ts%22%3A9007199254740999%2C", "a number stays exact")
}

// What is landed says where to go on, so that no cursor can be ahead of the records or behind them.
func TestRead_resumesAKeysetWhereTheLandedRecordsEnd(t *testing.T) {
	t.Parallel()
	resumed := strings.Replace(keyed, "start: 0,", `start: 0, resume: {sql: "select max(ts)"},`, 1)
	for name, c := range map[string]struct {
		landed  []any
		first   string
		records int
	}{
		"nothing is landed":  {nil, "start_ts%22%3A0%2C", 25},
		"some are":           {[]any{json.Number("9007199254741004")}, "start_ts%22%3A9007199254741004%2C", 10},
		"all that there are": {[]any{json.Number("9007199254741014")}, "start_ts%22%3A9007199254741014%2C", 0},
	} {
		a, l := serve(t, rowsAfter(span(9007199254740990, 9007199254741015))), &lander{each: map[string][]any{"select max(ts)": c.landed}}
		_, err := read(t, resumed, a, l)
		require.NoError(t, err, name)
		require.Len(t, l.records(), c.records, name)
		require.Contains(t, a.form(0), c.first, name)
	}
	env := map[string]string{"URL": "https://erp.example.com"}
	d := quick(nil, env)
	d.Lander = &lander{} // which has no table to ask yet
	plan, err := extract.NewReader(d).Plan(t.Context(), load(t, resumed, env).Streams[0], extract.Window{})
	require.NoError(t, err)
	require.Contains(t, plan.Request, `"start_ts":0,`)
	for begin, future := range map[string]bool{"2026-01-21 11:00:00": false, "2026-01-21T13:00:00Z": true, "2999-01-01": true, "soon": false} {
		a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"list":[]}`) })
		_, err := read(t, resumed, a, &lander{each: map[string][]any{"select max(ts)": {begin}}})
		if !future {
			require.NoError(t, err, begin)
			continue
		}
		require.Contains(t, requireKind(t, err, extract.Incomplete).Message, "paginate.resume begins at "+begin+", which is in the future")
		require.Zero(t, a.requests())
	}
	_, err = read(t, resumed, serve(t, rowsAfter(nil)), &lander{each: map[string][]any{"select max(ts)": {"1", "2"}}})
	require.ErrorContains(t, err, "the query of paginate.resume gives several values")
}

func TestRead_endsAKeysetByItsTotalOrFlag(t *testing.T) {
	t.Parallel()
	for name, yaml := range map[string]string{
		"total": strings.Replace(keyed, "size: 10}\n    records", "size: 10, total: $.total}\n    records", 1),
		"more":  strings.Replace(keyed, "size: 10}\n    records", "size: 10, more: $.more}\n    records", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, l := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"total":2,"more":%t,"list":[{"ts":%d}]}`, n < 2, n)
			}), &lander{}
			_, err := read(t, yaml, a, l)
			require.NoError(t, err)
			require.Equal(t, 2, a.requests())
			require.Len(t, l.records(), 2)
		})
	}
}

// Where records share a key, a page may end amid them. A source that begins after the key it is given then passes over the
// others; one that begins with it gives them once more.
func TestRead_failsWhereAKeysetPassesOverRecords(t *testing.T) {
	t.Parallel()
	rows := func(many, each int) (out []int) {
		for ts := range many {
			for range each {
				out = append(out, ts+1)
			}
		}
		return out
	}
	answer := func(rows []int, inclusive bool) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, r *http.Request) {
			var biz struct {
				From int `json:"start_ts"`
			}
			require.NoError(t, json.Unmarshal([]byte(r.FormValue("biz")), &biz))
			from := biz.From + 1
			if inclusive {
				from = biz.From
			}
			at := sort.SearchInts(rows, from)
			var page []string
			for i, ts := range rows[at:min(at+10, len(rows))] {
				page = append(page, fmt.Sprintf(`{"id":%d,"ts":%d}`, at+i, ts))
			}
			fmt.Fprintf(w, `{"list":[%s]}`, strings.Join(page, ","))
		}
	}
	for name, c := range map[string]struct {
		rows              []int
		inclusive, passes bool
	}{
		"amid records of one key":          {rows(10, 4), false, true},
		"amid the last records":            {rows(1, 15), false, true},
		"each has its own":                 {rows(40, 1), false, false},
		"the source begins with the key":   {rows(10, 4), true, false},
		"a page that is not full":          {rows(2, 4), false, false},
		"not at the end of a page":         {append([]int{1, 1}, span(2, 30)...), false, false},
		"a full page ends with other ones": {append(rows(3, 3), 5, 6), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lander{}
			_, err := read(t, keyed, serve(t, answer(c.rows, c.inclusive)), l)
			if c.passes {
				require.Contains(t, requireKind(t, err, extract.Incomplete).Message, "the next begins after them")
				require.NotContains(t, l.states(), "done")
				return
			}
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(l.records()), len(c.rows))
		})
	}
}

// A key leads on only when it moves, in one direction, and every record is in its order.
func TestRead_insistsThatAKeyMovesOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pages []string
		kind  extract.ErrorKind // "": it ends well
		says  string
	}{
		"stuck on a full page":        {[]string{"1 2 3", "3 3 3"}, extract.RepeatedPage, "$.ts does not move on from 3"},
		"the last again, by >=":       {[]string{"1 2 3", "3"}, "", ""},
		"the same page by >=":         {[]string{"1 2", "2"}, "", ""},
		"the page before once more":   {[]string{"1 2", "1 2"}, extract.RepeatedPage, "$.ts does not move on from 2"},
		"going back":                  {[]string{"4 5 6", "1 2 3"}, extract.RepeatedPage, "goes up and down"},
		"not in order":                {[]string{"1 3 2"}, extract.UnexpectedContent, "not in the order of $.ts"},
		"downwards":                   {[]string{"9 8 7", "6 5 4", ""}, "", ""},
		"downwards, then up":          {[]string{"9 8 7", "6 5 8"}, extract.UnexpectedContent, "not in the order"},
		"texts of digits are numbers": {[]string{`"8" "9" "10"`, `"11"`, ""}, "", ""},
		"times":                       {[]string{`"2026-01-01" "2026-01-02"`, `"2026-01-03"`, ""}, "", ""},
		"a record without it":         {[]string{"1 null"}, extract.UnexpectedContent, "a record has no $.ts"},
		"an object goes on":           {[]string{`{"a":1}`, `{"a":2}`, ""}, "", ""},
		"an object that comes back":   {[]string{`{"a":1}`, `{"a":2}`, `{"a":1}`}, extract.RepeatedPage, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				var rows []string
				if n <= len(c.pages) {
					for i, ts := range strings.Fields(c.pages[n-1]) {
						rows = append(rows, fmt.Sprintf(`{"page":%d,"i":%d,"ts":%s}`, n, i, ts))
					}
				}
				fmt.Fprintf(w, `{"list":[%s]}`, strings.Join(rows, ","))
			})
			yaml := strings.NewReplacer("start: 0, size: 10", "size: 3", "${json({page_index: 1, start_ts: cursor, size: page.size})}", "${json(cursor)}").Replace(keyed)
			_, err := read(t, yaml, a, &lander{})
			if c.kind == "" {
				require.NoError(t, err)
				require.Equal(t, len(c.pages), a.requests())
				return
			}
			require.Contains(t, requireKind(t, err, c.kind).Message, c.says)
		})
	}
}

// The cursor goes where into says, with the JSON type that it has in the record.
func TestRead_putsTheCursorWhereIntoSays(t *testing.T) {
	t.Parallel()
	for into, want := range map[string][]string{
		"{json: es_skip}":   {`{"n":1}`, `{"n":1,"es_skip":{"id":"a","at":1.10}}`},
		"{query: from}":     {"/o", `/o?from=%7B%22id%22%3A%22a%22%2C%22at%22%3A1.10%7D`},
		"{header: X-After}": {"", `{"id":"a","at":1.10}`},
	} {
		t.Run(into, func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n == 1 {
					fmt.Fprint(w, `{"list":[{"id":"a","es_skip":{"id":"a","at":1.10}}]}`)
					return
				}
				fmt.Fprint(w, `{"list":[]}`)
			})
			_, err := read(t, `
source: xiaoe
base_url: ${URL}
streams:
  users:
    primary_key: [$.id]
    request: {method: POST, path: /o, json: {n: 1}}
    paginate: {type: keyset, field: $.es_skip, into: `+into+`}
    records: $.list[*]
`, a, &lander{})
			require.NoError(t, err)
			for n, want := range want {
				r, body := a.request(n)
				got := map[string]string{"{json: es_skip}": body, "{query: from}": r.URL.String(), "{header: X-After}": r.Header.Get("X-After")}[into]
				require.Equal(t, want, got, strconv.Itoa(n))
			}
		})
	}
}
