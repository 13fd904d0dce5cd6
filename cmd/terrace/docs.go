package main

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/site"
)

// DocsCmd is terrace docs.
type DocsCmd struct {
	Selection
	Out  string `type:"path" placeholder:"FILE.html" help:"Write all pages of the project as one HTML file that needs no network: dashboards, quality report, runs, models, lineage."`
	Lang string `enum:"en,zh" default:"en" help:"Language of that file: en or zh (default: en)."`
}

// Run implements the command. Columns and types are those that the database sees in the project as it is written.
func (c *DocsCmd) Run(ctx context.Context, a *App) error {
	if c.Out != "" {
		return c.writePages(ctx, a)
	}
	p, err := a.load()
	if err != nil {
		return err
	}
	selectors := dag.SelectContext{Selectors: p.Config.Selectors, AllowEmpty: c.AllowEmpty, Assertions: dag.NoAssertions}
	if asksState(append(c.include(), c.Exclude...)) {
		if err := a.addState(ctx, p, &selectors); err != nil {
			return err
		}
	}
	selection, err := p.graph.Select(selectors, c.include(), c.Exclude)
	if err != nil {
		return err
	}
	lineage, err := a.lineage(ctx, p)
	if err != nil {
		return err
	}
	nodes := []site.Node{}
	for _, n := range selection.Nodes() {
		if n.Kind != dag.KindAssertion {
			nodes = append(nodes, p.document(n, lineage))
		}
	}
	if a.JSON {
		return a.printJSON(map[string]any{"project": p.Config.Name, "nodes": nodes})
	}
	a.printf("# %s", p.Config.Name)
	for _, n := range nodes {
		a.printf("\n%s", nodeMarkdown(n))
	}
	return nil
}

func (p *project) document(n *dag.Node, lineage *dag.Lineage) site.Node {
	d := site.Node{
		Name: n.Name, Kind: n.Kind, File: n.File, Owner: n.Owner, Tags: append([]string{}, n.Tags...),
		Key: []string{}, DependsOn: append([]string{}, n.Deps...), ReadBy: []string{}, Assertions: []site.Rule{},
	}
	switch {
	case n.Model != nil:
		h := n.Model.Header
		d.Description, d.Key, d.Meta, d.SQL = h.Description, append(d.Key, h.Key...), h.Meta, n.Model.SQL
		d.Header = p.headerText(n.File)
	case n.Seed != nil:
		d.Description, d.Key = n.Seed.Description, append(d.Key, n.Seed.Key...)
	case p.streams[n.Name] != nil:
		d.Description, d.Source = p.streams[n.Name].Description, n.Stream.Source
	}
	for _, name := range p.graph.Children(n.Name) {
		child := p.graph.Node(name)
		if child.Kind != dag.KindAssertion {
			d.ReadBy = append(d.ReadBy, name)
			continue
		}
		d.Assertions = append(d.Assertions, site.Rule{Name: name, Severity: child.Severity(), Description: descriptionOf(child)})
	}
	d.Columns = documentColumns(n, lineage)
	return d
}

// headerText is the header of a file as it is written, without the marks before its lines.
func (p *project) headerText(file string) string {
	text, err := fs.ReadFile(p.files, file)
	if err != nil {
		return "" // it was there when the project was read
	}
	header, _ := model.SplitHeader(text)
	var b strings.Builder
	for line := range strings.Lines(string(header)) {
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "--"), " "))
	}
	return strings.TrimSpace(b.String())
}

func descriptionOf(n *dag.Node) string {
	if n.Assertion != nil {
		return n.Assertion.Description
	}
	return ""
}

// documentColumns joins what the header says of columns with what the database sees.
func documentColumns(n *dag.Node, lineage *dag.Lineage) []site.Column {
	written, said := n.Described(), map[string]string{}
	for _, c := range written {
		said[c.Name] = c.Description
	}
	columns := []site.Column{}
	if len(lineage.Typed(n.Name)) == 0 { // the database does not know them
		for _, c := range written {
			columns = append(columns, site.Column{Name: c.Name, Type: c.Type, Description: c.Description, From: []string{}, Unknown: true})
		}
	}
	for _, c := range lineage.Typed(n.Name) {
		traced := lineage.Made(n.Name, c.Name)
		column := site.Column{Name: c.Name, Type: c.Type, Description: said[c.Name], From: []string{}, Unknown: traced.Unknown}
		for _, from := range traced.Next {
			column.From = append(column.From, from.Node+"."+from.Column)
		}
		columns = append(columns, column)
	}
	return columns
}

// nodeMarkdown is a node as a section of a page.
func nodeMarkdown(d site.Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", d.Name)
	facts := []string{string(d.Kind)}
	for _, f := range []struct {
		word   string
		values []string
	}{{"key", d.Key}, {"tags", d.Tags}, {"reads", d.DependsOn}, {"read by", d.ReadBy}} {
		if len(f.values) > 0 {
			facts = append(facts, f.word+" "+strings.Join(f.values, ", "))
		}
	}
	if d.Owner != "" {
		facts = append(facts, "owner "+d.Owner)
	}
	fmt.Fprintf(&b, "%s (`%s`)\n", strings.Join(facts, " · "), d.File)
	if d.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(d.Description))
	}
	if len(d.Columns) > 0 {
		b.WriteString("\n| column | type | | from |\n|---|---|---|---|\n")
		for _, c := range d.Columns {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(c.Name), c.Type, cell(c.Description), cell(strings.Join(c.From, ", ")))
		}
	}
	if len(d.Assertions) > 0 {
		b.WriteString("\nAssertions:\n")
		for _, r := range d.Assertions {
			fmt.Fprintf(&b, "- %s (%s)", r.Name, r.Severity)
			if r.Description != "" {
				b.WriteString(": " + cell(r.Description))
			}
			b.WriteString("\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// cell keeps text within a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("\n", " ", "|", `\|`).Replace(text)
}
