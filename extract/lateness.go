package extract

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/ods"
)

// Lateness is how late the records of a stream came: how far the time that a record gives itself lay before what had been
// read already when it came. A reading that looks back by less misses such records.
type Lateness struct {
	Versions int // whose time could be read
	Late     int // of them, those that the readings before had missed
	Median   time.Duration
	P99      time.Duration
	Longest  time.Duration
	// Declared is the lookback that the stream has, Advised the one that would be right: somewhat more than the longest
	// that was seen, or twice the declared one when that nearly was not enough, for then later ones may have been missed.
	Declared, Advised time.Duration
}

// nearLookback is the part of a lookback beyond which a late record is taken for one of many that came too late.
const nearLookback = 0.8

// Lateness measures what Store.Arrivals tells of the stream's version field. A stream without slices or version has none.
func (s *Stream) Lateness(arrivals []ods.Arrival) Lateness {
	if s.Slicing == nil {
		return Lateness{}
	}
	out := Lateness{Declared: s.Slicing.Lookback}
	var late []time.Duration
	for _, a := range arrivals {
		at, ok := s.Slicing.parse(a.Version)
		if !ok {
			continue
		}
		out.Versions++
		if d := a.Before.Sub(at); d > 0 {
			late = append(late, d)
		}
	}
	out.Late = len(late)
	if out.Late == 0 {
		return out
	}
	slices.Sort(late)
	out.Median, out.P99, out.Longest = late[len(late)/2], late[len(late)*99/100], late[len(late)-1]
	out.Advised = roundUp(out.Longest + out.Longest/4)
	if float64(out.Longest) >= nearLookback*float64(out.Declared) {
		out.Advised = max(out.Advised, 2*out.Declared)
	}
	return out
}

// roundUp gives a length that people would write.
func roundUp(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
		if d > unit {
			return (d + unit - 1) / unit * unit
		}
	}
	return time.Minute
}

// parse reads an instant as the source writes it: in the format of the requests, or in one that names its zone.
func (d *Slicing) parse(text string) (time.Time, bool) {
	switch n, err := strconv.ParseInt(text, 10, 64); {
	case d.format.text == "epoch_s" && err == nil:
		return time.Unix(n, 0), true
	case d.format.text == "epoch_ms" && err == nil:
		return time.UnixMilli(n), true
	}
	var layout strings.Builder
	for _, p := range d.format.parts {
		layout.WriteString(p.text + strftimeLayouts[p.verb])
	}
	if at, err := time.ParseInLocation(layout.String(), text, d.Zone); err == nil && layout.Len() > 0 {
		return at, true
	}
	at, err := parseStart(text, d.Zone)
	return at, err == nil
}
