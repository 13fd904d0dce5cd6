package dag

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// relate finds out what has to be compiled anew, and the order. What changed is parsed, since its header may be wrong
// about what it reads; of the rest the header was checked when it was built.
func (c *compiler) relate(context.Context) error {
	var changed []*unit
	for _, n := range c.graph.Order() {
		if n.Model == nil || n.Inline != nil || c.Broken != nil && c.Broken(n.File) {
			continue
		}
		u := &unit{node: n, model: n.Model}
		for _, ref := range n.Model.Header.DependsOn {
			u.reads = append(u.reads, ref.Name)
		}
		known, built := c.State[n.Name]
		u.changed = !built || !known.Exists || known.SourceHash != c.Sources(n) || n.Kind != KindSQL && c.there[n.Name] == nil
		c.units[n.Name] = u
		if u.changed {
			changed = append(changed, u)
		}
	}
	c.parse(changed)
	visited := map[string]bool{}
	for _, n := range c.graph.Order() {
		if u := c.units[n.Name]; u != nil {
			c.visit(u, visited)
		}
	}
	c.findMoved()
	var affected []*unit
	for _, u := range c.order {
		if c.moved[u.relation()] && u.query == nil && !u.changed {
			affected = append(affected, u)
		}
	}
	c.parse(affected)
	return nil
}

// findMoved finds what has to be read in another way than by its name.
func (c *compiler) findMoved() {
	for _, n := range c.graph.nodes {
		for _, name := range c.relationsOf(n) {
			if c.there[name] == nil || n.Seed != nil && c.State[n.Name].SourceHash != c.Sources(n) {
				c.moved[name] = true
			}
		}
		if n.Model != nil && n.Inline == nil && c.units[n.Name] == nil && c.State[n.Name].SourceHash != c.Sources(n) {
			c.moved[n.Name] = true // what a broken file would make is not what an older one made
		}
	}
	for _, u := range c.order {
		if u.node.Kind == KindSQL {
			continue // what it fills is there or not, whatever the statements say
		}
		if u.changed || slices.ContainsFunc(u.reads, func(r string) bool { return c.moved[r] }) {
			c.moved[u.relation()] = true
		}
	}
	for name := range c.moved {
		delete(c.columns, name)
	}
}

// relation is what others read of the model.
func (u *unit) relation() string {
	if u.node.Kind == KindSQL {
		return u.model.Header.Target
	}
	return u.node.Name
}

// parse parses the units' SQL. What is no SQL is left without a query: the check of the files tells.
func (c *compiler) parse(units []*unit) {
	texts := make([]string, len(units))
	for i, u := range units {
		texts[i] = u.model.SQL
	}
	queries, errs := model.ParseQueries(texts)
	for i, u := range units {
		if errs[i] != nil {
			continue
		}
		u.query = &queries[i]
		u.reads = nil
		for _, r := range queries[i].Reads {
			u.reads = append(u.reads, r.Name)
		}
	}
}

// visit puts a unit behind what it reads, whatever its header says.
func (c *compiler) visit(u *unit, visited map[string]bool) {
	if visited[u.node.Name] {
		return
	}
	visited[u.node.Name] = true
	for _, r := range u.reads {
		if n := c.graph.Resolve(r); n != nil && n != u.node && c.units[n.Name] != nil {
			c.visit(c.units[n.Name], visited)
			u.layer = max(u.layer, c.units[n.Name].layer+1)
		}
	}
	c.order = append(c.order, u)
}

// compileSources finds the columns of streams and seeds that are not there as they are declared.
func (c *compiler) compileSources(ctx context.Context) error {
	for _, n := range c.graph.nodes {
		for _, name := range c.relationsOf(n) {
			shape, known := c.Shapes[name]
			switch {
			case !c.moved[name]:
			case n.Seed != nil:
				c.declare(describedIn(*n.Seed), name, n.Seed.Columns)
			case n.Stream != nil && known:
				c.makeTable(n, name, shape)
			case n.Stream != nil && n.Stream.External:
				c.problems = append(c.problems, model.Problem{
					File: n.File, Line: n.Line, Col: 1, Severity: strict.Warning,
					Message: name + " is not in the database", Hint: "Others fill it: what reads it cannot run before they do.",
				})
			case n.Kind == KindSQL:
				c.declare(n.File, name, n.Model.Header.Columns)
			}
		}
	}
	return c.flush(ctx)
}

// declare takes a relation's columns as they are written, if all of them have a type.
func (c *compiler) declare(file, relation string, written []model.Column) {
	columns := make([]materialize.Column, len(written))
	for i, column := range written {
		if column.Type == "" {
			return
		}
		columns[i] = materialize.Column{Name: column.Name, Type: column.Type}
	}
	if len(columns) == 0 {
		return
	}
	c.queue = append(c.queue, probe{
		sql: flat(columns),
		answer: func(_ []pgconn.FieldDescription, err *pgconn.PgError) {
			if err != nil {
				wrong := written[columnAt(columns, int(err.Position))]
				if err.Code == "42704" { // undefined object
					c.fault(file, wrong.Line, fmt.Sprintf("column %q is declared %s, which is no type", wrong.Name, wrong.Type), noTypeHint)
					return
				}
				c.refuse(err, model.Problem{File: file, Line: max(wrong.Line, 1), Col: 1})
				return
			}
			c.columns[relation] = columns
		},
	})
}

// makeTable makes a stream's empty table, because a query may group by its primary key.
func (c *compiler) makeTable(n *Node, relation string, shape Shape) {
	lines := make([]string, len(shape.Columns))
	for i, column := range shape.Columns {
		lines[i] = "    " + pgx.Identifier{column.Name}.Sanitize() + " " + column.Type
	}
	if len(shape.Key) > 0 {
		key := make([]string, len(shape.Key))
		for i, name := range shape.Key {
			key[i] = pgx.Identifier{name}.Sanitize()
		}
		lines = append(lines, "    primary key ("+strings.Join(key, ", ")+")")
	}
	c.queue = append(c.queue, probe{
		create: true,
		sql:    fmt.Sprintf("create temporary table %s (\n%s\n)", tableFor(relation), strings.Join(lines, ",\n")),
		answer: func(_ []pgconn.FieldDescription, err *pgconn.PgError) {
			if err != nil {
				c.refuse(err, model.Problem{File: n.File, Line: max(n.Line, 1), Col: 1})
				return
			}
			c.columns[relation], c.tables[relation] = shape.Columns, true
			if len(shape.Key) > 0 {
				c.keys[relation] = shape.Key
			}
		},
	})
}

// tableFor is the temporary table that stands for a relation, quoted.
func tableFor(relation string) string {
	return pgx.Identifier{"pg_temp", materialize.Short(relation)}.Sanitize()
}

// source is what can be read in FROM in place of a relation, or "" where its columns are not known.
func (c *compiler) source(relation string) string {
	columns, known := c.columns[relation]
	switch {
	case c.tables[relation]:
		return tableFor(relation)
	case c.moved[relation] && known:
		return "(" + flat(columns) + ")"
	case c.moved[relation]:
		return ""
	default:
		return materialize.Quote(relation)
	}
}

// flat is a query that returns the columns and no row.
func flat(columns []materialize.Column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = flatColumn(c)
	}
	return "select " + strings.Join(parts, ", ") + " where false"
}

func flatColumn(c materialize.Column) string {
	return fmt.Sprintf("null::%s as %s", c.Type, pgx.Identifier{c.Name}.Sanitize())
}

// columnAt is which of the columns of flat a character of it belongs to, counted from 1.
func columnAt(columns []materialize.Column, character int) int {
	end := len("select ")
	for i, c := range columns {
		if end += utf8.RuneCountInString(flatColumn(c)) + len(", "); character <= end {
			return i
		}
	}
	return 0
}

// sources lets a query read something else for each relation that moved; false says that the columns of one are not
// known. Its own relation a model reads as it stands.
func (c *compiler) sources(q model.Query, own string) (model.Exchanged, bool) {
	names := map[string]string{}
	for _, r := range q.Reads {
		if !c.moved[r.Name] || r.Name == own {
			continue
		}
		if names[r.Name] = c.source(r.Name); names[r.Name] == "" {
			return model.Exchanged{}, false
		}
	}
	return q.Exchange(names), true
}

// compileModels describes every model, layer by layer: the columns of one are what the next reads.
func (c *compiler) compileModels(ctx context.Context) error {
	slices.SortStableFunc(c.order, func(a, b *unit) int { return cmp.Compare(a.layer, b.layer) })
	for rest := c.order; len(rest) > 0; {
		next := slices.IndexFunc(rest, func(u *unit) bool { return u.layer != rest[0].layer })
		if next < 0 {
			next = len(rest)
		}
		layer := rest[:next]
		rest = rest[next:]
		for _, u := range layer {
			if u.node.Kind == KindSQL {
				c.statements(u)
			} else {
				c.describe(u)
			}
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
		if err := c.judgeAll(ctx, layer); err != nil {
			return err
		}
	}
	return c.flush(ctx)
}

// describe queues a model's query.
func (c *compiler) describe(u *unit) {
	q := model.Query{SQL: u.model.SQL}
	if u.query != nil {
		q = *u.query
	} else if c.moved[u.node.Name] && c.readsMoved(u) {
		return // it could not be parsed: the check of the files tells
	}
	if u.query != nil && !q.Selects() {
		return // the check of the files tells
	}
	sent, ok := c.sources(q, u.relation())
	if !ok {
		u.skipped = true
		return
	}
	c.queue = append(c.queue, probe{
		sql: sent.SQL,
		answer: func(fields []pgconn.FieldDescription, err *pgconn.PgError) {
			if err != nil {
				c.refuse(err, c.placed(u.model.File, u.model.SQL, u.model.SQLLine, sent, err))
				return
			}
			u.fields, u.ok = fields, true
		},
	})
}

func (c *compiler) readsMoved(u *unit) bool {
	return slices.ContainsFunc(u.reads, func(r string) bool { return c.moved[r] })
}

// statements describes those statements of a file that can be described before the others have run.
func (c *compiler) statements(u *unit) {
	found, err := model.DataStatements(u.model.SQL)
	if err != nil {
		return // the check of the files tells
	}
	for _, s := range found {
		q, err := model.ParseQuery(s.SQL)
		if err != nil {
			continue
		}
		sent, ok := c.sources(q, u.relation())
		if !ok {
			u.skipped = true
			continue
		}
		c.queue = append(c.queue, probe{
			sql: sent.SQL,
			answer: func(_ []pgconn.FieldDescription, err *pgconn.PgError) {
				if err == nil || err.Code == "42P01" || err.Code == "3F000" { // an earlier statement may make it
					return
				}
				at := model.Problem{File: u.model.File}
				before := u.model.SQL[:s.Offset] + sent.Before(max(int(err.Position)-1, 0))
				at.Line, at.Col = place(before, u.model.SQLLine)
				c.refuse(err, at)
			},
		})
	}
}
