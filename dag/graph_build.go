package dag

import (
	"fmt"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// The relations that terrace keeps beside the one that carries a node's name.
var companions = []string{model.VersionsSuffix, model.RejectsSuffix}

// ownerOf cuts the suffix of a companion relation off.
func ownerOf(relation string) string {
	for _, suffix := range companions {
		if owner, ok := strings.CutSuffix(relation, suffix); ok {
			return owner
		}
	}
	return relation
}

// builder turns a project into nodes with sound dependencies, noting what is not.
type builder struct {
	nodes    map[string]*Node
	disabled map[string]*model.Model
	problems []model.Problem
}

func newBuilder(p *model.Project) *builder {
	b := &builder{
		nodes:    make(map[string]*Node, 2*len(p.Models)+len(p.Streams)+len(p.Seeds)+len(p.Assertions)),
		disabled: map[string]*model.Model{},
	}
	b.addRelations(p)
	for i := range p.Seeds {
		b.judgeSeed(&p.Seeds[i])
	}
	for _, m := range p.Models {
		b.connect(m)
	}
	for _, a := range p.Assertions {
		b.addAssertion(a)
	}
	return b
}

func (b *builder) addRelations(p *model.Project) {
	for i := range p.Streams {
		s := &p.Streams[i]
		n := &Node{Name: s.Name, Kind: KindStream, File: s.File, Line: s.Line, Tags: s.Tags, Stream: s}
		n.Deps = slices.Clone(s.Reads)
		if s.Parent != "" && !slices.Contains(n.Deps, s.Parent) {
			n.Deps = append(n.Deps, s.Parent)
		}
		b.add(n)
	}
	for i := range p.Seeds {
		s := &p.Seeds[i]
		b.add(&Node{Name: s.Name, Kind: KindSeed, File: s.File, Tags: s.Tags, Seed: s})
	}
	for _, m := range p.Models {
		if m.Header.Disabled {
			b.disabled[m.Name] = m
			continue
		}
		b.add(&Node{
			Name: m.Name, Kind: NodeKind(m.Header.Kind), File: m.File,
			Tags: m.Header.Tags, Owner: m.Header.Owner, Model: m,
		})
	}
}

// add reports whether the name was free.
func (b *builder) add(n *Node) bool {
	taken, ok := b.nodes[n.Name]
	if !ok {
		b.nodes[n.Name] = n
		return true
	}
	b.problem(n.File, n.Line, 0,
		fmt.Sprintf("the name %s is taken by the %s in %s", n.Name, taken.Kind, taken.File),
		"rename one of the two; relations and assertions share one set of names")
	return false
}

// connect gives a model its dependencies, and the graph its inline assertions.
func (b *builder) connect(m *model.Model) {
	n := b.nodes[m.Name]
	if n == nil || n.Model != m {
		return
	}
	n.Deps = make([]string, 0, len(m.Header.DependsOn))
	for _, ref := range m.Header.DependsOn {
		if b.check(m.File, m.Name, "depends on", ref) {
			n.Deps = append(n.Deps, ref.Node)
		}
	}
	n.Deps = sortedSet(n.Deps)
	for i := range m.Header.Assert {
		b.addInline(m, &m.Header.Assert[i])
	}
}

// judgeSeed gives the graph the rules of a seed's columns, as inline assertions of the table that it is.
func (b *builder) judgeSeed(s *model.Seed) {
	n := b.nodes[s.Name]
	if n == nil || n.Seed != s {
		return
	}
	m := materialize.SeedModel(*s)
	m.File = describedIn(*s)
	for i := range s.Assert {
		b.addInline(m, &s.Assert[i])
	}
}

func (b *builder) addInline(m *model.Model, inline *model.Inline) {
	n := &Node{
		Name: m.Name + "." + inline.Name, Kind: KindAssertion, File: m.File, Line: inline.Line,
		Deps: []string{m.Name}, On: []string{m.Name}, Model: m, Inline: inline,
	}
	if inline.To != "" {
		to := inline.To
		if b.nodes[to] == nil {
			to = ownerOf(to)
		}
		ref := model.Ref{Name: inline.To, Node: to, Line: inline.Line, Col: 1}
		if !b.check(m.File, n.Name, "compares with", ref) {
			return
		}
		n.Deps = sortedSet(append(n.Deps, to))
	}
	b.add(n)
}

// addAssertion leaves out an assertion that judges a disabled model, with a warning: to disable a model must not mean
// to edit its tests.
func (b *builder) addAssertion(a *model.Assertion) {
	n := &Node{Name: a.Name, Kind: KindAssertion, File: a.File, Tags: a.Tags, Assertion: a}
	for _, ref := range a.On {
		if m := b.disabled[ref.Node]; m != nil {
			b.problems = append(b.problems, model.Problem{
				File: a.File, Line: ref.Line, Col: ref.Col, Severity: strict.Warning,
				Message: fmt.Sprintf("%s is left out: it judges %s, which is disabled", a.Name, ref.Name),
				Hint:    "enable " + m.File + ", or delete this file",
			})
			return
		}
		if !b.check(a.File, a.Name, "judges", ref) {
			return
		}
		n.On = append(n.On, ref.Node)
	}
	n.On = sortedSet(n.On)
	n.Deps = slices.Clone(n.On)
	b.add(n)
}

// check reports whether a reference leads to a node that can be depended on; who and verb begin the sentence if not.
func (b *builder) check(file, who, verb string, ref model.Ref) bool {
	if n := b.nodes[ref.Node]; n != nil && n.Kind != KindAssertion {
		return true
	}
	if m := b.disabled[ref.Node]; m != nil {
		b.problem(file, ref.Line, ref.Col, fmt.Sprintf("%s %s %s, which is disabled", who, verb, ref.Name),
			fmt.Sprintf("enable %s, or take the reference out", m.File))
		return false
	}
	hint := "name a stream, a seed or a model of this project; declare what others fill as a source of type existing"
	if near := strict.Nearest(ref.Node, b.relations()); near != "" {
		hint = "did you mean " + near + "?"
	}
	b.problem(file, ref.Line, ref.Col, fmt.Sprintf("%s %s %s, which is not in this project", who, verb, ref.Name), hint)
	return false
}

func (b *builder) relations() []string {
	names := make([]string, 0, len(b.nodes))
	for name, n := range b.nodes {
		if n.Kind != KindAssertion {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (b *builder) problem(file string, line, col int, message, hint string) {
	b.problems = append(b.problems, model.Problem{
		File: file, Line: line, Col: max(col, min(line, 1)), Severity: strict.Error, Message: message, Hint: hint,
	})
}

func (b *builder) sorted() []*Node {
	names := make([]string, 0, len(b.nodes))
	for name := range b.nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	nodes := make([]*Node, len(names))
	for i, name := range names {
		nodes[i] = b.nodes[name]
	}
	return nodes
}

// finish adds a problem for each cycle, each a list of nodes of which every one depends on the next, and the last on
// the first. Only models depend on anything that could depend on them.
func (b *builder) finish(cycles [][]*Node) []model.Problem {
	for _, cycle := range cycles {
		first, second := cycle[0], cycle[1%len(cycle)]
		path := make([]string, 0, len(cycle)+1)
		for _, n := range cycle {
			path = append(path, n.Name)
		}
		path = append(path, first.Name)
		ref := first.Model.Header.DependsOn[slices.IndexFunc(first.Model.Header.DependsOn,
			func(r model.Ref) bool { return r.Node == second.Name })]
		hint := "each depends on the next; take one of these out of its depends_on"
		if len(cycle) == 1 {
			hint = "take it out of depends_on; a model of kind incremental reads its own relation without naming it"
		}
		b.problem(first.File, ref.Line, ref.Col, "cycle of dependencies: "+strings.Join(path, " → "), hint)
	}
	return strict.Sort(b.problems)
}
