package dag

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model"
)

// PlanOptions are what a plan is made for.
type PlanOptions struct {
	// Selected are the nodes that the plan may touch, assertions included.
	Selected []string
	// Extract includes streams; without it a plan holds none.
	Extract bool
	// Observe includes the relations that others fill, those selected and those that selected nodes read.
	Observe bool
	// Force runs every selected node; FullRefresh does too and says why.
	Force, FullRefresh bool
	// Windowed runs every selected model that has a window.
	Windowed bool
	// Sources gives the hash of what a node is built from: cheap, and always called.
	Sources func(*Node) string
	// Fingerprint gives the hash of what a node means: called only where the source hash is new.
	Fingerprint func(*Node) (string, error)
}

// Plan is what a run would do: a step for each selected node, each after all that it needs.
type Plan struct {
	Steps []Step `json:"steps"`
}

// Count is the number of steps with an action.
func (p Plan) Count(a Action) int {
	n := 0
	for _, s := range p.Steps {
		if s.Action == a {
			n++
		}
	}
	return n
}

// NewPlan decides what to do with each selected node, and why. It is a pure function of its arguments.
func NewPlan(g *Graph, state State, o PlanOptions) (Plan, error) {
	p := &planner{
		graph: g, state: state, options: o,
		selected:  make(map[string]bool, len(o.Selected)),
		steps:     map[string]*Step{},
		needs:     map[string][]string{},
		effective: map[string][]string{},
		after:     map[string]nodeSet{},
	}
	for _, name := range o.Selected {
		p.selected[name] = true
	}
	p.observe()
	var plan Plan
	var order []*Step
	for _, n := range g.Order() {
		if !p.selected[n.Name] || n.Kind == KindStream && !p.reads(n.Stream) {
			delete(p.selected, n.Name)
			continue
		}
		step, err := p.step(n)
		if err != nil {
			return Plan{}, err
		}
		p.steps[n.Name] = step
		order = append(order, step)
	}
	p.gate(order)
	p.lead(order)
	for _, step := range order {
		slices.Sort(step.Needs)
		step.Needs = slices.Compact(step.Needs)
		plan.Steps = append(plan.Steps, *step)
	}
	return plan, nil
}

// observe selects the relations that others fill and selected nodes read: nobody else would notice that they changed.
func (p *planner) observe() {
	if !p.options.Observe {
		return
	}
	for _, name := range p.options.Selected {
		for _, dep := range p.effectiveDeps(p.graph.Node(name)) {
			if s := p.graph.Node(dep).Stream; s != nil && s.External {
				p.selected[dep] = true
			}
		}
	}
}

// reads reports whether the plan has a step for a stream.
func (p *planner) reads(s *model.Stream) bool {
	if s.External {
		return p.options.Observe
	}
	return p.options.Extract
}

type planner struct {
	graph     *Graph
	state     State
	options   PlanOptions
	selected  map[string]bool
	steps     map[string]*Step
	needs     map[string][]string
	effective map[string][]string
	after     map[string]nodeSet
}

func (p *planner) step(n *Node) (*Step, error) {
	step := &Step{
		Name: n.Name, Kind: n.Kind, File: n.File, node: n,
		Needs: append([]string{}, p.needed(n.Name)...), // never nil: JSON has an empty list
	}
	for _, name := range p.effectiveDeps(n) {
		if s, ok := p.steps[name]; ok && s.Action != Skip && n.Name != name {
			step.Watch = append(step.Watch, name)
		}
	}
	var err error
	step.Action, step.Reason, err = p.decide(n, step)
	return step, err
}

// decide gives the action and its reason. The first reason that holds is the one that is told.
func (p *planner) decide(n *Node, step *Step) (Action, string, error) {
	switch {
	case n.Kind == KindStream && n.Stream.External:
		return Run, "compare", nil
	case n.Kind == KindStream:
		return Run, "extract", nil
	}
	s, known := p.state[n.Name]
	step.fresh = !known || !s.Exists
	step.redefined = step.fresh || s.SourceHash != p.options.Sources(n)
	switch {
	case !known && n.Kind == KindAssertion:
		return Run, "not judged since it last failed, or ever", nil
	case !known:
		return Run, "first build", nil
	case !s.Exists:
		return Run, "its relation is gone", nil
	case s.Replaced:
		return Run, "its relation was replaced by hand", nil
	case p.options.FullRefresh:
		return Run, "full refresh", nil
	case p.options.Force:
		return Run, "forced", nil
	case p.options.Windowed && n.Model != nil && n.Kind != KindAssertion && n.Model.Header.Window != "":
		return Run, "window given", nil
	case step.redefined:
		fingerprint, err := p.options.Fingerprint(n)
		if err != nil {
			return "", "", fmt.Errorf("fingerprint %s: %w", n.Name, err)
		}
		step.Fingerprint = fingerprint
		if s.Fingerprint == ofWindow {
			return Run, "built for a window", nil
		}
		if fingerprint != s.Fingerprint {
			return Run, "definition changed", nil
		}
	}
	if n.Kind == KindSeed || n.Kind == KindView && !n.Model.Expands() {
		return Skip, unchanged, nil // its data changes without it, or only with its file
	}
	step.widens = n.Kind == KindView
	if !s.Trusted {
		return Run, "the database was restored: what changed since is unknown", nil
	}
	step.driven = true
	if len(s.Pending) > 0 {
		return Run, "upstream changed: " + pending(s.Pending), nil
	}
	if !slices.Equal(s.DependsOn, p.effectiveDeps(n)) {
		step.driven = false
		return Run, "dependencies changed", nil
	}
	if len(step.Watch) > 0 {
		return Check, "if upstream changes", nil
	}
	return Skip, unchanged, nil
}

// pending tells the dependencies that changed, those with most rows first.
func pending(rows map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(rows), func(a, b string) int {
		return cmp.Or(cmp.Compare(rows[b], rows[a]), cmp.Compare(a, b))
	})
	const told = 3
	parts := make([]string, 0, told)
	for _, name := range names[:min(told, len(names))] {
		parts = append(parts, count(rows[name], "row")+" in "+name)
	}
	if len(names) > told {
		parts = append(parts, fmt.Sprintf("%d more", len(names)-told))
	}
	return strings.Join(parts, ", ")
}

// count says how many of a thing there are.
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// needed are the nearest selected ancestors of a node: order holds through nodes that are not selected, too.
func (p *planner) needed(name string) []string {
	if known, ok := p.needs[name]; ok {
		return known
	}
	var out []string
	for _, parent := range p.graph.Parents(name) {
		if p.selected[parent] {
			out = append(out, parent)
		} else {
			out = append(out, p.needed(parent)...)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	p.needs[name] = out
	return out
}

// effectiveDeps are the relations whose rows a node reads.
func (p *planner) effectiveDeps(n *Node) []string {
	if known, ok := p.effective[n.Name]; ok {
		return known
	}
	out := EffectiveDeps(p.graph, n)
	p.effective[n.Name] = out
	return out
}

// EffectiveDeps returns the sorted names of what a node reads: its dependencies and, since a view has no rows of its
// own, those of the views among them, and so on. A view itself is asked for its dependencies alone: when rows change it
// has nothing to do. Never nil, because the ledger keeps an empty list as one.
func EffectiveDeps(g *Graph, n *Node) []string {
	out := append([]string{}, n.Deps...)
	if n.Kind == KindView {
		return out
	}
	seen := map[string]bool{}
	for _, dep := range n.Deps {
		seen[dep] = true
	}
	for i := 0; i < len(out); i++ {
		d := g.Node(out[i])
		if d.Kind != KindView {
			continue
		}
		for _, dep := range d.Deps {
			if !seen[dep] {
				seen[dep] = true
				out = append(out, dep)
			}
		}
	}
	slices.Sort(out)
	return out
}

// gate makes each assertion of severity error stand before what it protects. One that reads its model and the model's
// ancestors alone is judged by the model's own step, before it publishes. Another waits for all that it reads, and the
// models that come after all of them wait for it.
func (p *planner) gate(order []*Step) {
	for _, a := range order {
		if a.Kind != KindAssertion || a.node.Severity() != "error" {
			continue
		}
		if judged := p.judgedBy(a.node); judged != nil {
			judged.Gates = append(judged.Gates, a.Name)
			if judged.Action == Run {
				a.Action, a.Reason = Run, "judged before "+judged.Name+" is published"
			}
		}
		p.protect(a)
	}
}

// lead lets one of the assertions that are judged alone, on single rows of one relation and for one reason, judge the
// others with it.
func (p *planner) lead(order []*Step) {
	leaders := map[string]*Step{}
	for _, step := range order {
		if step.Kind != KindAssertion || step.Action == Skip || !step.node.scannable() || p.gated(step) {
			continue
		}
		alike := fmt.Sprint(step.node.On[0], step.Action, step.Needs, step.Watch)
		if leader := leaders[alike]; leader == nil {
			leaders[alike] = step
		} else {
			leader.Leads = append(leader.Leads, step.Name)
			step.after = leader.Name
		}
	}
}

// gated reports whether the step that makes what the assertion judges will judge it.
func (p *planner) gated(a *Step) bool {
	made := p.steps[a.node.On[0]]
	return made != nil && slices.Contains(made.Gates, a.Name)
}

// judgedBy returns the step that can judge the assertion on content that is not published yet, or nil.
func (p *planner) judgedBy(a *Node) *Step {
	if len(a.On) != 1 {
		return nil
	}
	step, ok := p.steps[a.On[0]]
	if !ok || step.Action == Skip || step.Kind == KindStream {
		return nil
	}
	at := p.graph.index[step.Name]
	for _, dep := range a.Deps {
		if dep != step.Name && !p.descendants(dep)[at] {
			return nil
		}
	}
	return step
}

// protect makes the nearest steps that come after everything the assertion reads wait for it. Steps that come after
// only a part do not: two models that each are judged against the other would wait for one another.
func (p *planner) protect(a *Step) {
	after := p.afterAll(a.node)
	seen := p.graph.newSet()
	queue := slices.Clone(p.graph.children[p.graph.index[a.node.On[0]]])
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		n := p.graph.nodes[at]
		if seen[at] || n.Kind == KindAssertion {
			continue
		}
		seen[at] = true
		if after(at) {
			if step, ok := p.steps[n.Name]; ok {
				step.Needs = append(step.Needs, a.Name)
				continue
			}
		}
		queue = append(queue, p.graph.children[at]...)
	}
}

// afterAll tells of the places of nodes that come after what the assertion judges whether they come after all else that
// it reads.
func (p *planner) afterAll(a *Node) func(at int) bool {
	var each []nodeSet
	for _, dep := range a.Deps {
		if dep != a.On[0] {
			each = append(each, p.descendants(dep))
		}
	}
	return func(at int) bool {
		return !slices.ContainsFunc(each, func(after nodeSet) bool { return !after[at] })
	}
}

// keptDescendants is for how many nodes a plan keeps their descendants. Each takes a byte for every node of the project.
const keptDescendants = 256

// descendants are the nodes that come after one, without itself. They are kept: many facts are compared with one
// dimension.
func (p *planner) descendants(name string) nodeSet {
	known, ok := p.after[name]
	if !ok {
		if len(p.after) == keptDescendants {
			clear(p.after)
		}
		known = p.graph.beyond(name, p.graph.children)
		p.after[name] = known
	}
	return known
}
