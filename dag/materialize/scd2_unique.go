package materialize

import (
	"fmt"
	"strings"
)

// sharedIn are the unique indexes whose values versions may hand on to those of other keys: columns of a version that are
// changed in place.
func (d dimension) sharedIn(in Input) []shared {
	if in.Existing == nil {
		return nil
	}
	var out []shared
	for _, s := range sharedIn(in) { // of what the query returns, times and marks are no columns of the table
		of := shared{emptied: drop(keep(s.emptied, d.kept), d.key)}
		if s.columns != nil {
			of.columns = keep(s.columns, d.kept)
		}
		if len(of.emptied) > 0 {
			out = append(out, of)
		}
	}
	return out
}

// makeRoom does for versions what makeRoom does for rows of a table: they are emptied of what others are about to have.
func (d dimension) makeRoom() []Statement {
	const updated = "d._action = 'updated'"
	var out []Statement
	for _, s := range d.shared {
		handsOn := fmt.Sprintf("row(%s)::text <> row(%s)::text", qualified(s.emptied, "t"), qualified(s.emptied, "d"))
		if s.columns != nil {
			handsOn = fmt.Sprintf(`(%[1]s) is distinct from (%[2]s)
        and (%[1]s) in (select %[2]s from %[3]s as d where %[4]s)`, qualified(s.columns, "t"), qualified(s.columns, "d"), delta, updated)
		}
		room := part(d.m, d.target, s.emptied, delta+" as d", strings.ReplaceAll(d.replacing(updated), "\n", "\n    "), updated, handsOn)
		room.Purpose = "let versions hand on what is unique, " + strings.Join(s.emptied, ", ")
		out = append(out, room)
	}
	return out
}
