package model

import (
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// CheckSQL parses the SQL of the given models, and of the assertions that judge one of them, and compares it with the
// headers: every relation that is read is declared, and every declared one is read. With nil it checks the whole
// project. It opens no database: whether columns exist and types fit is the server's to say.
func (p *Project) CheckSQL(models []*Model) []Problem {
	assertions := p.Assertions
	if models == nil {
		models = p.Models
	} else {
		assertions = judging(p.Assertions, models)
	}
	c := sqlChecker{project: p, catalog: p.catalog(), streams: map[string]bool{}}
	for _, s := range p.Streams {
		c.streams[s.Name] = !s.External // tables of others have columns and types
	}
	found := make([][]Problem, len(models)+len(assertions))
	inParallel(len(found), func(i int) {
		if i < len(models) {
			found[i] = c.model(models[i])
		} else {
			found[i] = c.assertion(assertions[i-len(models)])
		}
	})
	return strict.Sort(slices.Concat(found...))
}

func judging(assertions []*Assertion, models []*Model) []*Assertion {
	wanted := map[string]bool{}
	for _, m := range models {
		wanted[m.Name] = true
	}
	var out []*Assertion
	for _, a := range assertions {
		if slices.ContainsFunc(a.On, func(r Ref) bool { return wanted[r.Node] }) {
			out = append(out, a)
		}
	}
	return out
}

// inParallel calls do for 0 to n-1, as many at once as there are processors.
func inParallel(n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}

// sqlChecker is read by several goroutines and changes nothing.
type sqlChecker struct {
	project *Project
	catalog *catalog
	streams map[string]bool
}

func (c *sqlChecker) model(m *Model) []Problem {
	text := sqlText{file: m.File, line: m.SQLLine, sql: m.SQL, many: m.Header.Kind == SQL, catalog: c.catalog}
	a, problems := text.analyse()
	problems = append(problems, c.expressions(m)...)
	if a == nil || strict.HasErrors(problems) {
		return problems
	}
	problems = append(problems, c.reads(m, text, a.reads)...)
	for _, f := range a.foreign {
		if text.many {
			break // statements may have set search_path
		}
		problems = append(problems, text.place(f.offset).problem(f.name+" is a function of another tool; a model is plain SQL", text.insteadOf(f.instead)))
	}
	if m.undeclared {
		return problems // what of it is wrong has been told
	}
	problems = append(problems, c.unread(m, slices.Concat(a.reads, m.Header.conditionReads()))...)
	if m.Header.Kind == SQL {
		problems = append(problems, c.writes(m, text, a)...)
	}
	problems = append(problems, c.variables(text, a)...)
	for _, v := range a.volatile {
		problems = append(problems, text.place(v.offset).warning(
			fmt.Sprintf("%s gives another value in each run, so that a rebuild gives other rows", v.name),
			v.instead))
	}
	return problems
}

// ownReads are the kinds whose statements may look at the relation as it stands.
var ownReads = []Kind{Incremental, SQL}

func (c *sqlChecker) reads(m *Model, text sqlText, reads []Read) []Problem {
	var problems []Problem
	fail := func(r Read, message, hint string) {
		problems = append(problems, text.place(r.Offset).problem(message, hint))
	}
	for _, r := range reads {
		node, known := c.catalog.nodes[r.Name]
		switch {
		case r.Database != "":
			fail(r, fmt.Sprintf("%s.%s is in a database by name, and a query reads one database", r.Database, r.Name), "write "+r.Name)
		case systemRelation(r):
		case r.Schema == "":
			fail(r, fmt.Sprintf("%s has no schema, and search_path is empty", r.Name), c.qualify(r.Name))
		case known && node == m.Name && declared(m, r.Name): // a cycle, which the graph tells
		case known && node == m.Name && !slices.Contains(ownReads, m.Header.Kind):
			fail(r, fmt.Sprintf("the model reads %s, which it makes itself", r.Name), "only a model of kind incremental may")
		case known && node == m.Name:
		case declared(m, r.Name):
			problems = append(problems, c.layer(m, text, r)...)
		case known:
			if !m.undeclared && !c.misnamed(m, r.Name) {
				fail(r, fmt.Sprintf("the SQL reads %s, which depends_on does not name", r.Name), "write in the header: "+dependsOnLine(m, r.Name, c.missing(m, reads)))
			}
			problems = append(problems, c.layer(m, text, r)...)
		default:
			fail(r, fmt.Sprintf("the SQL reads %s, which is not in this project", r.Name), c.catalog.suggest(r.Name))
		}
	}
	return problems
}

// missing are the relations of the project that are read and not named.
func (c *sqlChecker) missing(m *Model, reads []Read) []string {
	var names []string
	for _, r := range reads {
		if node, known := c.catalog.nodes[r.Name]; known && node != m.Name && !declared(m, r.Name) && !c.misnamed(m, r.Name) && !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	return names
}

// misnamed reports whether depends_on names something that is not there and is taken for this relation.
func (c *sqlChecker) misnamed(m *Model, name string) bool {
	return slices.ContainsFunc(m.Header.DependsOn, func(r Ref) bool {
		_, known := c.catalog.nodes[r.Name]
		return !known && c.catalog.nearest(r.Name) == name
	})
}

func declared(m *Model, name string) bool {
	return slices.ContainsFunc(m.Header.DependsOn, func(r Ref) bool { return r.Name == name })
}

// dependsOnLine is the header's line that declares one more relation, in the style that the header has: an item of its
// own, or the whole list in brackets, with all that is missing.
func dependsOnLine(m *Model, name string, missing []string) string {
	refs := m.Header.DependsOn
	if len(refs) > 0 && refs[0].Col <= len("--     - x") {
		return marker + strings.Repeat(" ", max(refs[0].Col-len("-- - x"), 0)) + "- " + name
	}
	names := make([]string, 0, len(refs)+len(missing))
	for _, r := range refs {
		names = append(names, r.Name)
	}
	return "-- depends_on: [" + strings.Join(append(names, missing...), ", ") + "]"
}

func (c *sqlChecker) qualify(name string) string {
	for _, full := range c.catalog.names {
		if strings.HasSuffix(full, "."+name) {
			return "write " + full
		}
	}
	return "write schema." + name
}

// systemRelation reports relations that are there without a project: the server's, terrace's own, temporary ones.
func systemRelation(r Read) bool {
	switch r.Schema {
	case "":
		return strings.HasPrefix(r.Relation, "pg_")
	case "pg_catalog", "information_schema", "terrace", "pg_temp":
		return true
	default:
		return false
	}
}

// upperLayers are the last folders of models that work on cleaned data only.
var upperLayers = []string{"dws", "ads"}

// layer keeps raw records out of the upper layers: a rule that cleans them must be written once.
func (c *sqlChecker) layer(m *Model, text sqlText, r Read) []Problem {
	layer := path.Base(path.Dir(m.File))
	if !slices.Contains(upperLayers, layer) || !c.streams[c.catalog.nodes[r.Name]] && r.Schema != sourceFolder && !strings.HasSuffix(r.Schema, "_"+sourceFolder) {
		return nil
	}
	return []Problem{text.place(r.Offset).problem(
		fmt.Sprintf("a model of layer %s reads the raw records of %s", layer, r.Name), "read a dwd model that cleans them")}
}

func (c *sqlChecker) unread(m *Model, reads []Read) []Problem {
	var problems []Problem
	for _, ref := range m.Header.DependsOn {
		read := func(r Read) bool { // one without a schema has been told of
			return r.Name == ref.Name || r.Schema == "" && strings.HasSuffix(ref.Name, "."+r.Name)
		}
		if _, known := c.catalog.nodes[ref.Name]; !known || m.colocatedWith(ref.Name) || slices.ContainsFunc(reads, read) {
			continue
		}
		problems = append(problems, place{m.File, ref.Line, ref.Col}.warning(
			fmt.Sprintf("depends_on names %s, which the SQL does not read", ref.Name), "remove it, unless a function reads it"))
	}
	return problems
}

// colocatedWith reports whether rows are kept where those of a relation are, which has to be distributed first.
func (m *Model) colocatedWith(name string) bool {
	return m.Header.Distribute != nil && m.Header.Distribute.Colocate == name
}

// variables finds those that nobody has set, where it is known which are.
func (c *sqlChecker) variables(text sqlText, a *analysis) []Problem {
	var problems []Problem
	for _, v := range a.varCalls {
		if _, set := c.project.Vars[v.name]; c.project.Vars == nil || set {
			continue
		}
		problems = append(problems, text.place(v.offset).warning(fmt.Sprintf("variable %q is not set", v.name), c.variableHint(v.name)))
	}
	return problems
}

func (c *sqlChecker) variableHint(name string) string {
	if near := strict.Nearest(name, slices.Sorted(maps.Keys(c.project.Vars))); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "add it under vars: in terrace.yml, or pass --var " + name + "=VALUE"
}

// writes keeps statements of kind sql to their target: other nodes' relations are not theirs to change.
func (c *sqlChecker) writes(m *Model, text sqlText, a *analysis) []Problem {
	var problems []Problem
	fills := a.opaque
	for _, w := range a.writes {
		fills = fills || w.Name == m.Header.Target
		if node, known := c.catalog.nodes[w.Name]; known && node != m.Name {
			problems = append(problems, text.place(w.Offset).problem(
				fmt.Sprintf("the SQL writes %s, which %s makes", w.Name, node), "write only the target"))
		}
	}
	for _, w := range a.within {
		fills = fills || w.Name == m.Header.Target
		if node, known := c.catalog.nodes[w.Name]; known && node != m.Name {
			problems = append(problems, text.place(text.firstWord(w.Offset)).problem(
				fmt.Sprintf("the code writes %s, which %s makes", w.Name, node), "write only the target"))
		}
	}
	for _, d := range a.drops {
		if node := c.dropped(m, d); node != "" {
			problems = append(problems, text.place(text.firstWord(d.Offset)).problem(
				fmt.Sprintf("the SQL drops %s, which %s makes", strings.TrimSuffix(d.Name, "."), node), "drop only the target, or what no other file makes"))
		}
	}
	if at := m.Place("target"); !fills && len(problems) == 0 {
		problems = append(problems, place{m.File, at.Line, at.Col}.warning(
			fmt.Sprintf("no statement writes %s, the target", m.Header.Target), "name under target what the statements fill, unless a function fills it"))
	}
	return problems
}

// dropped is the node of another file that a drop takes something from, or "".
func (c *sqlChecker) dropped(m *Model, d Read) string {
	for _, name := range c.catalog.names {
		node := c.catalog.nodes[name]
		if node != m.Name && (name == d.Name || d.Relation == "" && strings.HasPrefix(name, d.Name)) {
			return node
		}
	}
	return ""
}

func (c *sqlChecker) assertion(a *Assertion) []Problem {
	text := sqlText{file: a.File, line: a.SQLLine, sql: a.SQL, catalog: c.catalog}
	found, problems := text.analyse()
	if found == nil {
		return problems
	}
	problems = append(problems, c.variables(text, found)...)
	for _, r := range found.reads {
		switch _, known := c.catalog.nodes[r.Name]; {
		case known || systemRelation(r):
		case r.Schema == "":
			problems = append(problems, text.place(r.Offset).problem(fmt.Sprintf("%s has no schema, and search_path is empty", r.Name), c.qualify(r.Name)))
		default:
			problems = append(problems, text.place(r.Offset).problem(fmt.Sprintf("the assertion reads %s, which is not in this project", r.Name), c.catalog.suggest(r.Name)))
		}
	}
	return problems
}
