package schedule

import "time"

// Next is the first time after another at which the specification is due, zero when there is none within nine years. It
// is always later than after.
func (s Spec) Next(after time.Time) time.Time {
	switch {
	case s.zone == nil:
		return time.Time{}
	case s.every > 0:
		return s.nextInterval(after)
	case s.repeats:
		return s.nextRepeating(after)
	default:
		return s.nextOnce(after)
	}
}

// Between gives the times after one and up to another, oldest first, most of them at most.
func (s Spec) Between(after, until time.Time, most int) []time.Time {
	var times []time.Time
	for t := s.Next(after); !t.IsZero() && !t.After(until) && len(times) < most; t = s.Next(t) {
		times = append(times, t)
	}
	return times
}

// nextInterval counts from a midnight of the zone, in real time.
func (s Spec) nextInterval(after time.Time) time.Time {
	anchor := reached(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), s.zone)
	n := floorDiv(after.Unix()-anchor.Unix(), int64(s.every/time.Second)) + 1
	return anchor.Add(time.Duration(n) * s.every)
}

// nextRepeating goes through the stretches in which the zone's offset stays the same: within one, wall time is real time.
func (s Spec) nextRepeating(after time.Time) time.Time {
	wall := s.wallOf(after)
	for t := after; ; {
		_, end := t.In(s.zone).ZoneBounds()
		found := s.wall.Next(wall)
		if found.IsZero() {
			return found
		}
		at := t.Add(found.Sub(s.wallOf(t)))
		if end.IsZero() || at.Before(end) {
			return at.UTC()
		}
		t = end
		wall = s.wallOf(end).Add(-time.Second) // what is due at the change itself is found as well
	}
}

// nextOnce looks for the next wall time that the clock has not reached yet.
func (s Spec) nextOnce(after time.Time) time.Time {
	for wall := s.wall.Next(s.wallOf(after)); !wall.IsZero(); wall = s.wall.Next(wall) {
		if at := reached(wall, s.zone); at.After(after) && s.hasDay(wall) {
			return at
		}
	}
	return time.Time{}
}

// hasDay reports whether the clock ever shows the wall time's date: a zone that changes sides of the date line leaves one
// out.
func (s Spec) hasDay(wall time.Time) bool {
	midnight := wall.Truncate(day)
	return s.wallOf(reached(midnight, s.zone)).Before(midnight.Add(day))
}

// wallOf is what the clock of the zone shows, written as if it were UTC.
func (s Spec) wallOf(t time.Time) time.Time {
	_, offset := t.In(s.zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// widestOffset is more than any zone is away from UTC.
const widestOffset = 26 * time.Hour

// reached is the moment at which the clock of a zone first shows a wall time or a later one: the moment itself; the end
// of a gap for one within it; the first of two.
func reached(wall time.Time, zone *time.Location) time.Time {
	for t := wall.Add(-widestOffset); ; {
		_, offset := t.In(zone).Zone()
		_, end := t.In(zone).ZoneBounds()
		at := wall.Add(-time.Duration(offset) * time.Second)
		switch {
		case at.Before(t): // the clock was put over it when this stretch began
			return t.UTC()
		case end.IsZero() || at.Before(end):
			return at.UTC()
		}
		t = end
	}
}
