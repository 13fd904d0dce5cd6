package dag

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// The closed sets of values.
var (
	kindValues = []string{
		string(KindStream), string(KindSeed), string(KindView), string(KindTable), string(KindIncremental),
		string(KindSCD2), string(KindMaterializedView), string(KindSQL), string(KindAssertion),
	}
	severityValues = []string{string(model.SeverityError), string(model.SeverityWarn)}
	// stateValues are what a node may be, by the value that selects it.
	stateValues = map[string][]Change{
		"new":        {ChangeNew},
		"modified":   {ChangeNew, ChangeModified},
		"unmodified": {ChangeNone},
		"old":        {ChangeModified, ChangeNone},
	}
	// resultValues are the statuses of steps and assertions, by the value that selects them. dbt's words and the report's
	// words for one thing select the same nodes; failure is what a report says of assertions and of models alike.
	resultValues = map[string][]string{
		"success":         {"success", "pass"},
		"pass":            {"success", "pass"},
		"fail":            {"failure", "fail"},
		"failure":         {"failure", "fail", "error"},
		"error":           {"error"},
		"warn":            {"warn"},
		"skip":            {"skip", "skipped"},
		"skipped":         {"skip", "skipped"},
		"timeout":         {"timeout"},
		"cancelled":       {"cancelled"},
		"partial_success": {"partial_success"},
	}
)

// variable reports whether the criterion may rightly match nothing: what state: and result: match depends on the day,
// and what a named selector matches is judged where its own criteria are evaluated.
func (c criterion) variable() bool {
	return c.method == byState || c.method == byResult || c.method == bySelector
}

// match returns the nodes that have what the criterion asks for, before it reaches around them.
func (e *evaluator) match(c criterion) (nodeSet, error) {
	if c.method == bySelector {
		return e.namedSelector(c)
	}
	holds, err := e.condition(c)
	if err != nil {
		return nil, err
	}
	set := e.g.newSet()
	for i, n := range e.g.nodes {
		set[i] = holds(n)
	}
	if set.count() == 0 && !c.variable() && !e.ctx.AllowEmpty {
		return nil, &NothingSelectedError{Selector: c.text, Near: e.near(c)}
	}
	return set, nil
}

func (e *evaluator) condition(c criterion) (func(*Node) bool, error) {
	want := pattern(c.value)
	switch c.method {
	case byPath:
		return inPath(c.value), nil
	case byFile:
		return func(n *Node) bool { return n.Inline == nil && want.matches(path.Base(n.File)) }, nil
	case byTag:
		return func(n *Node) bool { return slices.ContainsFunc(n.Tags, want.matches) }, nil
	case byKind:
		return func(n *Node) bool { return want.matches(string(n.Kind)) }, oneOf(c, kindValues)
	case byOwner:
		return func(n *Node) bool { return want.matches(n.Owner) && n.Owner != "" }, nil
	case bySeverity:
		return want.matchesSeverity, oneOf(c, severityValues)
	case bySource:
		return want.matchesSource, nil
	case byTest:
		return want.matchesTest, nil
	case byState:
		return e.inState(c)
	case byResult:
		return e.withResult(c)
	default:
		return want.matchesName, nil
	}
}

func (e *evaluator) inState(c criterion) (func(*Node) bool, error) {
	if e.ctx.State == nil {
		return nil, &SelectorError{Selector: c.text, Pos: 1, Message: "this command knows no state to compare with"}
	}
	wanted := stateValues[c.value]
	holds := func(n *Node) bool { return slices.Contains(wanted, e.ctx.State(n.Name)) }
	return holds, oneOf(c, sortedKeys(stateValues))
}

func (e *evaluator) withResult(c criterion) (func(*Node) bool, error) {
	if e.ctx.Results == nil {
		return nil, &SelectorError{Selector: c.text, Pos: 1, Message: "this command asks for no results of runs"}
	}
	wanted := resultValues[c.value]
	holds := func(n *Node) bool { return slices.Contains(wanted, e.ctx.Results[n.Name]) }
	return holds, oneOf(c, sortedKeys(resultValues))
}

// oneOf refuses a value outside a closed set. A pattern may stand for several.
func oneOf(c criterion, values []string) error {
	open := c.method == byKind || c.method == bySeverity
	if slices.Contains(values, c.value) || open && pattern(c.value).wild() {
		return nil
	}
	example := values[0]
	if near := strict.Nearest(c.value, values); near != "" {
		example = near
	}
	return &SelectorError{
		Selector: c.text, Pos: 1 + strings.Index(c.text, ":") + 1,
		Message: fmt.Sprintf("%s is none of %s", c.value, strings.Join(values, ", ")),
		Example: c.method + ":" + example,
	}
}

// namedSelector evaluates a selection of the project's settings, once.
func (e *evaluator) namedSelector(c criterion) (nodeSet, error) {
	name := c.value
	text, ok := e.ctx.Selectors[name]
	if !ok {
		return nil, e.undefined(c)
	}
	if slices.Contains(e.open, name) {
		return nil, &SelectorError{
			Selector: c.text, Pos: 1,
			Message: "named selectors refer to each other in a circle: " + strings.Join(append(e.open, name), " → "),
		}
	}
	if set, ok := e.named[name]; ok {
		return slices.Clone(set), nil
	}
	e.open = append(e.open, name)
	set, err := e.union(text)
	e.open = e.open[:len(e.open)-1]
	if err != nil {
		return nil, fmt.Errorf("selector:%s: %w", name, err)
	}
	if e.named == nil {
		e.named = map[string]nodeSet{}
	}
	e.named[name] = set
	return slices.Clone(set), nil
}

func (e *evaluator) undefined(c criterion) error {
	defined := sortedKeys(e.ctx.Selectors)
	err := &SelectorError{
		Selector: c.text, Pos: 1 + strings.Index(c.text, ":") + 1,
		Message: fmt.Sprintf("no selector %s is defined under selectors: in terrace.yml", c.value),
	}
	if near := strict.Nearest(c.value, defined); near != "" {
		err.Example = bySelector + ":" + near
	}
	return err
}

// pattern is a value that may hold *, ? and [a-z].
type pattern string

func (p pattern) wild() bool { return strings.ContainsAny(string(p), "*?[") }

func (p pattern) matches(text string) bool {
	if !p.wild() {
		return string(p) == text
	}
	ok, _ := path.Match(string(p), text) // the parser has refused bad patterns
	return ok
}

func (p pattern) matchesName(n *Node) bool {
	if n.Inline != nil {
		return n.Name == string(p) || lastPart(n.Name) == string(p)
	}
	if p.wild() {
		return p.matches(n.Name) || p.matches(lastPart(n.Name)) || p.matches(dottedPath(n))
	}
	if owner, ok := strings.CutSuffix(string(p), n.companion()); ok && n.companion() != "" &&
		(n.Name == owner || lastPart(n.Name) == owner) {
		return true
	}
	return lastPart(n.Name) == string(p) || leads(n.Name, string(p)) || leads(dottedPath(n), string(p))
}

// companion is the suffix of the relation that is kept beside the one of the node's name, or "".
func (n *Node) companion() string {
	switch {
	case n.Stream != nil && !n.Stream.External:
		return model.VersionsSuffix
	case n.Model != nil && len(n.Model.Header.Rejects) > 0:
		return model.RejectsSuffix
	default:
		return ""
	}
}

func (p pattern) matchesSeverity(n *Node) bool {
	return n.Kind == KindAssertion && p.matches(string(n.Severity()))
}

// matchesSource takes a source, a stream, or both as source.stream.
func (p pattern) matchesSource(n *Node) bool {
	if n.Stream == nil {
		return false
	}
	return p.matches(n.Stream.Source) || p.matches(n.Name) || p.matches(lastPart(n.Name)) ||
		p.matches(n.Stream.Source+"."+lastPart(n.Name))
}

// matchesTest takes an assertion, or the node that assertions judge.
func (p pattern) matchesTest(n *Node) bool {
	if n.Kind != KindAssertion {
		return false
	}
	named := func(name string) bool { return p.matches(name) || p.matches(lastPart(name)) }
	return named(n.Name) || slices.ContainsFunc(n.On, named)
}

// inPath takes a file, a folder, or a pattern for either.
func inPath(value string) func(*Node) bool {
	wanted := path.Clean(value)
	wild := pattern(wanted).wild()
	return func(n *Node) bool {
		if n.Inline != nil || n.File == "" {
			return false
		}
		for at := n.File; at != "." && at != "/"; at = path.Dir(at) {
			if at == wanted || wild && doublestar.MatchUnvalidated(wanted, at) {
				return true
			}
		}
		return wanted == "."
	}
}

// leads reports whether the parts of a dotted name begin with those of prefix.
func leads(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || rest[0] == '.')
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// dottedPath is where a node stands below models/ or tests/, joined by dots: feiqiu.dwd.dim_member. The streams of one
// file stand in its folder.
func dottedPath(n *Node) string {
	below := strings.TrimPrefix(strings.TrimPrefix(n.File, "models/"), "tests/")
	switch {
	case n.File == "":
		return n.Name
	case n.Stream != nil:
		below = path.Join(path.Dir(below), lastPart(n.Name))
	default:
		below = strings.TrimSuffix(below, path.Ext(below))
	}
	return strings.ReplaceAll(below, "/", ".")
}

// near returns the criterion with the value that was probably meant, or "".
func (e *evaluator) near(c criterion) string {
	var candidates []string
	for _, n := range e.g.nodes {
		candidates = append(candidates, candidatesOf(c.method, n)...)
	}
	value := strict.Nearest(c.value, sortedSet(candidates))
	if value == "" {
		return ""
	}
	at := strings.LastIndex(c.text, c.value)
	return c.text[:at] + value + c.text[at+len(c.value):]
}

func candidatesOf(method string, n *Node) []string {
	switch {
	case method == byName && n.Inline == nil, method == byTest && n.Kind == KindAssertion:
		return []string{n.Name, lastPart(n.Name)}
	case method == byTag:
		return n.Tags
	case method == byOwner:
		return []string{n.Owner}
	case method == byPath:
		return []string{n.File, path.Dir(n.File)}
	case method == byFile:
		return []string{path.Base(n.File)}
	case method == bySource && n.Stream != nil:
		return []string{n.Stream.Source, n.Name}
	default:
		return nil
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
