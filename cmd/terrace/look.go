package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// openDatabase connects for commands that look without running.
func (a *App) openDatabase(ctx context.Context) (*pgx.Conn, error) {
	config, err := a.projectConfig(ctx)
	if err != nil {
		return nil, err
	}
	return a.connect(ctx, config)
}

// LsCmd is terrace ls.
type LsCmd struct {
	Selection
	All bool `help:"List assertions as well."`
}

// Run implements the command. It opens the database only for selectors that ask what is in it.
func (c *LsCmd) Run(ctx context.Context, a *App) error {
	p, err := a.load()
	if err != nil {
		return err
	}
	selectors := dag.SelectContext{Selectors: p.Config.Selectors, AllowEmpty: c.AllowEmpty, Assertions: dag.NoAssertions}
	if c.All {
		selectors.Assertions = dag.EagerAssertions
	}
	if asksState(append(c.include(), c.Exclude...)) {
		if err := a.addState(ctx, p, &selectors); err != nil {
			return err
		}
	}
	selection, err := p.graph.Select(selectors, c.include(), c.Exclude)
	if err != nil {
		return err
	}
	if len(c.include()) == 0 && !c.All {
		selection = selection.Only(func(n *dag.Node) bool { return n.Kind != dag.KindAssertion })
	}
	if a.JSON {
		return a.printJSON(listed(selection))
	}
	var names strings.Builder
	for _, name := range selection.Names() {
		names.WriteString(name + "\n")
	}
	_, err = fmt.Fprint(a.Stdout, names.String())
	return err
}

func asksState(selectors []string) bool {
	text := strings.Join(selectors, " ")
	return strings.Contains(text, "state:") || strings.Contains(text, "result:") || strings.Contains(text, "selector:")
}

// addState lets selectors ask what was built and how the last run ended.
func (a *App) addState(ctx context.Context, p *project, selectors *dag.SelectContext) error {
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	w := &work{app: a, project: p, conn: conn}
	if w.state, err = dag.LoadState(ctx, conn); err != nil {
		return err
	}
	results, err := w.lastResults(ctx)
	if err != nil {
		return err
	}
	selectors.Results = results
	selectors.State, err = p.changes(ctx, conn, w.state)
	return err
}

// listedNode is a node as ls --json shows it.
type listedNode struct {
	Name      string       `json:"name"`
	Kind      dag.NodeKind `json:"kind"`
	File      string       `json:"file"`
	DependsOn []string     `json:"depends_on"`
	Tags      []string     `json:"tags"`
	Owner     string       `json:"owner,omitempty"`
}

func listed(s dag.Selection) []listedNode {
	out := make([]listedNode, 0, s.Len())
	for _, n := range s.Nodes() {
		out = append(out, listedNode{n.Name, n.Kind, n.File, n.Deps, n.Tags, n.Owner})
	}
	return out
}

// node finds the one node that a name means.
func (p *project) node(name string) (*dag.Node, error) {
	if n := p.graph.Node(name); n != nil {
		return n, nil
	}
	var found []string
	var names []string
	for _, n := range p.graph.Nodes() {
		_, relation, _ := strings.Cut(n.Name, ".")
		names = append(names, n.Name, relation)
		if strings.HasSuffix(n.Name, "."+name) {
			found = append(found, n.Name)
		}
	}
	switch len(found) {
	case 1:
		return p.graph.Node(found[0]), nil
	case 0:
		return nil, &inputError{message: fmt.Sprintf("no node %q", name), hint: nearestNode(name, names)}
	default:
		return nil, &inputError{message: fmt.Sprintf("%q is the name of several nodes", name), hint: "Name one of " + strings.Join(found, ", ") + "."}
	}
}

func nearestNode(name string, names []string) string {
	if near := strict.Nearest(name, names); near != "" {
		return fmt.Sprintf("Did you mean %s? terrace ls lists what there is.", near)
	}
	return "terrace ls lists what there is."
}

// ShowCmd is terrace show.
type ShowCmd struct {
	Node string `arg:"" predictor:"node" help:"The node."`
}

// Run implements the command. It shows the script that the node's next build would execute, against the database as it
// is; nothing is executed.
func (c *ShowCmd) Run(ctx context.Context, a *App) error {
	p, err := a.load()
	if err != nil {
		return err
	}
	n, err := p.node(c.Node)
	if err != nil {
		return err
	}
	if n.Kind != dag.KindAssertion && n.Model == nil {
		return &inputError{message: fmt.Sprintf("%s is a %s: there is no SQL to show", n.Name, n.Kind), hint: "terrace show takes models and assertions."}
	}
	if n.Kind == dag.KindAssertion && p.apart(a) == "" {
		return a.printAssertion(n)
	}
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	if n, err = p.inPlace(ctx, a, conn, n); err != nil {
		return err
	}
	if n.Kind == dag.KindAssertion {
		return a.printAssertion(n)
	}
	script, err := dag.Explain(ctx, conn, n.Model, p.Config.Timezone)
	if err != nil {
		return err
	}
	return a.printScript(script)
}

func (a *App) printAssertion(n *dag.Node) error {
	if n.Inline != nil {
		return a.printQuery(materialize.Assertion(*n.Inline, materialize.Quote(n.On[0])))
	}
	return a.printQuery(n.Assertion.SQL)
}

// shownScript is a script as show --json prints it: what is executed, in this order, and what is asked between.
type shownScript struct {
	Build   []string `json:"build"`
	Checks  []string `json:"checks"`
	Index   []string `json:"index"`
	Publish []string `json:"publish"`
	Last    []string `json:"last,omitempty"`
}

func (a *App) printQuery(sql string) error {
	if a.JSON {
		return a.printScript(materialize.Script{Build: []materialize.Statement{{SQL: sql}}})
	}
	a.printf("%s", sql)
	return nil
}

func (a *App) printScript(script materialize.Script) error {
	if a.JSON {
		shown := shownScript{Build: texts(script.Build), Checks: []string{}, Index: texts(script.Index), Publish: texts(script.Publish), Last: texts(script.Last)}
		for _, c := range script.Checks {
			shown.Checks = append(shown.Checks, c.SQL)
		}
		return a.printJSON(shown)
	}
	for _, s := range slices.Concat(script.Build, script.Index, script.Publish, script.Last) {
		a.printf("%s;\n", s.SQL)
	}
	return nil
}

func texts(statements []materialize.Statement) []string {
	out := make([]string, len(statements))
	for i, s := range statements {
		out[i] = s.SQL
	}
	return out
}

// PreviewCmd is terrace preview.
type PreviewCmd struct {
	Node  string `arg:"" predictor:"node" help:"The model or assertion."`
	Limit uint   `default:"10" help:"Rows to show."`
}

// Run implements the command, in a transaction that reads only.
func (c *PreviewCmd) Run(ctx context.Context, a *App) error {
	p, err := a.load()
	if err != nil {
		return err
	}
	n, err := p.node(c.Node)
	if err != nil {
		return err
	}
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	if n, err = p.inPlace(ctx, a, conn, n); err != nil {
		return err
	}
	sql, file, line, err := queryOf(n)
	if err != nil {
		return err
	}
	names, rows, err := dag.Preview(ctx, conn, dag.Query{Node: n.Name, SQL: sql, File: file, Line: line, Limit: int(c.Limit), Vars: p.vars, Timezone: p.Config.Timezone})
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(map[string]any{"columns": names, "rows": rows})
	}
	a.printRows(names, rows)
	return nil
}

func queryOf(n *dag.Node) (sql, file string, line int, err error) {
	switch {
	case n.Inline != nil:
		return materialize.Assertion(*n.Inline, materialize.Quote(n.On[0])), n.File, n.Line, nil
	case n.Assertion != nil:
		return n.Assertion.SQL, n.File, n.Assertion.SQLLine, nil
	case n.Model != nil && n.Kind != dag.KindSQL:
		return n.Model.SQL, n.File, n.Model.SQLLine, nil
	default:
		return fmt.Sprintf("select * from %s", materialize.Quote(n.Name)), n.File, 1, nil
	}
}
