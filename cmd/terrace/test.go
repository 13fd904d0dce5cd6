package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// TestCmd is terrace test.
type TestCmd struct {
	runFlags
	Unit   bool   `xor:"unit" help:"Run unit tests only; no assertion is judged."`
	NoUnit bool   `name:"no-unit" xor:"unit" help:"Judge assertions only."`
	JUnit  string `name:"junit" placeholder:"FILE" help:"Write the results to this file as JUnit XML."`
	annotationFlags
}

// tested is what test prints as JSON: the report of the run that judged the assertions, and the unit tests.
type tested struct {
	dag.Report
	UnitTests []unitResult `json:"unit_tests"`

	judgements map[string]dag.Judgement
}

// Run implements the command. Unit tests come first: an assertion judges data, and data that a wrong model made tells
// less.
func (c *TestCmd) Run(ctx context.Context, a *App) error {
	r := c.request("test")
	r.assertions, r.force, r.unitTests = true, true, !c.NoUnit
	w, err := a.prepare(ctx, r)
	if err != nil {
		return err
	}
	defer w.close()
	if r.dryRun {
		return a.printPlan(ctx, w)
	}
	out := tested{Report: dag.Report{Status: dag.Success, StartedAt: a.Now(), Steps: []dag.StepReport{}}, UnitTests: []unitResult{}}
	if !c.NoUnit {
		if out.UnitTests, err = w.unitTests(ctx); err != nil {
			return err
		}
	}
	if err := c.found(w, out); err != nil {
		return err
	}
	failed := a.printUnits(out.UnitTests)
	if !c.Unit && len(w.plan.Steps) > 0 {
		if out.Report, err = w.run(ctx); err != nil {
			return err
		}
	}
	if out.judgements, err = w.judgements(ctx, out.Report); err != nil {
		return err
	}
	return c.report(a, w, out, failed)
}

// found refuses a selection in which there is nothing to test.
func (c *TestCmd) found(w *work, out tested) error {
	if len(out.UnitTests) > 0 || c.AllowEmpty || !c.Unit && len(w.plan.Steps) > 0 {
		return nil
	}
	return &inputError{
		message: fmt.Sprintf("nothing to test among the %d selected nodes", w.chosen.Len()),
		hint:    "Assertions are in tests/**/*.sql and in headers, unit tests of models in tests/**/*.yml.",
	}
}

func (w *work) judgements(ctx context.Context, r dag.Report) (map[string]dag.Judgement, error) {
	id, err := uuid.Parse(r.RunID)
	if err != nil {
		return nil, nil // no assertion was judged
	}
	return dag.Judgements(context.WithoutCancel(ctx), w.conn, id)
}

// report prints, and fails when something did: a unit test is the project's own fault, an assertion the data's.
func (c *TestCmd) report(a *App, w *work, out tested, failed int) error {
	if failed > 0 && !out.Status.Bad() {
		out.Status = dag.Failure
	}
	if err := c.print(a, out); err != nil {
		return err
	}
	cases := w.cases(out)
	a.annotate(c.annotationFlags, noteworthy(cases))
	if c.JUnit != "" {
		if err := os.WriteFile(c.JUnit, junit(cases), 0o644); err != nil {
			return &surroundingsError{err: fmt.Errorf("write JUnit XML: %w", err), hint: "Name a file that can be written with --junit."}
		}
	}
	switch {
	case failed > 0:
		return &unitError{failed: failed, tests: len(out.UnitTests)}
	case out.Status.Bad():
		return &reportError{out.Report}
	default:
		return nil
	}
}

func (c *TestCmd) print(a *App, out tested) error {
	switch {
	case a.JSON:
		return a.printJSON(out)
	case out.RunID == "":
		return nil // no assertion was judged
	default:
		return a.printReport(out.Report, nil)
	}
}

// unitError says that unit tests failed. They have been printed.
type unitError struct{ failed, tests int }

func (e *unitError) Error() string {
	return fmt.Sprintf("%d of %d unit tests failed", e.failed, e.tests)
}

// problemsOf is the error for mistakes among the problems, or nil.
func problemsOf(problems []strict.Problem) error {
	if strict.HasErrors(problems) {
		return &problemsError{problems: problems}
	}
	return nil
}

// failureOf is a unit test's failure, or nil when the error is something else.
func failureOf(err error) *dag.UnitFailure {
	var failure *dag.UnitFailure
	errors.As(err, &failure)
	return failure
}
