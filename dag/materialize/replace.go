package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// create makes a relation that nobody can see before the commit, so it is built and judged under its own name.
func create(in Input) Script {
	m, word := in.Model, Word(in.Model)
	script := Script{
		Publish: slices.Concat(
			missingIndexes(m, nil),
			[]Statement{plain(m, None, "analyze %s", Quote(m.Name))},
			describe(m, word),
		),
	}
	if !in.layout.plain() {
		script.lay(in, Quote(m.Name))
		return script
	}
	script.Build, script.Checks = fill(in, word, Quote(m.Name)), keyChecks(m, Quote(m.Name))
	return script
}

// lay computes the rows aside and pours them, once they are judged, into a table whose layout depends on them.
func (s *Script) lay(in Input, target string) {
	m := in.Model
	s.Build = append(aside(in), analyzeStage(in))
	s.Checks = slices.Concat(keyChecks(m, stage), in.layout.parts.checks(stage))
	s.Stage, s.Index = stage, append(in.layout.pour(target), s.Index...)
}

// aside computes the model's rows, without those that a rule rejects.
func aside(in Input) []Statement {
	return append([]Statement{withBody(in.Model, None, "create temporary table \"stage\" on commit drop as", "")}, reject(in, "")...)
}

// fill makes a new relation with the model's rows, or with those that no rule rejects.
func fill(in Input, word, target string) []Statement {
	m := in.Model
	if len(m.Header.Rejects) == 0 {
		return []Statement{withBody(m, Inserted, fmt.Sprintf("create %s %s as", word, target), "")}
	}
	return append(aside(in), plain(m, Inserted, "create %s %s as\nselect * from %s", word, target, stage))
}

// exchange builds the relation in terrace_stage, with its indexes, and lets it take the model's name.
func exchange(in Input) (Script, error) {
	m, word := in.Model, Word(in.Model)
	target := StageOf(m.Name)
	indexes, publish, lost, err := takeOver(in)
	if err != nil {
		return Script{}, err
	}
	script := Script{
		Build:     fill(in, word, target),
		Checks:    keyChecks(m, target),
		Stage:     target,
		Aside:     target,
		Index:     append(indexes, plain(m, None, "analyze %s", target)),
		Publish:   append(publish, describe(m, word)...),
		Exclusive: true,
		Replaces:  true,
		Lost:      lost,
	}
	if !in.layout.plain() {
		script.lay(in, target)
	}
	return script, nil
}

// takeOver gives what is staged its indexes, and then the place of what stands under the model's name.
func takeOver(in Input) (indexes, publish []Statement, lost []string, err error) {
	m, word := in.Model, Word(in.Model)
	target := StageOf(m.Name)
	moved := pgx.Identifier{m.Schema, Short(m.Name)}.Sanitize()
	take := []Statement{
		plain(m, None, "alter %s %s set schema %s", word, target, pgx.Identifier{m.Schema}.Sanitize()),
		plain(m, None, "alter %s %s rename to %s", word, moved, pgx.Identifier{m.Relation}.Sanitize()),
	}
	for _, index := range indexesOf(m) {
		// Two models of one name in two schemas may be staged at the same time.
		name, staged := IndexName(m.Relation, index), IndexName(m.Name, index)
		indexes = append(indexes, plain(m, None, "%s", createIndex(staged, target, index)))
		take = append(take, plain(m, None, "alter index %s rename to %s",
			pgx.Identifier{m.Schema, staged}.Sanitize(), pgx.Identifier{name}.Sanitize()))
	}
	again, lost := handmade(in, word)
	for _, index := range again {
		staged := Short(m.Name + "." + index.Name)
		indexes = append(indexes, index.make(m, staged, target))
		take = append(take, index.rename(m, staged))
		for _, more := range index.More {
			take = append(take, statement("%s", more))
		}
	}
	if in.Existing.Kind == IsTable && !in.layout.as(in.Existing) && in.layout.apart == nil {
		lost = append(lost, "built anew: "+in.layout.news())
	}
	if guardsAnother(in) {
		lost = append(lost, "built anew: its key is another one")
	}
	if collated := recollated(in); len(collated) > 0 && in.Existing.Kind == IsTable {
		lost = append(lost, "built anew: the collation of "+strings.Join(collated, ", ")+" is another one")
	}
	indexes = append(indexes, in.layout.parts.indexed(target)...)
	publish, err = replace(in, append(take, in.layout.parts.take()...)...)
	return indexes, publish, lost, err
}

// Word is what SQL calls the relation that a model becomes.
func Word(m *model.Model) string {
	switch m.Header.Kind {
	case model.View:
		return "view"
	case model.MaterializedView:
		return "materialized view"
	default:
		return "table"
	}
}

// replace drops what stands under the model's name, puts the new relation there with the statements, and makes again
// the views that read the old one. Nothing is dropped that cannot be made again.
func replace(in Input, take ...Statement) ([]Statement, error) {
	m, old := in.Model, in.Existing
	if err := replaceable(in); err != nil {
		return nil, err
	}
	out := append(dropViews(m, old.Views), plain(m, None, "drop %s %s", old.Kind, Quote(m.Name)))
	out = append(out, take...)
	for _, restore := range old.Restore {
		if restore.Stores && m.Header.PartitionBy != nil {
			continue
		}
		if _, kept := find(in.Columns, restore.Column); kept || restore.Column == "" {
			out = append(out, statement("%s", restore.SQL))
		}
	}
	return append(out, makeViews(m, old.Views, lostColumns(old, in.Columns))...), nil
}

// dropViews takes views away that are made again in the same transaction.
func dropViews(m *model.Model, views []DependentView) []Statement {
	var out []Statement
	for _, view := range slices.Backward(views) {
		out = append(out, plain(m, None, "drop view %s", Quote(view.Name)))
	}
	return out
}

// makeViews makes views again as they were. Where one of them read a column that is lost, those of the project are made of
// their files: these say what is to be read instead, and what was read may be gone.
func makeViews(m *model.Model, views []DependentView, lost []string) []Statement {
	renewed := slices.ContainsFunc(views, func(v DependentView) bool { return v.readsAny(lost) })
	var out []Statement
	for _, view := range views {
		anew := renewed && view.Model != nil
		definition := view.Definition
		if anew {
			definition = view.Model.SQL
		}
		again := plain(m, None, "create view %s as\n%s", Quote(view.Name), definition)
		again.Purpose = fmt.Sprintf("make view %s, which reads it, again", view.Name)
		out = append(out, again)
		for _, restore := range view.Restore {
			if !anew || restore.Column == "" {
				out = append(out, statement("%s", restore.SQL))
			}
		}
		if anew {
			out = append(out, describe(view.Model, "view")...)
		}
	}
	return out
}

// readsAny reports whether the view itself names one of the columns.
func (v DependentView) readsAny(columns []string) bool {
	return slices.ContainsFunc(v.Reads, func(name string) bool { return slices.Contains(columns, name) })
}

// lostColumns are the columns that a relation has no more.
func lostColumns(old *Relation, columns []Column) []string {
	_, removed, _ := compare(old.Columns, columns)
	return names(removed)
}

// replaceable refuses to drop what could not be made again.
func replaceable(in Input) error {
	m, old := in.Model, in.Existing
	if len(old.Others) > 0 {
		return &RefusedError{
			Message: fmt.Sprintf("%s has to be replaced, and these depend on it: %s", m.Name, strings.Join(old.Others, ", ")),
			Hint:    "Drop or change them first; terrace drops nothing that it cannot make again.",
		}
	}
	var broken []string
	for _, view := range old.Views {
		for _, column := range view.Reads {
			if _, kept := find(in.Columns, column); !kept && view.Model == nil {
				broken = append(broken, fmt.Sprintf("view %s reads %s", view.Name, column))
			}
		}
	}
	if len(broken) > 0 {
		return &RefusedError{
			Message: fmt.Sprintf("%s has to be replaced, and columns that it no longer has are read: %s", m.Name, strings.Join(broken, ", ")),
			Hint:    "Keep the columns in the query, or change these views first.",
		}
	}
	return nil
}
