package site

import (
	"maps"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model"
)

// index finds things of a project.
type index struct {
	of         *Project
	nodes      map[string]*Node
	assertions map[string]*Assertion
	usedFor    map[string][]string // "node.column" → the same of what is made from it
	domains    []string
	dashboards []string // domains that have a figure
}

// indexOf is a project's index, made once for as long as the project is shown.
func (s *Site) indexOf(p *Project) *index {
	if x := s.indexed.Load(); x != nil && x.of == p {
		return x
	}
	x := newIndex(p)
	s.indexed.Store(x)
	return x
}

func newIndex(p *Project) *index {
	x := &index{of: p, nodes: map[string]*Node{}, assertions: map[string]*Assertion{}, usedFor: map[string][]string{}}
	domains := map[string]bool{}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		x.nodes[n.Name] = n
		domains[n.Domain()] = true
		for _, c := range n.Columns {
			for _, from := range c.From {
				x.usedFor[from] = append(x.usedFor[from], n.Name+"."+c.Name)
			}
		}
	}
	for i := range p.Assertions {
		x.assertions[p.Assertions[i].Name] = &p.Assertions[i]
	}
	x.domains = slices.Sorted(maps.Keys(domains))
	shown := map[string]bool{}
	for _, f := range p.Figures {
		if f.Page == model.PageDashboard {
			shown[f.Domain] = true
		}
	}
	x.dashboards = slices.Sorted(maps.Keys(shown))
	return x
}

// domainOf is the system that a file belongs to; what lies in models/ itself belongs to all, named "-".
func domainOf(file string) string {
	if domain := model.Domain(file); domain != "" {
		return domain
	}
	return "-"
}

// splitColumn reads node.column; nodes have one point in their names.
func (x *index) splitColumn(text string) (node, column string) {
	if x.nodes[text] != nil {
		return text, ""
	}
	at := strings.LastIndexByte(text, '.')
	if at < 0 {
		return text, ""
	}
	if x.nodes[text[:at]] != nil {
		return text[:at], text[at+1:]
	}
	// A column may have points in its name.
	for name := range x.nodes {
		if rest, ok := strings.CutPrefix(text, name+"."); ok {
			return name, rest
		}
	}
	return text, ""
}
