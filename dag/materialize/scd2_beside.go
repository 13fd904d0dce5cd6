package materialize

import (
	"fmt"
	"slices"
)

// fits reports whether a new table can be made of what is there and the difference: nothing of it is others' or about to go.
func (d dimension) fits(in Input) bool {
	_, removed, _ := compare(in.Existing.Columns, d.columns())
	return d.layout.plain() && len(removed) == 0 && len(staleIndexes(d.m, in.Existing.Indexes)) == 0 && !in.Foreign && !in.Aside
}

// Beside returns the script that publishes the difference in pg_temp.delta, where most rows of a dimension change: not row
// by row in its table, but with a new one that takes its place. The new table is the old one's like, whatever people added
// to it: its rows that stay, those that come, its indexes and its constraints, each made once on a full table. Of in,
// Existing must have all that depends on the table. Errors are of type *RefusedError.
func Beside(in Input) (Script, error) {
	d, err := newDimension(in)
	if err != nil {
		return Script{}, err
	}
	in.Columns, in.layout = d.columns(), d.layout
	m, target := in.Model, StageOf(in.Model.Name)
	indexes, publish, lost, err := takeOver(in)
	if err != nil {
		return Script{}, err
	}
	if in.Redefined {
		publish = append(publish, describe(m, "table")...)
	}
	columns, values := d.columnsAndValues("d")
	fill := []Statement{
		plain(m, None, `create table %s (
    like %s including comments including compression including constraints including defaults including generated including storage
)`, target, d.target),
		plain(m, None, `insert into %s (%s)
select %s
from %s as t
where not exists (select from %s as d where d._was = t.ctid and d._part = t.tableoid)
union all
select %s
from %[5]s as d
where d._action <> 'deleted'`, target, columns, d.stored("t"), d.target, delta, values),
	}
	return Script{
		Stage:     target,
		Aside:     target,
		Index:     slices.Concat(fill, indexes, []Statement{plain(m, None, "analyze %s", target)}),
		Publish:   publish,
		Exclusive: true,
		Replaces:  true,
		Lost:      lost,
	}, nil
}

// Changing is a query for how many rows the difference in pg_temp.delta has, and about how many the model's table.
func Changing(in Input) string {
	return fmt.Sprintf("select count(*), (select c.reltuples::bigint from pg_class as c where c.oid = %s::regclass) from %s",
		Literal(Quote(in.Model.Name)), delta)
}
