package dag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// compileTypes asks for the catalog's names of every type that a header declares: int8 and bigint are one.
func (c *compiler) compileTypes(ctx context.Context) error {
	type answered struct {
		text   string
		fields []pgconn.FieldDescription
	}
	var found []answered
	asked := map[string]bool{"": true}
	for _, n := range c.graph.nodes {
		if n.Model == nil || n.Inline != nil {
			continue
		}
		for _, column := range n.Model.Header.Columns {
			text := column.Type
			if asked[text] {
				continue
			}
			asked[text] = true
			c.queue = append(c.queue, probe{
				sql: "select null::" + text,
				answer: func(fields []pgconn.FieldDescription, err *pgconn.PgError) {
					if err == nil && len(fields) == 1 {
						found = append(found, answered{text, fields})
					}
				},
			})
		}
	}
	if err := c.flush(ctx); err != nil {
		return err
	}
	for _, a := range found {
		columns, err := c.columnsFrom(ctx, a.fields)
		if err != nil {
			return err
		}
		c.declared[a.text] = columns[0].Type
	}
	return nil
}

// judgeAll compares what the queries of a layer return with what headers say of it, and notes the columns for the next.
func (c *compiler) judgeAll(ctx context.Context, layer []*unit) error {
	met := map[columnType]pgconn.FieldDescription{}
	for _, u := range layer {
		for _, f := range u.fields {
			met[columnType{f.DataTypeOID, f.TypeModifier}] = f
		}
	}
	// One question for the types of all.
	if _, err := c.columnsFrom(ctx, slices.Collect(maps.Values(met))); err != nil {
		return err
	}
	for _, u := range layer {
		if !u.ok {
			continue
		}
		columns, err := c.columnsFrom(ctx, u.fields)
		if err != nil {
			return err
		}
		c.judge(u, columns)
		c.rules(u.model, columns)
		c.expressions(u.model)
	}
	return nil
}

// compileAssertions compiles those of headers and those of tests/.
func (c *compiler) compileAssertions(ctx context.Context) error {
	for _, n := range c.graph.nodes {
		switch {
		case n.Inline != nil:
			c.inline(n)
		case n.Assertion != nil:
			c.assertion(n)
		}
	}
	return c.flush(ctx)
}

func (c *compiler) judge(u *unit, columns []materialize.Column) {
	m := u.model
	sound := c.contract(m, columns)
	// A row of a relation that is not there yet has no type of its own, so that it looks like any record.
	if !c.readsMoved(u) {
		sound = c.holdable(m, columns) && sound
	}
	in := materialize.Input{Model: m, Columns: columns}
	kept, err := materialize.Kept(in)
	if err == nil {
		_, err = materialize.Render(in)
	}
	if err != nil {
		message, hint, key := refusal(err)
		if sound {
			c.faultAt(m.File, m.Place(key), strings.TrimPrefix(message, m.Name+": "), hint)
		}
		delete(c.columns, m.Name)
		return
	}
	c.columns[m.Name] = kept
	c.askOrders(m, columns)
	c.colocated(m, kept)
	if len(m.Header.Rejects) > 0 {
		c.columns[materialize.RejectsName(m.Name)] = materialize.RejectColumns
	}
	c.figures(m, kept)
	c.widened(u, columns)
}

func (c *compiler) fault(file string, line int, message, hint string) {
	c.faultAt(file, lineOf(line), message, hint)
}

func (c *compiler) faultAt(file string, at strict.Pos, message, hint string) {
	c.problems = append(c.problems, model.Problem{
		File: file, Line: at.Line, Col: at.Col, Severity: strict.Error, Message: message, Hint: hint,
	})
}

// contract reports whether the query returns what the header promises.
func (c *compiler) contract(m *model.Model, columns []materialize.Column) bool {
	if len(columns) == 0 {
		c.fault(m.File, m.SQLLine, noColumns, noColumnsHint)
		return false
	}
	before := len(c.problems)
	hint := "The query returns " + listColumns(columns) + "."
	h := m.Header
	needs := func(key string, names []string) {
		for _, name := range names {
			if columnNamed(columns, name) < 0 {
				c.faultAt(m.File, m.Place(key, name), fmt.Sprintf("%s names column %q, which the query does not return", key, name), hint)
			}
		}
	}
	needs("key", h.Key)
	if h.Incremental != nil {
		needs("incremental.by", h.Incremental.By)
	}
	if h.Window != "" {
		needs("window", []string{h.Window})
		if i := columnNamed(columns, h.Window); i >= 0 && !isTime(columns[i].Type) {
			c.faultAt(m.File, m.Place("window"), fmt.Sprintf("window names column %q, which is %s", h.Window, columns[i].Type), "A window is a stretch of dates or timestamps.")
		}
	}
	c.unnamed(m, columns)
	c.repeated(m, columns)
	for _, column := range h.Columns {
		i := columnNamed(columns, column.Name)
		declared, isType := c.declared[column.Type]
		switch {
		case column.Type != "" && !isType:
			c.fault(m.File, column.Line, fmt.Sprintf("column %q is declared %s, which is no type", column.Name, column.Type), noTypeHint)
		case i < 0 && !addedColumn(m, column.Name):
			c.fault(m.File, column.Line, fmt.Sprintf("column %q is described in the header and not returned by the query", column.Name), hint)
		case i >= 0 && column.Type != "" && !sameType(declared, columns[i].Type):
			c.fault(m.File, column.Line, fmt.Sprintf("column %q is declared %s and the query returns %s", column.Name, column.Type, columns[i].Type),
				fmt.Sprintf("Cast it in the query (…::%s), or declare %s.", column.Type, columns[i].Type))
		}
	}
	return !strict.HasErrors(c.problems[before:])
}

// noName is what PostgreSQL calls a column that has no name.
const noName = "?column?"

// unnamed tells of columns that only PostgreSQL has a name for: one is hard to ask for, and two cannot be told apart.
func (c *compiler) unnamed(m *model.Model, columns []materialize.Column) {
	var places []string
	for i, column := range columns {
		if column.Name == noName {
			places = append(places, strconv.Itoa(i+1))
		}
	}
	problem := model.Problem{File: m.File, Line: m.SQLLine, Col: 1, Hint: "Name it with as: count(*) * 2 as pairs."}
	switch len(places) {
	case 0:
		return
	case 1:
		problem.Severity, problem.Message = strict.Warning, fmt.Sprintf("column %s of the query has no name", places[0])
	default:
		problem.Severity, problem.Message = strict.Error, fmt.Sprintf("columns %s of the query have no names", strings.Join(places, ", "))
		problem.Hint = strings.Replace(problem.Hint, "it", "them", 1)
	}
	c.problems = append(c.problems, problem)
}

// repeated tells of names that several columns have.
func (c *compiler) repeated(m *model.Model, columns []materialize.Column) {
	var names []string
	for i, column := range columns {
		if name := strconv.Quote(column.Name); columnNamed(columns, column.Name) < i && column.Name != noName && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
	case 1:
		c.fault(m.File, m.SQLLine, fmt.Sprintf("the query returns column %s twice", names[0]), "Name one of them otherwise with as.")
	default:
		c.fault(m.File, m.SQLLine, fmt.Sprintf("the query returns columns %s twice", strings.Join(names, ", ")),
			"Name in select what it shall return, and one of each otherwise with as; join … using (…) returns its columns once.")
	}
}

// pseudoTypes are what a query can return and a relation cannot hold.
var pseudoTypes = []string{"record", "record[]", "void", "unknown", "cstring"}

// holdable reports whether a relation can have columns of these types.
func (c *compiler) holdable(m *model.Model, columns []materialize.Column) bool {
	before := len(c.problems)
	for _, column := range columns {
		if slices.Contains(pseudoTypes, column.Type) {
			c.fault(m.File, m.SQLLine, fmt.Sprintf("column %q is a %s, which no relation can hold", column.Name, column.Type),
				"Return its parts as columns, or to_jsonb() of it.")
		}
	}
	return len(c.problems) == before
}

func columnNamed(columns []materialize.Column, name string) int {
	return slices.IndexFunc(columns, func(c materialize.Column) bool { return c.Name == name })
}

func isTime(typeName string) bool {
	return typeName == "date" || strings.HasPrefix(typeName, "timestamp")
}

// widened tells of a table that has other columns than its model now returns: as a run would, where that refuses to follow;
// and as a warning where nobody touched the model, so that an upstream which it reads with * has changed.
func (c *compiler) widened(u *unit, columns []materialize.Column) {
	existing := c.there[u.node.Name]
	if existing == nil || c.isForeign(u.node) || existing.Kind == materialize.IsTable && u.node.Kind.relation() != materialize.IsTable {
		return
	}
	if existing.Kind != materialize.IsTable {
		c.narrow(u, existing, columns)
		return
	}
	in := materialize.Input{Model: u.model, Columns: columns, Existing: existing}
	if materialize.KeepsVersions(in) != nil {
		return // told with what stands under the names of nodes
	}
	_, err := materialize.Render(in)
	var refused *materialize.RefusedError
	message, hint, severity := "", "", strict.Warning
	switch {
	case errors.As(err, &refused):
		message, hint, severity = refused.Message, refused.Hint, strict.Error
	case !u.changed:
		have := existing.Columns
		if u.model.Header.OnSchemaChange == model.Append { // which keeps what left the query
			have = slices.DeleteFunc(slices.Clone(have), func(h materialize.Column) bool { return columnNamed(c.columns[u.node.Name], h.Name) < 0 })
		}
		difference := differences(have, c.columns[u.node.Name])
		if difference == "" {
			return
		}
		message = fmt.Sprintf("the columns of %s no longer match its table: %s", u.node.Name, difference)
		hint = "Something that it reads has other columns now; the next build follows."
	default:
		return
	}
	c.problems = append(c.problems, model.Problem{
		File: u.model.File, Line: u.model.SQLLine, Col: 1, Severity: severity, Message: message, Hint: hint,
	})
}

// narrow tells of a view that was made when what it reads with * had other columns, which it keeps until it is made again.
func (c *compiler) narrow(u *unit, existing *materialize.Relation, columns []materialize.Column) {
	difference := differences(existing.Columns, columns)
	if u.changed || difference == "" || existing.Kind != u.node.Kind.relation() {
		return
	}
	c.problems = append(c.problems, model.Problem{
		File: u.model.File, Line: u.model.SQLLine, Col: 1, Severity: strict.Warning,
		Message: fmt.Sprintf("the query of %s returns other columns than its %s has: %s", u.node.Name, existing.Kind, difference),
		Hint:    "Something that it reads has other columns now: terrace run -s " + u.node.Name + " makes it again.",
	})
}

// differences says in words how columns changed, or "".
func differences(have, want []materialize.Column) string {
	var parts []string
	for _, column := range want {
		switch i := columnNamed(have, column.Name); {
		case i < 0:
			parts = append(parts, fmt.Sprintf("new column %s %s", column.Name, column.Type))
		case have[i].Type != column.Type:
			parts = append(parts, fmt.Sprintf("column %s is %s and was %s", column.Name, column.Type, have[i].Type))
		}
	}
	for _, column := range have {
		if columnNamed(want, column.Name) < 0 {
			parts = append(parts, fmt.Sprintf("missing column %s %s", column.Name, column.Type))
		}
	}
	return strings.Join(parts, "; ")
}

// rules queues the conditions of rejects, which are about the rows that the query returns.
func (c *compiler) rules(m *model.Model, columns []materialize.Column) {
	if len(m.Header.Rejects) == 0 || c.source(m.Name) == "" {
		return
	}
	for _, r := range m.Header.Rejects {
		for _, field := range r.Fields {
			if columnNamed(columns, field) < 0 {
				c.fault(m.File, r.Line, fmt.Sprintf("rule %s shows column %q, which the query does not return", r.Name, field),
					"The query returns "+listColumns(columns)+".")
			}
		}
		c.lookup(m, lineOf(r.Line), "the condition of "+r.Name, m.Name, fmt.Sprintf("select from (%s) as t where %s", flat(columns), r.Condition))
	}
}

// expressions queues the pieces of SQL that a header has beside assertions.
func (c *compiler) expressions(m *model.Model) {
	name := c.source(m.Name)
	if name == "" {
		return
	}
	for n, i := range m.Header.Indexes {
		c.expression(m, m.Place("indexes", strconv.Itoa(n)), "an index", m.Name, fmt.Sprintf("select %s from %s as t where %s", materialize.IndexedValues(i), name, cmp.Or(i.Where, "true")))
	}
	if m.Header.Incremental == nil {
		return
	}
	for _, upstream := range slices.Sorted(maps.Keys(m.Header.Incremental.Changed)) {
		from := c.source(upstream)
		if from == "" {
			continue
		}
		_, alias, _ := strings.Cut(upstream, ".")
		c.lookup(m, m.Place("incremental.changed", upstream), "changed of "+upstream, upstream, fmt.Sprintf("select %s from %s as %s",
			strings.Join(m.Header.Incremental.Changed[upstream], ", "), from, pgx.Identifier{alias}.Sanitize()))
	}
}

// lookup queues an expression that may look something up in other relations: it reads what stands for those that are new
// or changed.
func (c *compiler) lookup(m *model.Model, at strict.Pos, what, about, sql string) {
	q, err := model.ParseQuery(sql)
	if err != nil {
		return // the check of the files tells
	}
	if sent, ok := c.sources(q, ""); ok {
		c.expression(m, at, what, about, sent.SQL)
	}
}

// lineOf is the place of something of which only the line is known.
func lineOf(line int) strict.Pos { return strict.Pos{Line: max(line, 1), Col: 1} }

// expression queues SQL of a header that is about the rows of a relation.
func (c *compiler) expression(m *model.Model, at strict.Pos, what, about, sql string) {
	c.queue = append(c.queue, probe{
		sql: sql,
		answer: func(_ []pgconn.FieldDescription, err *pgconn.PgError) {
			if err != nil {
				wrong := model.Problem{File: m.File, Line: at.Line, Col: at.Col, Message: what + ": "}
				if name, _ := missingIn(err); name != "" {
					wrong.Hint = columnsByName(c.columns).columnsOf([]string{about}, name)
				}
				c.refuse(err, wrong)
			}
		},
	})
}

// plainInlines are the inline assertions that say nothing but columns.
var plainInlines = []model.InlineKind{model.NotNull, model.Unique}

// inline compiles an assertion of a header. One that only names columns needs no server.
func (c *compiler) inline(n *Node) {
	target := n.On[0]
	columns, known := c.columns[target]
	from := c.source(target)
	if !known || from == "" {
		return
	}
	a := *n.Inline
	for _, name := range a.Columns {
		if columnNamed(columns, name) < 0 {
			if !c.toldOf(n.File, n.Line) {
				c.fault(n.File, n.Line, fmt.Sprintf("%s names column %q, which %s does not have", a.Name, name, target), "It has "+listColumns(columns)+".")
			}
			return
		}
	}
	if slices.Contains(plainInlines, a.Kind) && a.Where == "" {
		return
	}
	sql := materialize.Assertion(a, from)
	if a.To != "" {
		to := c.source(a.To)
		if to == "" {
			return
		}
		sql = strings.ReplaceAll(sql, "from "+materialize.Quote(a.To)+" as ", "from "+to+" as ")
	}
	c.expression(n.Model, lineOf(n.Line), a.Name, target, sql)
}

// toldOf reports whether something is said of a line already: a rule of a column that is not there stands with the column.
func (c *compiler) toldOf(file string, line int) bool {
	return slices.ContainsFunc(c.problems, func(p model.Problem) bool { return p.File == file && p.Line == line })
}

// assertion compiles a file of tests/.
func (c *compiler) assertion(n *Node) {
	q := model.Query{SQL: n.Assertion.SQL}
	known, passed := c.State[n.Name]
	moved := func(dep string) bool {
		return slices.ContainsFunc(c.relationsOf(c.graph.Node(dep)), func(r string) bool { return c.moved[r] })
	}
	if !passed || known.SourceHash != c.Sources(n) || slices.ContainsFunc(n.Deps, moved) {
		var err error
		if q, err = model.ParseQuery(q.SQL); err != nil || !q.Selects() {
			return // the check of the files tells
		}
	}
	sent, ok := c.sources(q, "")
	if !ok {
		return
	}
	c.queue = append(c.queue, probe{
		sql: sent.SQL,
		answer: func(_ []pgconn.FieldDescription, err *pgconn.PgError) {
			if err != nil {
				c.refuse(err, c.placed(n.File, n.Assertion.SQL, n.Assertion.SQLLine, sent, err))
			}
		},
	})
}

// colocated compares the column that rows are distributed by with that of the relation that they shall be with.
func (c *compiler) colocated(m *model.Model, columns []materialize.Column) {
	d := m.Header.Distribute
	if d == nil || d.Colocate == "" {
		return
	}
	other := c.graph.Node(d.Colocate)
	if other == nil || other.Model == nil || other.Model.Header.Distribute == nil {
		return // the check of the files tells
	}
	named := func(columns []materialize.Column, name string) string {
		i := slices.IndexFunc(columns, func(c materialize.Column) bool { return c.Name == name })
		if i < 0 {
			return ""
		}
		return columns[i].Type
	}
	by := other.Model.Header.Distribute.By
	ours, theirs := named(columns, d.By), named(c.columns[d.Colocate], by)
	if ours != "" && theirs != "" && ours != theirs {
		c.fault(m.File, d.Line, fmt.Sprintf("distribute: %s is %s, and %s of %s, with which it is to be colocated, is %s", d.By, ours, by, d.Colocate, theirs),
			"Cast one of them: rows are on one node only when their values are of one type.")
	}
}
