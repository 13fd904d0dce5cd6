package model

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	pg_query "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// expression is a piece of SQL in a header.
type expression struct {
	what string // what messages call it
	sql  string
	line int
	// key and value say where it stands (Model.Place) where line does not.
	key, value string
	// decides says that the relation's content depends on it, so that what it reads is a dependency.
	decides bool
}

// expressions lists the conditions and expressions of a header.
func (h Header) expressions() []expression {
	var out []expression
	decides := true
	note := func(e expression) {
		if e.sql != "" {
			e.decides = decides
			out = append(out, e)
		}
	}
	add := func(what, sql string, line int) { note(expression{what: what, sql: sql, line: line}) }
	for _, r := range h.Rejects {
		add("the condition of "+r.Name, r.Condition, r.Line)
	}
	decides = false
	for _, i := range h.Assert {
		add("the expression of "+i.Name, i.Expression, i.Line)
		add("where of "+i.Name, i.Where, i.Line)
		add("with_where of "+i.Name, i.ToWhere, i.Line)
		for _, s := range i.Sums {
			add("a sum of "+i.Name, s.Ours, i.Line)
			add("a sum of "+i.Name, s.Theirs, i.Line)
		}
	}
	for n, i := range h.Indexes {
		note(expression{what: "where of an index", sql: i.Where, key: "indexes", value: strconv.Itoa(n)})
	}
	if h.Incremental != nil {
		for _, relation := range slices.Sorted(maps.Keys(h.Incremental.Changed)) {
			for _, sql := range h.Incremental.Changed[relation] {
				note(expression{what: "changed of " + relation, sql: sql, key: "incremental.changed", value: relation})
			}
		}
	}
	return out
}

// expressions finds what is no SQL expression, or more than one. They become part of larger statements, so that each
// must be whole in itself.
func (c *sqlChecker) expressions(m *Model) []Problem {
	var problems []Problem
	for _, e := range m.Header.expressions() {
		at := place{m.File, e.line, 1}
		if e.key != "" {
			pos := m.Place(e.key, e.value)
			at.line, at.col = pos.Line, pos.Col
		}
		a, err := analyseExpression(e.sql)
		if err != nil {
			problems = append(problems, at.problem(fmt.Sprintf("%s is no SQL expression: %s", e.what, err), "correct "+e.sql))
			continue
		}
		for _, r := range a.reads {
			switch {
			case systemRelation(r):
			case c.catalog.nodes[r.Name] == "":
				problems = append(problems, at.problem(fmt.Sprintf("%s reads %s, which is not in this project", e.what, r.Name), c.catalog.suggest(r.Name)))
			case e.decides && !declared(m, r.Name):
				problems = append(problems, at.problem(
					fmt.Sprintf("%s reads %s, which depends_on does not name", e.what, r.Name), "write in the header: "+dependsOnLine(m, r.Name, c.missing(m, a.reads))))
			}
		}
	}
	return problems
}

// analyseExpression parses an expression as it will stand in a statement: in parentheses, on one line, so that a
// comment cannot hide the end, and with a name after it, so that no clause can hide in it.
func analyseExpression(sql string) (*analysis, error) {
	a, err := analyse("select (" + sql + ") as whole")
	if err != nil {
		return nil, err
	}
	query := a.statements[0].Stmt.GetSelectStmt()
	if len(a.statements) != 1 || len(query.GetTargetList()) != 1 || len(query.FromClause) > 0 ||
		query.TargetList[0].GetResTarget().GetVal().GetRowExpr() != nil {
		return nil, errors.New("it is more than one")
	}
	return a, nil
}

// conditionReads are the reads of the conditions that decide which rows a model has. Those that are no SQL have none.
func (h Header) conditionReads() []Read {
	var out []Read
	for _, r := range h.Rejects {
		if a, err := analyseExpression(r.Condition); err == nil {
			out = append(out, a.reads...)
		}
	}
	return out
}

// ColumnsOf lists the names of columns in an expression ("amount" for t.amount), each once, in the order of the text. It
// lists none for what is no expression.
func ColumnsOf(expression string) []string {
	a, err := analyseExpression(expression)
	if err != nil {
		return nil
	}
	refs := columnRefs(a.statements[0].ProtoReflect())
	slices.SortFunc(refs, func(a, b *pg_query.ColumnRef) int { return cmp.Compare(a.Location, b.Location) })
	var out []string
	for _, ref := range refs {
		name := ref.Fields[len(ref.Fields)-1].GetString_().GetSval()
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// columnRefs finds the columns that a syntax tree names, in any order.
func columnRefs(message protoreflect.Message) []*pg_query.ColumnRef {
	if ref, ok := message.Interface().(*pg_query.ColumnRef); ok {
		return []*pg_query.ColumnRef{ref}
	}
	var out []*pg_query.ColumnRef
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case !field.IsList():
			out = append(out, columnRefs(value.Message())...)
		default:
			for i := range value.List().Len() {
				out = append(out, columnRefs(value.List().Get(i).Message())...)
			}
		}
		return true
	})
	return out
}
