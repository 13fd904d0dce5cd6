package dag

import (
	"slices"

	"github.com/terrace-elt/terrace/dag/model"
)

// NodeKind says what a node is. The values are what reports show and what the selector method kind: takes.
type NodeKind string

// The kinds of nodes. A model's node has the kind of its header.
const (
	KindStream           NodeKind = "stream"
	KindSeed             NodeKind = "seed"
	KindView             NodeKind = NodeKind(model.View)
	KindTable            NodeKind = NodeKind(model.Table)
	KindIncremental      NodeKind = NodeKind(model.Incremental)
	KindSCD2             NodeKind = NodeKind(model.SCD2)
	KindMaterializedView NodeKind = NodeKind(model.MaterializedView)
	KindSQL              NodeKind = NodeKind(model.SQL)
	KindAssertion        NodeKind = "assertion"
)

// Node is one thing that a run can act on, or judge with. It is not changed after NewGraph.
type Node struct {
	Name string
	Kind NodeKind
	// File declares the node; for an inline assertion it is the file of its model.
	File  string
	Line  int // 0 when the whole file is meant
	Tags  []string
	Owner string
	// Deps are the names of the nodes that this one reads, sorted.
	Deps []string
	// On are the names of the nodes that an assertion judges, sorted; a part of Deps.
	On []string

	// What the node was made from: one is set, except that an inline assertion also has the Model that carries it.
	Stream    *model.Stream
	Seed      *model.Seed
	Model     *model.Model
	Assertion *model.Assertion
	Inline    *model.Inline
}

// Severity is that of an assertion, and "" for any other node.
func (n *Node) Severity() model.Severity {
	switch {
	case n.Inline != nil:
		return n.Inline.Severity
	case n.Assertion != nil:
		return n.Assertion.Severity
	default:
		return ""
	}
}

// Described are the columns that the node's files say something of: a model's header, or the YAML beside a seed.
func (n *Node) Described() []model.Column {
	switch {
	case n.Seed != nil:
		return n.Seed.Columns
	case n.Model != nil:
		return n.Model.Header.Columns
	default:
		return nil
	}
}

// Fills is the relation that a step on the node fills, "" for an assertion.
func (n *Node) Fills() string {
	switch n.Kind {
	case KindAssertion:
		return ""
	case KindSQL:
		return n.Model.Header.Target
	default:
		return n.Name
	}
}

// Graph is the nodes of a project and what reads what. It is immutable and may be used by many goroutines. Slices that
// its methods return belong to the caller, the nodes in them do not.
//
// Inside, a node is its position in the list sorted by name, so that ascending positions are sorted names.
type Graph struct {
	nodes    []*Node
	index    map[string]int
	parents  [][]int
	children [][]int
	order    []int
	height   []int // edges on the longest path down to a node that nothing reads
	depth    []int // edges on the longest path up to a node that reads nothing
	knotted  bool  // there is a cycle
}

// NewGraph makes the graph of a project. Disabled models are left out. The problems, sorted by place, are dependencies
// on nodes that are disabled or do not exist, names that are taken, and cycles; the graph beside them holds whatever is
// sound and serves for listing, never for a run.
func NewGraph(p *model.Project) (*Graph, []model.Problem) {
	b := newBuilder(p)
	g := link(b.sorted())
	return g, b.finish(g.cycles())
}

// link makes a graph of nodes sorted by name, all of whose Deps are among them.
func link(nodes []*Node) *Graph {
	g := &Graph{
		nodes:    nodes,
		index:    make(map[string]int, len(nodes)),
		parents:  make([][]int, len(nodes)),
		children: make([][]int, len(nodes)),
	}
	for i, n := range nodes {
		g.index[n.Name] = i
	}
	for i, n := range nodes {
		g.parents[i] = make([]int, 0, len(n.Deps))
		for _, dep := range n.Deps {
			parent := g.index[dep]
			g.parents[i] = append(g.parents[i], parent)
			g.children[parent] = append(g.children[parent], i)
		}
	}
	g.measure()
	return g
}

// WithReads returns a graph in which assertions also depend on the relations that their SQL reads. The map is from an
// assertion's name to relations as written in SQL; what is no node of the project is left out.
func (g *Graph) WithReads(reads map[string][]string) *Graph {
	nodes := slices.Clone(g.nodes)
	for i, n := range nodes {
		if n.Kind != KindAssertion || len(reads[n.Name]) == 0 {
			continue
		}
		with := *n
		with.Deps = slices.Clone(n.Deps)
		for _, relation := range reads[n.Name] {
			if dep := g.Resolve(relation); dep != nil && dep.Kind != KindAssertion {
				with.Deps = append(with.Deps, dep.Name)
			}
		}
		with.Deps = sortedSet(with.Deps)
		nodes[i] = &with
	}
	return link(nodes)
}

// Len is the number of nodes.
func (g *Graph) Len() int { return len(g.nodes) }

// Node returns the node of that name, or nil.
func (g *Graph) Node(name string) *Node {
	if i, ok := g.index[name]; ok {
		return g.nodes[i]
	}
	return nil
}

// Resolve returns the node that a relation belongs to, or nil: the one of that name, or else, for x__versions and
// x__rejects, the node x.
func (g *Graph) Resolve(relation string) *Node {
	if n := g.Node(relation); n != nil {
		return n
	}
	return g.Node(ownerOf(relation))
}

// Nodes returns every node, sorted by name.
func (g *Graph) Nodes() []*Node { return slices.Clone(g.nodes) }

// Order returns every node, each after all that it reads. Of those that could come next, the one with the longest
// remaining path comes first, then the one whose name sorts first. Nodes on or below a cycle come last, by name.
func (g *Graph) Order() []*Node { return g.pick(g.order) }

// Parents returns the names of the nodes that a node reads, sorted.
func (g *Graph) Parents(name string) []string { return g.related(name, g.parents) }

// Children returns the names of the nodes that read a node, sorted.
func (g *Graph) Children(name string) []string { return g.related(name, g.children) }

// Ancestors returns the names of all nodes that a node depends on, directly or not, sorted.
func (g *Graph) Ancestors(name string) []string { return g.reachable(name, g.parents) }

// Descendants returns the names of all nodes that depend on a node, directly or not, sorted.
func (g *Graph) Descendants(name string) []string { return g.reachable(name, g.children) }

// Depth is the number of edges on the longest path from a node up to one that reads nothing.
func (g *Graph) Depth(name string) int { return g.measured(name, g.depth) }

// Remaining is the number of edges on the longest path from a node down to one that nothing reads.
func (g *Graph) Remaining(name string) int { return g.measured(name, g.height) }

func (g *Graph) measured(name string, lengths []int) int {
	if i, ok := g.index[name]; ok {
		return lengths[i]
	}
	return 0
}

func (g *Graph) related(name string, edges [][]int) []string {
	i, ok := g.index[name]
	if !ok {
		return nil
	}
	return g.names(edges[i])
}

func (g *Graph) reachable(name string, edges [][]int) []string {
	return g.beyond(name, edges).names(g)
}

// beyond are the nodes that can be reached from a node, without itself: on a cycle it reaches itself, but it is still no
// ancestor that could come before it. None for a name that is no node.
func (g *Graph) beyond(name string, edges [][]int) nodeSet {
	start := g.newSet()
	i, ok := g.index[name]
	if !ok {
		return start
	}
	start[i] = true
	found := g.walk(start, edges, unlimited)
	found[i] = false
	return found
}

func (g *Graph) pick(positions []int) []*Node {
	picked := make([]*Node, len(positions))
	for i, position := range positions {
		picked[i] = g.nodes[position]
	}
	return picked
}

func (g *Graph) names(positions []int) []string {
	names := make([]string, len(positions))
	for i, position := range positions {
		names[i] = g.nodes[position].Name
	}
	return names
}

func sortedSet(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
