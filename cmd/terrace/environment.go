package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/dag"
)

// apart is the name of the chosen environment when it builds beside production, else "".
func (p *project) apart(a *App) string {
	if p.Config.Environments[a.settings.environment].Apart {
		return a.settings.environment
	}
	return ""
}

// inEnvironment is the name that a node has where it is built beside production, and its own in production ("").
func inEnvironment(env, name string) string {
	if env == "" {
		return name
	}
	return dag.EnvironmentName(env, name)
}

// refuseLanding keeps an environment that is built beside production from filling production's streams.
func (a *App) refuseLanding(p *project, command string) error {
	env := p.apart(a)
	if env == "" {
		return nil
	}
	hint := "Leave --env out to land records, then: terrace run --env " + env
	if command == "update" {
		hint = fmt.Sprintf("Write terrace run --env %s, which reads production's streams as they are; or update --no-extract.", env)
	}
	return &inputError{
		message: fmt.Sprintf("environment %s reads production's streams and lands nothing", env),
		hint:    hint,
	}
}

// enter makes the project that of the environment: the graph has what is built apart, and the selection is that part.
func (w *work) enter(selected dag.Selection) ([]string, error) {
	name := w.project.apart(w.app)
	if name == "" {
		return selected.Names(), nil
	}
	environment, err := w.project.graph.Environment(dag.EnvironmentOptions{
		Name: name, Selected: selected.Names(),
		There:   func(own string) bool { return w.state[own].Exists },
		Differs: w.differs,
	})
	if err != nil {
		return nil, err
	}
	w.environment, w.project.graph = environment, environment.Graph
	return environment.Selected, nil
}

// inPlace is the node as the environment has it: under its own name there, and reading what stands there, where it differs
// from production or reads what does. What has no query of its own and was not built there is production's.
func (p *project) inPlace(ctx context.Context, a *App, conn *pgx.Conn, n *dag.Node) (*dag.Node, error) {
	name := p.apart(a)
	if name == "" || n.Kind == dag.KindStream || n.Kind == dag.KindSQL {
		return n, nil
	}
	state, err := dag.LoadState(ctx, conn)
	if err != nil {
		return nil, err
	}
	w := &work{app: a, project: p, conn: conn, state: state}
	there := func(own string) bool { return state[own].Exists }
	environment, err := p.graph.Environment(dag.EnvironmentOptions{Name: name, Selected: []string{n.Name}, There: there, Differs: w.differs})
	if err != nil {
		return nil, err
	}
	own := environment.Graph.Node(dag.EnvironmentName(name, n.Name))
	if own == nil || own.Seed != nil && !there(own.Name) {
		return n, nil
	}
	return own, nil
}

// differs says why production's relation is not what the node would build, "" when it is.
func (w *work) differs(n *dag.Node) (string, error) {
	s, known := w.state[n.Name]
	if !known || !s.Exists {
		return "not in production", nil
	}
	if s.SourceHash == w.project.sourceHash(n) {
		return "", nil
	}
	fingerprint, err := w.project.fingerprint(n)
	if err != nil || fingerprint == s.Fingerprint {
		return "", err
	}
	return "definition changed", nil
}

// environmentDocument is an environment as plan --json shows it.
type environmentDocument struct {
	Name  string                `json:"name"`
	Reads []dag.EnvironmentRead `json:"reads"`
}

func (w *work) environmentDocument() *environmentDocument {
	if w.environment == nil {
		return nil
	}
	return &environmentDocument{Name: w.environment.Name, Reads: w.environment.Reads}
}

// printEnvironment says where each relation of the plan is read.
func (a *App) printEnvironment(e *dag.Environment) {
	if e == nil || len(e.Reads) == 0 {
		return
	}
	t := newTable(a.Stdout, "RELATION", "IN "+e.Name, "WHY")
	for _, r := range e.Reads {
		where := "production"
		if r.Apart {
			where = r.Relation
		}
		t.AppendRow(table.Row{r.Name, where, r.Reason})
	}
	t.Render()
	a.printf("")
}

// chooseEnvironment finds what an environment has built: all of it, or what is selected.
func (c *CleanCmd) chooseEnvironment(ctx context.Context, p *project, conn *pgx.Conn, env string) (cleaning, error) {
	drop := cleaning{environment: env}
	built, err := dag.LoadBuilt(ctx, conn, env)
	if err != nil {
		return drop, err
	}
	chosen := func(string) bool { return true }
	if len(c.include()) > 0 || len(c.Exclude) > 0 {
		if chosen, err = c.chosen(p); err != nil {
			return drop, err
		}
	}
	prefix := dag.EnvironmentName(env, "")
	for _, b := range built {
		if chosen(strings.TrimPrefix(b.Name, prefix)) {
			drop.models = append(drop.models, b)
		}
	}
	drop.relations, err = relationsOf(ctx, conn, drop)
	return drop, err
}
