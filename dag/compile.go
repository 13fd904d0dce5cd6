package dag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// CompileOptions say what a project is compiled with.
type CompileOptions struct {
	Vars     map[string]string
	Timezone string
	// State is what the database remembers of the nodes.
	State State
	// Sources gives the hash of what a node is made from. A model that has the hash of its state, and reads only such
	// models, is compiled against the relations as they stand; of any other an empty stand-in is made.
	Sources func(*Node) string
	// Shapes are the relations that streams will have, by name, for those that are not in the database yet.
	Shapes map[string]Shape
	// Budget is what the planner may expect of a model's query.
	Budget model.Budget
	// Broken reports files with mistakes that keep what they say from being known.
	Broken func(file string) bool
}

// Shape is what a relation will look like.
type Shape struct {
	Columns []materialize.Column
	Key     []string // of its primary key
}

// Compiled is what the server says of a project.
type Compiled struct {
	Problems []model.Problem
	// Columns are those that relations would have after a run, by name, as far as they are known.
	Columns map[string][]materialize.Column
	// Keys are the primary keys of those relations that have one.
	Keys map[string][]string
	// Skipped are the models that could not be compiled because something that they read could not; sorted.
	Skipped []string
}

// Compile lets the server understand every model, contract and assertion of the project, in one transaction that is
// rolled back, and reports everything that it refuses. Nothing is executed, and no relation is locked in a way that its
// readers or writers would notice. The graph should know what assertions read (WithReads).
//
// Models are described layer by layer, and nothing is made of them: where a query reads a model that is new or changed,
// or one that reads such a model, it is given a query without rows that returns that model's columns. Only of streams that
// are not there yet temporary tables are made, since their primary keys matter. Errors are the surroundings', never the
// project's.
func Compile(ctx context.Context, conn *pgx.Conn, g *Graph, opts CompileOptions) (Compiled, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return Compiled{}, fmt.Errorf("begin compiling: %w", err)
	}
	c := &compiler{
		CompileOptions: opts, conn: conn, tx: tx, graph: g,
		units: map[string]*unit{}, moved: map[string]bool{}, tables: map[string]bool{},
		columns: map[string][]materialize.Column{}, declared: map[string]string{},
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = tx.Rollback(ctx) // a broken connection has rolled back by itself
	}()
	for _, do := range []func(context.Context) error{c.open, c.look, c.relate, c.compileTypes, c.grantees, c.compileSources, c.compileModels, c.compileBudget, c.compileAssertions, c.functionHints, c.functionWrites, c.functionVars, c.rights} {
		if err := do(ctx); err != nil {
			return Compiled{}, err
		}
	}
	c.foreign()
	c.orphans()
	out := Compiled{Problems: strict.Sort(c.problems), Columns: c.columns, Keys: c.keys}
	for _, u := range c.order {
		if u.skipped {
			out.Skipped = append(out.Skipped, u.node.Name)
		}
	}
	slices.Sort(out.Skipped)
	return out, nil
}

// compiler is one run of Compile.
type compiler struct {
	CompileOptions
	conn  *pgx.Conn
	tx    pgx.Tx // on conn
	graph *Graph
	// there are the relations of the project's schemas that are in the database.
	there map[string]*materialize.Relation
	keys  map[string][]string
	units map[string]*unit
	order []*unit
	// moved are the relations that are not there, or not as they will be.
	moved map[string]bool
	// tables are the moved ones for which there is a temporary table.
	tables map[string]bool
	// columns are those of relations, as they will be, by name. A moved one without columns could not be compiled.
	columns map[string][]materialize.Column
	// declared are the catalog's names for the types that headers name; "" for one that is none.
	declared map[string]string
	types    sync.Map
	queue    []probe
	problems []model.Problem
	// functions are the problems that are about functions which are not there with such arguments.
	functions []unknownFunction
	fatal     error
}

// unit is a model that is compiled.
type unit struct {
	node  *Node
	model *model.Model
	// query is the parsed SQL, for models that need it; nil for those that are compiled as they stand.
	query *model.Query
	reads []string // relations
	// changed says that the model was never built as it is written now.
	changed bool
	// layer is 0 for a model that reads no other.
	layer  int
	fields []pgconn.FieldDescription
	ok     bool
	// skipped says that something it reads could not be compiled.
	skipped bool
}

// lockWait bounds how long compiling waits for a relation that somebody holds exclusively.
const lockWait = "10s"

func (c *compiler) open(ctx context.Context) error {
	vars, err := json.Marshal(c.Vars)
	if err != nil {
		return fmt.Errorf("encode vars: %w", err)
	}
	_, err = c.conn.Exec(ctx, `select set_config('search_path', '', true), set_config('timezone', $1, true),
    set_config('terrace.vars', $2, true), set_config('lock_timeout', $3, true),
    set_config('application_name', 'terrace:check', true)`, orDefault(c.Timezone, "UTC"), string(vars), lockWait)
	return wrap("begin compiling", err)
}

// look reads from the catalog what is there.
func (c *compiler) look(ctx context.Context) error {
	var schemas []string
	for _, n := range c.graph.nodes {
		for _, name := range c.relationsOf(n) {
			schema, _, _ := strings.Cut(name, ".")
			schemas = append(schemas, schema)
		}
	}
	for name := range c.State {
		schema, _, _ := strings.Cut(name, ".")
		schemas = append(schemas, schema)
	}
	var err error
	c.there, c.keys, err = relationsIn(ctx, c.conn, sortedSet(schemas))
	for name, r := range c.there {
		c.columns[name] = r.Columns
		if c.made(name) && !c.State[name].Replaced {
			r.Was = string(c.State[name].Kind)
		}
	}
	return err
}

// relationsIn reads the relations of schemas, and the primary keys of those that have one, by name.
func relationsIn(ctx context.Context, conn *pgx.Conn, schemas []string) (map[string]*materialize.Relation, map[string][]string, error) {
	rows, err := conn.Query(ctx, relationsSQL, schemas)
	if err != nil {
		return nil, nil, fmt.Errorf("look for relations: %w", err)
	}
	there, keys := map[string]*materialize.Relation{}, map[string][]string{}
	var name, kind string
	var names, types, key []string
	_, err = pgx.ForEachRow(rows, []any{&name, &kind, &names, &types, &key}, func() error {
		there[name] = &materialize.Relation{Kind: materialize.RelationKind(kind), Columns: columnsOf(names, types)}
		if len(key) > 0 {
			keys[name] = slices.Clone(key)
		}
		return nil
	})
	return there, keys, wrap("look for relations", err)
}

// relationsOf are the relations that a node makes and others may read.
func (c *compiler) relationsOf(n *Node) []string {
	switch {
	case n.Kind == KindAssertion:
		return nil
	case n.companion() != "":
		return []string{n.Name, n.Name + n.companion()}
	case n.Kind == KindSQL:
		return []string{n.Model.Header.Target}
	default:
		return []string{n.Name}
	}
}

// flush sends what is queued.
func (c *compiler) flush(ctx context.Context) error {
	queue := c.queue
	c.queue = nil
	if err := ask(ctx, c.conn.PgConn(), queue); err != nil {
		return err
	}
	return c.fatal
}

// refuse notes what the server says of SQL that stands in a file. Where it is the surroundings' fault compiling ends.
func (c *compiler) refuse(server *pgconn.PgError, at model.Problem) {
	if unavailable(server) || server.Code == lockTimedOut || server.Code == "57014" {
		if c.fatal == nil {
			c.fatal = fmt.Errorf("compile %s: %w", at.File, server)
		}
		return
	}
	at.Severity = strict.Error
	at.Message = fmt.Sprintf("%s%s [%s]", at.Message, server.Message, server.Code)
	if at.Hint == "" {
		at.Hint = hintFor(server, "", "")
	}
	if server.Code == noSuchFunction {
		c.functions = append(c.functions, unknownFunction{len(c.problems), server.Message})
	}
	c.problems = append(c.problems, at)
}

// placed is the place of an error in a statement that came from a file, whose SQL it is, with what to do about it.
func (c *compiler) placed(file, sql string, line int, sent model.Exchanged, server *pgconn.PgError) model.Problem {
	at := model.Problem{File: file, Line: line, Col: 1}
	before, behind := "", ""
	if server.Position > 0 {
		before = sent.Before(int(server.Position) - 1)
		at.Line, at.Col = place(before, line)
		behind = strings.TrimPrefix(sql, before)
	}
	if at.Hint = hintFor(server, before, behind); at.Hint == "" {
		at.Hint = columnsByName(c.columns).columnHint(server, sql)
	}
	return at
}

// columnsFrom gives the columns that a statement returns. It asks the server for the names of types it has not met.
func (c *compiler) columnsFrom(ctx context.Context, fields []pgconn.FieldDescription) ([]materialize.Column, error) {
	if err := nameTypes(ctx, c.conn, &c.types, fields); err != nil {
		return nil, fmt.Errorf("name types: %w", err)
	}
	columns := make([]materialize.Column, len(fields))
	for i, f := range fields {
		name, _ := c.types.Load(columnType{f.DataTypeOID, f.TypeModifier})
		columns[i] = materialize.Column{Name: f.Name, Type: name.(string)}
	}
	return columns, nil
}

// foreign warns of relations in the places of nodes that terrace did not make: a run would refuse to touch them.
func (c *compiler) foreign() {
	warn := func(n *Node, line int, message, hint string) {
		c.problems = append(c.problems, model.Problem{
			File: n.File, Line: line, Col: 1, Severity: strict.Warning, Message: message, Hint: hint,
		})
	}
	for _, n := range c.graph.nodes {
		if c.isForeign(n) {
			message, hint := notOurs(n.Name, c.there[n.Name].Kind, c.made(n.Name))
			warn(n, 1, message, hint)
		}
		if m := n.model(); m != nil && n.relation() != "" {
			if err := materialize.KeepsVersions(materialize.Input{Model: m, Existing: c.there[n.Name]}); err != nil {
				message, hint, key := refusal(err)
				c.faultAt(n.File, m.Place(key), message, hint)
			}
		}
		if n.Model == nil || len(n.Model.Header.Rejects) == 0 {
			continue
		}
		name := materialize.RejectsName(n.Name)
		if there := c.there[name]; there != nil && !slices.Equal(there.Columns, materialize.RejectColumns) {
			warn(n, n.Model.Header.Rejects[0].Line, fmt.Sprintf("%s is there already, a %s that terrace did not make", name, there.Kind), rejectsTaken)
		}
	}
}

// made reports whether a relation was built as a node of that name. What statements of kind sql made is theirs.
func (c *compiler) made(node string) bool {
	state, built := c.State[node]
	return built && state.Kind != KindSQL
}

// isForeign reports whether a relation stands under a node's name that is not what the node was built as.
func (c *compiler) isForeign(n *Node) bool {
	return c.there[n.relation()] != nil && (!c.made(n.Name) || c.State[n.Name].Replaced)
}

// grantees finds the roles that headers grant something to and that are not there: a run would fail on them.
func (c *compiler) grantees(ctx context.Context) error {
	granting := func(n *Node) bool { return n.Model != nil && n.Inline == nil && len(n.Model.Header.Grants) > 0 }
	if !slices.ContainsFunc(c.graph.nodes, granting) {
		return nil
	}
	known, err := texts(ctx, c.conn, "select r.rolname::text from pg_roles as r order by 1")
	if err != nil {
		return fmt.Errorf("look for roles: %w", err)
	}
	for _, n := range c.graph.nodes {
		if granting(n) {
			c.unknownRoles(n.Model, known)
		}
	}
	return nil
}

func (c *compiler) unknownRoles(m *model.Model, known []string) {
	for privilege, roles := range m.Header.Grants {
		for _, role := range roles {
			if role == "public" || slices.Contains(known, role) {
				continue
			}
			hint := fmt.Sprintf("create role %s; makes it.", pgx.Identifier{role}.Sanitize())
			if near := strict.Nearest(role, known); near != "" {
				hint = fmt.Sprintf("Did you mean %q? Else: %s", near, hint)
			}
			c.faultAt(m.File, m.Place("grants", privilege), fmt.Sprintf("%s is granted to %q, and there is no such role", privilege, role), hint)
		}
	}
}

// orphans are relations of production whose model is gone. They are somebody's to drop. What an environment built goes
// with the environment.
func (c *compiler) orphans() {
	for name, s := range c.State {
		if s.Environment != "" || s.Kind == KindAssertion || s.Kind == KindSQL || c.graph.Node(name) != nil || c.there[name] == nil {
			continue
		}
		c.problems = append(c.problems, model.Problem{
			Severity: strict.Warning,
			Message:  fmt.Sprintf("%s is in the database and no longer in the project", name),
			Hint:     "terrace clean --orphans --yes drops it.",
		})
	}
}

// refusal is the message and hint of a model that cannot be kept as its header says, and the header's key that says so.
func refusal(err error) (message, hint, key string) {
	var refused *materialize.RefusedError
	if errors.As(err, &refused) {
		return refused.Message, refused.Hint, orDefault(refused.Key, "kind")
	}
	return err.Error(), "", "kind"
}
