package alert

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func ago(d time.Duration) *time.Time { at := start.Add(-d); return &at }

func TestLate_comparesTheCutOffThatIsFurthestBehind(t *testing.T) {
	t.Parallel()
	rule := Rule{On: []Kind{Late}, OlderThan: 6 * time.Hour}
	got := late(rule, []CutOff{
		{Stream: "a", Variant: "1", UpTo: ago(time.Hour)},
		{Stream: "a", Variant: "2", UpTo: ago(8 * time.Hour)},
		{Stream: "a", Variant: "3", UpTo: ago(7 * time.Hour)},
		{Stream: "b", UpTo: ago(6 * time.Hour)},
		{Stream: "whole", ReadAt: ago(30 * time.Hour)},
		{Stream: "other", UpTo: ago(99 * time.Hour)},
	}, func(name string) bool { return name != "other" }, start)
	require.Len(t, got, 3)
	require.Equal(t, "landed up to 2026-11-20 19:00 UTC (2), 8 h ago; it may be 6 h", got[0].Problem.Message)
	require.Equal(t, "已落地至 2026-11-20 19:00 UTC (2)，距今 8 小时；允许 6 小时", Chinese.own(got[0].Problem.Message))
	require.Equal(t, start.Add(-2*time.Hour), got[0].Problem.Since, "late since its limit was passed")
	require.Nil(t, got[1].Problem)
	require.Equal(t, "read last at 2026-11-19 21:00 UTC, 30 h ago; it may be 6 h", got[2].Problem.Message)
	requireChinese(t, got[2].Problem)
}

func TestLate_knowsWhatIsUsual(t *testing.T) {
	t.Parallel()
	rule := Rule{On: []Kind{Late}}
	got := late(rule, []CutOff{
		{Stream: "a", ReadAt: ago(5 * time.Hour), Usual: 90 * time.Minute},
		{Stream: "b", ReadAt: ago(4 * time.Hour), Usual: 90 * time.Minute},
		{Stream: "new", ReadAt: ago(400 * time.Hour)},
		{Stream: "often", ReadAt: ago(59 * time.Minute), Usual: time.Minute},
	}, all, start)
	require.Equal(t, "read last at 2026-11-20 22:00 UTC, 5 h ago; as a rule it is read within 1 h 30 min", got[0].Problem.Message)
	require.Equal(t, "上次读取于 2026-11-20 22:00 UTC，距今 5 小时；通常每 1 小时 30 分钟 读取一次", Chinese.own(got[0].Problem.Message))
	for _, f := range got[1:] {
		require.Nil(t, f.Problem, f.Subject)
	}
}

func TestAbsent_countsFromTheLastRunThatEndedWell(t *testing.T) {
	t.Parallel()
	rule := Rule{On: []Kind{Absent}, Within: 26 * time.Hour, Select: "path:models/xiaoe"}
	require.Nil(t, absent(rule, LastRun{At: ago(25 * time.Hour), Since: start.Add(-99 * time.Hour)}, start).Problem)
	got := absent(rule, LastRun{At: ago(27 * time.Hour), Since: start.Add(-99 * time.Hour)}, start)
	require.Equal(t, "runs of path:models/xiaoe", got.Subject)
	require.Equal(t, "no run ended well in 26 h; the last one did 2026-11-20 00:00 UTC", got.Problem.Message)
	requireChinese(t, got.Problem)
	require.Equal(t, start.Add(-time.Hour), got.Problem.Since)
	never := absent(rule, LastRun{Since: start.Add(-27 * time.Hour)}, start).Problem
	require.NotNil(t, never, "none ever ended well")
	requireChinese(t, never)
	require.Nil(t, absent(rule, LastRun{Since: start.Add(-time.Hour)}, start).Problem, "a new warehouse has time")
	require.Nil(t, absent(rule, LastRun{}, start).Problem)
}

func TestMissed_tellsWhatDidNotRun(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	yes, no, three := true, false, 3
	soon := start.Add(time.Hour)
	for name, c := range map[string]struct {
		schedule Schedule
		want     string
	}{
		"in time":          {Schedule{NextAt: soon, DueAt: ago(time.Hour), StartAt: ago(time.Hour), Status: text("success"), HasRun: &yes}, ""},
		"never due":        {Schedule{NextAt: soon}, ""},
		"nobody there":     {Schedule{NextAt: *ago(11 * time.Minute)}, "was due 2026-11-21 02:49 UTC, and nobody has looked since"},
		"a moment late":    {Schedule{NextAt: *ago(9 * time.Minute)}, ""},
		"not begun":        {Schedule{NextAt: soon, DueAt: ago(time.Hour), StartAt: ago(time.Hour), Status: text("due"), HasRun: &no}, "was to begin 2026-11-21 02:00 UTC, and has not"},
		"queued":           {Schedule{NextAt: soon, DueAt: ago(time.Hour), StartAt: ago(time.Hour), Status: text("due"), HasRun: &no, Running: true}, ""},
		"left out":         {Schedule{NextAt: soon, DueAt: ago(time.Hour), StartAt: ago(time.Hour), Status: text("skip"), Reason: text("the last one still runs"), HasRun: &no}, "the run of 2026-11-21 02:00 UTC was left out: the last one still runs"},
		"ended before":     {Schedule{NextAt: soon, DueAt: ago(time.Hour), StartAt: ago(time.Hour), Status: text("error"), Reason: text(""), HasRun: &no, ExitCode: &three}, "the command of 2026-11-21 02:00 UTC ended before a run began (exit code 3)"},
		"failed as a run":  {Schedule{NextAt: soon, DueAt: ago(time.Hour), StartAt: ago(time.Hour), Status: text("failure"), HasRun: &yes, ExitCode: &three}, ""},
		"took too long":    {Schedule{NextAt: soon, DueAt: ago(time.Hour), StartAt: ago(time.Hour), Status: text("timeout"), Reason: text("it took longer than its schedule lets it, 2h0m0s"), HasRun: &yes, ExitCode: &three}, "the run of 2026-11-21 02:00 UTC was ended: it took longer than its schedule lets it, 2h0m0s"},
		"stopped by hand":  {Schedule{NextAt: soon, DueAt: ago(time.Hour), StartAt: ago(time.Hour), Status: text("cancelled"), HasRun: &yes}, ""},
		"running for long": {Schedule{NextAt: soon, DueAt: ago(time.Hour), StartAt: ago(time.Hour), Status: text("running"), HasRun: &yes, Running: true}, ""},
	} {
		got := missed(c.schedule, start)
		if c.want == "" {
			require.Nil(t, got.Problem, name)
			continue
		}
		require.NotNil(t, got.Problem, name)
		require.Equal(t, c.want, got.Problem.Message, name)
		requireChinese(t, got.Problem)
	}
}

func TestDisk_comparesSizes(t *testing.T) {
	t.Parallel()
	grown := int64(6 << 30)
	sizes := Sizes{Now: 210 << 30, PerDay: &grown, Space: &Space{Free: 15 << 30, Total: 100 << 30}, Largest: []string{"a.b 90.0 GB"}}
	messages := func(rule Rule) []string {
		out := []string{}
		for _, f := range disk(rule, sizes, start) {
			if f.Problem != nil {
				require.Equal(t, f.Subject != "disk", f.Problem.Hint == "The largest: a.b 90.0 GB")
				out = append(out, f.Subject+": "+f.Problem.Message)
				requireChinese(t, f.Problem)
			}
		}
		return out
	}
	require.Empty(t, messages(Rule{DiskOver: Size{Bytes: 211 << 30}, DiskFreeUnder: Size{Bytes: 14 << 30}, GrowthOver: 7 << 30}))
	require.Equal(t, []string{"database: 210.0 GB, more than 200.0 GB; it grew 6.0 GB in a day"}, messages(Rule{DiskOver: Size{Bytes: 200 << 30}}))
	require.Equal(t, []string{"growth: the database grew 6.0 GB in a day, more than 5.0 GB; it has 210.0 GB"}, messages(Rule{GrowthOver: 5 << 30}))
	require.Equal(t, []string{"disk: 85.0 % are used, more than 80 %; 15.0 GB are free; it grew 6.0 GB in a day"}, messages(Rule{DiskOver: Size{Percent: 80}}))
	require.Equal(t, []string{"disk: 15.0 GB are free, less than 20.0 GB; it grew 6.0 GB in a day"}, messages(Rule{DiskFreeUnder: Size{Bytes: 20 << 30}}))
	sizes.Space = nil
	require.Empty(t, messages(Rule{DiskFreeUnder: Size{Bytes: 20 << 30}}), "nothing is said of a disk that cannot be seen")
}
