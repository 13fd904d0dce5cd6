package model

import (
	"cmp"
	"maps"
	"slices"

	pg_query "github.com/pganalyze/pg_query_go/v6"
)

// Origin is a column of a relation that a query reads.
type Origin struct {
	Relation string `json:"relation"`
	Column   string `json:"column"`
}

// OutputColumn is a column that a query returns and where its value comes from.
type OutputColumn struct {
	Name string
	// From are the columns of which the value is made, sorted.
	From []Origin
	// Unknown says that it may come from others as well: from relations whose columns nobody knows, or in a way that is
	// not followed.
	Unknown bool
}

// Lineage is where what a query returns comes from.
type Lineage struct {
	Columns []OutputColumn
	// Rows are the columns that decide which rows there are and how they are grouped, joined and ordered, sorted.
	Rows []Origin
	// RowsUnknown says that there may be others.
	RowsUnknown bool
	// Open says that the query returns columns that are not among Columns, since a relation read with * is not known.
	Open bool
}

// TraceColumns follows the columns of a query through subqueries, common table expressions, joins and set operations.
// columns gives the columns of a relation, in order; false where they are not known. What cannot be followed is said to
// be unknown; nothing is guessed.
func TraceColumns(sql string, columns func(relation string) ([]string, bool)) (Lineage, error) {
	statements, err := parseSQL(sql)
	if err != nil {
		return Lineage{}, err
	}
	if len(statements) == 0 || statements[0].Stmt.GetSelectStmt() == nil {
		return Lineage{Open: true, RowsUnknown: true}, nil
	}
	t := &tracer{columns: columns, rows: trace{from: map[Origin]bool{}}}
	out := t.query(statements[0].Stmt.GetSelectStmt(), nil, nil)
	l := Lineage{Rows: t.rows.sorted(), RowsUnknown: t.rows.unknown, Open: out.open}
	for _, c := range out.columns {
		l.Columns = append(l.Columns, OutputColumn{Name: c.name, From: c.sorted(), Unknown: c.unknown})
	}
	return l, nil
}

// trace is where a value comes from.
type trace struct {
	from    map[Origin]bool
	unknown bool
}

func (t *trace) add(other trace) {
	if t.from == nil {
		t.from = map[Origin]bool{}
	}
	maps.Copy(t.from, other.from)
	t.unknown = t.unknown || other.unknown
}

func (t trace) sorted() []Origin {
	return slices.SortedFunc(maps.Keys(t.from), func(a, b Origin) int {
		return cmp.Or(cmp.Compare(a.Relation, b.Relation), cmp.Compare(a.Column, b.Column))
	})
}

// tracedColumn is a column of something in FROM, or of a query.
type tracedColumn struct {
	name string
	trace
}

// tracedQuery is what a query returns.
type tracedQuery struct {
	columns []tracedColumn
	open    bool // there are more
}

// tracedCTE is a common table expression that a place sees.
type tracedCTE struct {
	name  string
	query tracedQuery
	outer *tracedCTE
}

func (c *tracedCTE) find(name string) *tracedCTE {
	for ; c != nil; c = c.outer {
		if c.name == name {
			return c
		}
	}
	return nil
}

// tracer follows one statement.
type tracer struct {
	columns func(relation string) ([]string, bool)
	rows    trace
}

// maxRounds is how often a recursive query is followed; each round adds what flows through one more of its columns.
const maxRounds = 8

// query follows a select, a set operation or a list of values.
func (t *tracer) query(s *pg_query.SelectStmt, ctes *tracedCTE, outer *tracedScope) tracedQuery {
	ctes = t.with(s.WithClause, ctes, outer)
	switch {
	case s.Op != pg_query.SetOperation_SETOP_NONE && s.Op != pg_query.SetOperation_SET_OPERATION_UNDEFINED:
		left, right := t.query(s.Larg, ctes, outer), t.query(s.Rarg, ctes, outer)
		out := union(left, right)
		if s.Op != pg_query.SetOperation_SETOP_UNION || !s.All { // rows are compared
			for _, c := range out.columns {
				t.rows.add(c.trace)
			}
		}
		t.rows.add(t.order(s.SortClause, out, &tracedScope{ctes: ctes, outer: outer}))
		return out
	case len(s.ValuesLists) > 0:
		return t.values(s, &tracedScope{ctes: ctes, outer: outer})
	default:
		return t.simple(s, ctes, outer)
	}
}

func (t *tracer) simple(s *pg_query.SelectStmt, ctes *tracedCTE, outer *tracedScope) tracedQuery {
	at := &tracedScope{ctes: ctes, outer: outer}
	for _, item := range s.FromClause {
		t.from(item, at)
	}
	out := t.targets(s.TargetList, at)
	for _, n := range slices.Concat([]*pg_query.Node{s.WhereClause, s.HavingClause, s.LimitCount, s.LimitOffset}, s.WindowClause) {
		t.rows.add(t.expression(n, at))
	}
	t.rows.add(t.group(s.GroupClause, out, at))
	t.rows.add(t.order(s.DistinctClause, out, at))
	t.rows.add(t.order(s.SortClause, out, at))
	if len(s.DistinctClause) == 1 && s.DistinctClause[0].GetNode() == nil { // plain DISTINCT compares all
		for _, c := range out.columns {
			t.rows.add(c.trace)
		}
	}
	return out
}

// with follows common table expressions. A recursive one is followed until nothing new flows through it.
func (t *tracer) with(clause *pg_query.WithClause, ctes *tracedCTE, outer *tracedScope) *tracedCTE {
	for _, n := range clause.GetCtes() {
		cte := n.GetCommonTableExpr()
		next := &tracedCTE{name: cte.Ctename, outer: ctes}
		s := cte.Ctequery.GetSelectStmt()
		if s == nil {
			next.query.open = true // it writes, and returns what RETURNING says
			t.rows.unknown = true
			ctes = next
			continue
		}
		seen := ctes
		if clause.Recursive {
			seen = next
			if s.Larg != nil { // what it begins with names its columns
				next.query = renameColumns(t.query(s.Larg, ctes, outer), cte.Aliascolnames)
			}
		}
		for range maxRounds {
			before := next.query.size()
			next.query = renameColumns(t.query(s, seen, outer), cte.Aliascolnames)
			if !clause.Recursive || next.query.size() == before {
				break
			}
		}
		ctes = next
	}
	return ctes
}

// size grows with what is known.
func (q tracedQuery) size() int {
	n := len(q.columns)
	for _, c := range q.columns {
		n += len(c.from)
	}
	return n
}

// union puts columns of the same position together; the first query gives the names.
func union(left, right tracedQuery) tracedQuery {
	out := tracedQuery{open: left.open || right.open}
	for i, c := range left.columns {
		both := tracedColumn{name: c.name}
		both.add(c.trace)
		if i < len(right.columns) {
			both.add(right.columns[i].trace)
		}
		both.unknown = both.unknown || out.open
		out.columns = append(out.columns, both)
	}
	if len(left.columns) == 0 { // a recursive query that is not known yet
		out.columns = right.columns
	}
	return out
}

// renameColumns gives columns other names, as AS name (a, b) does.
func renameColumns(q tracedQuery, names []*pg_query.Node) tracedQuery {
	q.columns = slices.Clone(q.columns)
	for i, n := range names {
		if i < len(q.columns) {
			q.columns[i].name = n.GetString_().GetSval()
		}
	}
	return q
}

func (t *tracer) values(s *pg_query.SelectStmt, at *tracedScope) tracedQuery {
	var out tracedQuery
	for _, list := range s.ValuesLists {
		for i, n := range list.GetList().GetItems() {
			if i == len(out.columns) {
				out.columns = append(out.columns, tracedColumn{name: valuesColumn(i)})
			}
			out.columns[i].add(t.expression(n, at))
		}
	}
	return out
}

// targets follows the select list.
func (t *tracer) targets(list []*pg_query.Node, at *tracedScope) tracedQuery {
	var out tracedQuery
	for _, n := range list {
		target := n.GetResTarget()
		if starred, q := t.star(target.GetVal(), at); starred {
			out.columns = append(out.columns, q.columns...)
			out.open = out.open || q.open
			continue
		}
		c := tracedColumn{name: target.GetName()}
		if c.name == "" {
			c.name = columnName(target.GetVal())
		}
		c.add(t.expression(target.GetVal(), at))
		out.columns = append(out.columns, c)
	}
	return out
}
