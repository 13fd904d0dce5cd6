package schedules_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// counters are what /metrics counts of runs that people began. Steps are those of the server's own runs, too.
func counters(metrics string) []string {
	var out []string
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "terrace_run") && strings.Contains(line, `job="run"`) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	slices.Sort(out)
	return out
}

// Who serves deletes what terrace.yml says is not kept, and nothing is counted less by it.
func TestServe_deletesOldRunsWhereASettingSaysSo(t *testing.T) {
	t.Parallel()
	p := newPagesProject(t)
	for range 3 {
		p.Run(0, "run", "shop_dwd.quick", "--force")
	}
	p.Run(1, "run", "shop_dws.broken")
	// One was killed: it left no end.
	p.Exec("insert into terrace.run (run_id, command, started_at) values (gen_random_uuid(), 'run', now() - interval '1 hour')")
	r, s := startPages(t, p)
	before := counters(r.page("/metrics"))
	require.Contains(t, before, `terrace_runs_total{job="run",result="lost"} 1`)
	require.Contains(t, before, `terrace_run_duration_seconds_count{job="run"} 4`)
	require.Contains(t, before, `terrace_runs_total{job="run",result="success"} 3`)
	s.End(syscall.SIGTERM, 143)

	p.Exec("update terrace.run set started_at = started_at - interval '1 year', ended_at = ended_at - interval '1 year'")
	p.Exec("update terrace.step set started_at = started_at - interval '1 year'")
	p.Write("terrace.yml", []byte("name: shop\nruns: {keep: 90d}\n"))
	r, s = startPages(t, p)
	requireSoon(t, p, "select command || ' ' || status from terrace.run where command = 'run' order by started_at", "run success", "run failure")
	requireSoon(t, p, "select format('%s %s %s', f.what, f.name, f.count) from terrace.forgotten as f where f.result in ('success', 'lost') order by 1", "run run 1", "run run 2", "step shop_dwd.quick 2")
	require.Equal(t, before, counters(r.page("/metrics")))
	s.End(syscall.SIGTERM, 143)
}
