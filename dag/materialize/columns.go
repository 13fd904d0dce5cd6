package materialize

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// alterColumns brings an existing table's columns to what the model returns, as far as on_schema_change allows: fail
// changes nothing, append adds and widens, sync also drops. Columns that append leaves behind are NULL in new rows.
func alterColumns(in Input, want []Column) ([]Statement, error) {
	added, removed, retyped := compare(in.Existing.Columns, want)
	if len(added)+len(removed)+len(retyped) == 0 {
		return nil, nil
	}
	m := in.Model
	policy := m.Header.OnSchemaChange
	if policy == model.Append {
		removed = nil
	}
	if policy != model.Append && policy != model.Sync {
		return nil, schemaChanged(m, added, removed, retyped)
	}
	if slices.ContainsFunc(retyped, func(c retype) bool { return !c.widens() }) {
		return nil, schemaChanged(m, added, removed, retyped)
	}
	var out []Statement
	change := func(format string, args ...any) {
		out = append(out, plain(m, None, "alter table %s %s", Quote(m.Name), fmt.Sprintf(format, args...)))
	}
	touched := names(removed)
	for _, c := range retyped {
		touched = append(touched, c.Name)
	}
	views := in.remadeViews(names(removed), touched)
	out = append(out, dropViews(m, views)...)
	for _, c := range removed {
		change("drop column %s", pgx.Identifier{c.Name}.Sanitize())
	}
	for _, c := range retyped {
		change("alter column %s type %s%s", pgx.Identifier{c.Name}.Sanitize(), c.Type, collate(in.Collations, c.Name))
	}
	for _, c := range added {
		change("add column %s %s%s%s", pgx.Identifier{c.Name}.Sanitize(), cmp.Or(in.Domains[c.Name], c.Type), collate(in.Collations, c.Name), whenAdded(m, c))
	}
	return append(out, makeViews(m, views, names(removed))...), nil
}

// remadeViews are the views over a table that stand in the way of changing columns: all, where one of them reads such a
// column and none of others reads one that is to be dropped, which the server refuses, with their names.
func (in Input) remadeViews(removed, touched []string) []DependentView {
	inTheWay := false
	for _, view := range in.Existing.Views {
		if view.Model == nil && view.readsAny(removed) {
			return nil
		}
		inTheWay = inTheWay || view.readsAny(touched)
	}
	if !inTheWay {
		return nil
	}
	return in.Existing.Views
}

// whenAdded is what rows that are there have in a column which the kind adds.
func whenAdded(m *model.Model, c Column) string {
	if m.Header.Kind == model.SCD2 && m.Header.SCD2.OnDelete == model.Tombstone && c.Name == isDeleted {
		return " not null default false"
	}
	return ""
}

// collate is the clause that gives a column its collation, "" where its type does.
func collate(collations map[string]string, column string) string {
	if name := collations[column]; name != "" {
		return " collate " + name
	}
	return ""
}

// recollated are the columns, of the table and the query, that are collated otherwise in the one than in the other.
func recollated(in Input) []string {
	var out []string
	for _, c := range in.Existing.Columns {
		if _, stays := find(in.Columns, c.Name); stays && in.Existing.Collations[c.Name] != in.Collations[c.Name] {
			out = append(out, c.Name)
		}
	}
	return out
}

// Fits reports whether the table of an incremental or scd2 model has the columns that its query wants it to have, and its
// rows where its header says.
func Fits(in Input) bool {
	want, err := Kept(in)
	if err != nil || in.Existing == nil {
		return false
	}
	alter, err := alterColumns(in, want)
	if err != nil || len(alter) > 0 {
		return false
	}
	laid, err := newLayout(in, want)
	return err == nil && laid.as(in.Existing) && len(recollated(in)) == 0 && !guardsAnother(in)
}

// retype is a column whose type is another one now.
type retype struct {
	Column
	old string
}

// widens reports whether every value of the old type is one of the new type and looks the same.
func (r retype) widens() bool {
	wider := map[string][]string{
		"smallint":          {"integer", "bigint", "numeric"},
		"integer":           {"bigint", "numeric"},
		"bigint":            {"numeric"},
		"character varying": {"text"},
	}
	old, sized, _ := strings.Cut(r.old, "(")
	if slices.Contains(wider[old], r.Type) {
		return true
	}
	unsized, size, _ := strings.Cut(r.Type, "(")
	if old != "character varying" || unsized != old {
		return false
	}
	var was, is int
	if _, err := fmt.Sscanf(sized, "%d)", &was); err != nil {
		return false
	}
	if _, err := fmt.Sscanf(size, "%d)", &is); err != nil {
		return size == ""
	}
	return is > was
}

// compare says how the wanted columns differ from those that are there; order does not count.
func compare(have, want []Column) (added, removed []Column, retyped []retype) {
	for _, c := range want {
		old, found := find(have, c.Name)
		switch {
		case !found:
			added = append(added, c)
		case old.Type != c.Type:
			retyped = append(retyped, retype{c, old.Type})
		}
	}
	for _, c := range have {
		if _, found := find(want, c.Name); !found {
			removed = append(removed, c)
		}
	}
	return added, removed, retyped
}

func schemaChanged(m *model.Model, added, removed []Column, retyped []retype) error {
	var parts []string
	for _, c := range added {
		parts = append(parts, fmt.Sprintf("new column %s %s", c.Name, c.Type))
	}
	for _, c := range removed {
		parts = append(parts, fmt.Sprintf("missing column %s %s", c.Name, c.Type))
	}
	hint := "Set on_schema_change: append or sync in the header, or build it anew with --full-refresh."
	for _, c := range retyped {
		parts = append(parts, fmt.Sprintf("column %s is %s and was %s", c.Name, c.Type, c.old))
		if !c.widens() {
			hint = "Cast the column to its old type in the model, or build it anew with --full-refresh."
		}
	}
	if m.Header.Kind == model.SCD2 {
		hint = "Set on_schema_change: append or sync in the header; a type that does not hold every old value needs another column, or a new table."
	}
	return &RefusedError{
		Message: fmt.Sprintf("the columns of %s no longer match its table: %s", m.Name, strings.Join(parts, "; ")),
		Hint:    hint,
	}
}
