package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/terrace-elt/terrace/dag"
)

// runFlags are those of every command that executes.
type runFlags struct {
	Selection
	Window
	DryRun   bool `name:"dry-run" help:"Print the plan and stop; nothing is written."`
	FailFast bool `name:"fail-fast" help:"Start nothing new after the first failure."`
	Wait     bool `help:"Wait for nodes that another run holds, however long that takes, instead of failing after a few seconds."`
}

func (f runFlags) request(command string) request {
	return request{
		command: command, Selection: f.Selection, Window: f.Window,
		dryRun: f.DryRun, failFast: f.FailFast, wait: f.Wait,
	}
}

// publishing is how a run makes visible what it built.
type publishing struct {
	Publish string `enum:"each,together" default:"each" help:"When what is built becomes visible: each step for itself (default), or all of the run together, everything or nothing."`
}

// rebuildFlags are those of commands that build models.
type rebuildFlags struct {
	FullRefresh bool `name:"full-refresh" help:"Rebuild models from everything that is upstream."`
	RebuildDays int  `name:"rebuild-days" placeholder:"N" help:"Compute the last N days of models with a window anew; what changed before them waits for the next run."`
}

// RunCmd is terrace run.
type RunCmd struct {
	runFlags
	publishing
	rebuildFlags
	Force bool `help:"Build also what did not change."`
}

// Run implements the command.
func (c *RunCmd) Run(ctx context.Context, a *App) error {
	r := c.request("run")
	r.models, r.assertions, r.force, r.rebuild = true, true, c.Force, c.rebuildFlags
	r.together = c.Publish == together
	return a.do(ctx, r)
}

// ExtractCmd is terrace extract.
type ExtractCmd struct {
	runFlags
	Reading
	Recording
}

// Run implements the command.
func (c *ExtractCmd) Run(ctx context.Context, a *App) (err error) {
	r := c.request("extract")
	r.extract, r.reading = true, c.Reading
	if !c.DryRun {
		if r.folder, err = c.Recording.open(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.folder.close()) }()
	}
	return a.do(ctx, r)
}

// together is the value of --publish with which everything becomes visible at once.
const together = "together"

// UpdateCmd is terrace update.
type UpdateCmd struct {
	runFlags
	publishing
	Reading
	rebuildFlags
	NoExtract bool `name:"no-extract" help:"Leave extraction out."`
	Gaps      bool `help:"Afterwards compare what the sources report with what is landed, as terrace gaps does."`
}

// Run implements the command.
func (c *UpdateCmd) Run(ctx context.Context, a *App) error {
	r := c.request("update")
	r.extract, r.models, r.assertions, r.rebuild = !c.NoExtract, true, true, c.rebuildFlags
	r.reading, r.gaps, r.together = c.Reading, c.Gaps, c.Publish == together
	return a.do(ctx, r)
}

// do plans, executes, prints, and fails when the run did.
func (a *App) do(ctx context.Context, r request) error {
	w, err := a.prepare(ctx, r)
	if err != nil {
		if !r.dryRun {
			a.alertUnbegun(ctx, r, err)
		}
		return err
	}
	defer w.close()
	if r.dryRun {
		return a.printPlan(ctx, w)
	}
	report, err := w.run(ctx)
	if err != nil && report.RunID == "" {
		return err
	}
	if err != nil {
		return errors.Join(a.printReport(report, nil), err)
	}
	if !r.gaps || r.dryRun {
		return errors.Join(a.printReport(report, nil), failed(report))
	}
	streams := w.chosenStreams()
	if len(streams) == 0 {
		if !a.Quiet {
			fmt.Fprintln(a.Stderr, "not compared: no stream is among what was selected")
		}
		return errors.Join(a.printReport(report, nil), failed(report))
	}
	gaps := GapsCmd{Sample: defaultGapSample}
	found, err := gaps.look(ctx, a, Selection{Nodes: streams}, r.Window, r.reading)
	if err != nil {
		return errors.Join(a.printReport(report, nil), failed(report), err)
	}
	return errors.Join(a.printReport(report, &found), failed(report), gaps.lacking(found))
}

// chosenStreams are the streams of the selection that terrace reads, as it was before the run: what selectors of state and
// result mean has changed with it.
func (w *work) chosenStreams() []string {
	return w.chosen.Only(func(n *dag.Node) bool { return n.Kind == dag.KindStream && !n.Stream.External }).Names()
}

// failed is the error of a run that was not a success.
func failed(report dag.Report) error {
	if report.Status != dag.Success {
		return &reportError{report}
	}
	return nil
}
