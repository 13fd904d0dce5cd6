package materialize

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// Columns that a query may return to steer an scd2 model. They are read and not kept.
const (
	seenAt    = "_seen_at"    // when the version landed: valid_from, where the header names no other column
	version   = "_version"    // landing order: of two versions with one valid_from the greater wins
	deletedAt = "_deleted_at" // not null: the source deleted the record at this time
)

// isDeleted is the column that on_delete: tombstone adds.
const isDeleted = "is_deleted"

// dimension is an scd2 model taken apart: everything that its statements are made of. There are two ways to keep one.
// A query that reads x__versions returns every version that ever landed, and the timeline is their replay. Any other
// query returns the state now, and each run observes it: what is stored, and what is seen now, are replayed.
type dimension struct {
	m      *model.Model
	target string
	key    []string
	// kept are the columns that a version consists of beside its times, key included.
	kept []string
	// tracked are those whose change makes a new version; the others are overwritten within one.
	tracked           []string
	from, to, current string // quoted
	// computed says that the table has the server compute current, as older ones do, so that nothing can be written to it.
	computed bool
	fromType string
	types    []Column // kept, with types
	// time is the output column that gives a version its start, "" when the run's time does; timeColumn is it quoted.
	time, timeColumn string
	// replayed says that the query returns every version (it reads __versions), not the state now.
	replayed  bool
	tie, gone bool // the query returns _version, _deleted_at
	tombstone bool
	// redefined says that the versions that are there were kept under another header, or that nobody knows, and differ in
	// nothing that is no longer returned; entombs and exhumes that on_delete was not tombstone then, or was it.
	redefined, entombs, exhumes bool
	// partial says that only the keys in "affected" are looked at, keepsLeft that delta keeps the rows that leave.
	partial, keepsLeft bool
	// few says that the keys are few of a large table, which has an index that finds them.
	few bool
	// continued says that new versions come after those that are there, but for keys that pg_temp.affected calls late.
	// single says that, and that each key has one new event, and none is late.
	continued, single bool
	// whole says that delta has the versions that stay, too: most rows change, and a new table is made of it alone.
	whole  bool
	layout layout
	// shared are the unique indexes whose values versions may hand on.
	shared []shared
	// replacing and differ are those of the input, domains its columns that are of one.
	replacing func(condition string) string
	differ    func(columns []string, a, b string) string
	domains   map[string]string
	// collations are those of the input's columns.
	collations map[string]string
	// names is what the names of constraints begin with.
	names string
}

func newDimension(in Input) (dimension, error) {
	m := in.Model
	spec := m.Header.SCD2
	d := dimension{
		m: m, target: Quote(m.Name), key: m.Header.Key,
		from:      pgx.Identifier{spec.FromColumn}.Sanitize(),
		to:        pgx.Identifier{spec.ToColumn}.Sanitize(),
		current:   pgx.Identifier{spec.CurrentColumn}.Sanitize(),
		replayed:  m.Header.Replays(),
		tombstone: spec.OnDelete == model.Tombstone,
		names:     m.Relation, replacing: in.replacing, differ: in.differ, domains: in.Domains, collations: in.Collations,
	}
	d.partial, d.keepsLeft = !d.replayed || in.Groups != nil, in.keepsLeft()
	d.few = in.Groups != nil && in.Groups.Few && d.hasIndex(in)
	_, d.tie = find(in.Columns, version)
	_, d.gone = find(in.Columns, deletedAt)
	d.gone = d.gone && d.replayed && spec.OnDelete != model.Keep
	d.fromType = "timestamp with time zone"
	time, err := timeOf(in, d.replayed)
	if err != nil {
		return d, err
	}
	if time.Name != "" {
		d.time, d.timeColumn, d.fromType = time.Name, pgx.Identifier{time.Name}.Sanitize(), time.Type
		if in.Domains[time.Name] != "" {
			d.timeColumn += "::" + time.Type
		}
	}
	if err := d.refuse(in); err != nil {
		return d, err
	}
	d.types = without(in.Columns, seenAt, version, deletedAt, spec.FromColumn)
	d.kept = names(d.types)
	d.tracked = spec.Track
	if len(d.tracked) == 0 {
		d.tracked = d.trackedByDefault()
	}
	d.compareHeaders(in)
	d.shared = d.sharedIn(in)
	if d.layout, err = newLayout(in, d.columns()); d.layout.parts != nil {
		d.layout.parts.guard = d.oneOpen()
	}
	d.continued = in.Groups != nil && in.Groups.Continued
	d.single = d.continued && in.Groups.Single
	d.whole = in.Most && d.replayed && in.Existing != nil && d.fits(in)
	return d, err
}

// compareHeaders finds what has to be done about versions that were kept under another header. Those which differ in columns
// that append keeps stay apart.
func (d *dimension) compareHeaders(in Input) {
	if in.Existing == nil {
		return
	}
	d.computed = slices.Contains(in.Existing.Generated, d.m.Header.SCD2.CurrentColumn)
	_, entombed := find(in.Existing.Columns, isDeleted)
	_, returned := find(in.Columns, isDeleted)
	d.entombs, d.exhumes = d.tombstone && !entombed, entombed && !d.tombstone && !returned
	_, left, _ := compare(in.Existing.Columns, d.columns())
	d.redefined = in.Redefined && (d.m.Header.OnSchemaChange != model.Append || len(without(left, isDeleted)) == 0)
}

// hasIndex reports whether the table has the index that finds the versions of a key.
func (d dimension) hasIndex(in Input) bool {
	return slices.ContainsFunc(in.Existing.Indexes, named(Short(d.m.Relation+oneVersionATime)))
}

// timeOf finds the output column that says when a version became valid: the one that the header names, else one that
// is named as the added column is, else, for versions, when they were seen. It is nameless when the run's time serves.
func timeOf(in Input, replayed bool) (Column, error) {
	m := in.Model
	spec := m.Header.SCD2
	if spec.ValidFrom != "" {
		c, found := find(in.Columns, spec.ValidFrom)
		if !found {
			return c, &RefusedError{
				Message: fmt.Sprintf("%s: scd2.valid_from names %q, which the query does not return", m.Name, spec.ValidFrom),
				Hint:    "The query returns " + strings.Join(names(in.Columns), ", ") + ".",
				Key:     "scd2.valid_from",
			}
		}
		return c, untimed(m, c)
	}
	if c, found := find(in.Columns, spec.FromColumn); found {
		return c, untimed(m, c)
	}
	c, found := find(in.Columns, seenAt)
	switch {
	case replayed && !found:
		return c, &RefusedError{
			Message: fmt.Sprintf("%s reads every version of its records and does not say when each became valid", m.Name),
			Hint:    "Select _seen_at, or name another column with scd2: {valid_from: COLUMN}.",
			Key:     "scd2",
		}
	case !replayed:
		return Column{}, nil
	}
	return c, nil
}

// untimed refuses an effective time that is none: texts and numbers have an order of their own, and no run time is later
// than one of them.
func untimed(m *model.Model, c Column) error {
	if c.Type == "date" || strings.HasPrefix(c.Type, "timestamp") {
		return nil
	}
	return &RefusedError{
		Message: fmt.Sprintf("%s: the effective time of versions is column %q, which is %s", m.Name, c.Name, c.Type),
		Hint:    fmt.Sprintf("Cast it in the query, %s::timestamptz for one, or leave valid_from out of scd2.", c.Name),
		Key:     "scd2.valid_from",
	}
}

// refuse finds what would go wrong silently.
func (d dimension) refuse(in Input) error {
	spec := d.m.Header.SCD2
	taken := []string{spec.ToColumn, spec.CurrentColumn, "_from", "_to", "_gone", "_order", "_repeats", "_nothing", "_spell", "_action", "_latest", "_gone_at", "_was", "_part", "_late", "_way"}
	if d.tombstone {
		taken = append(taken, isDeleted)
	}
	for _, c := range in.Columns {
		if slices.Contains(taken, c.Name) || strings.HasPrefix(c.Name, "_left_") {
			return &RefusedError{
				Message: fmt.Sprintf("%s: the query returns %s, a name that scd2 takes for itself", d.m.Name, c.Name),
				Hint:    "Give the query's column another name; valid_to and is_current can be renamed under scd2: names.",
				Key:     "scd2",
			}
		}
	}
	for _, name := range slices.Concat(d.key, spec.Track) {
		if _, found := find(in.Columns, name); !found {
			return &RefusedError{
				Message: fmt.Sprintf("%s: the header names column %q, which the query does not return", d.m.Name, name),
				Hint:    "The query returns " + strings.Join(names(in.Columns), ", ") + ".",
				Key:     "scd2",
			}
		}
	}
	_, seen := find(in.Columns, seenAt)
	if d.gone && d.time != seenAt && (!seen || !d.tie) {
		return &RefusedError{
			Message: fmt.Sprintf("%s follows deletions, and cannot tell when a deleted record came back", d.m.Name),
			Hint:    "Select _seen_at and _version as well, or leave _deleted_at out.",
			Key:     "scd2",
		}
	}
	return nil
}

// trackedByDefault leaves out the key, the time and every column that begins with an underscore: those say where a version
// came from and differ by nature.
func (d dimension) trackedByDefault() []string {
	var out []string
	for _, name := range d.kept {
		if !slices.Contains(d.key, name) && name != d.time && !strings.HasPrefix(name, "_") {
			out = append(out, name)
		}
	}
	return out
}

// columns are the table's columns, in order.
func (d dimension) columns() []Column {
	spec := d.m.Header.SCD2
	out := append(slices.Clone(d.types), Column{spec.FromColumn, d.fromType}, Column{spec.ToColumn, d.fromType})
	if d.tombstone {
		out = append(out, Column{isDeleted, "boolean"})
	}
	return append(out, Column{spec.CurrentColumn, "boolean"})
}

// renderSCD2 computes the timeline that the records' history gives, and what the stored one differs in, and applies the
// difference. What changes columns comes before that, and keeps readers waiting until the commit; else only rows change.
func renderSCD2(in Input) (Script, error) {
	anew := beginsAnew(in)
	if anew {
		in.Groups, in.Most = nil, false
	}
	d, err := newDimension(in)
	if err != nil {
		return Script{}, err
	}
	m := in.Model
	script := Script{Build: d.staging(in), Checks: d.checks(), Newest: d.newest(in)}
	if anew {
		err := d.takePlace(in, &script)
		return script, err
	}
	find := slices.Concat(d.affected(), d.delta())
	if in.Existing == nil {
		script.Publish = slices.Concat([]Statement{d.create()}, d.fill(&script), d.guards(), d.layout.parts.analyzed(d.target),
			missingIndexes(m, nil), []Statement{plain(m, None, "analyze %s", d.target)}, describe(m, "table"))
		return script, nil
	}
	script.Delta = changesOfDelta
	before, err := d.alter(in)
	if err != nil {
		return Script{}, err
	}
	if !d.layout.as(in.Existing) || len(recollated(in)) > 0 || guardsAnother(in) {
		err := d.move(in, &script)
		return script, err
	}
	altered := len(before) > 0
	// A unique index that left would be in the way of the rows that it left for.
	stale := staleIndexes(m, in.Existing.Indexes)
	unique := func(i Index) bool { return i.Unique }
	script.Last = dropIndexes(m, slices.DeleteFunc(slices.Clone(stale), unique))
	before = append(before, dropIndexes(m, slices.DeleteFunc(stale, func(i Index) bool { return !unique(i) }))...)
	if in.Aside && len(before) > 0 {
		script.Last = nil // what replaces the table has its own indexes
		err := d.move(in, &script)
		return script, err
	}
	script.Exclusive, script.Alters = len(before) > 0 || in.feedRemade() || d.layout.waits(), altered
	if altered {
		before = append(before, find...)
	} else {
		script.Index = find
		script.Beside = d.fits(in)
		if d.single {
			script.Sample = d.sampleOf(in)
		}
	}
	script.Publish = slices.Concat(before, d.differing(), d.making(false), d.feed(in, altered), d.apply(),
		d.layout.parts.analyzed(d.target), missingIndexes(m, in.Existing.Indexes))
	if in.Redefined {
		script.Publish = append(script.Publish, describe(m, "table")...)
	}
	return script, nil
}

// changesOfDelta counts the versions that came, changed and left.
const changesOfDelta = `select
    count(*) filter (where _action = 'inserted'),
    count(*) filter (where _action = 'updated'),
    count(*) filter (where _action = 'deleted')
from ` + delta

// fill brings the first versions into the table that was just made.
func (d dimension) fill(script *Script) []Statement {
	if d.layout.parts == nil {
		return append(d.affected(), d.first())
	}
	script.Delta = changesOfDelta // which partitions are made depends on the rows
	return slices.Concat(d.affected(), d.delta(), d.making(true), d.apply())
}

// staging fills pg_temp.stage with what the query returns.
func (d dimension) staging(in Input) []Statement {
	if d.continued {
		return d.replayLate(in)
	}
	build, part := withBody(d.m, None, "create temporary table \"stage\" on commit drop as", ""), ""
	if in.Groups != nil {
		build = grouped(in)
		build.Counts, part = None, in.Groups.Stored("t")
	}
	return slices.Concat([]Statement{build}, d.known(in), reject(in, part), analyzeOwn(d.m, stage+" ("+columnList(d.key)+")"))
}

// known has keys that are seen now written as their versions have them. A type of an extension may take two values for equal
// that are not the same, as citext does, and with an empty search_path its own = is not found by name: a key that is
// written in another way now would be gone, and new, at once.
func (d dimension) known(in Input) []Statement {
	extended := slices.ContainsFunc(in.Columns, func(c Column) bool { return slices.Contains(d.key, c.Name) && strings.Contains(c.Type, ".") })
	if d.replayed || !extended || in.Existing == nil || beginsAnew(in) {
		return nil
	}
	return []Statement{plain(d.m, None, `update %s as s
set %s
from (
    select distinct on (%[3]s) %[3]s
    from %[4]s as t
    order by %[3]s, t.%[5]s desc nulls first
) as t
where %[6]s = %[7]s
    and %[6]s *<> %[7]s`,
		stage, list(d.key, ", ", func(q string) string { return q + " = t." + q }), qualified(d.key, "t"), d.target, d.to,
		record(d.key, "s"), record(d.key, "t"))}
}

// alter brings the columns of the table that is there to what the query returns.
func (d dimension) alter(in Input) ([]Statement, error) {
	hint := "Drop or rename it, then run again."
	if in.Existing.Kind != IsTable {
		return nil, &RefusedError{
			Message: fmt.Sprintf("%s is a %s, and its history cannot be taken over", d.m.Name, in.Existing.Kind),
			Hint:    hint,
			Key:     "scd2",
		}
	}
	for _, name := range added(d.m) {
		if _, found := find(in.Existing.Columns, name); !found && name != isDeleted {
			return nil, &RefusedError{
				Message: fmt.Sprintf("%s has no column %s, so it holds no history that can be continued", d.m.Name, name),
				Hint:    "Was the column renamed in the header? Rename the table's column too, or d" + hint[1:],
				Key:     "scd2",
			}
		}
	}
	altered, err := alterColumns(in, d.columns())
	if err == nil && d.exhumes {
		altered = d.exhume(altered)
	}
	return altered, err
}

// exhume takes tombstones out of the table: without the column that tells them they would be versions. The one before a
// tombstone has ended already.
func (d dimension) exhume(altered []Statement) []Statement {
	out := []Statement{plain(d.m, None, "delete from %s where %s", d.target, isDeleted)}
	if d.m.Header.OnSchemaChange == model.Append { // the column says something about the kind, and not what the query returned
		out = append(out, plain(d.m, None, "alter table %s drop column %s", d.target, isDeleted))
	}
	return append(out, altered...)
}

// create makes the table.
func (d dimension) create() Statement {
	var b strings.Builder
	for _, c := range d.types {
		fmt.Fprintf(&b, "    %s %s%s", pgx.Identifier{c.Name}.Sanitize(), cmp.Or(d.domains[c.Name], c.Type), collate(d.collations, c.Name))
		if slices.Contains(d.key, c.Name) {
			b.WriteString(" not null")
		}
		b.WriteString(",\n")
	}
	fmt.Fprintf(&b, "    %s %s not null,\n    %s %s,\n", d.from, d.fromType, d.to, d.fromType)
	if d.tombstone {
		fmt.Fprintf(&b, "    %s boolean not null default false,\n", isDeleted)
	}
	fmt.Fprintf(&b, "    %s boolean not null,\n", d.current)
	fmt.Fprintf(&b, "    constraint %s check (%s > %s),\n", d.guard(endsAfterStart), d.to, d.from)
	fmt.Fprintf(&b, "    constraint %s", d.guardsCurrent())
	return plain(d.m, None, "create table %s (\n%s\n)%s", d.target, b.String(), d.layout.parts.clause())
}

// guardsCurrent is the constraint that keeps current what it says. To have the server compute the column would take longer
// than the rest of inserting a row.
func (d dimension) guardsCurrent() string {
	return fmt.Sprintf("%s check (%s = (%s is null))", d.guard(currentWhileOpen), d.current, d.to)
}

// The ends of the names of a dimension's guards.
const (
	endsAfterStart   = "_ends_after_start"
	currentWhileOpen = "_current_while_open"
	oneVersionATime  = "_one_version_a_time"
	oneOpenVersion   = "_one_open_version"
)

// Guards are the names of the constraints and indexes that a dimension's table is made with, if the relation under the
// model's name is one; other models have none.
func Guards(m *model.Model, existing *Relation) []string {
	if m == nil || existing == nil || existing.Was != string(model.SCD2) && (existing.Was != "" || m.Header.Kind != model.SCD2) {
		return nil
	}
	return []string{Short(m.Relation + endsAfterStart), Short(m.Relation + currentWhileOpen), Short(m.Relation + oneVersionATime), Short(m.Relation + oneOpenVersion)}
}

// guards are, with the check that create makes, what no statement can get past: no two versions of a key with one start,
// one open version per key. They are made on a full table, which costs less than keeping them while it fills.
func (d dimension) guards() []Statement {
	out := []Statement{plain(d.m, None, "alter table %s add constraint %s unique (%s, %s)", d.target, d.guard(oneVersionATime), columnList(d.key), d.from)}
	if d.layout.parts == nil { // else each partition has it
		out = append(out, plain(d.m, None, "create unique index %s on %s %s", d.guard(oneOpenVersion), d.target, d.oneOpen()))
	}
	return out
}

// guard is the name of one, quoted.
func (d dimension) guard(suffix string) string {
	return pgx.Identifier{Short(d.names + suffix)}.Sanitize()
}

// oneOpen is the unique index that keeps a key from having two open versions.
func (d dimension) oneOpen() string {
	return fmt.Sprintf("(%s) where %s is null", columnList(d.key), d.to)
}

func (d dimension) checks() []Check {
	if !d.replayed {
		out := keyChecks(d.m, stage)
		if d.time != "" {
			out = append(out, d.timeCheck())
		}
		return out
	}
	order := slices.Concat(d.key, []string{d.time})
	repeats := repeatCheck(order, stage, "Select _version as well: the newest landed version then wins.")
	if d.tie {
		repeats = repeatCheck(append(order, version), stage, "One landed version must give one row: look for a join that repeats it.")
		// A version's number is its own: as a rule to count them is enough.
		repeats = repeats.when(fmt.Sprintf("(select count(*) > count(distinct t.%s) from %s as t)", version, stage))
	}
	checks := []Check{keyChecks(d.m, stage)[0], d.timeCheck()} // many versions per key are the point
	if d.single {
		return checks
	}
	return append(checks, repeats)
}

func (d dimension) timeCheck() Check {
	return nullCheck([]string{d.time}, d.key, stage, "It says from when a version is valid. Give these rows a time, or filter them out.")
}
