package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model"
)

// shared is a unique index beside the key's, whose values rows may hand on to one another. While they are changed in place one
// by one, a row would meet the other that still has its value.
type shared struct {
	// columns are those that the index is made of as they stand; nil where it has expressions alone.
	columns []string
	// emptied are columns without which a row is not in the way of any other.
	emptied []string
}

// sharedIn lists the unique indexes of the model's table that are not about its key: those of the header, and those that
// people made. An index of theirs that has expressions alone is left out: what these read is not known.
func sharedIn(in Input) []shared {
	var out []shared
	add := func(columns, read []string) {
		if in.apart(columns) {
			return
		}
		s := shared{columns: columns, emptied: drop(columns, in.Model.Header.Key)}
		if len(s.emptied) == 0 {
			s = shared{emptied: drop(read, in.Model.Header.Key)}
		}
		if len(s.emptied) > 0 {
			out = append(out, s)
		}
	}
	for _, index := range in.Model.Header.Indexes {
		if index.Unique {
			plain, read := in.indexedBy(index)
			add(plain, read)
		}
	}
	for _, index := range in.Existing.Indexes {
		if index.Unique && !MadeIndex(index.Name) {
			add(in.own(index.Columns), nil)
		}
	}
	return out
}

// apart reports whether no two rows of different keys have the same in these columns.
func (in Input) apart(columns []string) bool {
	return len(drop(in.Model.Header.Key, columns)) == 0
}

// own are those of the names that are columns of the model.
func (in Input) own(columns []string) []string {
	return slices.DeleteFunc(slices.Clone(columns), func(name string) bool {
		_, found := find(in.Columns, name)
		return !found
	})
}

// indexedBy are the columns of a declared index that it has as they stand, and all that it reads. What it collates in its own
// way is not what the column is.
func (in Input) indexedBy(index model.Index) (plain, read []string) {
	for _, c := range index.Columns {
		end := ordering.FindStringIndex(c)[0]
		named := in.own(model.ColumnsOf(c[:end]))
		read = append(read, named...)
		if bareColumn.MatchString(c[:end]) && !strings.Contains(strings.ToLower(c[end:]), "collate") {
			plain = append(plain, named...)
		}
	}
	return plain, append(read, in.own(model.ColumnsOf(index.Where))...)
}

// makeRoom are the statements that take values of unique indexes from the rows which hand them on, before those are changed.
// They are at another place in the table then, and delta is told. NULL is in nobody's way, and whoever refers to such a row
// by its key finds it all the time, as it would not if it were deleted and came again.
func makeRoom(in Input) []Statement {
	var out []Statement
	for _, s := range sharedIn(in) {
		_, from := in.came()
		room := part(in.Model, Quote(in.Model.Name), s.emptied, from, strings.ReplaceAll(in.replacing("d._is is not null"), "\n", "\n    "), "d._is is not null", in.handsOn(s))
		room.Purpose = "let rows hand on what is unique, " + strings.Join(s.emptied, ", ")
		out = append(out, room)
	}
	return out
}

// part empties columns of the rows t of a table that are to be replaced by delta's d, on conditions, and tells delta where they
// are then.
func part(m *model.Model, target string, emptied []string, from string, conditions ...string) Statement {
	return plain(m, None, `with parted as (
    update %[1]s as t
    set %[2]s
    from %[3]s
    where %[4]s
    returning d._was as was, d._part as part, t.ctid as now
)
update %[5]s as d
set _was = p.now
from parted as p
where d._was = p.was
    and d._part = p.part`,
		target, list(emptied, ", ", func(q string) string { return q + " = null" }), from, strings.Join(conditions, "\n        and "), delta)
}

// handsOn is true for a row t that has what another row will have; of expressions it is true for one that will have another.
func (in Input) handsOn(s shared) string {
	if s.columns == nil {
		return fmt.Sprintf("row(%s)::text <> row(%s)::text", qualified(s.emptied, "t"), in.coming(s.emptied))
	}
	_, from := in.came()
	coming := in.coming(s.columns)
	return fmt.Sprintf(`(%[1]s) is distinct from (%[2]s)
        and (%[1]s) in (select %[2]s from %[3]s where d._was is not null and d._is is not null)`,
		qualified(s.columns, "t"), coming, strings.ReplaceAll(from, "\n", " "))
}

// coming are columns of the row that comes.
func (in Input) coming(columns []string) string {
	came, _ := in.came()
	out := make([]string, len(columns))
	for i, name := range columns {
		out[i] = came[slices.IndexFunc(in.Columns, func(c Column) bool { return c.Name == name })]
	}
	return strings.Join(out, ", ")
}
