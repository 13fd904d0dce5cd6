package strict

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is an ISO 8601 duration of the calendar: a day may have 23 hours and a month 28 days, so the parts are kept
// apart. The zero value is no time at all.
type Duration struct {
	Months int
	Days   int
	Clock  time.Duration
}

var isoDuration = regexp.MustCompile(`^P(?:(\d{1,4})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$`)

// ParseDuration reads texts such as PT5M, P1D, P1M and P1DT12H. Signs and fractions, but of seconds, are refused.
func ParseDuration(s string) (Duration, error) {
	part := isoDuration.FindStringSubmatch(s)
	if part == nil || strings.HasSuffix(s, "P") || strings.HasSuffix(s, "T") {
		return Duration{}, fmt.Errorf("%q is no ISO 8601 duration: write PT5M, P1D, P1M", s)
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(part[i]) // the pattern allows digits only, few enough for an int; "" gives 0
		return n
	}
	d := Duration{
		Months: 12*number(1) + number(2),
		Days:   7*number(3) + number(4),
		Clock:  time.Duration(number(5))*time.Hour + time.Duration(number(6))*time.Minute,
	}
	if part[7] != "" {
		seconds, err := time.ParseDuration(part[7] + "s")
		if err != nil {
			return Duration{}, fmt.Errorf("parse duration %q: %w", s, err)
		}
		d.Clock += seconds
	}
	return d, nil
}

// UnmarshalNode reads the text of the duration.
func (d *Duration) UnmarshalNode(n Node) []Problem {
	var text string
	if problems := n.Decode(&text); len(problems) > 0 {
		return problems
	}
	parsed, err := ParseDuration(text)
	if err != nil {
		return []Problem{n.wrong(wanted(durationType))}
	}
	*d = parsed
	return nil
}

// IsZero reports whether the duration is no time at all.
func (d Duration) IsZero() bool { return d == Duration{} }

// AddTo is the instant that lies the duration after t, in t's own time zone.
func (d Duration) AddTo(t time.Time) time.Time { return t.AddDate(0, d.Months, d.Days).Add(d.Clock) }

// SubtractFrom goes back in the calendar of the time's zone.
func (d Duration) SubtractFrom(t time.Time) time.Time {
	return t.AddDate(0, -d.Months, -d.Days).Add(-d.Clock)
}

// Fixed is the duration with days of 24 hours, and false when it has months, whose length depends on where they begin.
func (d Duration) Fixed() (time.Duration, bool) {
	return time.Duration(d.Days)*24*time.Hour + d.Clock, d.Months == 0
}

// String is the ISO 8601 text.
func (d Duration) String() string {
	var b strings.Builder
	b.WriteByte('P')
	write := func(n int, unit byte) {
		if n != 0 {
			fmt.Fprintf(&b, "%d%c", n, unit)
		}
	}
	write(d.Months, 'M')
	write(d.Days, 'D')
	if d.Clock == 0 {
		if d.IsZero() {
			return "PT0S"
		}
		return b.String()
	}
	b.WriteByte('T')
	write(int(d.Clock/time.Hour), 'H')
	write(int(d.Clock%time.Hour/time.Minute), 'M')
	if seconds := d.Clock % time.Minute; seconds != 0 {
		fmt.Fprintf(&b, "%sS", strconv.FormatFloat(seconds.Seconds(), 'f', -1, 64))
	}
	return b.String()
}
