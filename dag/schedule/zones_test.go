package schedule_test

import (
	"archive/zip"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/schedule"
)

// zoneNames are all names of the tables that come with Go.
func zoneNames(t *testing.T) []string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	tables, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	require.NoError(t, err)
	defer func() { _ = tables.Close() }()
	var names []string
	for _, file := range tables.File {
		if !strings.HasSuffix(file.Name, "/") {
			names = append(names, file.Name)
		}
	}
	require.Greater(t, len(names), 400)
	return names
}

// firstYear and lastYear bound what is looked at.
const firstYear, lastYear = 2020, 2037

// changes are the moments at which a zone's clock is changed, in these years.
func changes(zone *time.Location) []time.Time {
	var out []time.Time
	last := time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
	for t := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC); ; {
		_, end := t.In(zone).ZoneBounds()
		if end.IsZero() || end.After(last) {
			return out
		}
		out = append(out, end.UTC())
		t = end
	}
}

// shown is what the clock shows, as minutes since 1970 as if it were UTC.
func shown(at time.Time, zone *time.Location) int64 {
	_, offset := at.In(zone).Zone()
	return (at.Unix() + int64(offset)) / 60
}

const minutesOfDay = 24 * 60

// watched are the times within a stretch at which somebody who watches the clock minute by minute would act: at every
// minute that shows one of the times of day, when repeating; else when the clock first shows it or a later one, on days
// that it shows at all.
func watched(zone *time.Location, from, to time.Time, timesOfDay []int64, repeating bool) []time.Time {
	var out []time.Time
	seen := map[int64]bool{} // dates that are shown
	for at := from; !at.After(to); at = at.Add(time.Minute) {
		seen[shown(at, zone)/minutesOfDay] = true
	}
	latest := shown(from, zone)
	for at := from.Add(time.Minute); !at.After(to); at = at.Add(time.Minute) {
		now, acts := shown(at, zone), false
		for _, of := range timesOfDay {
			if repeating {
				acts = acts || now%minutesOfDay == of
				continue
			}
			for date := latest/minutesOfDay - 1; date <= now/minutesOfDay; date++ {
				due := date*minutesOfDay + of
				acts = acts || seen[date] && latest < due && due <= now
			}
		}
		latest = max(latest, now)
		if acts {
			out = append(out, at)
		}
	}
	return out
}

// In every zone, around every change of its clock, what is due is what somebody sees who watches the clock.
func TestNext_isWhatAWatcherOfTheClockSees(t *testing.T) {
	t.Parallel()
	zones := zoneNames(t)
	const around = 50 * time.Hour
	done := map[string]bool{}
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		of := changes(zone)
		if testing.Short() && len(of) > 4 {
			of = of[len(of)-4:]
		}
		seed := fnv.New64a()
		_, _ = seed.Write([]byte(name))
		random := rand.New(rand.NewPCG(seed.Sum64(), 1))
		for _, change := range of {
			_, before := change.Add(-time.Second).In(zone).Zone()
			_, after := change.In(zone).Zone()
			key := fmt.Sprint(change.Unix(), before, after)
			if done[key] { // another name for the same
				continue
			}
			done[key] = true
			from, to := change.Add(-around), change.Add(around)
			hour, minute := random.IntN(24), random.IntN(60)
			if random.IntN(2) == 0 { // mostly the hours at which clocks are changed
				hour = random.IntN(4)
			}
			once := fmt.Sprintf("%d %d * * *", minute, hour)
			requireTimes(t, name, once, from, to, watched(zone, from, to, []int64{int64(hour*60 + minute)}, false))
			every := fmt.Sprintf("every 1d at %02d:%02d", hour, minute)
			requireTimes(t, name, every, from, to, watched(zone, from, to, []int64{int64(hour*60 + minute)}, false))
			var hours []int64
			for h := range 24 {
				hours = append(hours, int64(h*60+minute))
			}
			requireTimes(t, name, fmt.Sprintf("%d * * * *", minute), from, to, watched(zone, from, to, hours, true))
		}
	}
	require.Greater(t, len(done), 100)
}

func requireTimes(t *testing.T, zone, spec string, from, to time.Time, expected []time.Time) {
	t.Helper()
	s, err := schedule.Parse(spec, zone)
	require.NoError(t, err)
	require.Equal(t, expected, s.Between(from, to, 1000), "%s in %s from %s", spec, zone, from)
}

// In every zone and year a daily time is due once on every date that exists, and times only grow.
func TestNext_isOnceADayInEveryZone(t *testing.T) {
	t.Parallel()
	from, to := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
	done := map[string]bool{}
	for i, name := range zoneNames(t) {
		if testing.Short() && i%10 != 0 {
			continue
		}
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		_, offset := from.In(zone).Zone()
		key := fmt.Sprint(offset, changes(zone))
		if done[key] { // another name for the same
			continue
		}
		done[key] = true
		s, err := schedule.Parse(fmt.Sprintf("%d %d * * *", i%60, i%24), name)
		require.NoError(t, err)
		// The change of an hour moves a time by less than a day, so that the date half a day around tells which it is for.
		count, last := 0, from
		for at := s.Next(from); at.Before(to); at = s.Next(at) {
			require.True(t, at.After(last), "%s: %s after %s", name, at, last)
			last = at
			count++
		}
		days := (shown(to.Add(-time.Minute), zone)-int64(i%24*60+i%60))/minutesOfDay - (shown(from, zone)-int64(i%24*60+i%60))/minutesOfDay
		require.EqualValues(t, days, count, name)
	}
}
