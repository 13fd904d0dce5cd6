package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// LineageCmd is terrace lineage.
type LineageCmd struct {
	Node       string `arg:"" predictor:"node" help:"A node, or one of its columns: NODE.COLUMN."`
	Upstream   bool   `xor:"direction" help:"What it is made from (default)."`
	Downstream bool   `xor:"direction" help:"What is made from it."`
}

// Run implements the command. Columns are those that the database sees in the project as it is written, built or not.
func (c *LineageCmd) Run(ctx context.Context, a *App) error {
	p, err := a.load()
	if err != nil {
		return err
	}
	node, column, err := p.column(c.Node)
	if err != nil {
		return err
	}
	lineage := dag.NewLineage(p.graph, nil)
	if column != "" {
		if lineage, err = a.lineage(ctx, p); err != nil {
			return err
		}
		names := lineage.Columns(node)
		if len(names) > 0 && !slices.Contains(names, column) {
			return &inputError{message: fmt.Sprintf("%s has no column %q", node, column), hint: strict.Suggest(column, names, "It has ")}
		}
	}
	tree := lineage.Upstream(node, column)
	if c.Downstream {
		tree = lineage.Downstream(node, column)
	}
	if a.JSON {
		return a.printJSON(tree)
	}
	var b strings.Builder
	draw(&b, tree, "", "")
	a.printf("%s", strings.TrimSuffix(b.String(), "\n"))
	return nil
}

// column reads NODE or NODE.COLUMN; what is a node is taken for one.
func (p *project) column(text string) (node, column string, err error) {
	n, err := p.node(text)
	if err == nil {
		return n.Name, "", nil
	}
	at := strings.LastIndexByte(text, '.')
	var input *inputError
	if at < 0 || !errors.As(err, &input) {
		return "", "", err
	}
	if n, outer := p.node(text[:at]); outer == nil {
		return n.Name, text[at+1:], nil
	}
	return "", "", err
}

// lineage compiles the project to know its columns.
func (a *App) lineage(ctx context.Context, p *project) (*dag.Lineage, error) {
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return nil, err
	}
	defer hangUp(conn)
	return p.lineage(ctx, conn)
}

func (p *project) lineage(ctx context.Context, conn *pgx.Conn) (*dag.Lineage, error) {
	state, err := dag.LoadState(ctx, conn)
	if err != nil {
		return nil, err
	}
	compiled, err := dag.Compile(ctx, conn, p.graph, p.compileOptions(state))
	if err != nil {
		return nil, err
	}
	return dag.NewLineage(p.graph, compiled.Columns), nil
}

// draw writes a tree, a line to each entry: head stands before its own line, rest before those below.
func draw(b *strings.Builder, t *dag.Traced, head, rest string) {
	b.WriteString(head + t.Node)
	if t.Column != "" {
		b.WriteString("." + t.Column)
	}
	switch {
	case t.Repeated:
		b.WriteString(" (see above)")
	case t.Unknown:
		b.WriteString(" (and what is not known)")
	}
	b.WriteByte('\n')
	for i, next := range t.Next {
		if i == len(t.Next)-1 {
			draw(b, next, rest+"└─ ", rest+"   ")
			continue
		}
		draw(b, next, rest+"├─ ", rest+"│  ")
	}
}
