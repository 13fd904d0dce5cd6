package dag

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// EnvironmentOptions say what an environment is made of.
type EnvironmentOptions struct {
	// Name makes the names of its schemas: those of production after Name and two underscores.
	Name string
	// Selected are the nodes that the run may touch, assertions included.
	Selected []string
	// There reports whether the environment has built a relation, by its name there.
	There func(name string) bool
	// Differs says why production's relation is not what the node would build, "" when it is.
	Differs func(*Node) (string, error)
}

// Environment is a project of which some relations are built apart and everything else is read from production. Only
// what is built apart is ever written.
type Environment struct {
	Name string
	// Graph holds production's nodes and, under names of their own, those that are built apart.
	Graph *Graph
	// Selected are those of the selected nodes that are built or judged apart, by the names that they have there.
	Selected []string
	// Reads say, for the selected nodes and what they read, where each stands.
	Reads []EnvironmentRead
}

// EnvironmentRead is where a relation is read in an environment.
type EnvironmentRead struct {
	Name     string `json:"name"`
	Relation string `json:"relation"` // what is read: the environment's relation, or production's
	Apart    bool   `json:"apart"`
	Reason   string `json:"reason"`
}

// EnvironmentName is the name that a node has in an environment.
func EnvironmentName(environment, name string) string { return environment + "__" + name }

// Environment decides what an environment builds for itself: of what is selected, all that differs from production, and
// what comes after such a node. A node that is not selected is read from the environment where that differs and has
// been built there, and else from production. Errors are of type *EnvironmentError.
func (g *Graph) Environment(o EnvironmentOptions) (*Environment, error) {
	if err := g.refuseNames(o.Name); err != nil {
		return nil, err
	}
	b := apartBuilder{graph: g, EnvironmentOptions: o, selected: map[string]bool{}, apart: map[string]string{}}
	for _, name := range o.Selected {
		b.selected[name] = true
	}
	for _, n := range g.Order() {
		if err := b.decide(n); err != nil {
			return nil, err
		}
	}
	return b.environment()
}

// EnvironmentError says why an environment cannot be made, and what to do.
type EnvironmentError struct{ Message, Hint string }

func (e *EnvironmentError) Error() string { return e.Message }

// refuseNames refuses an environment whose schemas could be those of the project, or names that the server would cut.
func (g *Graph) refuseNames(environment string) error {
	const most = 63
	for _, n := range g.nodes {
		schema, _, _ := strings.Cut(n.Name, ".")
		if n.Kind == KindAssertion {
			continue
		}
		if strings.HasPrefix(schema, environment+"__") {
			return &EnvironmentError{
				Message: fmt.Sprintf("schema %s of the project looks like one of environment %s", schema, environment),
				Hint:    "Give the environment, or the folder, another name.",
			}
		}
		if own := EnvironmentName(environment, schema); len(own) > most {
			return &EnvironmentError{
				Message: fmt.Sprintf("schema %s would be longer than the %d bytes that PostgreSQL keeps", own, most),
				Hint:    "Give the environment a shorter name.",
			}
		}
	}
	return nil
}

type apartBuilder struct {
	EnvironmentOptions
	graph    *Graph
	selected map[string]bool
	apart    map[string]string // name in production → why it is built apart
	nodes    []*Node
}

// decide is asked of every node after all that it reads.
func (b *apartBuilder) decide(n *Node) error {
	reason := ""
	for _, dep := range n.Deps {
		if _, ok := b.apart[dep]; ok && reason == "" {
			reason = "reads " + EnvironmentName(b.Name, dep)
		}
	}
	switch {
	case n.Kind == KindStream:
		return nil
	case n.Kind == KindAssertion:
		if !b.selected[n.Name] {
			return nil
		}
	case !b.selected[n.Name] && !b.There(EnvironmentName(b.Name, n.Name)):
		return nil
	default:
		differs, err := b.Differs(n)
		if err != nil {
			return err
		}
		reason = orDefault(differs, reason)
	}
	if reason == "" {
		return nil
	}
	if n.Kind == KindSQL {
		if !b.selected[n.Name] {
			return nil
		}
		return &EnvironmentError{
			Message: fmt.Sprintf("%s is of kind sql: its statements write where they say, and that is production", n.Name),
			Hint:    fmt.Sprintf("Leave it out with --exclude %s+.", n.Name),
		}
	}
	b.apart[n.Name] = reason
	return nil
}

func (b *apartBuilder) environment() (*Environment, error) {
	out := &Environment{Name: b.Name}
	for _, n := range b.graph.nodes {
		b.nodes = append(b.nodes, n)
		if _, ok := b.apart[n.Name]; !ok {
			continue
		}
		own, err := b.node(n)
		if err != nil {
			return nil, err
		}
		b.nodes = append(b.nodes, own)
		if b.selected[n.Name] {
			out.Selected = append(out.Selected, own.Name)
		}
	}
	slices.SortFunc(b.nodes, func(x, y *Node) int { return strings.Compare(x.Name, y.Name) })
	out.Graph = link(b.nodes)
	out.Reads = b.reads()
	return out, nil
}

// own is the name that a relation, a companion perhaps, has in the environment, and whether it has one.
func (b *apartBuilder) own(relation string) (string, bool) {
	n := b.graph.Resolve(relation)
	if n == nil {
		return relation, false
	}
	if _, ok := b.apart[n.Name]; !ok {
		return relation, false
	}
	return EnvironmentName(b.Name, relation), true
}

func (b *apartBuilder) owns(relations []string) []string {
	out := make([]string, len(relations))
	for i, r := range relations {
		out[i], _ = b.own(r)
	}
	return sortedSet(out)
}

// node is the node as it is built apart.
func (b *apartBuilder) node(n *Node) (*Node, error) {
	out := *n
	out.Name = EnvironmentName(b.Name, n.Name)
	out.Deps, out.On = b.owns(n.Deps), b.owns(n.On)
	var err error
	switch {
	case n.Inline != nil:
		inline := *n.Inline
		inline.To, _ = b.own(inline.To)
		out.Inline = &inline
	case n.Model != nil:
		out.Model, err = b.model(n.Model)
	case n.Seed != nil:
		seed := *n.Seed
		seed.Name, seed.Schema = EnvironmentName(b.Name, seed.Name), EnvironmentName(b.Name, seed.Schema)
		out.Seed = &seed
	case n.Assertion != nil:
		out.Assertion, err = b.assertion(n)
	}
	return &out, err
}

// model is the model as it is built apart: its file's hash says as well where it reads.
func (b *apartBuilder) model(m *model.Model) (*model.Model, error) {
	names := map[string]string{}
	refs := slices.Clone(m.Header.DependsOn)
	hash := m.FileHash
	for i, ref := range refs {
		own, ok := b.own(ref.Name)
		if !ok {
			continue
		}
		names[ref.Name] = materialize.Quote(own)
		refs[i].Name, refs[i].Node = own, EnvironmentName(b.Name, ref.Node)
		hash += "," + own
	}
	moved, err := m.Repointed(names)
	if err != nil {
		return nil, err
	}
	out := *moved
	out.Name, out.Schema = EnvironmentName(b.Name, m.Name), EnvironmentName(b.Name, m.Schema)
	out.FileHash = hash
	out.Header.DependsOn = refs
	if spec := m.Header.Incremental; spec != nil {
		changed := map[string][]string{}
		for relation, expressions := range spec.Changed {
			own, _ := b.own(relation)
			changed[own] = expressions
		}
		out.Header.Incremental = &model.IncrementalSpec{By: spec.By, Changed: changed}
	}
	return &out, nil
}

func (b *apartBuilder) assertion(n *Node) (*model.Assertion, error) {
	out := *n.Assertion
	names := map[string]string{}
	for _, dep := range n.Deps {
		for _, relation := range []string{dep, dep + model.RejectsSuffix} {
			if own, ok := b.own(relation); ok {
				names[relation] = materialize.Quote(own)
			}
		}
	}
	query, err := model.ParseQuery(out.SQL)
	if err != nil {
		return nil, fmt.Errorf("re-point %s: %w", n.Name, err)
	}
	out.SQL = query.Exchange(names).SQL
	out.FileHash += "," + strings.Join(slices.Sorted(maps.Values(names)), ",")
	return &out, nil
}

// reads say where the selected nodes, and what they read, stand.
func (b *apartBuilder) reads() []EnvironmentRead {
	told := map[string]bool{}
	for name := range b.selected {
		n := b.graph.Node(name)
		if n.Kind == KindAssertion {
			continue
		}
		told[name] = n.Kind != KindStream
		for _, dep := range n.Deps {
			told[dep] = told[dep] || b.apart[name] != ""
		}
	}
	reads := []EnvironmentRead{}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		if !told[name] {
			continue
		}
		own, apart := b.own(name)
		reason := orDefault(b.apart[name], "as in production")
		if b.graph.Node(name).Kind == KindStream {
			reason = "a stream"
		}
		reads = append(reads, EnvironmentRead{Name: name, Relation: own, Apart: apart, Reason: reason})
	}
	return reads
}
