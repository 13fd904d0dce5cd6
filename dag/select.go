package dag

import (
	"fmt"
	"slices"
	"strings"
)

// AssertionMode says which assertions come with the nodes that a selection names. An assertion that a selector matches
// itself is selected in every mode.
type AssertionMode string

// The modes. In each, an assertion comes only when it reads a selected node.
const (
	EagerAssertions     AssertionMode = "eager"     // it does; the default
	CautiousAssertions  AssertionMode = "cautious"  // all that it reads is selected
	BuildableAssertions AssertionMode = "buildable" // all that it reads is selected, or an ancestor of what is
	NoAssertions        AssertionMode = "empty"     // never
)

// Change is what a node is against the state of its last success, for the selector method state:.
type Change string

// The changes. A node without a state is new.
const (
	ChangeNew      Change = "new"
	ChangeModified Change = "modified"
	ChangeNone     Change = "unmodified"
)

// SelectContext is what selectors may refer to beside the graph. The zero value serves selectors that refer to nothing.
type SelectContext struct {
	// State serves state:. Without it such a selector is an error.
	State func(node string) Change
	// Results serves result:, from node to the status of its step or assertion in the last run. Nil makes such a
	// selector an error.
	Results map[string]string
	// Selectors serves selector:, from name to selection.
	Selectors map[string]string
	// Assertions is EagerAssertions unless set.
	Assertions AssertionMode
	// AllowEmpty makes a selector that matches nothing select nothing, rather than fail.
	AllowEmpty bool
}

// Selection is a set of nodes of one graph. The zero value is empty.
type Selection struct {
	nodes []*Node // sorted by name
}

// Len is the number of nodes.
func (s Selection) Len() int { return len(s.nodes) }

// Nodes returns the nodes, sorted by name.
func (s Selection) Nodes() []*Node { return slices.Clone(s.nodes) }

// Names returns the names of the nodes, sorted.
func (s Selection) Names() []string {
	names := make([]string, len(s.nodes))
	for i, n := range s.nodes {
		names[i] = n.Name
	}
	return names
}

// Has reports whether the node of that name is selected.
func (s Selection) Has(name string) bool {
	_, found := slices.BinarySearchFunc(s.nodes, name, func(n *Node, name string) int {
		return strings.Compare(n.Name, name)
	})
	return found
}

// Only returns the nodes that keep is true for.
func (s Selection) Only(keep func(*Node) bool) Selection {
	var kept []*Node
	for _, n := range s.nodes {
		if keep(n) {
			kept = append(kept, n)
		}
	}
	return Selection{nodes: kept}
}

// NothingSelectedError is a selector that matches nothing.
type NothingSelectedError struct {
	Selector string
	Near     string // a selector like it that matches something, or ""
	Exclude  string // what removed everything that Selector matches, or ""
}

// Error names the selector, and the near one.
func (e *NothingSelectedError) Error() string {
	switch {
	case e.Exclude != "":
		if e.Selector == "" {
			return fmt.Sprintf("everything is excluded by %q", e.Exclude)
		}
		return fmt.Sprintf("everything that selector %q matches is excluded by %q", e.Selector, e.Exclude)
	case e.Near != "":
		return fmt.Sprintf("selector %q matches nothing; did you mean %s?", e.Selector, e.Near)
	default:
		return fmt.Sprintf("selector %q matches nothing; terrace ls lists what there is", e.Selector)
	}
}

// Select returns the nodes that any of include matches and none of exclude. No include means every node.
//
// The grammar is dbt's. A space joins by or, a comma by and; the comma binds closer. A criterion is a name or
// method:value, with +, 2+ or @ before it and + or +1 after it. A name is a node's whole name (feiqiu_dwd.dim_member),
// its last part (dim_member: in every schema that has one), the leading parts of either its name or its path below
// models/ or tests/ (feiqiu.dwd), or a pattern of *, ? and [a-z], in which * also stands for dots. An inline assertion
// follows its model: leading parts, patterns and paths do not reach it, its whole name, its last part and test: do.
//
// Assertions come along as ctx.Assertions says, before commas are applied, so that dim_member,path:tests/ are the
// assertions of dim_member that have their own files. Exclude takes every assertion that reads an excluded node away.
//
// The error is a *SelectorError or, unless ctx allows it, a *NothingSelectedError: a criterion, include and exclude
// alike, that matches no node of the graph, or an empty result. state: and result: may come out empty beside others,
// since that depends on the day and not on the spelling.
func (g *Graph) Select(ctx SelectContext, include, exclude []string) (Selection, error) {
	selected, err := g.included(ctx, include)
	if err != nil {
		return Selection{}, err
	}
	before := selected.count()
	if err := g.exclude(ctx, selected, exclude); err != nil {
		return Selection{}, err
	}
	result := Selection{nodes: g.pick(selected.positions())}
	if result.Len() > 0 || ctx.AllowEmpty || len(include)+len(exclude) == 0 {
		return result, nil
	}
	nothing := &NothingSelectedError{Selector: strings.Join(include, " ")}
	if before > 0 {
		nothing.Exclude = strings.Join(exclude, " ")
	}
	return Selection{}, nothing
}

func (g *Graph) included(ctx SelectContext, include []string) (nodeSet, error) {
	e := &evaluator{g: g, ctx: ctx, mode: ctx.Assertions}
	if len(include) > 0 {
		return e.arguments(include)
	}
	return g.everything(), nil
}

func (g *Graph) exclude(ctx SelectContext, selected nodeSet, exclude []string) error {
	e := &evaluator{g: g, ctx: ctx, mode: EagerAssertions}
	excluded, err := e.arguments(exclude)
	if err != nil {
		return fmt.Errorf("exclude: %w", err)
	}
	selected.remove(excluded)
	return nil
}

// evaluator turns one side of a selection, what is included or what is excluded, into nodes.
type evaluator struct {
	g     *Graph
	ctx   SelectContext
	mode  AssertionMode
	open  []string           // the named selectors that are being evaluated
	named map[string]nodeSet // those that have been
}

func (e *evaluator) arguments(arguments []string) (nodeSet, error) {
	all := e.g.newSet()
	for _, text := range arguments {
		set, err := e.union(text)
		if err != nil {
			return nil, err
		}
		all.add(set)
	}
	return e.withAssertions(all), nil
}

func (e *evaluator) union(text string) (nodeSet, error) {
	terms, err := parseSelector(text)
	if err != nil {
		return nil, err
	}
	all := e.g.newSet()
	for _, t := range terms {
		set, err := e.intersection(t)
		if err != nil {
			return nil, err
		}
		all.add(set)
	}
	return all, nil
}

func (e *evaluator) intersection(t term) (nodeSet, error) {
	var common nodeSet
	fixed := true
	for _, c := range t.criteria {
		set, err := e.criterion(c)
		if err != nil {
			return nil, err
		}
		fixed = fixed && !c.variable()
		if common == nil {
			common = set
			continue
		}
		common.keep(set)
	}
	if fixed && common.count() == 0 && !e.ctx.AllowEmpty {
		return nil, &NothingSelectedError{Selector: t.text}
	}
	return common, nil
}

// criterion returns the nodes that match and those around them.
func (e *evaluator) criterion(c criterion) (nodeSet, error) {
	matched, err := e.match(c)
	if err != nil {
		return nil, err
	}
	if c.around {
		down := e.settle(matched, e.g.walk(matched, e.g.children, unlimited))
		return e.settle(matched, e.g.walk(down, e.g.parents, unlimited)), nil
	}
	reached := e.g.walk(matched, e.g.parents, c.up)
	reached.add(e.g.walk(matched, e.g.children, c.down))
	return e.settle(matched, reached), nil
}

// settle lets assertions that were only reached in passing come along as the mode says, like all others.
func (e *evaluator) settle(matched, reached nodeSet) nodeSet {
	for i, n := range e.g.nodes {
		if reached[i] && !matched[i] && n.Kind == KindAssertion {
			reached[i] = false
		}
	}
	return e.withAssertions(reached)
}

// withAssertions returns the set and the assertions that come with it.
func (e *evaluator) withAssertions(set nodeSet) nodeSet {
	all := slices.Clone(set)
	if e.mode == NoAssertions {
		return all
	}
	allowed := e.mayRead(set)
	for i, n := range e.g.nodes {
		if n.Kind != KindAssertion {
			continue
		}
		reads := e.g.parents[i]
		touches := slices.ContainsFunc(reads, func(p int) bool { return set[p] })
		strays := slices.ContainsFunc(reads, func(p int) bool { return !allowed[p] })
		all[i] = all[i] || touches && !strays
	}
	return all
}

// mayRead returns the nodes that an assertion may read and still come with the set.
func (e *evaluator) mayRead(set nodeSet) nodeSet {
	switch e.mode {
	case CautiousAssertions:
		return set
	case BuildableAssertions:
		return e.g.walk(set, e.g.parents, unlimited)
	default:
		return e.g.everything()
	}
}
