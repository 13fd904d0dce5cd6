package schedule_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/schedule"
)

func utc(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04Z", text)
	require.NoError(t, err)
	return at
}

// What is due around changes of clocks, computed from the tables of zones. The first time is given, then all that follow.
func TestNext_aroundChangesOfClocks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, spec, after string
		due               []string
	}{
		{"Europe/Berlin", "30 2 * * *", "2027-03-27T00:00Z", []string{"2027-03-27T01:30Z", "2027-03-28T01:00Z", "2027-03-29T00:30Z"}},
		{"Europe/Berlin", "30 2 * * *", "2027-10-31T00:00Z", []string{"2027-10-31T00:30Z", "2027-11-01T01:30Z"}},
		{"Europe/Berlin", "30 2 * * *", "2027-10-31T01:10Z", []string{"2027-11-01T01:30Z"}},
		{"Europe/Berlin", "*/30 * * * *", "2027-10-30T23:59Z", []string{"2027-10-31T00:00Z", "2027-10-31T00:30Z", "2027-10-31T01:00Z", "2027-10-31T01:30Z", "2027-10-31T02:00Z"}},
		{"Europe/Berlin", "15,45 2 * * *", "2027-03-28T00:00Z", []string{"2027-03-28T01:00Z", "2027-03-29T00:15Z"}},
		{"Europe/Berlin", "0,30 2,3 * * *", "2027-03-28T00:00Z", []string{"2027-03-28T01:00Z", "2027-03-28T01:30Z", "2027-03-29T00:00Z"}},
		{"Europe/Berlin", "30 */2 * * *", "2027-03-27T23:00Z", []string{"2027-03-27T23:30Z", "2027-03-28T02:30Z"}},
		{"Europe/Berlin", "@hourly", "2027-10-30T23:30Z", []string{"2027-10-31T00:00Z", "2027-10-31T01:00Z", "2027-10-31T02:00Z"}},
		{"Europe/Berlin", "every 30m", "2027-10-31T00:10Z", []string{"2027-10-31T00:30Z", "2027-10-31T01:00Z", "2027-10-31T01:30Z"}},
		{"Europe/Berlin", "every 1d at 02:30", "2027-03-27T02:00Z", []string{"2027-03-28T01:00Z", "2027-03-29T00:30Z"}},
		{"America/New_York", "30 2 * * *", "2027-03-14T00:00Z", []string{"2027-03-14T07:00Z", "2027-03-15T06:30Z"}},
		{"America/New_York", "30 1 * * *", "2027-11-07T00:00Z", []string{"2027-11-07T05:30Z", "2027-11-08T06:30Z"}},
		{"America/New_York", "0 7,9 * * *", "2027-03-14T00:00Z", []string{"2027-03-14T11:00Z", "2027-03-14T13:00Z"}},
		{"Australia/Lord_Howe", "15 2 * * *", "2027-10-02T00:00Z", []string{"2027-10-02T15:30Z", "2027-10-03T15:15Z"}},
		{"Australia/Lord_Howe", "45 1 * * *", "2027-04-03T00:00Z", []string{"2027-04-03T14:45Z", "2027-04-04T15:15Z"}},
		{"America/Havana", "0 0 * * *", "2027-03-13T12:00Z", []string{"2027-03-14T05:00Z", "2027-03-15T04:00Z"}},
		{"America/Santiago", "@daily", "2027-09-04T12:00Z", []string{"2027-09-05T04:00Z", "2027-09-06T03:00Z"}},
		{"Africa/Cairo", "0 0 * * 5", "2027-04-27T00:00Z", []string{"2027-04-29T22:00Z", "2027-05-06T21:00Z"}},
		{"Antarctica/Troll", "30 1 * * *", "2027-03-27T12:00Z", []string{"2027-03-28T01:00Z", "2027-03-28T23:30Z"}},
		{"Pacific/Chatham", "50 2 * * *", "2027-09-25T00:00Z", []string{"2027-09-25T14:00Z", "2027-09-26T13:05Z"}},
		{"Africa/Casablanca", "0 2 * * *", "2027-02-06T12:00Z", []string{"2027-02-07T01:00Z", "2027-02-08T02:00Z"}},
		{"Africa/Casablanca", "0 2 * * *", "2027-03-13T12:00Z", []string{"2027-03-14T02:00Z", "2027-03-15T01:00Z"}},
		{"America/Nuuk", "30 23 * * *", "2027-03-27T12:00Z", []string{"2027-03-28T01:00Z", "2027-03-29T00:30Z"}},
		{"Pacific/Apia", "0 9 * * *", "2011-12-28T12:00Z", []string{"2011-12-28T19:00Z", "2011-12-29T19:00Z", "2011-12-30T19:00Z"}},
		{"Pacific/Apia", "0 9 * * *", "2011-12-29T19:00Z", []string{"2011-12-30T19:00Z", "2011-12-31T19:00Z"}},
		{"Asia/Shanghai", "0 0 29 2 *", "2027-01-01T00:00Z", []string{"2028-02-28T16:00Z", "2032-02-28T16:00Z"}},
		{"UTC", "0 0 29 2 *", "2096-03-01T00:00Z", []string{"2104-02-29T00:00Z"}},
		{"UTC", "59 23 31 12 *", "2027-12-31T23:59Z", []string{"2028-12-31T23:59Z"}},
		{"UTC", "*/20 * * * *", "2027-12-31T23:50Z", []string{"2028-01-01T00:00Z"}},
		{"UTC", "0 0 13 * 5", "2027-08-01T00:00Z", []string{"2027-08-06T00:00Z", "2027-08-13T00:00Z", "2027-08-20T00:00Z"}},
		{"UTC", "0 0 * * mon-fri", "2027-08-06T00:00Z", []string{"2027-08-09T00:00Z"}},
		{"UTC", "0 22-2 * * 7", "2027-08-07T23:00Z", []string{"2027-08-08T00:00Z", "2027-08-08T01:00Z", "2027-08-08T02:00Z", "2027-08-08T22:00Z"}},
		{"UTC", "every 2d at 06:00", "2027-01-01T00:00Z", []string{"2027-01-02T06:00Z", "2027-01-04T06:00Z"}},
		{"UTC", "every 7m", "2000-01-01T00:00Z", []string{"2000-01-01T00:07Z", "2000-01-01T00:14Z"}},
		{"Asia/Kolkata", "every 1h", "2027-01-01T00:00Z", []string{"2027-01-01T00:30Z", "2027-01-01T01:30Z"}},
		{"UTC", "every 1h30m", "2027-01-01T00:00Z", []string{"2027-01-01T01:30Z"}},
	} {
		s, err := schedule.Parse(c.spec, c.zone)
		require.NoError(t, err, c.spec)
		at := utc(t, c.after)
		for _, due := range c.due {
			at = s.Next(at)
			require.Equal(t, due, at.Format("2006-01-02T15:04Z"), "%s in %s after %s", c.spec, c.zone, c.after)
		}
	}
}

func TestNext_isADayApartWhereClocksStay(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Asia/Shanghai", "Asia/Kolkata"} {
		s, err := schedule.Parse("0 0 * * *", zone)
		require.NoError(t, err)
		first := time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC)
		times := s.Between(first, first.AddDate(1, 0, 0), 1000)
		require.Len(t, times, 365)
		for i := 1; i < len(times); i++ {
			require.Equal(t, 24*time.Hour, times[i].Sub(times[i-1]))
		}
	}
}

func TestParse_refusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ spec, message, hint string }{
		{"0 30 2 * * *", `a cron expression has 5 fields, "0 30 2 * * *" has 6`, `Seconds are not counted: leave the first field out, "30 2 * * *".`},
		{"30 2", "has 2", "minute, hour"},
		{"", "has 1", "minute, hour"},
		{"61 2 * * *", "61 is over 59", "Minutes go to 59"},
		{"60-10 * * * *", "60 is over 59", ""},
		{"0 25-3 * * *", "25 is over 23", ""},
		{"0 0 0 * *", "is no cron expression", ""},
		{"0 0 1,,2 * *", "empty entry", ""},
		{", * * * *", "empty entry", ""},
		{"x * * * *", "is no cron expression", ""},
		{"0 0 L * *", "is no cron expression", ""},
		{"*/0 * * * *", "is no cron expression", ""},
		{"@reboot", "is no cron expression", ""},
		{"@every 5m", "@every is not known", "every 30m"},
		{"TZ=UTC 0 0 * * *", "names a zone of its own", "--tz"},
		{"0 0 31 4 *", "is never due", "28"},
		{"0 0 30 2 *", "is never due", ""},
		{"every 30s", "is no interval", ""},
		{"every 90s", "is no interval", ""},
		{"every 0d", "is no interval", ""},
		{"every 367d", "is no interval", ""},
		{"every -5m", "is no interval", ""},
		{"every 1d at 24:00", "is no interval", ""},
		{"every 1d at 2", "is no interval", ""},
		{"every", "has 1", ""},
		{"every P1M", "months differ in length", "0 2 1 * *"},
		{"every 1d12h", "days follow the calendar", "36h"},
		{"every 6h at 02:00", "a time of day goes with days", "every 1d at 02:00"},
	} {
		_, err := schedule.Parse(c.spec, "UTC")
		var wrong *schedule.Error
		require.True(t, errors.As(err, &wrong), "%q: %v", c.spec, err)
		require.Contains(t, wrong.Message, c.message)
		require.Contains(t, wrong.Hint, c.hint)
	}
	for _, zone := range []string{"", "Local", "europe/berlin", "Europe/Berlim", "posix/Europe/Berlin", "localtime", "../etc/passwd", "+08:00"} {
		_, err := schedule.Parse("@daily", zone)
		var wrong *schedule.ZoneError
		require.True(t, errors.As(err, &wrong), "%q: %v", zone, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"30 2 * * *", "*/5 0-6 1,15 jan-mar mon", "every 30m", "every 1d at 02:00", "@daily", "0 0 31 4 *", "1-99999999999999999999 * * * *", "? ? ? ? ?", "0/7 22-2/3 * * 5-7"} {
		f.Add(seed, int64(1_800_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := schedule.Parse(text, "Europe/Berlin")
		if err != nil {
			return
		}
		again, err := schedule.Parse(s.String(), "Europe/Berlin")
		require.NoError(t, err)
		at := time.Unix(unix%4_000_000_000, 0).UTC()
		for range 5 {
			next := s.Next(at)
			require.True(t, next.After(at), "%q: %s after %s", text, next, at)
			require.Equal(t, next, again.Next(at))
			at = next
		}
	})
}

// An interval is a length of time as everywhere in terrace: three spellings of one are due at the same times.
func TestParse_readsIntervalsInEverySpelling(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 3, 27, 2, 0, 0, 0, time.UTC)
	for _, same := range [][]string{
		{"every 30m", "every PT30M", "every 30 minutes"},
		{"every 1d at 02:30", "every P1D at 02:30", "every day at 02:30"},
		{"every 2w", "every P2W", "every 14d", "every 2 weeks"},
		{"every 1h30m", "every 90m", "every PT1H30M"},
	} {
		var expected []time.Time
		for _, text := range same {
			spec, err := schedule.Parse(text, "Europe/Berlin")
			require.NoError(t, err, text)
			require.Equal(t, text, spec.String())
			times := spec.Between(at, at.AddDate(0, 2, 0), 30)
			require.NotEmpty(t, times)
			if expected == nil {
				expected = times
			}
			require.Equal(t, expected, times, text)
		}
	}
}
