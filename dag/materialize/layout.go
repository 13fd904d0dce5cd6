package materialize

import (
	"fmt"

	"github.com/terrace-elt/terrace/dag/model"
)

// layout is where a table's rows are kept, beyond what CREATE TABLE AS can say: in partitions, on the nodes of Citus. The
// zero layout is that of a plain table.
type layout struct {
	m     *model.Model
	parts *partitioning
	// apart is nil where all rows are on the server that is asked.
	apart *model.Distribution
}

func newLayout(in Input, columns []Column) (layout, error) {
	out := layout{m: in.Model}
	if d := in.Model.Header.Distribute; d != nil {
		if _, found := find(columns, d.By); !found && d.By != "" {
			return out, &RefusedError{
				Message: fmt.Sprintf("%s: distribute names column %q, which the query does not return", in.Model.Name, d.By),
				Hint:    "Name one of the query's columns after by.",
				Key:     "distribute",
			}
		}
		if in.Citus && d.Apart() {
			out.apart = d
		}
	}
	var err error
	out.parts, err = newPartitioning(in.Model, columns)
	return out, err
}

func (l layout) plain() bool { return l.parts == nil && l.apart == nil }

// as reports whether a table's rows are where they shall be, as far as that is known, so that they can be changed in place. On other nodes a row
// has no place that could be told from here: a table that is distributed is made anew each time.
func (l layout) as(there *Relation) bool {
	unknown := there.Indexes == nil
	return l.apart == nil && !there.Distributed && (unknown || l.parts.as(there))
}

// pour makes a table, quoted, with the rows of stage. It is empty until it is where it shall be: to distribute rows means
// to copy them, and what was there before stays behind on the disk.
func (l layout) pour(target string) []Statement {
	out := []Statement{plain(l.m, None, "create table %s (like %s)%s", target, stage, l.parts.clause())}
	out = append(out, l.distribute(target)...)
	if l.parts != nil {
		out = append(out, l.parts.make(target, "select * from "+stage))
	}
	return append(out, plain(l.m, Inserted, "insert into %s\nselect * from %s", target, stage))
}

// distribute has Citus spread an empty table. Settings of the transaction reach other nodes, and commands follow one
// another there, since a reference table and one that is distributed may meet in it.
func (l layout) distribute(target string) []Statement {
	if l.apart == nil {
		return nil
	}
	out := []Statement{
		statement("set local citus.propagate_set_commands = 'local'"),
		statement("set local citus.multi_shard_modify_mode = 'sequential'"),
		statement("select set_config('timezone', current_setting('timezone'), true)"),
	}
	relation := Literal(target) + "::regclass"
	spread := plain(l.m, None, "select create_reference_table(%s)", relation)
	if by := l.apart.By; by != "" {
		with := ""
		if l.apart.Colocate != "" {
			with = ", colocate_with => " + Literal(Quote(l.apart.Colocate))
		}
		spread = plain(l.m, None, "select create_distributed_table(%s, %s%s)", relation, Literal(by), with)
	}
	spread.Purpose = "distribute " + l.m.Name
	return append(out, spread)
}

// making are the partitions that rows which are about to be inserted need. Where there is a default partition its readers
// wait for a new one, so that this belongs to what is short and bounded.
func (l layout) making() (early, late []Statement) {
	if l.parts == nil || l.parts.Strategy == model.ByHash {
		return nil, nil
	}
	made := l.parts.make(Quote(l.m.Name), fmt.Sprintf("select s.%s from %s as d join %s as s on s.ctid = d._is where d._was is null",
		l.parts.column, delta, stage))
	if l.waits() {
		return nil, []Statement{made}
	}
	return []Statement{made}, nil
}

// waits reports whether readers wait for new partitions.
func (l layout) waits() bool {
	return l.parts != nil && l.parts.Default && l.parts.Strategy == model.ByRange
}

// news says how the table is kept from now on.
func (l layout) news() string {
	if l.parts == nil {
		return "it is no longer partitioned"
	}
	return "it is now partitioned by " + l.parts.Partition.String()
}
