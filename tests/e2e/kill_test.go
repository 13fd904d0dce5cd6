package e2e

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/demotest"
)

// killAfterSteps runs the demo and kills it, as kill -9 does, a moment after it has reported so many steps that changed
// something: each time some steps further. It returns false when the demo came to its end instead.
func killAfterSteps(t *testing.T, p *demotest.Project, steps int, moment time.Duration) bool {
	t.Helper()
	cmd := p.Command("demo", "feiqiu", "--days", fmt.Sprint(days))
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var said strings.Builder
	lines := bufio.NewScanner(io.TeeReader(stderr, &said))
	killed := false
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "[") && strings.ContainsAny(lines.Text(), "+~") && !killed {
			if steps--; steps > 0 {
				continue
			}
			<-time.After(moment) // to meet the steps that run beside it at another place each time
			require.NoError(t, cmd.Process.Kill())
			killed = true
		}
	}
	err = cmd.Wait()
	if !killed {
		require.NoError(t, err, said.String())
	}
	return killed
}

func TestUpdate_withNothingNewWritesNothing(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	p.Run(0, "demo", "feiqiu", "--json", "--days", fmt.Sprint(days))
	conn := p.Connect()
	versions := func() []string {
		// A session counts what it did at its end.
		require.Eventually(t, func() bool {
			return demotest.Collect(t, conn, "select count(*)::text from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")[0] == "0"
		}, 5*time.Minute, 10*time.Millisecond)
		return demotest.Collect(t, conn, `select format('%s %s', c.oid::regclass, s.n_tup_ins + s.n_tup_upd + s.n_tup_del)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_stat_user_tables as s on s.relid = c.oid
where n.nspname like 'feiqiu%'
order by 1`)
	}
	before, files := versions(), demotest.Collect(t, conn, "select oid::regclass || ' ' || relfilenode from pg_class where relnamespace::regnamespace::text like 'feiqiu%' order by 1")
	start := time.Now()
	r := demotest.Decode[demotest.Report](t, p.Run(0, "run", "path:models/feiqiu", "--json", "--database-url", p.URL()))
	t.Logf("nothing to do: %v", time.Since(start))
	require.Equal(t, "success", r.Status)
	for _, s := range r.Steps {
		require.Equal(t, "skip", s.Status, s.Name)
	}
	require.Equal(t, before, versions())
	require.Equal(t, files, demotest.Collect(t, conn, "select oid::regclass || ' ' || relfilenode from pg_class where relnamespace::regnamespace::text like 'feiqiu%' order by 1"))
}
