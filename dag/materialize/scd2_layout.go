package materialize

import (
	"fmt"
	"maps"
	"slices"
	"strings"

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

// guardsAnother reports whether a dimension's table keeps apart the versions of another key than the header has now.
func guardsAnother(in Input) bool {
	m := in.Model
	if m.Header.Kind != model.SCD2 || in.Existing == nil {
		return false
	}
	i := slices.IndexFunc(in.Existing.Indexes, named(Short(m.Relation+oneVersionATime)))
	if i < 0 || in.Existing.Indexes[i].Columns == nil {
		return false
	}
	guarded := slices.Sorted(slices.Values(in.Existing.Indexes[i].Columns))
	return !slices.Equal(guarded, slices.Sorted(slices.Values(append(slices.Clone(m.Header.Key), m.Header.SCD2.FromColumn))))
}

// rekey has versions that were kept under another key refused where they are not those of the new one.
func (d dimension) rekey(in Input, script *Script) error {
	const hint = "They were kept under another key. Name one that tells them apart, or keep the table under another name, and a new history begins: alter table %s rename to …"
	for _, name := range d.key {
		if _, found := find(in.Existing.Columns, name); !found {
			return &RefusedError{
				Message: fmt.Sprintf("the versions of %s have no column %s, which its key names now", d.m.Name, name),
				Hint:    fmt.Sprintf("Keep the table under another name, and a new history begins: alter table %s rename to …", Quote(d.m.Name)),
				Key:     "key",
			}
		}
	}
	hinted := fmt.Sprintf(hint, Quote(d.m.Name))
	script.Checks = append(script.Checks, nullCheck(d.key, d.key, d.target, hinted), Check{
		SQL: fmt.Sprintf(`select format('versions of one %%s that hold at one time: %%s; for example %%s', %s, count(*), %s)
from (
    select %s as sample
    from (
        select %s, t.%s as _to, lead(t.%s) over (partition by %[4]s order by t.%[6]s) as _next
        from %[7]s as t
    ) as t
    where t._next is not null
        and (t._to is null or t._next < t._to)
) as bad
`+found, Literal("("+strings.Join(d.key, ", ")+")"), samples, sample(d.key), qualified(d.key, "t"), d.to, d.from, d.target),
		Hint: hinted,
	})
	return nil
}

// move brings a dimension to another layout, or key, or to other columns where they cannot be changed in place. What it has observed is nowhere else, so the versions are copied beside, the
// run's changes are made there, and then the copy takes the place of the table.
func (d dimension) move(in Input, script *Script) error {
	kept := d.columns()
	_, left, _ := compare(in.Existing.Columns, kept)
	if d.m.Header.OnSchemaChange != model.Append {
		left = nil
	}
	held, living := d.target, ""
	if d.exhumes {
		left, living = without(left, isDeleted), "\nwhere not "+isDeleted
	}
	anew := guardsAnother(in) && d.replayed && len(left) == 0 // all that it has comes of the versions
	if guardsAnother(in) && !anew {
		if err := d.rekey(in, script); err != nil {
			return err
		}
	}
	d.target, d.names, d.few, d.shared, d.computed = StageOf(d.m.Name), d.m.Name, false, nil, false // it is indexed at the end
	create := []Statement{d.create()}
	if len(left) > 0 {
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
	if !anew {
		create = append(create, plain(d.m, None, "insert into %s (%s, %s)\nselect %[2]s, %[4]s is null from %[5]s%[6]s", d.target, columnList(copied), d.current, d.to, held, living))
	}
	create = append(create, plain(d.m, None, "analyze %s", d.target))

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
	script.Aside, script.Exclusive, script.Replaces, script.Lost = d.target, true, true, lost
	return nil
}

// rename gives guards the names that they have where the table was made in its place.
func (d dimension) rename() []Statement {
	there := d
	there.names = d.m.Relation
	var out []Statement
	for _, suffix := range []string{endsAfterStart, currentWhileOpen, oneVersionATime} {
		out = append(out, plain(d.m, None, "alter table %s rename constraint %s to %s", Quote(d.m.Name), d.guard(suffix), there.guard(suffix)))
	}
	if d.layout.parts == nil {
		out = append(out, plain(d.m, None, "alter index %s.%s rename to %s", pgx.Identifier{d.m.Schema}.Sanitize(), d.guard(oneOpenVersion), there.guard(oneOpenVersion)))
	}
	return out
}
