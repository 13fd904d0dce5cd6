package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Read is one place at which SQL reads a relation.
type Read struct {
	Name     string // "feiqiu_dwd.dim_member", without quotes; the relation alone when no schema is written
	Schema   string // "" when none is written
	Relation string
	Database string // "" when none is written
	// Offset and Length are the bytes of the name in the SQL as it is written there, quotes and schema included.
	Offset, Length int
	// Aliased reports that the query gives the relation another name, so that the name here can be replaced without
	// a word elsewhere in the query.
	Aliased bool
}

// Reads lists every place at which the statements read a relation, in the order of the text. Names of common table
// expressions are resolved as PostgreSQL does and are no reads; neither are relations that are only written to.
func Reads(sql string) ([]Read, error) {
	a, err := analyse(sql)
	if err != nil {
		return nil, err
	}
	tokens, err := scanSQL(sql)
	if err != nil {
		return nil, err
	}
	for i := range a.reads {
		r := &a.reads[i]
		r.Length = nameEnd(tokens, r.Offset, a.parts[r.Offset]) - r.Offset
	}
	return a.reads, nil
}

// Vars lists the names in calls of terrace.var('name'), sorted. A call whose name is not a plain text is listed as "*":
// it may read any.
func Vars(sql string) ([]string, error) {
	a, err := analyse(sql)
	if err != nil {
		return nil, err
	}
	return a.vars, nil
}

// anyVar stands in the list of vars for a call whose argument is computed.
const anyVar = "*"

// analysis is what the syntax tree of some SQL says.
type analysis struct {
	statements []*pg_query.RawStmt
	reads      []Read
	writes     []Read
	volatile   []call // calls whose value differs from run to run
	foreign    []call // calls of functions that other tools have, with the call as it was written
	vars       []string
	varCalls   []call      // of vars that are named by a plain text
	parameters []call      // places such as $1 that nobody fills in
	parts      map[int]int // offset of a read → number of names joined by dots
	drops      []Read      // relations, and schemas: Relation is "" and Name the schema's with a dot; without a place
	within     []Read      // relations that are written in blocks of code; without a place
	opaque     bool        // a statement does what only the server knows
	calls      []call      // of functions that are neither the server's nor terrace's
}

// call is one place at which a function is called.
type call struct {
	name    string
	instead string // what to write
	offset  int
}

func analyse(sql string) (*analysis, error) {
	statements, err := parseSQL(sql)
	if err != nil {
		return nil, err
	}
	w := &walker{analysis: &analysis{statements: statements, parts: map[int]int{}}}
	for _, s := range statements {
		drops, within := len(w.drops), len(w.within)
		w.walk(s.ProtoReflect(), nil)
		for i := range w.drops[drops:] {
			w.drops[drops+i].Offset = int(s.StmtLocation)
		}
		for i := range w.within[within:] {
			w.within[within+i].Offset = int(s.StmtLocation)
		}
	}
	return w.finish(), nil
}

// walker goes through a syntax tree. The tree's classes are many and read alike, so that it goes by what fields hold;
// only those that give a relation's name a meaning are named.
type walker struct{ *analysis }

// scope is the common table expressions that a place sees, the innermost first.
type scope struct {
	name  string
	outer *scope
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return true
		}
	}
	return false
}

func (w *walker) walk(message protoreflect.Message, ctes *scope) {
	switch node := message.Interface().(type) {
	case *pg_query.RangeVar:
		w.read(node, ctes)
		return
	case *pg_query.LockingClause:
		return // FOR UPDATE OF names what FROM has named before
	case *pg_query.TruncateStmt:
		w.writeAll(node.Relations)
		return
	case *pg_query.DropStmt:
		w.drop(node)
		return
	case *pg_query.DoStmt:
		w.opaque = true
		w.dropsWithin(node)
		return
	case *pg_query.CallStmt:
		w.opaque = true
	case *pg_query.LockStmt, *pg_query.GrantStmt:
		return
	case *pg_query.FuncCall:
		w.function(node)
	case *pg_query.SQLValueFunction:
		w.sqlValue(node)
	case *pg_query.TypeCast:
		w.momentary(node)
	case *pg_query.ParamRef:
		w.parameters = append(w.parameters, call{name: fmt.Sprintf("$%d", node.Number), offset: int(node.Location)})
	}
	ctes = w.with(message, ctes)
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Message() == nil || field.Name() == "with_clause" {
			return true
		}
		if !field.IsList() {
			w.field(message, value.Message(), ctes)
			return true
		}
		for i := range value.List().Len() {
			w.walk(value.List().Get(i).Message(), ctes)
		}
		return true
	})
}

// field goes into a single message. A relation that stands directly in a statement's own field is what the statement
// acts on; what it reads comes in lists and general nodes.
func (w *walker) field(parent, child protoreflect.Message, ctes *scope) {
	relation, ok := child.Interface().(*pg_query.RangeVar)
	if !ok {
		w.walk(child, ctes)
		return
	}
	switch statement := parent.Interface().(type) {
	case *pg_query.Node, *pg_query.TableLikeClause:
		w.read(relation, ctes)
	case *pg_query.CopyStmt:
		if statement.IsFrom {
			w.write(relation)
		} else {
			w.read(relation, ctes)
		}
	case *pg_query.Constraint: // the other end of a foreign key
	default:
		w.write(relation)
	}
}

// with goes into the common table expressions of a statement and gives the scope of the rest. Each sees those before
// it, and with RECURSIVE all of them.
func (w *walker) with(message protoreflect.Message, ctes *scope) *scope {
	field := message.Descriptor().Fields().ByName("with_clause")
	if field == nil || !message.Has(field) {
		return ctes
	}
	clause, ok := message.Get(field).Message().Interface().(*pg_query.WithClause)
	if !ok {
		return ctes
	}
	all := ctes
	for _, cte := range clause.Ctes {
		all = &scope{name: cte.GetCommonTableExpr().GetCtename(), outer: all}
	}
	seen := ctes
	for _, cte := range clause.Ctes {
		if clause.Recursive {
			seen = all
		}
		w.walk(cte.ProtoReflect(), seen)
		seen = &scope{name: cte.GetCommonTableExpr().GetCtename(), outer: seen}
	}
	return all
}

func (w *walker) read(r *pg_query.RangeVar, ctes *scope) {
	if r.Schemaname == "" && ctes.has(r.Relname) {
		return
	}
	read := readOf(r)
	w.reads = append(w.reads, read)
	parts := 1
	if r.Schemaname != "" {
		parts++
	}
	if r.Catalogname != "" {
		parts++
	}
	w.parts[read.Offset] = parts
}

// drop notes relations and schemas that a statement drops. The tree has no places for them.
func (w *walker) drop(statement *pg_query.DropStmt) {
	for _, object := range statement.Objects {
		if statement.RemoveType == pg_query.ObjectType_OBJECT_SCHEMA {
			schema := object.GetString_().GetSval()
			w.drops = append(w.drops, Read{Name: schema + ".", Schema: schema})
			continue
		}
		if !slices.Contains(droppedRelations, statement.RemoveType) {
			return
		}
		var parts []string
		for _, part := range object.GetList().GetItems() {
			parts = append(parts, part.GetString_().GetSval())
		}
		if len(parts) > 1 {
			schema, relation := parts[len(parts)-2], parts[len(parts)-1]
			w.drops = append(w.drops, Read{Name: schema + "." + relation, Schema: schema, Relation: relation})
		}
	}
}

var droppedRelations = []pg_query.ObjectType{
	pg_query.ObjectType_OBJECT_TABLE, pg_query.ObjectType_OBJECT_VIEW, pg_query.ObjectType_OBJECT_MATVIEW, pg_query.ObjectType_OBJECT_FOREIGN_TABLE,
}

func (w *walker) write(r *pg_query.RangeVar) { w.writes = append(w.writes, readOf(r)) }

func (w *walker) writeAll(relations []*pg_query.Node) {
	for _, n := range relations {
		if r := n.GetRangeVar(); r != nil {
			w.write(r)
		}
	}
}

func readOf(r *pg_query.RangeVar) Read {
	name := r.Relname
	if r.Schemaname != "" {
		name = r.Schemaname + "." + r.Relname
	}
	return Read{Name: name, Schema: r.Schemaname, Relation: r.Relname, Database: r.Catalogname, Offset: int(r.Location), Aliased: r.Alias != nil}
}

// What stands for a function whose value differs from run to run.
const (
	useRunAt  = "for the time of the run write terrace.run_at()"
	useTheKey = "derive it from the key, which a rebuild gives again: md5(the key's columns as text)"
)

// volatile are the functions that make a model's content depend on when it is built, with what stands for them.
var volatile = map[string]string{
	"now": useRunAt, "clock_timestamp": useRunAt, "statement_timestamp": useRunAt, "transaction_timestamp": useRunAt, "timeofday": useRunAt,
	"random": useTheKey, "random_normal": useTheKey, "nextval": useTheKey,
	"gen_random_uuid": useTheKey, "uuidv4": useTheKey, "uuidv7": useTheKey,
	"uuid_generate_v1": useTheKey, "uuid_generate_v1mc": useTheKey, "uuid_generate_v4": useTheKey,
}

func (w *walker) function(f *pg_query.FuncCall) {
	var path []string
	for _, part := range f.Funcname {
		path = append(path, part.GetString_().GetSval())
	}
	name := path[len(path)-1]
	if len(path) > 1 && path[0] != "pg_catalog" && path[0] != "terrace" {
		w.calls = append(w.calls, call{name: strings.Join(path, "."), offset: int(f.Location)})
	}
	if len(path) == 1 && slices.Contains(otherTools, name) {
		arguments := make([]string, len(f.Args))
		for i, arg := range f.Args {
			arguments[i] = "'" + constant(arg) + "'"
		}
		w.foreign = append(w.foreign, call{name + "()", name + "(" + strings.Join(arguments, ", ") + ")", int(f.Location)})
	}
	if instead, ok := volatile[name]; ok {
		w.volatile = append(w.volatile, call{name + "()", instead, int(f.Location)})
	}
	if name == "age" && len(f.Args) == 1 { // counted from today
		w.volatile = append(w.volatile, call{"age() of one argument", "say from when: age(terrace.run_at(), …)", int(f.Location)})
	}
	if strings.Join(path, ".") == "terrace.var" && len(f.Args) == 1 {
		name := constant(f.Args[0])
		w.vars = append(w.vars, name)
		if name != anyVar {
			w.varCalls = append(w.varCalls, call{name: name, offset: int(f.Location)})
		}
	}
}

// constant is the text that an argument is, or anyVar.
func constant(arg *pg_query.Node) string {
	if named := arg.GetNamedArgExpr(); named != nil {
		arg = named.Arg
	}
	if text, ok := arg.GetAConst().GetVal().(*pg_query.A_Const_Sval); ok {
		return text.Sval.GetSval()
	}
	return anyVar
}

func (w *walker) sqlValue(f *pg_query.SQLValueFunction) {
	_, name, _ := strings.Cut(strings.ToLower(f.Op.String()), "svfop_")
	name = strings.TrimSuffix(name, "_n")
	if strings.HasPrefix(name, "current_time") || strings.HasPrefix(name, "localtime") || name == "current_date" {
		w.volatile = append(w.volatile, call{name, useRunAt, int(f.Location)})
	}
}

// momentary notes words that a type of times reads as the moment in which the query is parsed: a view keeps that for ever.
func (w *walker) momentary(cast *pg_query.TypeCast) {
	text := constant(cast.Arg)
	path := cast.TypeName.GetNames()
	if len(path) == 0 || !slices.Contains(moments, strings.ToLower(strings.TrimSpace(text))) {
		return
	}
	if name := path[len(path)-1].GetString_().GetSval(); strings.HasPrefix(name, "time") || name == "date" {
		w.volatile = append(w.volatile, call{fmt.Sprintf("'%s' as a %s", text, name), useRunAt, int(cast.Arg.GetAConst().GetLocation())})
	}
}

var moments = []string{"now", "today", "yesterday", "tomorrow"}

// finish sorts what was found and forgets the reads of temporary tables that the statements make themselves.
func (w *walker) finish() *analysis {
	w.reads = slices.DeleteFunc(w.reads, func(r Read) bool {
		return r.Schema == "" && slices.ContainsFunc(w.writes, func(made Read) bool { return made.Name == r.Name })
	})
	byOffset := func(a, b Read) int { return cmp.Compare(a.Offset, b.Offset) }
	slices.SortFunc(w.reads, byOffset)
	slices.SortFunc(w.writes, byOffset)
	slices.SortFunc(w.volatile, func(a, b call) int { return cmp.Compare(a.offset, b.offset) })
	slices.Sort(w.vars)
	w.vars = slices.Compact(w.vars)
	return w.analysis
}

// nameEnd is where a name of so many parts ends that begins at offset: names may have comments and space between the
// dots, and dots in quotes.
func nameEnd(tokens []*pg_query.ScanToken, offset, parts int) int {
	i, _ := slices.BinarySearchFunc(tokens, offset, func(t *pg_query.ScanToken, at int) int { return cmp.Compare(int(t.Start), at) })
	words := 2*parts - 1
	end := offset
	for ; i < len(tokens) && words > 0; i++ {
		if isComment(tokens[i]) {
			continue
		}
		words--
		end = int(tokens[i].End)
	}
	return end
}

func isComment(t *pg_query.ScanToken) bool {
	return t.Token == pg_query.Token_SQL_COMMENT || t.Token == pg_query.Token_C_COMMENT
}
