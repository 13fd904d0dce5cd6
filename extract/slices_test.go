package extract

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

func at(t *testing.T, text string, zone *time.Location) time.Time {
	t.Helper()
	out, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
	require.NoError(t, err)
	return out
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

// planned gives slices as wall time, "from to", each.
func planned(specs []ods.SliceSpec, z *time.Location) []string {
	var out []string
	for _, s := range specs {
		out = append(out, s.Start.In(z).Format("2006-01-02 15:04")+" "+s.End.In(z).Format("2006-01-02 15:04"))
	}
	return out
}

// A11 of the requirements, to the minute.
func TestPlanSlices_splitsAWindowByMonthWithPaddingAtBothEnds(t *testing.T) {
	t.Parallel()
	shanghai := zone(t, "Asia/Shanghai")
	decl := &Slicing{Start: at(t, "2025-07-01 00:00", shanghai), Step: strict.Duration{Days: 1}, Zone: shanghai}
	window := Window{
		From: at(t, "2025-11-10 10:00", shanghai), To: at(t, "2026-01-19 10:15", shanghai), Split: ByMonth, Pad: 2 * time.Hour,
	}

	specs := PlanSlices(decl, nil, ods.State{}, at(t, "2026-02-01 00:00", shanghai), window)

	require.Equal(t, []string{
		"2025-11-10 08:00 2025-12-01 00:00",
		"2025-12-01 00:00 2026-01-01 00:00",
		"2026-01-01 00:00 2026-01-19 12:15",
	}, planned(specs, shanghai))
	window.Split = NoSplit
	require.Equal(t, []string{"2025-11-10 08:00 2026-01-19 12:15"},
		planned(PlanSlices(decl, nil, ods.State{}, at(t, "2026-02-01 00:00", shanghai), window), shanghai))
	window.Split = ByDay
	require.Len(t, PlanSlices(decl, nil, ods.State{}, at(t, "2026-02-01 00:00", shanghai), window), 71)
}

// A source whose clock has days is asked for whole days of its own time zone: a day that is not over is not asked for, and a
// request never ends before it begins.
func TestPlanSlices_cutsTheEndDownToTheSourcesOwnClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, now, want string
		granularity     time.Duration
	}{
		{"Asia/Shanghai", "2025-07-05 10:00", "2025-07-05 00:00", 24 * time.Hour},
		{"Asia/Shanghai", "2025-07-05 07:00", "2025-07-05 00:00", 24 * time.Hour},
		{"America/New_York", "2025-07-05 23:00", "2025-07-05 00:00", 24 * time.Hour},
		{"Asia/Kolkata", "2025-07-05 10:20", "2025-07-05 10:00", time.Hour},
		{"Asia/Kolkata", "2025-07-05 10:20", "2025-07-05 10:20", time.Minute},
		{"Europe/Berlin", "2025-03-30 12:00", "2025-03-30 00:00", 24 * time.Hour}, // clocks were put forward at 2
		{"Europe/Berlin", "2025-10-26 12:00", "2025-10-26 00:00", 24 * time.Hour}, // and back at 3
		{"UTC", "2025-07-05 10:00", "2025-07-05 00:00", 24 * time.Hour},
	} {
		z := zone(t, c.zone)
		format, err := parseTimeFormat("%Y-%m-%d %H:%M")
		require.NoError(t, err)
		decl := &Slicing{
			Start: at(t, "2025-03-01 00:00", z), Step: strict.Duration{Days: 1}, Zone: z, Granularity: c.granularity, Bounds: Closed,
			format: format,
		}
		specs := PlanSlices(decl, nil, ods.State{}, at(t, c.now, z), Window{})
		require.Equal(t, c.want, specs[len(specs)-1].End.In(z).Format("2006-01-02 15:04"), "%s, %s, %s", c.zone, c.now, c.granularity)
		for _, spec := range specs {
			from, to := decl.ends(spec)
			require.LessOrEqual(t, from, to, c.zone)
		}
	}
}

// A report on a stretch of time is read for whole steps: no part of one, whatever the watermark, the window and the hour are.
func TestPlanSlices_readsWholeStepsOnly(t *testing.T) {
	t.Parallel()
	shanghai := zone(t, "Asia/Shanghai")
	decl := &Slicing{
		Start: at(t, "2025-07-01 00:00", shanghai), Step: strict.Duration{Days: 1}, Zone: shanghai, Whole: true, Lookback: time.Hour,
	}
	plan := func(watermark, now string, w Window) []string {
		state := ods.State{Watermarks: map[string]time.Time{"": at(t, watermark, shanghai)}}
		return planned(PlanSlices(decl, nil, state, at(t, now, shanghai), w), shanghai)
	}
	require.Equal(t, []string{"2025-07-03 00:00 2025-07-04 00:00", "2025-07-04 00:00 2025-07-05 00:00"},
		plan("2025-07-04 00:00", "2025-07-05 13:00", Window{}), "the hour of looking back reaches into a day, which is read whole")
	require.Empty(t, plan("2025-07-05 02:00", "2025-07-05 13:00", Window{}), "a day that is not over")
	require.Equal(t, []string{"2025-07-05 00:00 2025-07-06 00:00"}, plan("2025-07-05 02:00", "2025-07-06 00:00", Window{}))
	window := Window{From: at(t, "2025-07-01 10:00", shanghai), To: at(t, "2025-07-03 10:00", shanghai), Split: NoSplit}
	require.Equal(t, []string{"2025-07-01 00:00 2025-07-02 00:00", "2025-07-02 00:00 2025-07-03 00:00"},
		plan("2025-07-05 02:00", "2025-07-06 00:00", window))

	decl.Step, decl.Lookback = strict.Duration{Months: 1}, 0
	require.Equal(t, []string{"2025-07-01 00:00 2025-08-01 00:00", "2025-08-01 00:00 2025-09-01 00:00"},
		plan("2025-07-01 00:00", "2025-09-30 23:59", Window{}))
	_, ok := decl.middle(ods.SliceSpec{Start: at(t, "2025-07-01 00:00", shanghai), End: at(t, "2025-08-01 00:00", shanghai)})
	require.False(t, ok, "a part of a report says something else")

	days, err := parseTimeFormat("%Y-%m-%d")
	require.NoError(t, err)
	decl.Whole, decl.MinStep, decl.format = false, time.Minute, days
	for end, cut := range map[string]bool{"2025-07-02 00:00": false, "2025-07-02 09:00": false, "2025-07-03 00:00": true} {
		_, ok := decl.middle(ods.SliceSpec{Start: at(t, "2025-07-01 00:00", shanghai), End: at(t, end, shanghai)})
		require.Equal(t, cut, ok, "until %s: of less than a day the source cannot be asked", end)
	}
}

func TestListed_readsAListInOneText(t *testing.T) {
	t.Parallel()
	require.Equal(t, []any{int64(7), int64(-12), "007", "north", "1e3"}, listed(" 7,-12, 007\nnorth,,1e3 "))
	require.Empty(t, listed(" , "))
}

func TestPlanSlices_neverReachesPastNowLessSettle(t *testing.T) {
	t.Parallel()
	decl := &Slicing{Start: at(t, "2026-01-01 00:00", time.UTC), Zone: time.UTC, Settle: 5 * time.Minute, Granularity: time.Minute}
	now := at(t, "2026-01-02 10:00", time.UTC).Add(30 * time.Second)

	specs := PlanSlices(decl, nil, ods.State{}, now, Window{To: now.Add(time.Hour), Pad: 2 * time.Hour})

	require.Equal(t, []string{"2026-01-01 00:00 2026-01-02 09:55"}, planned(specs, time.UTC))
}

func TestPlanSlices_beginsBeforeTheWatermarkByTheLookback(t *testing.T) {
	t.Parallel()
	decl := &Slicing{Start: at(t, "2026-01-01 00:00", time.UTC), Step: strict.Duration{Days: 1}, Zone: time.UTC, Lookback: 2 * time.Hour}
	now := at(t, "2026-01-03 10:00", time.UTC)
	state := ods.State{Watermarks: map[string]time.Time{"": at(t, "2026-01-02 01:00", time.UTC)}}

	require.Equal(t, []string{"2026-01-01 23:00 2026-01-02 00:00", "2026-01-02 00:00 2026-01-03 00:00", "2026-01-03 00:00 2026-01-03 10:00"},
		planned(PlanSlices(decl, nil, state, now, Window{}), time.UTC))

	state.Watermarks[""] = at(t, "2026-01-01 01:00", time.UTC)
	require.Equal(t, decl.Start, PlanSlices(decl, nil, state, now, Window{})[0].Start, "never before the declared start")

	state.Watermarks[""] = now
	decl.Lookback = 0
	require.Empty(t, PlanSlices(decl, nil, state, now, Window{}))
}

func TestPlanSlices_beginsWithWhatTheSourceKeeps(t *testing.T) {
	t.Parallel()
	decl := &Slicing{
		Start: at(t, "2025-01-01 00:00", time.UTC), Zone: time.UTC, Lookback: 48 * time.Hour,
		Retention: strict.Duration{Days: 90},
	}
	now := at(t, "2026-04-01 00:00", time.UTC)
	since := func(watermark string, w Window) string {
		state := ods.State{}
		if watermark != "" {
			state.Watermarks = map[string]time.Time{"": at(t, watermark, time.UTC)}
		}
		return planned(PlanSlices(decl, nil, state, now, w), time.UTC)[0][:len("2026-01-01 00:00")]
	}
	require.Equal(t, "2026-01-01 00:00", since("", Window{}))
	require.Equal(t, "2026-01-01 00:00", since("2026-01-02 00:00", Window{}), "what lies farther back is not there to be read again")
	require.Equal(t, "2026-03-01 00:00", since("2026-03-03 00:00", Window{}))
	require.Equal(t, "2025-12-01 00:00", since("", Window{From: at(t, "2025-12-01 00:00", time.UTC)}), "what is asked for is asked of the source")
}

func TestPlanSlices_readsAStreamWithoutSlicesWholeForEachVariant(t *testing.T) {
	t.Parallel()
	require.Equal(t, []ods.SliceSpec{{Kind: ods.Full}}, PlanSlices(nil, nil, ods.State{}, time.Time{}, Window{}))
	require.Equal(t, []ods.SliceSpec{{Kind: ods.Full, Variant: "a"}, {Kind: ods.Full, Variant: "b"}},
		PlanSlices(nil, []string{"a", "b"}, ods.State{}, time.Time{}, Window{}))
}

// Case 19: days have 23, 24 or 25 hours, and months lack days.
func TestPlanSlices_keepsToTheCalendarOfItsZone(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	decl := &Slicing{Start: at(t, "2026-03-28 00:00", berlin), Step: strict.Duration{Days: 1}, Zone: berlin}
	specs := PlanSlices(decl, nil, ods.State{}, at(t, "2026-03-31 00:00", berlin), Window{})
	require.Equal(t, []string{"2026-03-28 00:00 2026-03-29 00:00", "2026-03-29 00:00 2026-03-30 00:00", "2026-03-30 00:00 2026-03-31 00:00"}, planned(specs, berlin))
	require.Equal(t, 23*time.Hour, specs[1].End.Sub(specs[1].Start))

	decl = &Slicing{Start: at(t, "2026-01-31 00:00", time.UTC), Step: strict.Duration{Months: 1}, Zone: time.UTC}
	require.Equal(t, []string{"2026-01-31 00:00 2026-02-28 00:00", "2026-02-28 00:00 2026-03-31 00:00", "2026-03-31 00:00 2026-04-02 00:00"},
		planned(PlanSlices(decl, nil, ods.State{}, at(t, "2026-04-02 00:00", time.UTC), Window{}), time.UTC))
}

func TestPlanSlices_cutsAtTheLongestSpan(t *testing.T) {
	t.Parallel()
	decl := &Slicing{Start: at(t, "2026-01-01 00:00", time.UTC), MaxSpan: strict.Duration{Days: 7}, Zone: time.UTC}
	require.Equal(t, []string{"2026-01-01 00:00 2026-01-08 00:00", "2026-01-08 00:00 2026-01-10 00:00"},
		planned(PlanSlices(decl, nil, ods.State{}, at(t, "2026-01-10 00:00", time.UTC), Window{}), time.UTC))
}

// Whatever the declaration: slices join without hole or overlap, on the whole stretch, none longer than it may be.
func TestPlanSlices_coversTheStretchExactly(t *testing.T) {
	t.Parallel()
	zones := []*time.Location{time.UTC, zone(t, "Asia/Shanghai"), zone(t, "Europe/Berlin"), zone(t, "America/St_Johns")}
	rapid.Check(t, func(t *rapid.T) {
		z := rapid.SampledFrom(zones).Draw(t, "zone")
		minute := func(name string) time.Time {
			return time.Date(2024, 1, 1, 0, rapid.IntRange(0, 800_000).Draw(t, name), 0, 0, z)
		}
		decl := &Slicing{Start: minute("start"), Zone: z, Step: rapid.SampledFrom([]strict.Duration{
			{}, {Days: 1}, {Days: 7}, {Months: 1}, {Months: 3}, {Clock: 6 * time.Hour}, {Days: 1, Clock: 12 * time.Hour},
		}).Draw(t, "step")}
		if rapid.Bool().Draw(t, "bounded") {
			decl.MaxSpan = strict.Duration{Days: rapid.IntRange(1, 40).Draw(t, "span")}
		}
		split := rapid.SampledFrom([]Split{"", ByMonth, ByDay, NoSplit}).Draw(t, "split")
		from, to := minute("from"), minute("to")
		specs := PlanSlices(decl, nil, ods.State{}, time.Date(2030, 1, 1, 0, 0, 0, 0, z), Window{From: from, To: to, Split: split})
		if !from.Before(to) {
			require.Empty(t, specs)
			return
		}
		require.True(t, specs[0].Start.Equal(from))
		require.True(t, specs[len(specs)-1].End.Equal(to))
		for i, s := range specs {
			require.True(t, s.Start.Before(s.End))
			if i > 0 {
				require.Equal(t, specs[i-1].End, s.Start)
			}
			if !decl.MaxSpan.IsZero() {
				require.LessOrEqual(t, s.End.Sub(s.Start), time.Duration(decl.MaxSpan.Days)*24*time.Hour+time.Hour)
			}
		}
	})
}

// Case 20: a source that includes the end is asked for one step of its clock less.
func TestSlicing_rendersEndsByItsBounds(t *testing.T) {
	t.Parallel()
	shanghai := zone(t, "Asia/Shanghai")
	spec := ods.SliceSpec{Start: at(t, "2026-01-01 00:00", shanghai), End: at(t, "2026-01-02 00:00", shanghai)}
	for bounds, want := range map[Bounds][2]string{
		HalfOpen: {"2026-01-01 00:00:00", "2026-01-02 00:00:00"},
		Closed:   {"2026-01-01 00:00:00", "2026-01-01 23:59:59"},
		OpenLeft: {"2025-12-31 23:59:59", "2026-01-01 23:59:59"},
		Open:     {"2025-12-31 23:59:59", "2026-01-02 00:00:00"},
	} {
		format, err := parseTimeFormat("%Y-%m-%d %H:%M:%S")
		require.NoError(t, err)
		start, end := (&Slicing{Bounds: bounds, Granularity: time.Second, Zone: shanghai, format: format}).ends(spec)
		require.Equal(t, want, [2]string{start.(string), end.(string)}, bounds)
	}
}

func TestTimeFormat_rendersWhatServicesAskFor(t *testing.T) {
	t.Parallel()
	instant := time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC)
	for format, want := range map[string]any{
		"rfc3339": "2026-01-02T11:04:05.678901+08:00", "epoch_s": int64(1767323045), "epoch_ms": int64(1767323045678),
		"%Y-%m-%dT%H:%M:%S.%fZ": "2026-01-02T11:04:05.678901Z", "%F %T": "2026-01-02 11:04:05", "%L%%": "678%",
		"%s": "1767323045", "%d.%m.%y": "02.01.26", "%I%p%z": "11AM+0800",
	} {
		f, err := parseTimeFormat(format)
		require.NoError(t, err, format)
		require.Equal(t, want, f.value(instant, zone(t, "Asia/Shanghai")), format)
	}
	for _, bad := range []string{"yyyy-MM-dd", "%Q", "%", ""} {
		_, err := parseTimeFormat(bad)
		require.Error(t, err, bad)
	}
}
