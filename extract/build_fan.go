package extract

import (
	"fmt"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// each reads the values that a stream is read for, one after the other.
func (b *builder) each(decl strict.Map[eachDecl]) []dimension {
	var out []dimension
	for _, e := range decl {
		if !plainIdentifier.MatchString(e.Key) {
			b.fail(e.Pos, fmt.Sprintf("each %q is no plain name", e.Key), "use lower-case letters, digits and _")
		}
		out = append(out, dimension{name: e.Key, values: e.Value.values, sql: e.Value.sql})
	}
	return out
}

// route reads the endpoints for windows of different age.
func (b *builder) route(s *Stream, d *streamDecl) []route {
	var out []route
	for i, r := range d.Route {
		last := i == len(d.Route)-1
		newer := r.NewerThan.Value
		switch {
		case s.Slicing == nil:
			b.fail(r.Pos, "route goes by the age of a window, and the stream has no slices", "declare slices, or remove route")
		case !r.Path.isSet(): // which has been told
		case r.Path.kind != textValue:
			b.fail(r.Path.Pos, "path wants a text", "write /orders")
		case !last && newer.IsZero():
			b.fail(r.Pos, "only the last route takes windows of any age", "write {newer_than: P3M, path: /recent}")
		case last && !newer.IsZero():
			b.fail(r.Pos, "no route takes the windows that are older", "end with {path: /former}, which takes the rest")
		case i > 0 && !last && approximate(newer) <= approximate(d.Route[i-1].NewerThan.Value):
			b.fail(r.NewerThan.Pos, "each route reaches further back than the one before", "put the one for the newest windows first")
		}
		out = append(out, route{newer: newer, path: r.Path})
	}
	if len(out) > 0 && d.Request.Path.isSet() {
		b.fail(d.Request.Path.Pos, "the path is given by route", "remove one of them")
	}
	return out
}

// approximate is a length for comparing durations of the calendar, in hours.
func approximate(d strict.Duration) float64 {
	return float64(d.Months)*730 + float64(d.Days)*24 + d.Clock.Hours()
}
