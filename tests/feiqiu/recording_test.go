package feiqiu_test

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/feiqiu"
	"github.com/terrace-elt/terrace/tests/demotest"
)

// What was recorded of all 23 streams gives the same rows in another warehouse, without the source.
func TestFeiqiu_recordingReplaysToTheSameRows(t *testing.T) {
	begin := time.Now().In(feiqiu.Zone).AddDate(0, 0, -16)
	upstream := feiqiu.New(feiqiu.Options{Start: begin, Days: 16, Sites: 2, Orders: 6})
	web := httptest.NewServer(upstream.Handler())
	t.Setenv("FEIQIU_URL", web.URL)
	t.Setenv("FEIQIU_SITES", "1000200030004123, 1000200030004124")
	folder := filepath.Join(t.TempDir(), "recording")
	rows := func(p *demotest.Project) map[string][]string {
		conn, out := p.ConnectTo(strings.TrimSpace(p.Run(0, "db", "url"))), map[string][]string{}
		for _, stream := range upstream.Ledger().Streams() {
			out[stream] = demotest.Collect(t, conn, "select (to_jsonb(o) - '_batch_id' - '_version' - '_fetched_at' - '_first_seen_at')::text from feiqiu_ods."+stream+" as o order by 1")
			require.NotEmpty(t, out[stream], stream)
		}
		return out
	}

	recorded := demotest.New(t)
	recorded.Env = []string{"FEIQIU_TOKEN=" + feiqiu.DefaultToken}
	recorded.Run(0, "extract", "source:feiqiu", "--from", begin.AddDate(0, 0, -1).Format(time.DateOnly), "--record", folder)
	want := rows(recorded)

	web.Close() // from here on there is no source, and no token
	replayed := demotest.New(t)
	replayed.Run(0, "extract", "source:feiqiu", "--replay", folder)
	require.Equal(t, want, rows(replayed))
}
