package site

import (
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag"
)

// lineagePage is a part of the graph.
type lineagePage struct {
	Of      string
	Domain  string
	Domains []string
	Graph   template.HTML
	Shown   []*Node
	// Up and Down are the columns around a column.
	Up, Down []string
	Column   bool
	TooMany  int
}

// The most nodes that are drawn: of a domain, and around one node.
const (
	mostDrawn  = 250
	mostAround = 40
)

func (s *Site) lineage(v *view) (body, error) {
	p := lineagePage{Of: v.Value("of"), Domain: v.name, Domains: v.index.domains}
	if p.Of != "" {
		return s.lineageOf(v, p)
	}
	if p.Domain == "" && len(p.Domains) > 0 {
		p.Domain = p.Domains[0]
	}
	if !slices.Contains(p.Domains, p.Domain) && len(p.Domains) > 0 {
		return body{}, notFound(v.T("No such node."))
	}
	for i := range v.project.Nodes {
		if n := &v.project.Nodes[i]; n.Domain() == p.Domain {
			p.Shown = append(p.Shown, n)
		}
	}
	if len(p.Shown) > mostDrawn {
		p.TooMany = len(p.Shown)
	} else {
		names := map[string]bool{}
		for _, n := range p.Shown {
			names[n.Name] = true
		}
		p.Graph = v.diagram(v.T("Lineage of %s", p.Domain), names, "")
	}
	return body{Title: v.T("Lineage"), Template: "lineage", Data: p}, nil
}

// lineageOf shows what is around a node, or one of its columns.
func (s *Site) lineageOf(v *view, p lineagePage) (body, error) {
	node, column := v.index.splitColumn(p.Of)
	n := v.index.nodes[node]
	if n == nil || column != "" && !slices.ContainsFunc(n.Columns, func(c Column) bool { return c.Name == column }) {
		return body{}, notFound(v.T("No such node."))
	}
	p.Domain = n.Domain()
	if column == "" {
		names := v.within(node, 2, mostDrawn)
		p.Graph = v.diagram(v.T("Lineage of %s", p.Of), names, node)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			p.Shown = append(p.Shown, v.index.nodes[name])
		}
		return body{Title: v.T("Lineage of %s", p.Of), Template: "lineage", Data: p}, nil
	}
	p.Column = true
	up, down := v.project.Trace(node, column)
	found := map[string]*dag.Traced{}
	edges := map[[2]string]bool{}
	p.Up, p.Down = gather(up, found, edges, false), gather(down, found, edges, true)
	if len(found) > mostDrawn {
		p.TooMany = len(found)
	} else {
		p.Graph = v.columnDiagram(p.Of, found, edges)
	}
	return body{Title: v.T("Lineage of %s", p.Of), Template: "lineage", Data: p}, nil
}

// gather collects a tree's columns and edges, and returns the columns beyond the first, sorted.
func gather(t *dag.Traced, found map[string]*dag.Traced, edges map[[2]string]bool, down bool) []string {
	seen := map[string]bool{}
	var walk func(*dag.Traced)
	walk = func(t *dag.Traced) {
		name := t.Node + "." + t.Column
		if known := found[name]; known == nil || t.Unknown {
			found[name] = t
		}
		for _, next := range t.Next {
			other := next.Node + "." + next.Column
			seen[other] = true
			if down {
				edges[[2]string{name, other}] = true
			} else {
				edges[[2]string{other, name}] = true
			}
			walk(next)
		}
	}
	walk(t)
	return slices.Sorted(maps.Keys(seen))
}

func (v *view) columnDiagram(of string, found map[string]*dag.Traced, edges map[[2]string]bool) template.HTML {
	var boxes []*box
	for _, name := range slices.Sorted(maps.Keys(found)) {
		t := found[name]
		b := &box{ID: name, Name: t.Column, Title: name, Href: v.LinkColumn(name), Class: "column"}
		_, relation, _ := strings.Cut(t.Node, ".")
		b.Name = relation + "." + t.Column
		if n := v.index.nodes[t.Node]; n != nil {
			b.Class = "k-" + string(n.Kind)
		}
		if t.Unknown {
			b.Title += " (" + v.T("and what is not known") + ")"
			b.Class += " unknown"
		}
		if name == of {
			b.Class += " focus"
		}
		boxes = append(boxes, b)
	}
	return diagram(v.T("Lineage of %s", of), boxes, sortedEdges(edges))
}

// around draws what is near a node: two steps in both directions, or one where that is too much to look at.
func (v *view) around(node string) template.HTML {
	names := v.within(node, 2, mostAround)
	if len(names) == 1 {
		return ""
	}
	return v.diagram(v.T("Lineage of %s", node), names, node)
}

// within are the nodes at most so many steps from one, fewer steps where that would be too many nodes.
func (v *view) within(node string, steps, most int) map[string]bool {
	for ; ; steps-- {
		names := map[string]bool{node: true}
		for _, next := range []func(*Node) []string{func(n *Node) []string { return n.DependsOn }, func(n *Node) []string { return n.ReadBy }} {
			edge := []string{node}
			for range steps {
				var further []string
				for _, name := range edge {
					for _, other := range next(v.index.nodes[name]) {
						if v.index.nodes[other] != nil && !names[other] {
							names[other] = true
							further = append(further, other)
						}
					}
				}
				edge = further
			}
		}
		if len(names) <= most || steps <= 1 {
			return names
		}
	}
}

func (v *view) diagram(name string, names map[string]bool, focus string) template.HTML {
	var boxes []*box
	edges := map[[2]string]bool{}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		n := v.index.nodes[id]
		b := &box{ID: id, Name: id, Title: id + " · " + v.T(string(n.Kind)), Href: v.Link(pageModel, id), Class: "k-" + string(n.Kind)}
		if short, ok := strings.CutPrefix(id, n.Domain()+"_"); ok {
			b.Name = short
		}
		if id == focus {
			b.Class += " focus"
		}
		boxes = append(boxes, b)
		for _, dep := range n.DependsOn {
			if names[dep] {
				edges[[2]string{dep, id}] = true
			}
		}
	}
	return diagram(name, boxes, sortedEdges(edges))
}

func sortedEdges(edges map[[2]string]bool) [][2]string {
	return slices.SortedFunc(maps.Keys(edges), func(a, b [2]string) int {
		return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1])
	})
}
