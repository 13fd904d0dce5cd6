package crm_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/crm"
	"github.com/terrace-elt/terrace/tests/clitest"
)

// serve starts terrace serve and waits until it listens.
func serve(p *clitest.Project, flags ...string) *clitest.Process {
	return p.Start("listening", append([]string{"serve"}, flags...)...)
}

// served are the models that the runs of serve built or looked at, newest run first, without assertions and skipped ones.
func served(p *clitest.Project) []string {
	return p.Rows(`select string_agg(s.node, ' ' order by s.node)
from terrace.run as r join terrace.step as s on s.run_id = r.run_id
where r.command = 'serve' and s.kind <> 'assertion' and s.status <> 'skip'
group by r.run_id, r.started_at order by r.started_at desc`)
}

// An import that lands starts what depends on it at once, and nothing else; what lands while nobody serves is caught up with.
func TestServe_runsWhatDependsOnWhatLanded(t *testing.T) {
	t.Parallel()
	upstream, p := crm.New(crm.Options{Seed: 8, Days: 4, Orders: 10}), newProject(t)
	write(t, p, upstream)
	p.Run(0, "extract")
	s := serve(p)
	requireBooks(t, p, crm.NewBooks(upstream.Ledger()))
	caughtUp := len(served(p))

	stages := []byte(`{"event_id":"x","customer_name":"客户A","shop":"杭州一店","stage":"WON","changed_at":"2026-01-06T01:00:00Z"}` + "\n")
	p.Write("imports/stages/x.ndjson", stages)
	p.Run(0, "extract", "crm_ods.lead_stages")
	s.Until("success: ")
	runs := served(p)
	require.Len(t, runs, caughtUp+1)
	require.Contains(t, runs[0], "crm_dwd.lead_stage")
	for _, node := range []string{"crm_dwd.import_event", "crm_dwd.order_row", "crm_dwd.fact_order", "crm_dwd.dim_customer", "crm_dws.import_summary"} {
		require.NotContains(t, runs[0], node, "nothing that it needs has changed")
	}
	t.Logf("from the commit of the last page to the run: %s", p.Rows(`select (r.started_at - b.committed_at)::text
from (select started_at from terrace.run where command = 'serve' order by started_at desc limit 1) as r
cross join (select max(committed_at) as committed_at from terrace.batch where node = 'crm_ods.lead_stages') as b`)[0])

	// A landing that changes nothing wakes nobody; the next one that does is all that is seen.
	p.Write("imports/stages/y.ndjson", stages)
	p.Run(0, "extract", "crm_ods.lead_stages")
	s.End(syscall.SIGTERM, 143)
	require.Len(t, served(p), caughtUp+1)

	upstream.Advance(2)
	write(t, p, upstream)
	p.Run(0, "extract")
	s = serve(p, "--idle", "200ms")
	require.Equal(t, []string{fmt.Sprint(len(crm.NewBooks(upstream.Ledger()).Orders))}, p.Rows("select count(*)::text from crm_dwd.fact_order"))

	// A process that dies between its commit and telling of it has told nobody.
	caughtUp = len(served(p))
	p.Exec(`insert into terrace.batch (node, rows_updated) values ('crm_ods.lead_stages', 1)`)
	s.Until("success: ")
	require.Contains(t, served(p)[0], "crm_dwd.lead_stage")
	require.Len(t, served(p), caughtUp+1)
	s.End(syscall.SIGINT, 130)
}
