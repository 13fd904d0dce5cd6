package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// catalog says which node each relation of the project belongs to.
type catalog struct {
	nodes map[string]string // relation → node
	names []string          // the relations, sorted
}

// catalog lists the nodes, what stands beside them, and the targets of sql models.
func (p *Project) catalog() *catalog {
	c := &catalog{nodes: map[string]string{}}
	for _, s := range p.Streams {
		c.nodes[s.Name] = s.Name
	}
	for _, s := range p.Seeds {
		c.nodes[s.Name] = s.Name
	}
	for _, m := range p.Models {
		c.nodes[m.Name] = m.Name
	}
	for _, s := range p.Streams {
		if !s.External {
			c.add(s.Name+VersionsSuffix, s.Name)
		}
	}
	for _, m := range p.Models {
		if len(m.Header.Rejects) > 0 {
			c.add(m.Name+RejectsSuffix, m.Name)
		}
		if m.Header.Target != "" {
			c.add(m.Header.Target, m.Name)
		}
	}
	for name := range c.nodes {
		c.names = append(c.names, name)
	}
	slices.Sort(c.names)
	return c
}

// add does not take a name from a node that has it.
func (c *catalog) add(relation, node string) {
	if _, taken := c.nodes[relation]; !taken {
		c.nodes[relation] = node
	}
}

// suggest is the hint for a relation that the project does not have.
func (c *catalog) suggest(name string) string {
	if base, ok := cutCompanion(name); ok && c.nodes[base] != "" {
		return fmt.Sprintf("%s is there, but only streams have %s, and only models with rejects have %s", base, VersionsSuffix, RejectsSuffix)
	}
	if sign := Typographic(name); sign != "" {
		return sign
	}
	if near := c.nearest(name); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "name a stream, a seed or a model of this project; declare what others fill as a source of type existing"
}

// nearest is the relation that a name which is none was most likely meant to be, or "".
func (c *catalog) nearest(name string) string {
	if !strings.Contains(name, ".") {
		for _, full := range c.names {
			if strings.HasSuffix(full, "."+name) {
				return full
			}
		}
	}
	return strict.Nearest(name, c.names)
}

func cutCompanion(name string) (string, bool) {
	for _, suffix := range []string{VersionsSuffix, RejectsSuffix} {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			return base, true
		}
	}
	return name, false
}

// resolve fills in the node of each reference and reports those that lead nowhere. key is what they stand under.
func (c *catalog) resolve(file, key string, refs []Ref) []Problem {
	var problems []Problem
	for i, ref := range refs {
		node, ok := c.nodes[ref.Name]
		if !ok {
			problems = append(problems, place{file, ref.Line, ref.Col}.problem(
				fmt.Sprintf("%s names %s, which is not in this project", key, ref.Name), c.suggest(ref.Name)))
			continue
		}
		refs[i].Node = node
	}
	return problems
}
