package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// looksUp reports whether each row that is computed meets the model's row of its key at once, so that delta has it and
// there is no stage. That is where few keys are looked up in a large table and nothing but our statements reads the rows.
func (in Input) looksUp() bool {
	return in.Groups != nil && in.Groups.Keys(in.Model) && in.indexed() && len(in.Model.Header.Rejects) == 0 && in.layout.plain()
}

// indexed reports whether the model's rows are few of a large table that has the index of its key.
func (in Input) indexed() bool {
	return in.Groups.Few && slices.ContainsFunc(in.Existing.Indexes, named(IndexName(in.Model.Relation, indexesOf(in.Model)[0])))
}

// lookUp computes the rows of the groups and finds those whose place they take. Delta still has the ones that are as they
// were: they are to be checked, too. The query is computed by itself, whatever is done with its rows.
func lookUp(in Input) Statement {
	m, limit, order := in.Model, "\nwhere "+in.Groups.Condition("q"), ""
	if in.Groups.Source != nil {
		m, limit = in.Groups.Source, ""
	}
	if in.short() {
		order = in.byPlace()
	}
	return withBody(m, Staged, fmt.Sprintf(`create temporary table "delta" on commit drop as
select t.ctid as _was, t.tableoid as _part, true as _is, (
    t.ctid is null
    or %s
) as _differs%s
from (
select q.*
from (`, in.differs(), in.keptRows(false)), fmt.Sprintf(`) as q%s
offset 0
) as s
left join %s%s`, limit, in.held("s"), order))
}

// lookedUp are the keys of the rows of lookUp, in place of a relation's name.
func lookedUp(in Input) string {
	var columns []string
	for i, c := range in.Columns {
		if slices.Contains(in.Model.Header.Key, c.Name) {
			columns = append(columns, fmt.Sprintf("d._is_%d as %s", i+1, pgx.Identifier{c.Name}.Sanitize()))
		}
	}
	return fmt.Sprintf("(select %s from %s as d where d._is)", strings.Join(columns, ", "), delta)
}

// leave adds the rows to delta that are no more, and takes out those that did not change. Each row that was computed is of a
// key among the groups, so none has left where there are as many of both.
func leave(in Input) []Statement {
	m := in.Model
	into, left := []string{"_was", "_part"}, []string{"t.ctid", "t.tableoid"}
	for i, c := range in.Columns {
		if in.keepsLeft() {
			into, left = append(into, fmt.Sprintf("_was_%d", i+1)), append(left, "t."+pgx.Identifier{c.Name}.Sanitize())
		}
	}
	return []Statement{
		plain(m, None, `insert into %[1]s (%[2]s)
select %[3]s
from %[4]s as a
join %[5]s
where %[6]d > (select count(*) from %[1]s)
    and not exists (select from %[7]s as s where %[8]s)`,
			delta, strings.Join(into, ", "), strings.Join(left, ", "), in.Groups.rows(), in.held("a"), in.Groups.Count, lookedUp(in), equal(m.Header.Key, "s", "a")),
		plain(m, None, "delete from %s as d\nwhere not d._differs", delta),
	}
}
