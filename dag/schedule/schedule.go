package schedule

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// CatchUp is what becomes of times at which no scheduler was there.
type CatchUp string

// The policies of catching up.
const (
	CatchUpNone   CatchUp = "none"   // they are left out
	CatchUpLatest CatchUp = "latest" // the last of them runs
	CatchUpAll    CatchUp = "all"    // the last hundred of them run, one after the other
)

// Overlap is what becomes of a time at which the one before still runs.
type Overlap string

// The policies of overlap. No schedule ever runs beside itself.
const (
	OverlapSkip   Overlap = "skip"   // it is left out
	OverlapQueue  Overlap = "queue"  // one of them waits
	OverlapCancel Overlap = "cancel" // the one before is cancelled
)

const (
	// grace is how late a start may be without having been missed: schedulers look this often at least, with a wide margin.
	grace = time.Minute
	// MostWindow bounds how far back missed times are caught up with.
	MostWindow = 7 * day
	// mostCaughtUp is how many missed times run at most.
	mostCaughtUp = 100
	// mostDecided is how many times are decided on in one statement: more than MostWindow has minutes.
	mostDecided = 20_000
)

// Status is how an occurrence stands.
type Status string

// The statuses of occurrences. Those of an end are what terrace.run has.
const (
	Due       Status = "due"
	Running   Status = "running"
	Success   Status = "success"
	Failure   Status = "failure"   // a step failed, or the data are not as they must be
	Errored   Status = "error"     // nothing could be run, or the process was lost
	TimedOut  Status = "timeout"   // it took longer than its schedule lets it
	Cancelled Status = "cancelled" // a signal, or the next occurrence
	Skipped   Status = "skip"      // nothing ran; the reason says why
)

// The reasons for which nothing ran at a time, or for which an occurrence ended early.
const (
	Missed     = "missed"     // no scheduler was there, and it is too late
	Superseded = "superseded" // no scheduler was there, and a later time is caught up with
	Paused     = "paused"
	Overlapped = "overlap" // the one before was running
	Edited     = "edited"  // the schedule was replaced before it started
	Removed    = "removed"
	Lost       = "lost" // its process ended without a word
)

// Because is a reason in words; one that is words already stays as it is.
func Because(status Status, reason string) string {
	switch reason {
	case Missed:
		return "no scheduler was there"
	case Superseded:
		return "no scheduler was there, and a later time ran in its place"
	case Paused:
		return "the schedule was paused"
	case Overlapped:
		if status == Cancelled {
			return "the next one took its place"
		}
		return "the one before had not ended"
	case Edited:
		return "the schedule was changed before it began"
	case Removed:
		return "the schedule was removed"
	case Lost:
		return "its process ended without a word: it was killed, or lost the database"
	default:
		return reason
	}
}

// Schedule is a command and when it is due.
type Schedule struct {
	Name      string   `json:"name"`
	Spec      string   `json:"spec"`
	Zone      string   `json:"timezone"`
	Arguments []string `json:"command"`
	CatchUp   CatchUp  `json:"catch_up"`
	// Window is how old a missed time may be to be caught up with.
	Window  time.Duration `json:"-"`
	Overlap Overlap       `json:"overlap"`
	// Jitter bounds by how much starts are put off.
	Jitter time.Duration `json:"-"`
	// Limit is how long an occurrence may take; 0 is as long as it likes.
	Limit time.Duration `json:"-"`
	// NextAt is the first time that nobody has decided on.
	NextAt      time.Time  `json:"-"`
	PausedAt    *time.Time `json:"paused_at"`
	PausedUntil *time.Time `json:"paused_until"`
	PauseReason string     `json:"pause_reason"`
	// Environment is where its commands run, "" for production: that of the store by which it was put.
	Environment string `json:"environment,omitempty"`

	revision int64
}

// Occurrence is one time at which a schedule was due, or was started by hand.
type Occurrence struct {
	ID           int64     `json:"id"`
	Schedule     string    `json:"schedule"`
	ScheduledFor time.Time `json:"scheduled_for"`
	Manual       bool      `json:"manual"`
	Arguments    []string  `json:"command"`
	// Limit is how long it may take; 0 is as long as it likes. History and Latest leave it out.
	Limit     time.Duration `json:"-" db:"-"`
	Status    Status        `json:"status"`
	Reason    string        `json:"reason"`
	StartedAt *time.Time    `json:"started_at"`
	EndedAt   *time.Time    `json:"ended_at"`
	RunID     *uuid.UUID    `json:"run_id"`
	ExitCode  *int          `json:"exit_code"`
	Host      string        `json:"host"`
	PID       int           `json:"pid"`
	Log       string        `json:"log"`
	// AskedBy is who asked for it on a page, "" for all others.
	AskedBy string `json:"asked_by,omitempty"`
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// Check refuses what Add would store and nobody could run; it returns the specification. The error is an *Error or a
// *ZoneError.
func (s *Schedule) Check() (Spec, error) {
	switch {
	case !nameForm.MatchString(s.Name):
		return Spec{}, &Error{
			Message: fmt.Sprintf("%q cannot name a schedule", s.Name),
			Hint:    "Use lower-case letters, digits, _ and -, beginning with a letter; at most 63.",
		}
	case s.Window < 0 || s.Window > MostWindow:
		return Spec{}, &Error{Message: fmt.Sprintf("the catch-up window is %s", s.Window), Hint: "Give a length of time up to 168h, such as 24h."}
	case s.Limit < 0 || s.Limit > 0 && s.Limit < time.Second:
		return Spec{}, &Error{Message: fmt.Sprintf("the limit is %s", s.Limit), Hint: "Give a length of time from a second on, such as 2h, or leave it out."}
	case s.Jitter < 0 || s.Jitter > day:
		return Spec{}, &Error{Message: fmt.Sprintf("the jitter is %s", s.Jitter), Hint: "Give a length of time up to 24h, such as 5m."}
	}
	return Parse(s.Spec, s.Zone)
}

// PausedFor reports whether nothing runs at a time because the schedule is paused.
func (s *Schedule) PausedFor(at time.Time) bool {
	return s.PausedAt != nil && (s.PausedUntil == nil || at.Before(*s.PausedUntil))
}

// decision is what becomes of one time.
type decision struct {
	at      time.Time
	startAt time.Time
	// reason says why nothing runs; "" when something does, unless it overlaps.
	reason string
}

// decide says what becomes of the times that are due now, and which time is the next to decide on. Of a great many it
// decides on the oldest, and gives one that is due as the next.
func (s *Schedule) decide(spec Spec, now time.Time) (decisions []decision, next time.Time) {
	oldest := now.Add(-s.Window)
	if s.CatchUp == CatchUpNone || s.Window < grace {
		oldest = now.Add(-grace)
	}
	times := spec.Between(s.NextAt.Add(-time.Nanosecond), now, mostDecided)
	next = spec.Next(now)
	if len(times) == mostDecided {
		in := slices.IndexFunc(times, func(t time.Time) bool { return !t.Before(oldest) })
		if in < 0 {
			in = len(times) - 1
		}
		times, next = times[:in], times[in]
	}
	left := mostCaughtUp
	if s.CatchUp == CatchUpLatest {
		left = 1
	}
	decisions = make([]decision, len(times))
	for i := len(times) - 1; i >= 0; i-- {
		d := decision{at: times[i], startAt: times[i].Add(s.delay(spec, times[i]))}
		switch {
		case s.PausedFor(d.at):
			d.reason = Paused
		case d.at.Before(oldest):
			d.reason = Missed
		case left == 0 && s.CatchUp == CatchUpLatest:
			d.reason = Superseded
		case left == 0:
			d.reason = Missed
		default:
			left--
		}
		decisions[i] = d
	}
	return decisions, next
}

// delay is by how much jitter puts a start off: always the same for the same time, and never to the next.
func (s *Schedule) delay(spec Spec, at time.Time) time.Duration {
	most := s.Jitter
	if next := spec.Next(at); !next.IsZero() {
		most = min(most, next.Sub(at)-time.Second)
	}
	if most <= 0 {
		return 0
	}
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%s %d", s.Name, at.Unix())
	return time.Duration(mix(sum.Sum64()) % uint64(most)).Truncate(time.Millisecond)
}

// mix spreads the bits of a sum whose texts differ in their last digits alone.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
