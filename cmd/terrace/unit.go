package main

import (
	"context"
	"fmt"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
)

// unitResult is how one unit test ended.
type unitResult struct {
	Name    string         `json:"name"`
	Model   string         `json:"model"`
	File    string         `json:"file"`
	Status  dag.Status     `json:"status"`
	Seconds float64        `json:"seconds"`
	Error   *dag.StepFault `json:"error,omitempty"`
	Diff    []string       `json:"diff,omitempty"`

	line int
}

// unitTests runs the unit tests of the models that are selected, and those that are named.
func (w *work) unitTests(ctx context.Context) ([]unitResult, error) {
	tests := w.units.chosen(w.chosen)
	out := []unitResult{}
	if len(tests) == 0 {
		return out, nil
	}
	// The columns of what models read are those that there will be, whether or not it was built.
	compiled, err := dag.Compile(ctx, w.conn, w.project.graph, w.project.compileOptions(w.state))
	if err != nil {
		return nil, err
	}
	options := dag.UnitOptions{
		Columns: compiled.Columns, Keys: compiled.Keys, Vars: w.project.vars, Timezone: w.project.Config.Timezone,
	}
	for _, t := range tests {
		result, err := w.unitTest(ctx, t, options)
		if err != nil {
			return nil, err
		}
		out = append(out, result)
	}
	return out, nil
}

func (w *work) unitTest(ctx context.Context, t *model.UnitTest, options dag.UnitOptions) (unitResult, error) {
	began := w.app.Now()
	result := unitResult{Name: t.Name, Model: t.Model.Name, File: t.File, Status: dag.Success, line: t.Line}
	err := dag.RunUnitTest(ctx, w.conn, t, options)
	result.Seconds = w.app.Now().Sub(began).Seconds()
	if ctx.Err() != nil {
		return result, context.Cause(ctx) // it was ended from here, and nothing is known of it
	}
	if failure := failureOf(err); failure != nil {
		result.Status, result.Error, result.Diff = dag.Failure, &failure.StepFault, failure.Diff
		err = nil
	}
	return result, err
}

// printUnits tells how unit tests ended, unless a document will, and how many failed.
func (a *App) printUnits(results []unitResult) int {
	failed := 0
	for _, u := range results {
		if !u.Status.Bad() {
			continue
		}
		failed++
		if !a.JSON {
			a.printUnit(u)
		}
	}
	if len(results) > 0 && !a.JSON {
		a.printf("%d of %d unit tests passed", len(results)-failed, len(results))
	}
	return failed
}

// printUnit tells a failed unit test with the rows that differ.
func (a *App) printUnit(u unitResult) {
	f := u.Error
	fmt.Fprintf(a.Stderr, "%s %s: %s%s", a.paint(red, string(u.Status)+":"), u.Name, placeOf(f.File, f.Line, f.Column), a.redact(f.Message))
	if f.SQLState != "" {
		fmt.Fprintf(a.Stderr, " [%s]", f.SQLState)
	}
	fmt.Fprintln(a.Stderr)
	for _, line := range u.Diff {
		fmt.Fprintf(a.Stderr, "    %s\n", a.redact(line))
	}
	if f.Hint != "" {
		fmt.Fprintf(a.Stderr, "  %s %s\n", a.paint(cyan, "hint:"), a.redact(f.Hint))
	}
}
