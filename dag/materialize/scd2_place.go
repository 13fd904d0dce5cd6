package materialize

import (
	"fmt"
	"slices"

	"github.com/terrace-elt/terrace/dag/model"
)

// added are the columns that a dimension has beside those of its query.
func added(m *model.Model) []string {
	spec := m.Header.SCD2
	names := []string{spec.FromColumn, spec.ToColumn, spec.CurrentColumn}
	if spec.OnDelete == model.Tombstone {
		names = append(names, isDeleted)
	}
	return names
}

// beginsAnew reports whether what stands under a dimension's name has no versions to go on from: it was built as another
// kind, or others made it. A table of theirs that has some of the columns of a history is looked at more closely.
func beginsAnew(in Input) bool {
	there := in.Existing
	switch {
	case there == nil:
		return false
	case in.Foreign:
		return there.Kind != IsTable || !slices.ContainsFunc(added(in.Model), func(name string) bool {
			_, found := find(there.Columns, name)
			return found
		})
	default:
		return there.Was != "" && there.Was != string(model.SCD2)
	}
}

// takePlace makes the dimension beside what has no versions, and lets it take its place.
func (d dimension) takePlace(in Input, script *Script) error {
	d.target, d.names = StageOf(d.m.Name), d.m.Name
	in.layout, in.Columns = d.layout, d.columns()
	indexes, publish, lost, err := takeOver(in)
	if err != nil {
		return err
	}
	script.Index = slices.Concat([]Statement{d.create()}, d.fill(script), d.guards(), indexes,
		d.layout.parts.analyzed(d.target), []Statement{plain(d.m, None, "analyze %s", d.target)})
	script.Publish = slices.Concat(publish, d.rename(), describe(d.m, "table"))
	script.Aside, script.Exclusive, script.Replaces, script.Lost = d.target, true, true, lost
	return nil
}

// losesVersions reports whether a dimension stands where the model, of another kind, has to.
func (in Input) losesVersions() bool {
	return in.Existing != nil && in.Existing.Was == string(model.SCD2) && in.Model.Header.Kind != model.SCD2 && in.Model.Header.Kind != model.SQL
}

// KeepsVersions refuses to lose what a dimension has observed, which may be nowhere else, unless a full refresh is asked
// for: the error is a *RefusedError. Of the input it looks at Model, Existing and FullRefresh.
func KeepsVersions(in Input) error {
	if !in.losesVersions() || in.FullRefresh {
		return nil
	}
	m := in.Model
	return &RefusedError{
		Message: fmt.Sprintf("%s has the versions that it collected as scd2, and what it is to be now keeps none", m.Name),
		Hint: fmt.Sprintf("Keep them under another name: alter table %s rename to …. Or let them go: terrace run --full-refresh -s %s",
			Quote(m.Name), m.Name),
	}
}
