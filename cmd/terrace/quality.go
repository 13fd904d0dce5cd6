package main

import (
	"context"
	"fmt"
	"time"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/ods"
)

// QualityCmd is terrace quality.
type QualityCmd struct{ Selection }

// qualityDocument is the report as --json shows it.
type qualityDocument struct {
	Status     string           `json:"status"` // fail when an assertion of severity error failed last, else incomplete when one was never judged, else pass
	Assertions []lastVerdict    `json:"assertions"`
	Rejects    []rejectedOfNode `json:"rejects"`
}

// lastVerdict is what an assertion found when it was judged last.
type lastVerdict struct {
	Name     string         `json:"name"`
	On       []string       `json:"on"`
	Severity model.Severity `json:"severity"`
	// Status is pass, warn, fail or error, or "never" where it was not judged yet.
	Status string `json:"status"`
	dag.LastJudgement
}

// rejectedOfNode counts what was kept out: records that could not be landed, rows that break a rule of a model.
type rejectedOfNode struct {
	Node  string `json:"node"`
	Count int64  `json:"count"`
}

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
	defer conn.Close(context.WithoutCancel(ctx))
	env := p.apart(a)
	last, err := dag.LastJudgements(ctx, conn, env, p.allApart())
	if err != nil {
		return err
	}
	pending, err := ods.PendingRejects(ctx, conn)
	if err != nil {
		return err
	}
	doc := qualityDocument{Status: "pass", Assertions: []lastVerdict{}, Rejects: []rejectedOfNode{}}
	for _, n := range selection.Nodes() {
		if n.Kind == dag.KindAssertion {
			doc.add(n, env, last)
			continue
		}
		name, count := n.Name, pending[n.Name]
		if n.Model != nil && len(n.Model.Header.Rejects) > 0 {
			name = inEnvironment(env, n.Name)
			if count, err = dag.CountRejects(ctx, conn, name); err != nil {
				return err
			}
		}
		if count > 0 {
			doc.Rejects = append(doc.Rejects, rejectedOfNode{name, count})
		}
	}
	if a.JSON {
		return a.printJSON(doc)
	}
	a.printQuality(doc)
	return nil
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

// add tells of an assertion. In an environment only what was judged there counts: all else is production's.
func (d *qualityDocument) add(n *dag.Node, env string, last map[string]dag.LastJudgement) {
	name := inEnvironment(env, n.Name)
	found, judged := last[name]
	if env != "" && !judged {
		return
	}
	v := lastVerdict{Name: name, On: n.On, Severity: n.Severity(), Status: "never", LastJudgement: found}
	if v.JudgedAt != nil {
		v.Status = v.LastJudgement.Status
	}
	switch failing := v.Status == "fail" || v.Status == "error"; {
	case v.Severity == model.SeverityError && failing:
		d.Status = "fail"
	case d.Status == "pass" && v.Status == "never":
		d.Status = "incomplete"
	}
	d.Assertions = append(d.Assertions, v)
}

// printQuality lists what is not well, or all with --verbose, and what was kept out.
func (a *App) printQuality(d qualityDocument) {
	t := newTable(a.Stdout, "ASSERTION", "SEVERITY", "STATUS", "ROWS", "JUDGED")
	shown, counts := 0, map[string]int{}
	for _, v := range d.Assertions {
		counts[v.Status]++
		if v.Status == "pass" && !a.Verbose {
			continue
		}
		judged := ""
		if v.JudgedAt != nil {
			judged = v.JudgedAt.Local().Format(time.DateTime)
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
	line := fmt.Sprintf("%s: %d of %s passed", d.Status, counts["pass"], counted(len(d.Assertions), "assertion"))
	for _, status := range []string{"fail", "error", "warn", "skip", "never"} {
		if counts[status] > 0 {
			line += fmt.Sprintf(", %d %s", counts[status], status)
		}
	}
	a.printf("%s", line)
}
