package materialize

// fits reports whether a new table can be made of what is there and the difference: nothing of it is others' or about to go.
func (d dimension) fits(in Input) bool {
	_, removed, _ := compare(in.Existing.Columns, d.columns())
	return d.layout.plain() && len(removed) == 0 && len(staleIndexes(d.m, in.Existing.Indexes)) == 0 && !in.Foreign && !in.Aside
}

// fillBeside puts into a new table the rows that stay and those that come. A whole delta has both.
func (d dimension) fillBeside(target string) Statement {
	columns, values := d.columnsAndValues("d")
	if d.whole {
		return plain(d.m, None, "insert into %s (%s)\nselect %s\nfrom %s as d\nwhere d._action <> 'deleted'", target, columns, values, delta)
	}
	return plain(d.m, None, `insert into %s (%s)
select %s
from %s as t
where not exists (select from %s as d where d._was = t.ctid and d._part = t.tableoid)
union all
select %s
from %[5]s as d
where d._action <> 'deleted'`, target, columns, d.stored("t"), d.target, delta, values)
}
