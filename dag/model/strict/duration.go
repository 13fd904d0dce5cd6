package strict

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time in the calendar: a day may have 23 hours and a month 28 days, so the parts are kept
// apart. The zero value is no time at all.
type Duration struct {
	Months int
	Days   int
	Clock  time.Duration
}

var (
	isoDuration   = regexp.MustCompile(`^P(?:(\d{1,4})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$`)
	shortDuration = regexp.MustCompile(`^(?:(\d{1,6})w)?(?:(\d{1,6})d)?((?:[\d.]{1,20}(?:h|m|s|ms|us|µs|ns))*)$`)
	wordDuration  = regexp.MustCompile(`^(?:(\d{1,6}) )?(second|minute|hour|day|week|month|year)s?$`)
)

// unitsByWord are the lengths that have a word.
var unitsByWord = map[string]Duration{ //nolint:gochecknoglobals // a table
	"second": {Clock: time.Second}, "minute": {Clock: time.Minute}, "hour": {Clock: time.Hour},
	"day": {Days: 1}, "week": {Days: 7}, "month": {Months: 1}, "year": {Months: 12},
}

// ParseDuration reads a length of time in one of three spellings, which are the same wherever terrace reads one:
//
//	PT5M, P1D, P1M, P1DT12H  ISO 8601
//	90s, 5m, 1h30m, 1d, 2w   a number and its unit, m is minutes, and months have no short form
//	1 day, month, 2 weeks    a word, from seconds to years
//
// Signs are refused, and fractions of what is longer than an hour or, in ISO 8601, than a second.
func ParseDuration(s string) (Duration, error) {
	if d, ok := parseISO(s); ok {
		return d, nil
	}
	if d, ok := parseShort(s); ok {
		return d, nil
	}
	if part := wordDuration.FindStringSubmatch(s); part != nil {
		n, unit := 1, unitsByWord[part[2]]
		if part[1] != "" {
			n = digits(part[1])
		}
		return Duration{Months: n * unit.Months, Days: n * unit.Days, Clock: time.Duration(n) * unit.Clock}, nil
	}
	return Duration{}, fmt.Errorf("%q is no length of time: write PT5M or 5m, P1D or 1d, P1M or 1 month", s)
}

func parseISO(s string) (Duration, bool) {
	part := isoDuration.FindStringSubmatch(s)
	if part == nil || strings.HasSuffix(s, "P") || strings.HasSuffix(s, "T") {
		return Duration{}, false
	}
	d := Duration{
		Months: 12*digits(part[1]) + digits(part[2]),
		Days:   7*digits(part[3]) + digits(part[4]),
		Clock:  time.Duration(digits(part[5]))*time.Hour + time.Duration(digits(part[6]))*time.Minute,
	}
	if part[7] == "" {
		return d, true
	}
	seconds, err := time.ParseDuration(part[7] + "s")
	d.Clock += seconds
	return d, err == nil
}

func parseShort(s string) (Duration, bool) {
	part := shortDuration.FindStringSubmatch(s)
	if part == nil || s == "" {
		return Duration{}, false
	}
	d := Duration{Days: 7*digits(part[1]) + digits(part[2])}
	if part[3] == "" {
		return d, true
	}
	var err error
	d.Clock, err = time.ParseDuration(part[3])
	return d, err == nil
}

// digits is the number of a part that a pattern let through: few enough digits for an int; "" gives 0.
func digits(text string) int {
	n, _ := strconv.Atoi(text)
	return n
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

// Fixed is the duration with days of 24 hours, and false when it has months, whose length depends on where they begin, or
// is longer than a time.Duration can be.
func (d Duration) Fixed() (time.Duration, bool) {
	const day = 24 * time.Hour
	if d.Months != 0 || d.Days > int((math.MaxInt64-d.Clock)/day) {
		return 0, false
	}
	return time.Duration(d.Days)*day + d.Clock, true
}

// ParseFixed reads a length of time that is the same wherever it begins: ParseDuration's spellings without months.
func ParseFixed(s string) (time.Duration, error) {
	d, err := ParseDuration(s)
	if err != nil {
		return 0, err
	}
	fixed, ok := d.Fixed()
	if !ok {
		return 0, fmt.Errorf("%q has no fixed length: write days, hours or minutes, such as P30D or 30d", s)
	}
	return fixed, nil
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
