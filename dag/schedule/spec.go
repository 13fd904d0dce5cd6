// Package schedule says when commands are due and keeps what became of every time: specifications in cron's form or as
// intervals, in the wall time of a zone; schedules and their occurrences in PostgreSQL; and the loop that starts what is
// due. It never runs a command itself, and never looks at this machine's clock: time is the database's.
package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/netresearch/go-cron"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// Error is a mistake in what the user gave, with what to do instead.
type Error struct{ Message, Hint string }

func (e *Error) Error() string { return e.Message }

// Spec says when something is due. Its zero value is never due. It may be used by several goroutines at once.
type Spec struct {
	text string
	zone *time.Location
	// wall gives the times of day that match, on clocks that nobody puts forward or back; nil for an interval.
	wall wallTimes
	// repeats says that wall times are followed in real time: one that the clock passes over is left out, and one that it
	// shows twice counts twice. Otherwise each counts once.
	repeats bool
	// every is the length of an interval in real time; 0 for wall times.
	every time.Duration
}

// wallTimes gives the next matching wall time after another, both written as if they were UTC; zero when there is none.
type wallTimes interface{ Next(time.Time) time.Time }

// Parse reads a specification:
//
//	30 2 * * 1-5        minute, hour, day of month, month, day of week; names, lists, ranges and steps; @hourly, @daily,
//	                    @weekly, @monthly, @yearly. With both days restricted, either of them is enough
//	every 30m           counted in real time from a midnight of the zone, so that every 30m is at :00 and :30
//	every 1d at 02:00   calendar days, at a wall time; every 2d is every other day, counted from 1970-01-01
//
// The zone is an IANA name. Times that the clock is put over are due when it has been, those that it shows twice the
// first time; a specification whose hour is *, or has a step, follows real time instead. The error is an *Error.
func Parse(text, zone string) (Spec, error) {
	location, err := loadZone(zone)
	if err != nil {
		return Spec{}, err
	}
	text = strings.Join(strings.Fields(text), " ")
	s := Spec{text: text, zone: location}
	if rest, interval := strings.CutPrefix(text, "every "); interval {
		err = s.parseEvery(rest)
	} else {
		err = s.parseCron(text)
	}
	if err != nil {
		return Spec{}, err
	}
	if s.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Spec{}, &Error{
			Message: fmt.Sprintf("%q is never due: there is no such day", text),
			Hint:    "Give days that the months have; 28 is in each of them.",
		}
	}
	return s, nil
}

// String is the specification as Parse reads it.
func (s Spec) String() string { return s.text }

// Zone is the zone whose wall time counts.
func (s Spec) Zone() *time.Location { return s.zone }

// loadZone takes IANA names alone. What else the library understands, or a file system that does not tell cases apart,
// would mean something else on the next machine.
func loadZone(name string) (*time.Location, error) {
	if name != "" && name != "Local" && unicode.IsUpper(rune(name[0])) {
		if zone, err := time.LoadLocation(name); err == nil {
			return zone, nil
		}
	}
	return nil, &ZoneError{Name: name}
}

// ZoneError is a name that is no time zone.
type ZoneError struct{ Name string }

func (e *ZoneError) Error() string { return fmt.Sprintf("%q is no time zone", e.Name) }

const (
	minute   = time.Minute
	day      = 24 * time.Hour
	mostDays = 366
)

var everyForm = regexp.MustCompile(`^(.+?)(?: at ([0-9]{1,2}:[0-9]{2}))?$`)

// parseEvery reads a length of time: whole days are days of the calendar, hours and minutes real time.
func (s *Spec) parseEvery(text string) error {
	form := everyForm.FindStringSubmatch(text)
	wrong := &Error{
		Message: fmt.Sprintf("%q is no interval", s.text),
		Hint:    "Write every 30m, every 2h, every 1d, or every 1d at 02:00; at least a minute, at most 366 days.",
	}
	if form == nil {
		return wrong
	}
	every, err := strict.ParseDuration(form[1])
	at := time.Time{}
	if err == nil && form[2] != "" {
		at, err = time.Parse("15:04", form[2])
	}
	switch {
	case err != nil || every.Days > mostDays || every.Clock > mostDays*day:
		return wrong
	case every.Months > 0:
		return &Error{Message: fmt.Sprintf("%q: months differ in length", s.text), Hint: "Name the day instead: --cron \"0 2 1 * *\" is 02:00 on the first of every month."}
	case every.Days > 0 && every.Clock > 0:
		return &Error{Message: fmt.Sprintf("%q: days follow the calendar, hours do not", s.text), Hint: "Write days alone, or hours alone: every 36h."}
	case every.Days > 0:
		s.wall = everyDays{n: every.Days, at: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*minute}
		return nil
	case every.Clock < minute || every.Clock%minute != 0:
		return wrong
	case form[2] != "":
		return &Error{
			Message: "a time of day goes with days: " + form[1] + " has none",
			Hint:    "Write every 1d at " + form[2] + ", or leave the time out: every " + form[1] + " counts from midnight.",
		}
	}
	s.every = every.Clock
	return nil
}

// everyDays are wall times at one time of day, every n days since 1970-01-01.
type everyDays struct {
	n  int
	at time.Duration
}

// Next implements wallTimes.
func (d everyDays) Next(after time.Time) time.Time {
	step := int64(d.n) * int64(day/time.Second)
	since := after.Unix() - int64(d.at/time.Second)
	return time.Unix((floorDiv(since, step)+1)*step, 0).UTC().Add(d.at)
}

// floorDiv rounds towards minus infinity.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// searchYears is as far as two days of one specification can lie apart: 29 February of 2096 and 2104.
const searchYears = 9

// parseCron leaves the parsing, and the search on a clock without changes, to the library. What it lets through, and would
// understand in a way of its own, is refused.
func (s *Spec) parseCron(text string) error {
	if strings.HasPrefix(text, "@every") {
		return &Error{Message: "@every is not known", Hint: "Write every 30m, with --every 30m."}
	}
	if strings.Contains(text, "=") {
		return &Error{Message: fmt.Sprintf("%q names a zone of its own", text), Hint: "Name the zone with --tz."}
	}
	fields := strings.Split(text, " ")
	if !strings.HasPrefix(text, "@") {
		if err := checkFields(text, fields); err != nil {
			return err
		}
	}
	parser, err := cron.TryNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor | cron.DowOrDom)
	if err != nil {
		return fmt.Errorf("make the parser of cron: %w", err)
	}
	wall, err := parser.WithMaxSearchYears(searchYears).Parse("CRON_TZ=UTC " + text)
	if err != nil {
		return &Error{
			Message: fmt.Sprintf("%q is no cron expression: %v", text, err),
			Hint:    `Write minute, hour, day of month, month, day of week: "30 2 * * 1-5"; or @hourly, @daily, @weekly, @monthly, @yearly.`,
		}
	}
	s.wall = wall
	s.repeats = text == "@hourly" || len(fields) > 1 && strings.ContainsAny(fields[1], "*?/")
	return nil
}

// ranges are the greatest numbers of the five fields.
var ranges = [...]int{59, 23, 31, 12, 7} //nolint:gochecknoglobals // a table

var number = regexp.MustCompile(`[0-9]+`)

func checkFields(text string, fields []string) error {
	if len(fields) != len(ranges) {
		hint := `Write minute, hour, day of month, month, day of week: "30 2 * * *" is 02:30 every day.`
		if len(fields) == len(ranges)+1 {
			hint = fmt.Sprintf("Seconds are not counted: leave the first field out, %q.", strings.Join(fields[1:], " "))
		}
		return &Error{Message: fmt.Sprintf("a cron expression has 5 fields, %q has %d", text, len(fields)), Hint: hint}
	}
	for i, field := range fields {
		for _, part := range strings.Split(field, ",") {
			span, _, _ := strings.Cut(part, "/")
			for _, digits := range number.FindAllString(span, -1) {
				if n, err := strconv.Atoi(digits); err != nil || n > ranges[i] {
					return &Error{
						Message: fmt.Sprintf("%q: %s is over %d", text, digits, ranges[i]),
						Hint:    "Minutes go to 59, hours to 23, days to 31, months to 12, days of the week from 0 (Sunday) to 7.",
					}
				}
			}
			if part == "" {
				return &Error{Message: fmt.Sprintf("%q has an empty entry in %q", text, field), Hint: "Take the comma out."}
			}
		}
	}
	return nil
}
