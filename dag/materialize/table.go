package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// stage is where new content waits that is applied by difference: temporary, so it costs no WAL and no clean-up.
const stage = `pg_temp."stage"`

// renderTable builds a table aside and brings the difference into place. Only a table whose columns changed, or that
// replaces something else, is exchanged whole.
func renderTable(in Input) (Script, error) {
	switch {
	case in.Existing == nil:
		return create(in), nil
	case in.Existing.Kind == IsTable && !in.Foreign && slices.Equal(in.Existing.Columns, in.Columns) && !rebuilt(in):
		return apply(in), nil
	default:
		return exchange(in)
	}
}

// renderIncremental recomputes the model, or the rows of its window, and applies the difference. A change of columns
// is followed only as on_schema_change says.
func renderIncremental(in Input) (Script, error) {
	if in.FullRefresh || in.Existing == nil || in.Existing.Kind != IsTable {
		in.Windowed = false
		return renderTable(in)
	}
	alter, err := alterColumns(in, in.Columns)
	if err != nil {
		return Script{}, err
	}
	if len(alter) > 0 {
		in.Groups = nil // the new columns are new in every row
	}
	if rebuilt(in) || in.Aside && len(alter) > 0 {
		return beside(in)
	}
	return apply(in, alter...), nil
}

// beside builds an incremental table anew where its columns or its key change, which gives the same rows as changing them
// in place and keeps no reader waiting until Publish. Columns that the query no longer has would be lost.
func beside(in Input) (Script, error) {
	_, kept, _ := compare(in.Existing.Columns, in.Columns)
	switch {
	case len(kept) == 0 || in.Model.Header.OnSchemaChange != model.Append:
	case rebuilt(in):
		what := "the key or a unique index"
		if collated := recollated(in); len(collated) > 0 {
			what = "the collation of " + strings.Join(collated, ", ")
		} else if !rekeyed(in) {
			what = "the layout"
		}
		return Script{}, &RefusedError{
			Message: fmt.Sprintf("%s of %s changed, so it has to be built anew, and columns that only old rows have would be lost: %s",
				what, in.Model.Name, strings.Join(names(kept), ", ")),
			Hint: "Return them from the query, or let them go: terrace run --full-refresh -s " + in.Model.Name,
		}
	default:
		return Script{}, inPlaceOnly(in.Model)
	}
	in.Windowed = false
	return exchange(in)
}

// inPlaceOnly refuses what would lock readers out from now until Publish.
func inPlaceOnly(m *model.Model) error {
	return &RefusedError{
		Message: fmt.Sprintf("the columns or unique indexes of %s have to be changed in place, which keeps its readers waiting until all is published", m.Name),
		Hint:    "Run it alone first, without --publish together: terrace run " + m.Name,
	}
}

// apply computes the new content into a temporary table, stage or delta, and changes the rows that differ. The relation keeps its
// identity and unchanged rows are not touched. What alter does to the columns comes between.
func apply(in Input, alter ...Statement) Script {
	m := in.Model
	build := withBody(m, Staged, "create temporary table \"stage\" on commit drop as", "")
	part := ""
	switch {
	case in.Windowed:
		w := pgx.Identifier{m.Header.Window}.Sanitize()
		part = fmt.Sprintf("t.%s >= coalesce(terrace.window_start(), '-infinity')\n    and t.%s < coalesce(terrace.window_end(), 'infinity')", w, w)
		build = withBody(m, Staged,
			"create temporary table \"stage\" on commit drop as\nselect t.*\nfrom (",
			fmt.Sprintf(") as t\nwhere %s", part))
	case in.Groups != nil:
		part, build = in.Groups.Stored("t"), grouped(in)
	}
	analyze := []Statement{analyzeStage(in)}
	if key := m.Header.Key; len(key) > 0 && (part != "" || !in.Gated) { // no assertion looks at stage
		analyze = analyzeOwn(m, stage+" ("+columnList(key)+")")
	}
	came := stage
	if in.looksUp() {
		build, analyze, came = lookUp(in), nil, lookedUp(in)
	}
	script := Script{
		Build:     slices.Concat([]Statement{build}, reject(in, part), analyze),
		Checks:    slices.Concat(keyChecks(m, came), in.layout.parts.checks(came)),
		Stage:     stage,
		Exclusive: len(alter) > 0 || in.feedRemade() || in.layout.waits(),
		Alters:    len(alter) > 0,
	}
	if part != "" {
		script.Stage = "" // assertions are about the whole relation, and there is no other place that has it
	}
	if in.Groups != nil {
		script.Checks = append(script.Checks, groupChecks(in, part)...)
	}
	find, change := applyDelta(in, part, len(alter) > 0)
	if len(alter) > 0 {
		script.Publish = slices.Concat(alter, find, change)
	} else {
		script.Index, script.Publish = find, change
	}
	script.Publish = append(script.Publish, missingIndexes(m, in.Existing.Indexes)...)
	script.Publish = append(script.Publish, in.layout.parts.analyzed(Quote(m.Name))...)
	stale := staleIndexes(m, in.Existing.Indexes)
	script.Beside = part == "" && len(alter) == 0 && besidable(in, stale)
	script.Last = dropIndexes(m, stale)
	if in.Redefined {
		script.Publish = append(script.Publish, describe(m, "table")...)
	}
	return script
}

// analyzeStage has the planner know how many rows there are, and how the columns spread that our statements join. Only
// assertions may ask for others.
func analyzeStage(in Input) Statement {
	key := in.Model.Header.Key
	if in.Gated || len(key) == 0 {
		return plain(in.Model, None, "analyze %s", stage)
	}
	return plain(in.Model, None, "analyze %s (%s)", stage, columnList(key))
}

// analyzeOwn analyses what our own statements alone join. Few rows are enough for that, and to look at more would cost
// more than it brings.
func analyzeOwn(m *model.Model, what string) []Statement {
	return []Statement{
		statement("set local default_statistics_target = 10"),
		plain(m, None, "analyze %s", what),
		statement("set local default_statistics_target = default"),
	}
}

// keyChecks are asked before anything is merged: a NULL in a key would be inserted again on every run, and a second
// row of one key would make the result depend on chance.
func keyChecks(m *model.Model, relation string) []Check {
	key := m.Header.Key
	if len(key) == 0 {
		return nil
	}
	return []Check{
		nullCheck(key, key, relation, "A key names one row. Filter these rows out, or choose columns that are never NULL."),
		repeatCheck(key, relation, "Make the query return one row per key, or correct key: in the header."),
	}
}
