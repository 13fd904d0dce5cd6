package landing

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

// Cases 15, 16 and 18: records whose time is of the future, of long ago, null, no time, or the same for very many: all of
// them land, the watermark is the end of what was asked for, and nothing is kept for each but the record.
func TestWatermark_comesFromNoRecord(t *testing.T) {
	t.Parallel()
	rows := []string{
		`{"id":1,"rev":1,"day":"2999-01-01"}`, `{"id":2,"rev":1,"day":"1970-01-01"}`, `{"id":3,"rev":1,"day":null}`,
		`{"id":4,"rev":1,"day":"soon"}`, `{"id":5,"rev":1}`,
	}
	for id := 6; id <= 5000; id++ {
		rows = append(rows, fmt.Sprintf(`{"id":%d,"rev":1,"day":"2026-02-28"}`, id))
	}
	var asked []string
	a := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("from")+" to "+r.URL.Query().Get("to"))
		fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(rows, ","))
	}))
	t.Cleanup(a.Close)
	db := pgtest.New(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	j := job{URL: a.URL, Log: filepath.Join(t.TempDir(), "committed"), Offset: time.Until(now), YAML: `
source: api
base_url: ${URL}
auth: {type: bearer, token: "${env:TOKEN}"}
streams:
  items:
    primary_key: [{path: $.id, type: bigint}]
    version: $.day
    request: {path: /items, query: {from: "${slice.start}", to: "${slice.end}"}}
    slices: {start: "2026-02-24", step: none, format: "%Y-%m-%d", bounds: "[]", granularity: PT24H, lookback: PT24H}
    records: $.data[*]
`}
	for range 2 {
		_, err := j.read(t.Context(), db.Pool)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"2026-02-24 to 2026-02-28", "2026-02-28 to 2026-02-28"}, asked)
	value := func(sql string) (text string) {
		require.NoError(t, db.Pool.QueryRow(t.Context(), sql).Scan(&text))
		return text
	}
	require.Equal(t, "2026-03-01 00:00", value(`select to_char(watermark at time zone 'UTC', 'YYYY-MM-DD HH24:MI') from terrace.cursor`))
	require.Equal(t, "5000 5000", value(`select (select count(*) from shop_ods.items) || ' ' || (select count(*) from shop_ods.items__versions)`))
	require.Equal(t, "1 2", value(`select (select count(*) from terrace.cursor) || ' ' || (select count(*) from terrace.slice)`))
}
