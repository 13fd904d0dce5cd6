package extract

import (
	"maps"
	"slices"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

// Slicing says how a stream is cut into stretches of time.
type Slicing struct {
	Start time.Time
	// Step is the length of a slice on a grid that begins at Start; zero makes one slice of everything.
	Step strict.Duration
	// MaxSpan is the longest stretch that the source answers for; zero means any.
	MaxSpan strict.Duration
	Zone    *time.Location // of days, months, and of the instants in requests
	// Lookback is how far before the watermark reading begins again, Settle how long before now it stops.
	Lookback, Settle time.Duration
	// Granularity is the resolution of the source's clock; the end of a run's last slice is cut down to it.
	Granularity time.Duration
	// MinStep is the shortest window that is still cut in two when the source has more in it than it gives.
	MinStep time.Duration
	// Retention is how far back the source has its records; zero means for ever.
	Retention strict.Duration
	// Whole steps alone are read, from one point of the grid to the next: for reports on a stretch of time, of which a part
	// says something else.
	Whole  bool
	Bounds Bounds

	format timeFormat
}

// Bounds says which ends of a slice the source includes.
type Bounds string

// The values of bounds.
const (
	HalfOpen Bounds = "[)"
	Closed   Bounds = "[]"
	OpenLeft Bounds = "(]"
	Open     Bounds = "()"
)

// Split overrides the step of a window.
type Split string

// The values of Split. The zero Split keeps the declared step.
const (
	ByMonth Split = "month"
	ByDay   Split = "day"
	NoSplit Split = "none"
)

// Window is the stretch that a run was asked for. With a zero From or To that end is where reading stands by itself.
type Window struct {
	From, To time.Time
	Split    Split
	Pad      time.Duration // added before From and after To
}

// PlanSlices says which slices to read, in the order of time for each variant. A nil decl is a stream without slices:
// one full slice each time. No slice reaches past now less the settle time, whatever the window says: what is marked as
// read must have been there to be read. PlanSlices does nothing but calculate.
func PlanSlices(decl *Slicing, variants []string, state ods.State, now time.Time, w Window) []ods.SliceSpec {
	if len(variants) == 0 {
		variants = []string{""}
	}
	var specs []ods.SliceSpec
	for _, variant := range variants {
		if decl == nil {
			specs = append(specs, ods.SliceSpec{Kind: ods.Full, Variant: variant})
			continue
		}
		start, end := decl.span(state.Watermarks[variant], now, w)
		split := w.Split
		if decl.Whole {
			split = "" // a report on another stretch is another report
		}
		for _, cut := range decl.cut(start, end, split) {
			specs = append(specs, ods.SliceSpec{Kind: ods.Window, Variant: variant, Start: cut[0].UTC(), End: cut[1].UTC()})
		}
	}
	return specs
}

// span is the whole stretch to read.
func (d *Slicing) span(watermark, now time.Time, w Window) (start, end time.Time) {
	start, end = d.Start, now.Add(-d.Settle)
	if resumed := watermark.Add(-d.Lookback); !watermark.IsZero() && resumed.After(start) {
		start = resumed
	}
	if kept := d.keptSince(now); kept.After(start) {
		start = kept
	}
	if !w.From.IsZero() {
		start = w.From.Add(-w.Pad)
	}
	if to := w.To.Add(w.Pad); !w.To.IsZero() && to.Before(end) {
		end = to
	}
	if d.Granularity > 0 {
		end = floor(end, d.Granularity, d.Zone)
	}
	if d.Whole {
		start, end = d.gridBefore(start), d.gridBefore(end)
	}
	return start, end
}

// keptSince is the time before which the source has nothing any more; zero where it keeps all.
func (d *Slicing) keptSince(now time.Time) time.Time {
	if d.Retention.IsZero() {
		return time.Time{}
	}
	return d.Retention.SubtractFrom(now.In(d.Zone))
}

// outlived finds the variant, the first by name, whose reading ended before what the source still has: what came between
// is gone there, and to go on as if nothing had been would hide it. A window that is asked for is read.
func (d *Slicing) outlived(watermarks map[string]time.Time, now time.Time, w Window) (variant string, ended, kept time.Time, lost bool) {
	if d == nil || !w.From.IsZero() {
		return "", time.Time{}, time.Time{}, false
	}
	kept = d.keptSince(now)
	for _, variant := range slices.Sorted(maps.Keys(watermarks)) {
		if ended := watermarks[variant]; !ended.IsZero() && ended.Before(kept) {
			return variant, ended, kept, true
		}
	}
	return "", time.Time{}, time.Time{}, false
}

// ahead finds the variants, by name, whose reading ended at a time that is still to come. Readings end no later than the clock
// says, so that it was wrong then, or is now.
func (d *Slicing) ahead(watermarks map[string]time.Time, now time.Time) (variants []string) {
	if d == nil {
		return nil
	}
	for _, variant := range slices.Sorted(maps.Keys(watermarks)) {
		if watermarks[variant].After(now.Add(leastSkew)) {
			variants = append(variants, variant)
		}
	}
	return variants
}

// Resume is where the next reading begins when everything before the watermark has been read.
func (d *Slicing) Resume(watermark time.Time) time.Time {
	start, _ := d.span(watermark, watermark, Window{})
	return start
}

// gridBefore is the last point of the grid that does not lie after t.
func (d *Slicing) gridBefore(t time.Time) time.Time {
	anchor, step := d.grid(t, "")
	point := after(anchor, step, t.Add(-time.Duration(step.Months)*32*24*time.Hour-time.Duration(step.Days)*25*time.Hour-step.Clock))
	for {
		next := after(anchor, step, point)
		if next.After(t) {
			return point
		}
		point = next
	}
}

// cut divides the stretch at the grid of the step and by the longest span.
func (d *Slicing) cut(start, end time.Time, split Split) [][2]time.Time {
	anchor, step := d.grid(start, split)
	var cuts [][2]time.Time
	for start.Before(end) {
		next := end
		if !step.IsZero() {
			next = earlier(next, after(anchor, step, start))
		}
		if !d.MaxSpan.IsZero() {
			next = earlier(next, d.MaxSpan.AddTo(start.In(d.Zone)))
		}
		cuts = append(cuts, [2]time.Time{start, next})
		start = next
	}
	return cuts
}

func (d *Slicing) grid(start time.Time, split Split) (anchor time.Time, step strict.Duration) {
	local := start.In(d.Zone)
	switch split {
	case ByMonth:
		return time.Date(local.Year(), local.Month(), 1, 0, 0, 0, 0, d.Zone), strict.Duration{Months: 1}
	case ByDay:
		return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, d.Zone), strict.Duration{Days: 1}
	case NoSplit:
		return start, strict.Duration{}
	default:
		return d.Start.In(d.Zone), d.Step
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// after is the first point of the grid that lies after t. Days and months are those of the anchor's time zone.
func after(anchor time.Time, step strict.Duration, t time.Time) time.Time {
	if step.Months == 0 && step.Days == 0 {
		steps := t.Sub(anchor) / step.Clock
		for point := anchor.Add((steps - 1) * step.Clock); ; point = point.Add(step.Clock) {
			if point.After(t) {
				return point
			}
		}
	}
	// The first estimate is low by construction: no day is longer than 25 hours, no month than 31 days.
	longest := time.Duration(step.Months)*31*24*time.Hour + time.Duration(step.Days)*25*time.Hour + step.Clock
	k := int(t.Sub(anchor)/longest) - 1
	if t.Before(anchor) {
		k = int(t.Sub(anchor)/(20*time.Hour)) - 1
	}
	for ; ; k++ {
		if point := gridPoint(anchor, step, k); point.After(t) {
			return point
		}
	}
}

// gridPoint is the anchor and k steps. A day that a month lacks becomes the month's last.
func gridPoint(anchor time.Time, step strict.Duration, k int) time.Time {
	first := time.Date(anchor.Year(), anchor.Month()+time.Month(k*step.Months), 1, 0, 0, 0, 0, anchor.Location())
	last := time.Date(first.Year(), first.Month()+1, 0, 0, 0, 0, 0, anchor.Location()).Day()
	day := min(anchor.Day(), last) + k*step.Days
	return time.Date(first.Year(), first.Month(), day, anchor.Hour(), anchor.Minute(), anchor.Second(), anchor.Nanosecond(),
		anchor.Location()).Add(time.Duration(k) * step.Clock)
}

// ends renders a slice's ends for a request. A source that includes its end gets the instant one step of its clock
// before ours; without a granularity the ends overlap, which lands nothing twice.
func (d *Slicing) ends(spec ods.SliceSpec) (start, end any) {
	from, to := spec.Start, spec.End
	if d.Bounds == Closed || d.Bounds == OpenLeft {
		to = d.stepBefore(to)
	}
	if d.Bounds == OpenLeft || d.Bounds == Open {
		from = d.stepBefore(from)
	}
	return d.format.value(from, d.Zone), d.format.value(to, d.Zone)
}

// stepBefore is a step of the source's clock before t. Days are those of its time zone, which do not all have 24 hours.
func (d *Slicing) stepBefore(t time.Time) time.Time {
	const day = 24 * time.Hour
	if days := int(d.Granularity / day); days > 0 { // else an hour that comes twice would become the first of the two
		t = t.In(d.Zone).AddDate(0, 0, -days)
	}
	return t.Add(-(d.Granularity % day))
}

// middle is where a window is cut in two, on the source's own clock; it is not, when the parts would be shorter than the
// shortest step.
func (d *Slicing) middle(spec ods.SliceSpec) (time.Time, bool) {
	half := spec.End.Sub(spec.Start) / 2
	middle := floor(spec.Start.Add(half), max(d.Granularity, time.Millisecond), d.Zone)
	possible := !d.Whole && half >= d.MinStep && middle.After(spec.Start) && middle.Before(spec.End)
	return middle, possible && d.tells(spec.Start, middle) && d.tells(middle, spec.End)
}

// floor is the last instant, not after t, of a clock that goes in steps on the wall of a zone. Of days it is their beginning,
// also where clocks were changed since.
func floor(t time.Time, step time.Duration, zone *time.Location) time.Time {
	offset := func(t time.Time) time.Duration {
		_, seconds := t.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	ahead := offset(t)
	out := t.Add(ahead).Truncate(step).Add(-ahead)
	if step >= 24*time.Hour {
		out = out.Add(ahead - offset(out))
	}
	return out
}

// tells reports whether the two instants are different ones as they are written in requests: of parts of a day the source
// cannot be asked by days.
func (d *Slicing) tells(a, b time.Time) bool {
	return d.format.value(a, d.Zone) != d.format.value(b, d.Zone)
}
