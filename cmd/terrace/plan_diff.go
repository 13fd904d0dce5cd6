package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
)

// rehearsalName is the environment in which plan --diff builds. It exists within one transaction only.
const rehearsalName = "terrace_diff"

// rehearsal is what plan --diff found.
type rehearsal struct {
	report      dag.Report
	differences []dag.Difference
	// left are the planned nodes that cannot be rehearsed: those of kind sql write where they say.
	left []string
	// unknown are the planned relations that failed, or waited for one that did: nobody knows their rows.
	unknown []string
}

// refuseDiff refuses what would compare something else than a run would change.
func (w *work) refuseDiff() error {
	switch {
	case w.environment != nil:
		return &inputError{message: "--diff compares with production", hint: "Leave --env out: plan --diff builds nothing that stays."}
	case w.windowed():
		return &inputError{message: "--diff compares whole relations, and a window was given", hint: "Leave --from, --to and --rebuild-days out."}
	}
	return nil
}

// rehearse builds what the plan would build in a transaction that is rolled back, and compares it with what stands.
func (w *work) rehearse(ctx context.Context, samples uint) (*rehearsal, error) {
	out := &rehearsal{report: dag.Report{Status: dag.Success}}
	planned := w.planned(out)
	staged := w.through(planned)
	environment, err := w.project.graph.Environment(dag.EnvironmentOptions{
		Name: rehearsalName, Selected: slices.Sorted(maps.Keys(staged)),
		There: func(string) bool { return false },
		Differs: func(n *dag.Node) (string, error) {
			if staged[n.Name] {
				return "planned", nil
			}
			return "", nil
		},
	})
	if err != nil {
		return out, err
	}
	plan, err := dag.NewPlan(environment.Graph, dag.State{}, dag.PlanOptions{
		Selected: environment.Selected, Sources: w.project.sourceHash, Fingerprint: w.project.fingerprint,
	})
	if err != nil {
		return out, err
	}
	id := uuid.Must(uuid.NewV7())
	pool, err := dag.Connect(ctx, w.config, dag.Session{
		RunID: id, RunAt: w.app.Now(), Vars: w.project.vars, Timezone: w.project.Config.Timezone, Connections: 2,
	})
	if err != nil {
		return out, err
	}
	defer pool.Close()
	executor := &dag.SQLExecutor{
		Pool: pool, Graph: environment.Graph, Files: w.project.files, RunID: id, Environment: rehearsalName,
		Sources: w.project.sourceHash, Fingerprint: w.project.fingerprint,
	}
	originals := map[string]string{}
	for name := range staged {
		originals[dag.EnvironmentName(rehearsalName, name)] = name
	}
	err = executor.Rehearse(ctx, plan, originals, w.app.Now, func(ctx context.Context, conn *pgx.Conn, report dag.Report) error {
		out.report = report
		return w.compare(ctx, conn, out, originals, planned, samples)
	})
	return out, err
}

// planned are the nodes that a run would build or judge, without those that cannot be rehearsed, which r is told.
func (w *work) planned(r *rehearsal) map[string]bool {
	planned := map[string]bool{}
	for _, step := range w.plan.Steps {
		switch {
		case step.Action == dag.Skip, step.Kind == dag.KindStream:
		case step.Kind == dag.KindSQL:
			r.left = append(r.left, step.Name)
		default:
			planned[step.Name] = true
		}
	}
	return planned
}

// through adds to what is planned the views between: a run leaves them as they are, and who reads one sees through it
// what the run builds.
func (w *work) through(planned map[string]bool) map[string]bool {
	order := w.project.graph.Order()
	showing := map[string]bool{} // views that show something planned
	for _, n := range order {
		if n.Kind == dag.KindView && slices.ContainsFunc(n.Deps, func(dep string) bool { return planned[dep] || showing[dep] }) {
			showing[n.Name] = true
		}
	}
	staged := maps.Clone(planned)
	for _, n := range slices.Backward(order) {
		if !staged[n.Name] {
			continue
		}
		for _, dep := range n.Deps {
			staged[dep] = staged[dep] || showing[dep]
		}
	}
	maps.DeleteFunc(staged, func(_ string, in bool) bool { return !in })
	return staged
}

// compare asks of each relation that was built what would be another there, and gives the report production's names. A
// relation that a run would refuse to touch has no rows that would change.
func (w *work) compare(ctx context.Context, conn *pgx.Conn, r *rehearsal, originals map[string]string, planned map[string]bool, samples uint) error {
	prefix := dag.EnvironmentName(rehearsalName, "")
	for i := range r.report.Steps {
		s := &r.report.Steps[i]
		name := s.Name
		s.Name, s.Reason = originals[name], strings.ReplaceAll(s.Reason, prefix, "")
		if s.Error != nil {
			s.Error.Message, s.Error.Hint = strings.ReplaceAll(s.Error.Message, prefix, ""), strings.ReplaceAll(s.Error.Hint, prefix, "")
		}
		if s.Kind == dag.KindAssertion || !planned[s.Name] {
			continue
		}
		if s.Status != dag.Success {
			r.unknown = append(r.unknown, s.Name)
			continue
		}
		node := w.project.graph.Node(s.Name)
		if !w.request.rebuild.FullRefresh {
			refused, err := dag.Refused(ctx, conn, node)
			if err != nil {
				return err
			}
			if refused != nil {
				s.Status, s.Error, r.report.Status = dag.Failure, refused, dag.Failure
				r.unknown = append(r.unknown, s.Name)
				continue
			}
		}
		difference, err := dag.Compare(ctx, conn, node, name, samples)
		if err != nil {
			return err
		}
		r.differences = append(r.differences, difference)
	}
	return nil
}

// printRehearsal tells what would change, relation by relation.
func (a *App) printRehearsal(r rehearsal) {
	same := 0
	for _, d := range r.differences {
		if d.Same() {
			same++
			continue
		}
		a.printf("")
		a.printDifference(d)
	}
	a.printf("")
	a.printf("%s would change, %d would not", counted(len(r.differences)-same, "relation"), same)
	if len(r.unknown) > 0 {
		a.printf("not known, because it would fail or waits for what would: %s", shortened(r.unknown, staleShown))
	}
	for _, name := range r.left {
		a.printf("%s is of kind sql and was not tried: its statements write where they say", name)
	}
	for _, s := range r.report.Steps {
		if s.Error != nil && s.Status.Bad() {
			a.printFault(s, "")
		}
	}
}

func (a *App) printDifference(d dag.Difference) {
	if d.Before == nil {
		a.printf("%s (%s) is new: %s", d.Name, d.Kind, counted(int(d.After), "row"))
	} else {
		a.printf("%s (%s): %d → %s: %d added, %d removed, %d changed, %d unchanged",
			d.Name, d.Kind, *d.Before, counted(int(d.After), "row"), d.Added, d.Removed, d.Changed, d.Unchanged)
	}
	for _, c := range d.Columns {
		switch {
		case d.Before == nil:
		case c.Was == "":
			a.printf("  column %s %s comes", c.Name, c.Is)
		case c.Is == "":
			a.printf("  column %s %s goes", c.Name, c.Was)
		default:
			a.printf("  column %s: %s → %s", c.Name, c.Was, c.Is)
		}
	}
	var in []string
	for _, name := range slices.Sorted(maps.Keys(d.ChangedIn)) {
		in = append(in, fmt.Sprintf("%s in %d", name, d.ChangedIn[name]))
	}
	if len(in) > 0 {
		a.printf("  changed: %s", strings.Join(in, ", "))
	}
	for _, row := range d.Samples.Added {
		a.printf("  + %s", row)
	}
	for _, row := range d.Samples.Removed {
		a.printf("  - %s", row)
	}
	for _, row := range d.Samples.Changed {
		a.printf("  ~ %s: %s", row.Key, changes(row))
	}
}

// changes are the columns of a row that differ: "amount 10 → 12, state "open" → "paid"".
func changes(row dag.ChangedRow) string {
	var was, is map[string]json.RawMessage
	if json.Unmarshal(row.Was, &was) != nil || json.Unmarshal(row.Is, &is) != nil {
		return string(row.Was) + " → " + string(row.Is)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(is)) {
		parts = append(parts, fmt.Sprintf("%s %s → %s", name, was[name], is[name]))
	}
	return strings.Join(parts, ", ")
}
