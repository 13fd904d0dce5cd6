package materialize

import (
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// making are the partitions that new versions need.
func (d dimension) making(first bool) []Statement {
	if d.layout.parts == nil || d.layout.parts.Strategy == model.ByHash && !first {
		return nil
	}
	return []Statement{d.layout.parts.make(d.target, fmt.Sprintf("select * from %s where _action = 'inserted'", delta))}
}

// move brings a dimension to another layout. What it has observed is nowhere else, so the versions are copied beside, the
// run's changes are made there, and then the copy takes the place of the table.
func (d dimension) move(in Input, script *Script) error {
	if in.Aside {
		return inPlaceOnly(d.m)
	}
	held := d.target
	d.target, d.names, d.few = StageOf(d.m.Name), d.m.Name, false // it is indexed at the end
	create := []Statement{d.create()}
	kept := d.columns()
	if _, left, _ := compare(in.Existing.Columns, kept); d.m.Header.OnSchemaChange == model.Append {
		collations := map[string]string{}
		maps.Copy(collations, in.Collations)
		in.Collations = collations
		for _, c := range left {
			if collation := in.Existing.Collations[c.Name]; collation != "" {
				collations[c.Name] = collation
			}
			create = append(create, plain(d.m, None, "alter table %s add column %s %s%s", d.target, pgx.Identifier{c.Name}.Sanitize(), c.Type, collate(in.Existing.Collations, c.Name)))
		}
		kept = append(kept, left...)
	}
	copied := keep(names(without(kept, d.m.Header.SCD2.CurrentColumn)), names(in.Existing.Columns))
	if d.layout.parts != nil {
		create = append(create, d.layout.parts.make(d.target, "select * from "+held))
	}
	create = append(create, plain(d.m, None, "insert into %s (%s)\nselect %[2]s from %[3]s", d.target, columnList(copied), held),
		plain(d.m, None, "analyze %s", d.target))

	in.layout, in.Columns = d.layout, kept
	existing := *in.Existing
	in.Existing = &existing
	existing.Handmade = slices.DeleteFunc(slices.Clone(existing.Handmade), func(i HandmadeIndex) bool {
		return slices.Contains(Guards(d.m, in.Existing), i.Name)
	})
	indexes, publish, lost, err := takeOver(in)
	if err != nil {
		return err
	}
	script.Index = slices.Concat(create, d.affected(), d.delta(), d.making(false), d.apply(), d.guards(), indexes)
	script.Publish = slices.Concat(publish, d.rename(), describe(d.m, "table"))
	script.Exclusive, script.Replaces, script.Lost = true, true, lost
	return nil
}

// rename gives guards the names that they have where the table was made in its place.
func (d dimension) rename() []Statement {
	there := d
	there.names = d.m.Relation
	var out []Statement
	for _, suffix := range []string{endsAfterStart, oneVersionATime} {
		out = append(out, plain(d.m, None, "alter table %s rename constraint %s to %s", Quote(d.m.Name), d.guard(suffix), there.guard(suffix)))
	}
	if d.layout.parts == nil {
		out = append(out, plain(d.m, None, "alter index %s.%s rename to %s", pgx.Identifier{d.m.Schema}.Sanitize(), d.guard(oneOpenVersion), there.guard(oneOpenVersion)))
	}
	return out
}
