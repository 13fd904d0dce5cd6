package model

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// expression is a piece of SQL in a header.
type expression struct {
	what string // what messages call it
	sql  string
	line int
}

// expressions lists the conditions and expressions of a header.
func (h Header) expressions() []expression {
	var out []expression
	add := func(what, sql string, line int) {
		if sql != "" {
			out = append(out, expression{what, sql, line})
		}
	}
	for _, r := range h.Rejects {
		add("the condition of "+r.Name, r.Condition, r.Line)
	}
	for _, i := range h.Assert {
		add("the expression of "+i.Name, i.Expression, i.Line)
		add("where of "+i.Name, i.Where, i.Line)
		add("with_where of "+i.Name, i.ToWhere, i.Line)
		for _, s := range i.Sums {
			add("a sum of "+i.Name, s.Ours, i.Line)
			add("a sum of "+i.Name, s.Theirs, i.Line)
		}
	}
	for _, i := range h.Indexes {
		add("where of an index", i.Where, 1)
	}
	if h.Incremental != nil {
		for _, relation := range slices.Sorted(maps.Keys(h.Incremental.Changed)) {
			for _, sql := range h.Incremental.Changed[relation] {
				add("changed of "+relation, sql, 1)
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
		a, err := analyseExpression(e.sql)
		if err != nil {
			problems = append(problems, at.problem(fmt.Sprintf("%s is no SQL expression: %s", e.what, err), "correct "+e.sql))
			continue
		}
		for _, r := range a.reads {
			if !systemRelation(r) && c.catalog.nodes[r.Name] == "" {
				problems = append(problems, at.problem(fmt.Sprintf("%s reads %s, which is not in this project", e.what, r.Name), c.catalog.suggest(r.Name)))
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
