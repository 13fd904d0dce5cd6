package extract_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

func TestLateness_advisesALookback(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(dailyYAML, `step: P1D, format: "%d"`, `step: P1D, format: "%Y-%m-%d %H:%M:%S", timezone: Asia/Shanghai, lookback: PT2H`, 1)
	yaml = strings.Replace(yaml, "    request:", "    version: $.modified\n    request:", 1)
	stream := load(t, yaml, map[string]string{"URL": "http://127.0.0.1:1"}).Streams[0]
	before := time.Date(2026, 1, 20, 4, 0, 0, 0, time.UTC) // noon in Shanghai
	came := func(minutes ...int) (out []ods.Arrival) {
		for _, m := range minutes {
			at := before.Add(-time.Duration(m) * time.Minute).In(time.FixedZone("", 8*3600))
			out = append(out, ods.Arrival{Version: at.Format(time.DateTime), Before: before})
		}
		return out
	}
	require.Equal(t, extract.Lateness{Versions: 2, Declared: 2 * time.Hour}, stream.Lateness(came(-10, 0)))
	got := stream.Lateness(append(came(-10, 1, 10, 40), ods.Arrival{Version: "yesterday", Before: before}))
	require.Equal(t, extract.Lateness{
		Versions: 4, Late: 3, Median: 10 * time.Minute, P99: 40 * time.Minute, Longest: 40 * time.Minute,
		Declared: 2 * time.Hour, Advised: 50 * time.Minute,
	}, got)
	require.Equal(t, 4*time.Hour, stream.Lateness(came(110)).Advised, "where two hours were nearly too short, later ones may have been missed")

	epoch := load(t, strings.Replace(dailyYAML, `"%d"`, "epoch_ms", 1), map[string]string{"URL": "http://127.0.0.1:1"}).Streams[0]
	got = epoch.Lateness([]ods.Arrival{{Version: fmt.Sprint(before.Add(-time.Hour).UnixMilli()), Before: before}})
	require.Equal(t, time.Hour, got.Longest)
	require.Equal(t, 2*time.Hour, got.Advised)
}
