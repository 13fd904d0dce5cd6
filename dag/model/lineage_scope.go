package model

import (
	"fmt"
	"slices"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// tracedScope is what names mean at a place: what FROM has, and what the queries around it have.
type tracedScope struct {
	ctes    *tracedCTE
	sources []*tracedSource
	merged  []tracedColumn // of USING, in front of what * gives
	outer   *tracedScope
}

// tracedSource is one item of FROM.
type tracedSource struct {
	name     string // alias, or the relation's own
	relation string // "" unless it is one
	tracedQuery
	// all is where columns come from that are not among the known ones.
	all trace
	// hidden are columns that USING has merged: * does not repeat them.
	hidden []string
}

// from follows an item of FROM into the scope.
func (t *tracer) from(n *pg_query.Node, at *tracedScope) {
	switch item := n.GetNode().(type) {
	case *pg_query.Node_RangeVar:
		at.sources = append(at.sources, t.relation(item.RangeVar, at.ctes))
	case *pg_query.Node_RangeSubselect:
		outer := at.outer
		if item.RangeSubselect.Lateral {
			outer = at
		}
		q := t.query(item.RangeSubselect.Subquery.GetSelectStmt(), at.ctes, outer)
		at.sources = append(at.sources, named(q, item.RangeSubselect.Alias))
	case *pg_query.Node_JoinExpr:
		t.join(item.JoinExpr, at)
	case *pg_query.Node_RangeFunction:
		at.sources = append(at.sources, t.function(item.RangeFunction, at))
	case *pg_query.Node_RangeTableSample:
		t.from(item.RangeTableSample.Relation, at)
	case *pg_query.Node_RangeTableFunc:
		at.sources = append(at.sources, t.opaque(n, item.RangeTableFunc.Alias, at))
	case *pg_query.Node_JsonTable:
		at.sources = append(at.sources, t.opaque(n, item.JsonTable.Alias, at))
	default:
		at.sources = append(at.sources, &tracedSource{tracedQuery: tracedQuery{open: true}, all: trace{unknown: true}})
	}
}

func named(q tracedQuery, alias *pg_query.Alias) *tracedSource {
	return &tracedSource{name: alias.GetAliasname(), tracedQuery: renameColumns(q, alias.GetColnames()), all: trace{unknown: q.open}}
}

func (t *tracer) relation(r *pg_query.RangeVar, ctes *tracedCTE) *tracedSource {
	read := readOf(r)
	name := r.Relname
	if r.Alias != nil {
		name = r.Alias.Aliasname
	}
	if cte := ctes.find(r.Relname); r.Schemaname == "" && cte != nil {
		s := named(cte.query, r.Alias)
		s.name = name
		return s
	}
	s := &tracedSource{name: name, relation: read.Name}
	columns, known := t.columns(read.Name)
	s.open = !known
	for _, column := range columns {
		s.columns = append(s.columns, tracedColumn{column, trace{from: map[Origin]bool{{read.Name, column}: true}}})
	}
	s.tracedQuery = renameColumns(s.tracedQuery, r.Alias.GetColnames())
	if s.open && len(r.Alias.GetColnames()) > 0 {
		s.relation, s.all.unknown = "", true // which columns have the new names is not known
	}
	return s
}

func (t *tracer) join(j *pg_query.JoinExpr, at *tracedScope) {
	first := len(at.sources)
	t.from(j.Larg, at)
	middle := len(at.sources)
	t.from(j.Rarg, at)
	left, right := at.sources[first:middle], at.sources[middle:]
	if j.Quals != nil {
		inside := &tracedScope{ctes: at.ctes, sources: at.sources[first:], outer: at.outer}
		t.rows.add(t.expression(j.Quals, inside))
	}
	var using []string
	for _, n := range j.UsingClause {
		using = append(using, n.GetString_().GetSval())
	}
	if j.IsNatural {
		using = common(left, right)
		for _, s := range at.sources[first:] {
			t.rows.unknown = t.rows.unknown || s.open
		}
	}
	for _, name := range using {
		both := tracedColumn{name: name}
		for _, s := range at.sources[first:] {
			if c, found := s.column(name); found && !slices.Contains(s.hidden, name) {
				both.add(c)
				s.hidden = append(s.hidden, name)
			}
		}
		t.rows.add(both.trace)
		at.merged = slices.DeleteFunc(at.merged, func(c tracedColumn) bool {
			if c.name == name {
				both.add(c.trace)
			}
			return c.name == name
		})
		at.merged = append(at.merged, both)
	}
	if j.Alias != nil {
		inner := tracedScope{sources: slices.Clone(at.sources[first:]), merged: at.merged}
		s := named(inner.everything(), j.Alias)
		at.sources, at.merged = append(at.sources[:first:first], s), nil
	}
}

func common(left, right []*tracedSource) []string {
	var out []string
	for _, l := range left {
		for _, c := range l.columns {
			if !slices.Contains(out, c.name) && slices.ContainsFunc(right, func(r *tracedSource) bool { _, ok := r.known(c.name); return ok }) {
				out = append(out, c.name)
			}
		}
	}
	return out
}

// function follows what functions in FROM return: their columns come from their arguments. Which from which is known where
// each of the functions returns as many columns as anybody can see.
func (t *tracer) function(f *pg_query.RangeFunction, at *tracedScope) *tracedSource {
	s := &tracedSource{name: f.Alias.GetAliasname()}
	var parts []trace
	plain := true
	for _, n := range f.Functions {
		items := n.GetList().GetItems()
		s.all.add(t.expression(items[0], at))
		if s.name == "" {
			s.name = columnName(items[0])
		}
		returned := t.returned(items, at)
		parts, plain = append(parts, returned...), plain && returned != nil
	}
	if f.Ordinality {
		parts = append(parts, trace{})
	}
	var names []string
	for _, n := range f.Coldeflist {
		names = append(names, n.GetColumnDef().GetColname())
	}
	for _, n := range f.Alias.GetColnames() {
		names = append(names, n.GetString_().GetSval())
	}
	plain = plain && len(f.Coldeflist) == 0 && len(names) <= len(parts)
	for i, name := range names {
		from := s.all
		if plain {
			from = parts[i]
		}
		s.columns = append(s.columns, tracedColumn{name, from})
	}
	if f.Ordinality && len(f.Alias.GetColnames()) == 0 {
		s.columns = append(s.columns, tracedColumn{name: "ordinality"})
	}
	s.open = len(names) == 0 // what columns a function has is the server's to say
	return s
}

// singleColumn are functions that return sets of one column, whatever they are given.
var singleColumn = []string{
	"generate_series", "generate_subscripts", "string_to_table", "regexp_split_to_table", "regexp_matches",
	"json_array_elements", "json_array_elements_text", "jsonb_array_elements", "jsonb_array_elements_text",
	"json_object_keys", "jsonb_object_keys", "jsonb_path_query",
}

// returned is where each column of a function in FROM comes from, whose call may be followed by a list of columns; nil where
// it is not known how many these are.
func (t *tracer) returned(items []*pg_query.Node, at *tracedScope) []trace {
	call := items[0].GetFuncCall()
	if len(items) > 1 && len(items[1].GetList().GetItems()) > 0 {
		return slices.Repeat([]trace{t.expression(items[0], at)}, len(items[1].GetList().GetItems()))
	}
	switch name := columnName(items[0]); {
	case call == nil:
		return nil
	case name == "unnest":
		var out []trace
		for _, arg := range call.Args { // an array each
			out = append(out, t.expression(arg, at))
		}
		return out
	case slices.Contains(singleColumn, name):
		return []trace{t.expression(items[0], at)}
	default:
		return nil
	}
}

// opaque is an item whose columns come from all that it mentions.
func (t *tracer) opaque(n *pg_query.Node, alias *pg_query.Alias, at *tracedScope) *tracedSource {
	return &tracedSource{name: alias.GetAliasname(), tracedQuery: tracedQuery{open: true}, all: t.inside(n.ProtoReflect(), at)}
}

func (s *tracedSource) known(name string) (trace, bool) {
	i := slices.IndexFunc(s.columns, func(c tracedColumn) bool { return c.name == name })
	if i < 0 {
		return trace{}, false
	}
	return s.columns[i].trace, true
}

// column is where a column of the source comes from. A relation whose columns are not known has every column that the
// query names by it.
func (s *tracedSource) column(name string) (trace, bool) {
	c, found := s.known(name)
	switch {
	case found:
		return c, true
	case !s.open:
		return trace{}, false
	case s.relation != "":
		return trace{from: map[Origin]bool{{s.relation, name}: true}}, true
	default:
		return s.all, true
	}
}

// everything is what * gives.
func (at *tracedScope) everything() tracedQuery {
	out := tracedQuery{columns: slices.Clone(at.merged)}
	for _, s := range at.sources {
		q := s.visible()
		out.columns = append(out.columns, q.columns...)
		out.open = out.open || q.open
	}
	return out
}

func (s *tracedSource) visible() tracedQuery {
	return tracedQuery{open: s.open, columns: slices.DeleteFunc(slices.Clone(s.columns), func(c tracedColumn) bool { return slices.Contains(s.hidden, c.name) })}
}

// star expands * and x.*; it reports whether the target is one.
func (t *tracer) star(n *pg_query.Node, at *tracedScope) (bool, tracedQuery) {
	if i := n.GetAIndirection(); i != nil && i.Indirection[len(i.Indirection)-1].GetAStar() != nil {
		return true, tracedQuery{open: true} // the parts of a composite value
	}
	fields := n.GetColumnRef().GetFields()
	if len(fields) == 0 || fields[len(fields)-1].GetAStar() == nil {
		return false, tracedQuery{}
	}
	if len(fields) == 1 {
		return true, at.everything()
	}
	s := at.find(pathOf(fields[:len(fields)-1]))
	if s == nil {
		return true, tracedQuery{open: true}
	}
	return true, tracedQuery{columns: s.columns, open: s.open}
}

func pathOf(fields []*pg_query.Node) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.GetString_().GetSval()
	}
	return out
}

// find is the source of a name, in this query or one around it.
func (at *tracedScope) find(path []string) *tracedSource {
	for ; at != nil; at = at.outer {
		for _, s := range at.sources {
			if len(path) == 1 && s.name == path[0] || len(path) == 2 && s.relation == strings.Join(path, ".") {
				return s
			}
		}
	}
	return nil
}

// resolve is where a column reference leads.
func (at *tracedScope) resolve(path []string) trace {
	if len(path) > 1 {
		s := at.find(path[:len(path)-1])
		if s == nil {
			return trace{unknown: true}
		}
		if c, found := s.column(path[len(path)-1]); found {
			return c
		}
		return trace{unknown: true}
	}
	for ; at != nil; at = at.outer {
		if found, c := at.unqualified(path[0]); found {
			return c
		}
	}
	return trace{unknown: true}
}

// unqualified looks for a column by its name alone. Where no known source has it and several may, nobody can tell.
func (at *tracedScope) unqualified(name string) (bool, trace) {
	for _, c := range at.merged {
		if c.name == name {
			return true, c.trace
		}
	}
	var open []*tracedSource
	for _, s := range at.sources {
		if c, found := s.known(name); found {
			return true, c
		}
		if s.open {
			open = append(open, s)
		}
	}
	for _, s := range at.sources {
		if s.name == name { // the row as a whole, or a function's only value
			whole := trace{unknown: s.open}
			for _, c := range s.columns {
				whole.add(c.trace)
			}
			if s.open && s.relation == "" {
				whole = s.all
			}
			return true, whole
		}
	}
	switch {
	case len(open) == 0:
		return false, trace{}
	case len(open) == 1 && at.outer == nil:
		c, _ := open[0].column(name)
		return true, c
	default:
		return true, trace{unknown: true}
	}
}

// expression is where the value of an expression comes from.
func (t *tracer) expression(n *pg_query.Node, at *tracedScope) trace {
	if n == nil {
		return trace{}
	}
	return t.inside(n.ProtoReflect(), at)
}

// inside goes through an expression; only what has names or a scope of its own needs to be told apart.
func (t *tracer) inside(message protoreflect.Message, at *tracedScope) trace {
	var out trace
	switch node := message.Interface().(type) {
	case *pg_query.ColumnRef:
		if node.Fields[len(node.Fields)-1].GetAStar() != nil {
			_, q := t.star(&pg_query.Node{Node: &pg_query.Node_ColumnRef{ColumnRef: node}}, at)
			for _, c := range q.columns { // count(t.*), or a row as a whole
				out.add(c.trace)
			}
			out.unknown = out.unknown || q.open
			return out
		}
		return at.resolve(pathOf(node.Fields))
	case *pg_query.SelectStmt:
		for _, c := range t.query(node, at.ctes, at).columns {
			out.add(c.trace)
		}
		return out
	case *pg_query.SubLink:
		if node.SubLinkType == pg_query.SubLinkType_EXISTS_SUBLINK {
			return t.exists(node, at)
		}
	case *pg_query.A_Indirection:
		if part, found := t.part(node, at); found {
			return part
		}
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				out.add(t.inside(value.List().Get(i).Message(), at))
			}
		default:
			out.add(t.inside(value.Message(), at))
		}
		return true
	})
	return out
}

// exists is where it comes from whether a query returns a row: from what decides its rows, whatever they hold.
func (t *tracer) exists(s *pg_query.SubLink, at *tracedScope) trace {
	inside := &tracer{columns: t.columns, rows: trace{from: map[Origin]bool{}}}
	inside.query(s.Subselect.GetSelectStmt(), at.ctes, at)
	return inside.rows
}

// part is where a column of a row comes from that is taken as a whole: (o).id, as o.id does.
func (t *tracer) part(i *pg_query.A_Indirection, at *tracedScope) (trace, bool) {
	fields := i.Arg.GetColumnRef().GetFields()
	name := i.Indirection[0].GetString_()
	if len(fields) == 0 || len(fields) > 2 || name == nil || fields[len(fields)-1].GetAStar() != nil {
		return trace{}, false
	}
	path := pathOf(fields)
	if len(path) == 1 && at.hasColumn(path[0]) {
		return trace{}, false // a column of a composite type
	}
	s := at.find(path)
	if s == nil {
		return trace{}, false
	}
	return s.column(name.Sval)
}

// hasColumn reports whether a name is first of all that of a column, in this query or one around it.
func (at *tracedScope) hasColumn(name string) bool {
	for ; at != nil; at = at.outer {
		if slices.ContainsFunc(at.merged, func(c tracedColumn) bool { return c.name == name }) {
			return true
		}
		for _, s := range at.sources {
			if _, known := s.known(name); known {
				return true
			}
		}
	}
	return false
}

// order follows what rows are ordered by: names and numbers of what the query returns, or expressions.
func (t *tracer) order(list []*pg_query.Node, out tracedQuery, at *tracedScope) trace {
	var found trace
	for _, n := range list {
		if sort := n.GetSortBy(); sort != nil {
			n = sort.Node
		}
		if c, returned := out.named(n); returned {
			found.add(c)
			continue
		}
		found.add(t.expression(n, at))
	}
	return found
}

// group follows what rows are grouped by. There a name is first of all that of a column of FROM.
func (t *tracer) group(list []*pg_query.Node, out tracedQuery, at *tracedScope) trace {
	var found trace
	for _, n := range list {
		if fields := n.GetColumnRef().GetFields(); len(fields) == 1 {
			if own, c := at.unqualified(fields[0].GetString_().GetSval()); own {
				found.add(c)
				continue
			}
		}
		if c, returned := out.named(n); returned {
			found.add(c)
			continue
		}
		found.add(t.expression(n, at))
	}
	return found
}

// named is the returned column that a name or a number means.
func (q tracedQuery) named(n *pg_query.Node) (trace, bool) {
	at := int(n.GetAConst().GetIval().GetIval()) - 1
	if fields := n.GetColumnRef().GetFields(); len(fields) == 1 {
		name := fields[0].GetString_().GetSval()
		at = slices.IndexFunc(q.columns, func(c tracedColumn) bool { return c.name == name })
	}
	if at < 0 || at >= len(q.columns) || q.open {
		return trace{}, false
	}
	return q.columns[at].trace, true
}

func valuesColumn(i int) string { return fmt.Sprintf("column%d", i+1) }

// columnName is the name that PostgreSQL gives a column without one.
func columnName(n *pg_query.Node) string {
	name, _ := figureName(n)
	if name == "" {
		return "?column?"
	}
	return name
}

// figureName also says whether the name is one that somebody wrote, which wins over that of a type.
func figureName(n *pg_query.Node) (string, bool) {
	last := func(fields []*pg_query.Node) string {
		for _, f := range slices.Backward(fields) {
			if s := f.GetString_(); s != nil {
				return s.Sval
			}
		}
		return ""
	}
	switch e := n.GetNode().(type) {
	case *pg_query.Node_ColumnRef:
		return last(e.ColumnRef.Fields), true
	case *pg_query.Node_AIndirection:
		if name := last(e.AIndirection.Indirection); name != "" {
			return name, true
		}
		return figureName(e.AIndirection.Arg)
	case *pg_query.Node_FuncCall:
		return last(e.FuncCall.Funcname), true
	case *pg_query.Node_TypeCast:
		if name, written := figureName(e.TypeCast.Arg); written {
			return name, true
		}
		return last(e.TypeCast.TypeName.GetNames()), false
	case *pg_query.Node_CollateClause:
		return figureName(e.CollateClause.Arg)
	case *pg_query.Node_CaseExpr:
		if name, written := figureName(e.CaseExpr.Defresult); written {
			return name, true
		}
		return "case", false
	case *pg_query.Node_AArrayExpr:
		return "array", true
	case *pg_query.Node_RowExpr:
		return "row", true
	case *pg_query.Node_CoalesceExpr:
		return "coalesce", true
	case *pg_query.Node_MinMaxExpr:
		return strings.ToLower(strings.TrimPrefix(e.MinMaxExpr.Op.String(), "IS_")), true
	case *pg_query.Node_AExpr:
		if e.AExpr.Kind == pg_query.A_Expr_Kind_AEXPR_NULLIF {
			return "nullif", true
		}
	case *pg_query.Node_GroupingFunc:
		return "grouping", true
	case *pg_query.Node_SqlvalueFunction:
		name := strings.TrimPrefix(strings.ToLower(e.SqlvalueFunction.Op.String()), "svfop_")
		return strings.TrimSuffix(name, "_n"), true
	case *pg_query.Node_SubLink:
		return subLinkName(e.SubLink)
	}
	return "", false
}

func subLinkName(s *pg_query.SubLink) (string, bool) {
	switch s.SubLinkType {
	case pg_query.SubLinkType_EXISTS_SUBLINK:
		return "exists", true
	case pg_query.SubLinkType_ARRAY_SUBLINK:
		return "array", true
	case pg_query.SubLinkType_EXPR_SUBLINK:
		targets := s.Subselect.GetSelectStmt().GetTargetList()
		if len(targets) == 0 {
			return "", false
		}
		if name := targets[0].GetResTarget().GetName(); name != "" {
			return name, true
		}
		return figureName(targets[0].GetResTarget().GetVal())
	default:
		return "", false
	}
}
