package main

import (
	"context"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/dag"
)

// PlanCmd is terrace plan.
type PlanCmd struct {
	Selection
	Window
	Reading
	rebuildFlags
	NoExtract bool `name:"no-extract" help:"Plan without extraction, as terrace run does."`
	Force     bool `help:"As if nothing had been built from these definitions."`
	Diff      bool `help:"Build what the plan would build in a transaction that is rolled back, and say which rows would be others."`
	Samples   uint `default:"3" help:"Rows of each kind of difference that --diff shows."`
}

// Run implements the command.
func (c *PlanCmd) Run(ctx context.Context, a *App) error {
	w, err := a.prepare(ctx, request{
		command: "plan", Selection: c.Selection, Window: c.Window, reading: c.Reading,
		extract: !c.NoExtract, models: true, assertions: true, force: c.Force, rebuild: c.rebuildFlags,
	})
	if err != nil {
		return err
	}
	defer w.close()
	if c.Diff {
		if err := w.refuseDiff(); err != nil {
			return err
		}
		if w.rehearsed, err = w.rehearse(ctx, c.Samples); err != nil {
			return err
		}
	}
	if err := a.printPlan(ctx, w); err != nil {
		return err
	}
	if w.rehearsed != nil && w.rehearsed.report.Status != dag.Success {
		return &reportError{w.rehearsed.report}
	}
	return nil
}

// planDocument is the plan as --json shows it.
type planDocument struct {
	dag.Plan
	Streams     []plannedStream      `json:"streams,omitempty"`
	Environment *environmentDocument `json:"environment,omitempty"`
	// Differences are what --diff found, Rehearsed how the steps ended that it tried.
	Differences []dag.Difference `json:"differences,omitempty"`
	Rehearsed   []dag.StepReport `json:"rehearsed,omitempty"`
}

func (a *App) printPlan(ctx context.Context, w *work) error {
	streams, err := w.planStreams(ctx)
	if err != nil {
		return err
	}
	if a.JSON {
		document := planDocument{Plan: w.plan, Streams: streams, Environment: w.environmentDocument()}
		if w.rehearsed != nil {
			document.Rehearsed, document.Differences = w.rehearsed.report.Steps, w.rehearsed.differences
		}
		return a.printJSON(document)
	}
	a.printStreams(streams)
	a.printEnvironment(w.environment)
	t := newTable(a.Stdout, "ACTION", "NODE", "KIND", "WHY")
	shown := 0
	for _, s := range w.plan.Steps {
		if s.Action != dag.Skip || a.Verbose {
			t.AppendRow(table.Row{s.Action, s.Name, s.Kind, s.Reason})
			shown++
		}
	}
	if shown > 0 {
		t.Render()
	}
	a.printf("%d to run, %d to check, %d unchanged", w.plan.Count(dag.Run), w.plan.Count(dag.Check), w.plan.Count(dag.Skip))
	if w.rehearsed != nil {
		a.printRehearsal(*w.rehearsed)
	}
	return nil
}
