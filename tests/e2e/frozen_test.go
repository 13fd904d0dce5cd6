package e2e

import (
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

// A process that is stopped in the middle of a step keeps its locks. Whoever comes next is told who has them, since when nothing
// was heard of it, and how to end that; and the process, once it goes on, does its step again.
func TestRun_stoppedInAStepIsToldOfAndGoesOn(t *testing.T) {
	t.Parallel()
	dir := project(t, false)
	db := pgtest.NewEmpty(t)
	_, err := db.Pool.Exec(t.Context(), "create table public.filled (id integer primary key, amount numeric)")
	require.NoError(t, err)
	s := &site{t: t, dir: dir, db: db, env: []string{"TERRACE_THREADS=1"}}
	s.succeed("streams", "extract")

	faults := &pgtest.Faults{}
	cmd, out, talk := s.terrace(faults.Relay(t, db.URL), "run")
	started := make(chan struct{})
	// The statement before takes the lock of the node.
	faults.Arm(0, pgtest.Fault{Of: `create table "shop_dwd"."bag"`, Before: func(uint32) {
		<-started
		_ = cmd.Process.Signal(syscall.SIGSTOP) // whether it stands still is seen below
	}})
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended where the test passed
	close(started)
	require.Eventually(t, func() bool {
		return len(s.rows("select pid::text from pg_stat_activity where application_name like '%:shop_dwd.bag' and state = 'idle in transaction' and datname = current_database()")) == 1
	}, 5*time.Minute, 10*time.Millisecond)

	next, _, said := s.terrace(db.URL, "run", "shop_dwd.bag")
	require.Error(t, next.Run())
	require.Equal(t, 5, next.ProcessState.ExitCode(), said)
	require.Regexp(t, `shop_dwd.bag is being built by another run: run \S+: terrace run on \S+ \(process \d+, since [^,]+, silent since [^,]+\)`, said.String())
	again, _, said := s.terrace(db.URL, "retry", s.rows("select run_id::text from terrace.run where command = 'run' order by started_at limit 1")[0])
	require.Error(t, again.Run())
	require.Equal(t, 5, again.ProcessState.ExitCode(), said)
	require.Regexp(t, `still goes on \(process \d+ on \S+\), silent since `, said.String())

	hint := regexp.MustCompile(`select pg_terminate_backend\(pid\) from .*`).FindString(said.String())
	s.rows("select ended.*::text from (" + hint + ") as ended")
	s.hushed()
	s.succeed("the lock is gone", "run", "shop_dwd.bag")
	require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	require.NoError(t, cmd.Wait(), "%s%s", out, talk)
	require.Regexp(t, `success +shop_dwd\.bag|shop_dwd\.bag +table +success`, out.String())
	require.Equal(t, []string{"6"}, s.rows("select count(*)::text from shop_dwd.bag"))
}
