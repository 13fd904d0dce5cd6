package materialize

import (
	"slices"

	"github.com/terrace-elt/terrace/dag/model"
)

// renderView replaces the view in place where PostgreSQL can, which keeps its identity and everything that depends on
// it; it can only append columns. Otherwise the view is dropped and made again with all that read it.
func renderView(in Input) (Script, error) {
	m := in.Model
	create := withBody(m, None, "create or replace view "+Quote(m.Name)+" as", "")
	script := Script{Publish: append([]Statement{create}, describe(m, "view")...), Exclusive: in.Existing != nil}
	if in.Existing == nil && !in.Aside {
		return script, nil
	}
	if in.Existing != nil && (in.Existing.Kind != IsView || !extends(in.Existing.Columns, in.Columns)) {
		replaced, err := replace(in, create)
		if err != nil {
			return Script{}, err
		}
		script.Publish = append(replaced, describe(m, "view")...)
		_, script.Lost = handmade(in, "view")
		script.Replaces = true
	}
	if in.Gated || in.Aside {
		// Assertions must see the new definition while readers still see, and are not kept from, the old one.
		script.Stage = StageOf(m.Name)
		script.Aside = script.Stage
		script.Build = []Statement{withBody(m, None, "create view "+script.Stage+" as", "")}
		if !in.Aside { // else others may read it by then: who publishes drops all that are aside
			script.Publish = append([]Statement{plain(m, None, "drop view %s", script.Stage)}, script.Publish...)
		}
	}
	return script, nil
}

// extends reports whether a view with the old columns can be replaced by one with the new: the same, then more.
func extends(old, columns []Column) bool {
	return len(columns) >= len(old) && slices.Equal(old, columns[:len(old)])
}

// renderMaterializedView refreshes a materialized view whose definition and columns are the same, if it has a unique index
// that nobody dropped: only then its readers need not wait. Else it is built aside and exchanged.
func renderMaterializedView(in Input) (Script, error) {
	m := in.Model
	switch {
	case in.Existing == nil:
		return create(in), nil
	case in.Existing.Kind == IsMaterializedView && !in.Redefined && !in.FullRefresh && slices.Equal(in.Existing.Columns, in.Columns) && hasUniqueIndex(m, in.Existing.Indexes):
		refresh := plain(m, None, "refresh materialized view concurrently %s", Quote(m.Name))
		return Script{Publish: []Statement{refresh}}, nil
	default:
		return exchange(in)
	}
}

func hasUniqueIndex(m *model.Model, have []Index) bool {
	return slices.ContainsFunc(indexesOf(m), func(i model.Index) bool {
		whole := i.Unique && i.Where == "" && !slices.ContainsFunc(i.Columns, func(c string) bool { return !plainColumn.MatchString(c) || c[0] == '(' })
		return whole && (have == nil || slices.ContainsFunc(have, named(IndexName(m.Relation, i))))
	})
}
