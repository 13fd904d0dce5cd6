// Package schedules_test runs schedules as people do: schedulers and what they start are processes, and some of them are
// killed.
package schedules_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/clitest"
)

func TestMain(m *testing.M) { os.Exit(clitest.Main(m)) }

// patience bounds every wait for rows.
const patience = 5 * time.Minute

// newProject has a model that is done at once, and one that takes as long as shop_seconds says, and as long as somebody
// holds its lock.
func newProject(t *testing.T) *clitest.Project {
	t.Helper()
	p := clitest.New(t)
	p.Write("terrace.yml", []byte("name: shop\ntimezone: Asia/Shanghai\nvars: {shop_seconds: \"600\"}\n"))
	p.Write("models/shop/dwd/quick.sql", []byte("-- kind: table\n-- depends_on: []\nselect 1 as n\n"))
	p.Write("models/shop/dwd/slow.sql", []byte("-- kind: table\n-- depends_on: []\nselect 1 as n, pg_sleep(terrace.var('shop_seconds')::float8)::text as slept, pg_advisory_xact_lock_shared(1)::text as waited\n"))
	return p
}

// daily are the flags of a schedule whose times are far from now, so that none of them comes while the test runs.
func daily() []string {
	zone := time.FixedZone("Asia/Shanghai", 8*60*60)
	return []string{"--every", "1d", "--at", time.Now().In(zone).Add(12 * time.Hour).Format("15:04")}
}

// add adds a schedule for every day.
func add(p *clitest.Project, name string, flagsAndCommand ...string) {
	p.Run(0, slices.Concat([]string{"schedule", "add", name}, daily(), flagsAndCommand)...)
}

// start starts a scheduler and waits until it works.
func start(p *clitest.Project, args ...string) *clitest.Process {
	return p.Start("scheduling: ", args...)
}

// due makes daily schedules due now, for half a day ago.
func due(p *clitest.Project) {
	p.Exec("update terrace.schedule set next_at = next_at - interval '1 day'")
	p.Exec("select pg_notify('terrace_schedule', '')")
}

// requireSoon waits until a query has the rows.
func requireSoon(t *testing.T, p *clitest.Project, sql string, expected ...string) {
	t.Helper()
	var rows []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if rows = p.Rows(sql); strings.Join(rows, "\n") == strings.Join(expected, "\n") {
			return
		}
	}
	require.Equal(t, expected, rows, sql)
}

const history = "select concat_ws(' ', o.schedule, o.status, nullif(o.reason, '')) from terrace.occurrence as o order by o.occurrence_id"

// Two schedulers and serve, on one database: each time is one run of the ledger.
func TestStart_runsEachTimeOnceWhereverItLooks(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	for _, name := range []string{"a", "b", "c"} {
		add(p, name, "--", "run", "shop_dwd.quick", "--wait")
	}
	first, second, third := start(p, "schedule", "start"), start(p, "schedule", "start"), start(p, "serve")
	_, told := p.Run(0, "schedule", "list")
	require.NotContains(t, told, "no scheduler is running")
	due(p)
	requireSoon(t, p, "select o.schedule || ' ' || o.status from terrace.occurrence as o order by 1", "a success", "b success", "c success")
	require.Equal(t, []string{"a", "b", "c"}, p.Rows(`select r.arguments ->> 'schedule'
from terrace.run as r
join terrace.occurrence as o
    on o.run_id = r.run_id and o.scheduled_for = (r.arguments ->> 'scheduled_for')::timestamptz
where r.command = 'run'
order by 1`))
	require.Equal(t, []string{"3"}, p.Rows("select count(*)::text from terrace.run where command = 'run'"))
	for _, log := range p.Rows("select log from terrace.occurrence") {
		require.FileExists(t, p.Dir+"/"+log)
	}
	first.End(syscall.SIGTERM, 143)
	second.End(syscall.SIGINT, 130)
	third.End(syscall.SIGTERM, 143)
}

// A scheduler is killed while it sees something due, time after time: the next one runs what is left, and nothing twice.
func TestStart_losesNothingWhenItIsKilled(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.Run(0, "schedule", "add", "often", "--every", "1m", "--catch-up", "all", "--overlap", "queue", "--", "run", "shop_dwd.quick", "--wait")
	for i := range 5 {
		s := start(p, "schedule", "start")
		p.Exec("update terrace.schedule set next_at = date_trunc('minute', clock_timestamp()) - make_interval(mins => $1)", 10-2*i)
		p.Exec("select pg_notify('terrace_schedule', '')")
		time.Sleep(time.Duration(i*20) * time.Millisecond) // another moment each time
		s.Kill()
	}
	s := start(p, "schedule", "start")
	const open = "select count(*)::text from terrace.occurrence as o where o.status in ('due', 'running')"
	requireSoon(t, p, open, "0")
	p.Exec("update terrace.schedule set next_at = next_at + interval '1 day'") // no minute turns while it ends
	requireSoon(t, p, open, "0")
	requireSoon(t, p, "select count(*)::text from terrace.run as r where r.ended_at is null", "0")
	s.End(syscall.SIGTERM, 143)
	require.Empty(t, p.Rows(`select o.scheduled_for::text || ' ' || o.status || ' ' || o.reason
from terrace.occurrence as o
left join terrace.run as r on r.run_id = o.run_id
where o.status = 'success' and r.status is distinct from 'success' or o.status <> 'success' and o.reason = ''`))
	require.Empty(t, p.Rows(`select m::text
from generate_series((select min(scheduled_for) from terrace.occurrence), (select max(scheduled_for) from terrace.occurrence), interval '1 minute') as m
left join terrace.occurrence as o on o.scheduled_for = m
where o.occurrence_id is null`), "every minute is there")
	require.Equal(t, []string{"0"}, p.Rows("select (count(*) - count(distinct arguments ->> 'scheduled_for'))::text from terrace.run"))
}

// What runs goes on when its scheduler is killed, and says itself how it ended; until then nothing starts beside it. One
// that is killed itself is found.
func TestExecute_outlivesItsScheduler(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	add(p, "slow", "--", "run", "shop_dwd.slow", "--var", "shop_seconds=0")
	p.Exec("select pg_advisory_lock(1)")
	s := start(p, "schedule", "start")
	due(p)
	s.Until("slow: started for")
	requireSoon(t, p, history, "slow running")
	s.Kill()
	p.Exec("select pg_advisory_unlock(1)")
	requireSoon(t, p, history, "slow success")

	add(p, "slow", "--replace", "--", "run", "shop_dwd.slow", "--force")
	p.Exec("delete from terrace.occurrence")
	s = start(p, "schedule", "start")
	due(p)
	requireSoon(t, p, "select o.status from terrace.occurrence as o where o.run_id is not null", "running")
	pid, err := strconv.Atoi(p.Rows("select pid::text from terrace.occurrence where status = 'running'")[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	requireSoon(t, p, "select concat_ws(' ', o.status, o.reason) from terrace.occurrence as o order by o.occurrence_id limit 1", "error lost")
	s.End(syscall.SIGTERM, 143)
}

// Who stops a scheduler stops what it runs, and the ledger says so.
func TestStart_stopsWhatItRuns(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	add(p, "slow", "--", "run", "shop_dwd.slow")
	s := start(p, "serve")
	due(p)
	requireSoon(t, p, "select o.status from terrace.occurrence as o where o.run_id is not null", "running")
	_, told := p.Run(5, "schedule", "run", "slow")
	require.Contains(t, told, "schedule slow runs already")
	began := time.Now()
	s.End(syscall.SIGTERM, 143)
	t.Logf("stopped after %s", time.Since(began))
	require.Equal(t, []string{"slow cancelled stopped", "slow skip overlap"}, p.Rows(history))
	require.Equal(t, []string{"cancelled"}, p.Rows("select r.status from terrace.run as r join terrace.occurrence as o using (run_id)"))
}

func TestStart_cancelsTheOneBeforeWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	add(p, "slow", "--overlap", "cancel", "--", "run", "shop_dwd.slow")
	s := start(p, "schedule", "start")
	due(p)
	requireSoon(t, p, "select o.status from terrace.occurrence as o where o.run_id is not null", "running")
	// A day passes.
	p.Exec("update terrace.occurrence set scheduled_for = scheduled_for - interval '1 day'")
	due(p)
	s.Until("slow: cancelled") // before or after it says that the next has started
	requireSoon(t, p, history, "slow cancelled overlap", "slow running")
	s.End(syscall.SIGTERM, 143)
	require.Equal(t, []string{"slow cancelled overlap", "slow cancelled stopped"}, p.Rows(history))
}

// What takes longer than its schedule lets it is ended, and is written down as such; what was committed stands, and the
// next time is not held up.
func TestExecute_endsWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.Run(0, "schedule", "add", "slow", "--every", "1d", "--timeout", "2s", "--", "run", "shop_dwd.quick", "shop_dwd.slow", "--threads", "1")
	_, told := p.Run(1, "schedule", "run", "slow")
	require.Contains(t, told, "it took longer than its schedule lets it, 2s")
	require.Equal(t, []string{"slow timeout it took longer than its schedule lets it, 2s"}, p.Rows(history))
	require.Empty(t, p.Rows("select r.status from terrace.run as r where r.status not in ('timeout', 'cancelled')"), "no run has gone well")
	out, _ := p.Run(0, "schedule", "list", "--json")
	require.Contains(t, out, `"timeout": "2s"`)

	p.Run(0, "schedule", "add", "slow", "--every", "1d", "--replace", "--", "run", "shop_dwd.quick")
	p.Run(0, "schedule", "run", "slow")
}

// A scheduler forgets what is older than the project keeps it.
func TestStart_forgetsWhatIsOld(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.Write("terrace.yml", []byte("name: shop\ntimezone: Asia/Shanghai\nvars: {shop_seconds: \"0\"}\nschedules: {keep: 90d}\n"))
	p.Run(0, "schedule", "add", "nightly", "--every", "1d", "--", "run", "shop_dwd.quick")
	p.Exec(`insert into terrace.occurrence (schedule, scheduled_for, arguments, start_at, status, ended_at)
select 'nightly', d, '{run}', d, 'success', d from generate_series(now() - interval '200 days', now() - interval '1 day', interval '1 hour') as d`)
	s := start(p, "schedule", "start")
	requireSoon(t, p, "select (min(ended_at) > now() - interval '91 days')::text from terrace.occurrence", "true")
	s.End(syscall.SIGTERM, 143)
	require.Equal(t, []string{"true"}, p.Rows("select (count(*) > 2000)::text from terrace.occurrence"))
}
