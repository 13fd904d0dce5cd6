package materialize

import (
	"fmt"
	"slices"

	"github.com/terrace-elt/terrace/dag/model"
)

// besidable reports whether a new table can be made of the rows in stage: nothing of the old one is others' or about to go.
func besidable(in Input, stale []Index) bool {
	return in.layout.plain() && len(in.Model.Header.Key) > 0 && len(stale) == 0 && !in.Foreign && !in.Aside
}

// Beside returns the script that publishes the difference in pg_temp.delta not row by row in the model's table, but with a
// new one that takes its place: for a dimension most of whose rows change, and for a table none of whose rows stays. The new
// table is the old one's like, whatever people added to it; its indexes and its constraints are each made once on a full
// table. Of in, Existing must have all that depends on the table. Errors are of type *RefusedError.
func Beside(in Input) (Script, error) {
	m, target := in.Model, StageOf(in.Model.Name)
	if m.Header.Kind == model.SCD2 {
		d, err := newDimension(in)
		if err != nil {
			return Script{}, err
		}
		return d.beside(in, target, []Statement{d.fillBeside(target)}, changesOfDelta)
	}
	columns := names(in.Columns)
	return besideOf(in, target,
		[]Statement{plain(m, None, "insert into %s (%s)\nselect %s\nfrom %s as s", target, columnList(columns), qualified(columns, "s"), stage)},
		`select count(*) filter (where d._was is null), count(*) filter (where d._was is not null and d._is is not null), count(*) filter (where d._is is null)
from `+delta+" as d")
}

// Direct is Beside for a dimension whose script has a Sample: the new table is made of the old one and of what is staged, and
// pg_temp.delta is not needed.
func Direct(in Input) (Script, error) {
	d, err := newDimension(in)
	if err != nil {
		return Script{}, err
	}
	target := StageOf(in.Model.Name)
	return d.beside(in, target, d.fillDirect(target), d.changedDirect(in, target))
}

func (d dimension) beside(in Input, target string, fill []Statement, counts string) (Script, error) {
	in.Columns, in.layout = d.columns(), d.layout
	if d.computed {
		fill = append([]Statement{plain(d.m, None, "alter table %s alter column %s drop expression, add constraint %s", target, d.current, d.guardsCurrent())}, fill...)
	}
	return besideOf(in, target, fill, counts)
}

func besideOf(in Input, target string, fill []Statement, counts string) (Script, error) {
	m := in.Model
	indexes, publish, lost, err := takeOver(in)
	if err != nil {
		return Script{}, err
	}
	if in.Redefined {
		publish = append(publish, describe(m, "table")...)
	}
	make := plain(m, None, `create table %s (
    like %s including comments including compression including constraints including defaults including generated including storage
)`, target, Quote(m.Name))
	return Script{
		Stage:     target,
		Aside:     target,
		Index:     slices.Concat([]Statement{make}, fill, indexes, []Statement{plain(m, None, "analyze %s", target)}),
		Publish:   publish,
		Exclusive: true,
		Replaces:  true,
		Lost:      lost,
		Delta:     counts,
	}, nil
}

// Changing is a query for how many rows the difference in pg_temp.delta has, and about how many the model's table. Of a
// table of which a row stays it says none: that row is not to be touched.
func Changing(in Input) string {
	var rows string
	if in.Model.Header.Kind == model.SCD2 {
		rows = "count(*) filter (where d._action <> 'kept')"
	} else {
		rows = fmt.Sprintf("case when count(d._is) = (select count(*) from %s) then count(*) else 0 end", stage)
	}
	return fmt.Sprintf("select %s, %s from %s as d", rows, Held(in.Model.Name), delta)
}

// Held is about how many rows a relation has, as far as its statistics know, as an expression.
func Held(relation string) string {
	return fmt.Sprintf("(select c.reltuples::bigint from pg_class as c where c.oid = %s::regclass)", Literal(Quote(relation)))
}
