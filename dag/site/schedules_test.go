package site

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sched "github.com/terrace-elt/terrace/dag/schedule"
)

func TestBecause_isSaidInChineseAsWell(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{
		sched.Missed, sched.Superseded, sched.Paused, sched.Overlapped, sched.Edited, sched.Removed, sched.Lost,
		"a step failed", "data quality", "wrong input", "surroundings", "held by another run", "stopped",
	} {
		for _, status := range []sched.Status{sched.Skipped, sched.Cancelled} {
			require.Contains(t, inChinese, sched.Because(status, reason))
		}
	}
	require.Equal(t, "exit code 9", (&view{Lang: Chinese}).Because("error", "exit code 9"))
}

// Who is on call reads why a schedule is behind, and what to do; of one that is paused nothing, until the pause is over.
func TestBehind_saysWhyNothingRuns(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	before := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	v := &view{now: now, Lang: English}
	const none = "no scheduler is running: terrace serve or terrace schedule start runs what is due"
	for name, c := range map[string]struct {
		schedule
		want []string
		lag  time.Duration
	}{
		"well":          {schedule{NextAt: now.Add(time.Hour), Since: before(time.Hour), Workers: 1}, nil, 0},
		"a moment late": {schedule{NextAt: now.Add(-time.Minute)}, nil, time.Minute},
		"nobody looks":  {schedule{NextAt: now.Add(-time.Hour)}, []string{"was due 60 min ago", none}, time.Hour},
		"nobody looks elsewhere": {
			schedule{NextAt: now.Add(-time.Hour), Environment: "dev"},
			[]string{"was due 60 min ago", "no scheduler of environment dev is running: terrace serve --env dev or terrace schedule start --env dev runs what is due"},
			time.Hour,
		},
		"all are busy": {
			schedule{NextAt: now.Add(time.Hour), Waiting: 1, DueSince: before(10 * time.Minute), Workers: 2},
			[]string{"was to begin 10 min ago, and no worker has taken it: all are busy (--slots), or their logs cannot be written"},
			10 * time.Minute,
		},
		"jitter": {schedule{NextAt: now.Add(time.Hour), Waiting: 1, DueSince: before(-time.Minute), Workers: 1}, nil, 0},
		"the one before goes on": {
			schedule{NextAt: now.Add(time.Hour), Since: before(3 * time.Hour), PID: 7, Host: "far", Waiting: 1, DueSince: before(2 * time.Hour), LeftOut: 4, LeftWhy: sched.Overlapped, Workers: 1},
			[]string{"began 3 h ago and goes on (process 7 on far)", "the next was to begin 2 h ago, and waits for it", "times that were left out since: 4 (the one before had not ended)"},
			2 * time.Hour,
		},
		"missed":             {schedule{NextAt: now.Add(time.Hour), LeftOut: 2, LeftWhy: sched.Missed}, []string{"times that were left out since: 2 (no scheduler was there)"}, 0},
		"paused":             {schedule{NextAt: now.Add(-time.Hour), PausedAt: before(time.Hour)}, nil, 0},
		"paused for a while": {schedule{NextAt: now.Add(-time.Hour), PausedAt: before(time.Hour), PausedUntil: before(-time.Hour)}, nil, 0},
		"the pause is over":  {schedule{NextAt: now.Add(-time.Hour), PausedAt: before(3 * time.Hour), PausedUntil: before(2 * time.Hour), Workers: 1}, []string{"was due 60 min ago"}, time.Hour},
	} {
		require.Equal(t, c.want, v.Behind(c.schedule), name)
		require.Equal(t, c.lag, c.Lag(now), name)
	}
}
