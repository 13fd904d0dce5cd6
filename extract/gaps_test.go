package extract_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

const dailyYAML = `
source: hall
base_url: ${URL}
streams:
  sales:
    primary_key: [{path: $.id, type: bigint}]
    request: {path: /s, query: {page: "${page.number}", day: "${slice.start}"}}
    paginate: {type: page, size: 10, total: $.total}
    slices: {start: "2026-01-17", step: P1D, format: "%d"}
    records: $.data[*]
`

// What has been lost in ODS, by whatever accident, is found by window and key, and reading the windows again repairs it.
func TestGaps_findsWhatIsMissingAndDifferent(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		day, _ := strconv.Atoi(r.URL.Query().Get("day"))
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		var rows []string
		for i := (page - 1) * 10; i < min(page*10, 25); i++ {
			rows = append(rows, fmt.Sprintf(`{"id":%d,"v":1}`, day*100+i))
		}
		fmt.Fprintf(w, `{"total":25,"data":[%s]}`, strings.Join(rows, ","))
	})
	env := map[string]string{"URL": a.URL}
	s := load(t, dailyYAML, env)
	c := newCopy(t, env)
	require.NoError(t, c.read(s))
	reader := extract.NewReader(c.deps)
	look := func(w extract.Window) (gaps []extract.Gap) {
		require.NoError(t, reader.Gaps(t.Context(), s.Streams[0], w, c.store, func(g extract.Gap) error {
			gaps = append(gaps, g)
			return nil
		}))
		return gaps
	}
	for _, g := range look(extract.Window{}) {
		require.EqualValues(t, 25, g.Reported)
		require.Empty(t, g.Missing)
		require.Zero(t, g.Different)
	}

	_, err := c.db.Pool.Exec(t.Context(), `
delete from crm_ods.sales where id in (1700, 1724, 1903);
update crm_ods.sales set _deleted_at = now() where id = 1905;
update crm_ods.sales set _hash = decode(repeat('00', 16), 'hex') where id = 1906`)
	require.NoError(t, err)
	before := column(t, c.db, `select ctid::text || xmin from crm_ods.sales order by 1`)
	gaps := look(extract.Window{})
	require.Len(t, gaps, 4)
	require.Equal(t, []string{"id=1700", "id=1724"}, gaps[0].Missing)
	require.Empty(t, gaps[1].Missing)
	require.Equal(t, []string{"id=1903", "id=1905"}, gaps[2].Missing)
	require.EqualValues(t, 1, gaps[2].Different)
	require.Equal(t, before, column(t, c.db, `select ctid::text || xmin from crm_ods.sales order by 1`), "nothing is written")
	require.Len(t, look(extract.Window{From: gaps[2].Slice.Start, To: gaps[2].Slice.End}), 1)

	for _, g := range gaps {
		window := extract.Window{From: g.Slice.Start, To: g.Slice.End}
		_, err := reader.Read(t.Context(), s.Streams[0], extract.Job{RunID: uuid.New(), Window: window})
		require.NoError(t, err)
	}
	for _, g := range look(extract.Window{}) {
		require.Empty(t, g.Missing)
		require.Zero(t, g.Different)
	}
}

// What comes after the watermark has not been asked for, so it is no gap.
func TestGaps_looksNoFurtherThanWasRead(t *testing.T) {
	t.Parallel()
	var days []string
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		days = append(days, r.URL.Query().Get("day"))
		fmt.Fprint(w, `{"total":0,"data":[]}`)
	})
	env := map[string]string{"URL": a.URL}
	s := load(t, dailyYAML, env)
	c := newCopy(t, env)
	_, err := c.db.Pool.Exec(t.Context(), `insert into terrace.cursor (stream, watermark) values ('crm_ods.sales', '2026-01-19 00:00Z')`)
	require.NoError(t, err)
	require.NoError(t, c.store.Ensure(t.Context(), s.Streams[0].Landing))
	require.NoError(t, extract.NewReader(c.deps).Gaps(t.Context(), s.Streams[0], extract.Window{}, c.store, func(extract.Gap) error { return nil }))
	require.Equal(t, []string{"17", "18"}, days)
}
