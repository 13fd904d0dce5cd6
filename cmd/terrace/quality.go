package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/site"
	"github.com/terrace-elt/terrace/ods"
)

// QualityCmd is terrace quality.
type QualityCmd struct{ Selection }

// Run implements the command: nothing is judged anew, which is what terrace test does.
func (c *QualityCmd) Run(ctx context.Context, a *App) error {
	p, err := a.load()
	if err != nil {
		return err
	}
	selectors := dag.SelectContext{Selectors: p.Config.Selectors, AllowEmpty: c.AllowEmpty}
	selection, err := p.graph.Select(selectors, c.include(), c.Exclude)
	if err != nil {
		return err
	}
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	var doc site.Quality
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		doc, err = p.quality(ctx, tx, p.apart(a), selection)
		return err
	})
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(doc)
	}
	a.printQuality(doc)
	return nil
}

// quality is the report on what is selected, in an environment that is built apart, or in production, which is "".
func (p *project) quality(ctx context.Context, tx pgx.Tx, env string, selection dag.Selection) (site.Quality, error) {
	doc := site.Quality{Status: "pass", Assertions: []site.Verdict{}, Rejects: []site.Rejected{}}
	last, err := dag.LastJudgements(ctx, tx, env, p.allApart())
	if err != nil {
		return doc, err
	}
	pending, err := ods.PendingRejects(ctx, tx.Conn())
	if err != nil {
		return doc, err
	}
	for _, n := range selection.Nodes() {
		if n.Kind == dag.KindAssertion {
			addVerdict(&doc, n, env, last)
			continue
		}
		name, count := n.Name, pending[n.Name]
		if n.Model != nil && len(n.Model.Header.Rejects) > 0 {
			name = inEnvironment(env, n.Name)
			if count, err = dag.CountRejects(ctx, tx, name); err != nil {
				return doc, err
			}
		}
		if count > 0 {
			doc.Rejects = append(doc.Rejects, site.Rejected{Node: name, Count: count})
		}
	}
	if env == "" { // what stands in production is no report on what is built apart
		doc.Reports, err = site.Reports(ctx, tx, figures(selection.Nodes()))
	}
	return doc, err
}

// figures are those that the headers of models declare.
func figures(nodes []*dag.Node) []site.Figure {
	var out []site.Figure
	for _, n := range nodes {
		if n.Model == nil || n.Inline != nil {
			continue
		}
		for _, f := range n.Model.Header.Dashboard {
			out = append(out, site.Figure{Figure: f, Model: n.Name, Domain: model.Domain(n.File)})
		}
	}
	return out
}

// allApart are the environments that are built beside production.
func (p *project) allApart() []string {
	names := []string{}
	for name, environment := range p.Config.Environments {
		if environment.Apart {
			names = append(names, name)
		}
	}
	return names
}

// addVerdict tells of an assertion. In an environment only what was judged there counts: all else is production's.
func addVerdict(d *site.Quality, n *dag.Node, env string, last map[string]dag.LastJudgement) {
	name := inEnvironment(env, n.Name)
	found, judged := last[name]
	if env != "" && !judged {
		return
	}
	v := site.Verdict{Name: name, On: n.On, Severity: n.Severity(), Status: "never", LastJudgement: found}
	if v.JudgedAt != nil {
		v.Status = v.LastJudgement.Status
	}
	switch {
	case v.Severity == model.SeverityError && v.Bad():
		d.Status = "fail"
	case d.Status == "pass" && v.Status == "never":
		d.Status = "incomplete"
	}
	d.Assertions = append(d.Assertions, v)
}

// printQuality lists what is not well, or all with --verbose, and what was kept out.
func (a *App) printQuality(d site.Quality) {
	t := newTable(a.Stdout, "ASSERTION", "SEVERITY", "STATUS", "ROWS", "JUDGED")
	shown, counts := 0, map[string]int{}
	for _, v := range d.Assertions {
		counts[v.Status]++
		if v.Status == "pass" && !a.Verbose {
			continue
		}
		judged := ""
		if v.JudgedAt != nil {
			judged = a.at(*v.JudgedAt)
		}
		t.AppendRow([]any{v.Name, v.Severity, v.Status, v.Failing, judged})
		shown++
	}
	if shown > 0 {
		t.Render()
		a.printf("")
	}
	if len(d.Rejects) > 0 {
		rejects := newTable(a.Stdout, "REJECTED IN", "ROWS")
		for _, r := range d.Rejects {
			rejects.AppendRow([]any{r.Node, r.Count})
		}
		rejects.Render()
		a.printf("")
	}
	for _, r := range d.Reports {
		if r.Differing > 0 {
			a.printf("%s: %d of %s differ, which terrace preview %[1]s shows", r.Model, r.Differing, counted(len(r.Rows), "row"))
		} else {
			a.printf("%s: %s, none differs", r.Model, counted(len(r.Rows), "row"))
		}
	}
	line := fmt.Sprintf("%s: %d of %s passed", d.Status, counts["pass"], counted(len(d.Assertions), "assertion"))
	for _, status := range []string{"fail", "error", "warn", "skip", "never"} {
		if counts[status] > 0 {
			line += fmt.Sprintf(", %d %s", counts[status], status)
		}
	}
	a.printf("%s", line)
}
