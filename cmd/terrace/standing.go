package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
)

// printStanding says how production stands: the newest run, what failed with its reason, what is stale because of it, and
// what to do. p, which may be nil, says which nodes there still are.
func (a *App) printStanding(ctx context.Context, conn *pgx.Conn, p *project) error {
	ledger := dag.NewLedger(conn)
	runs, err := ledger.Runs(ctx, lookedAt)
	if err != nil || len(runs) == 0 {
		return err
	}
	a.printf("\nlast run: %s at %s, %s: %s", whoseCommand(runs[0]), a.at(runs[0].StartedAt),
		ago(a.Now().Sub(runs[0].StartedAt)), a.status(dag.Status(runs[0].Status)))
	defer a.tellLost(runs[0])
	if err := a.printWorking(ctx, ledger, runs); err != nil {
		return err
	}
	if err := a.printWaiting(ctx, ledger, runs[0]); err != nil {
		return err
	}
	unwell, err := ledger.Unwell(ctx)
	if err != nil {
		return err
	}
	if p != nil && p.graph != nil {
		unwell = slices.DeleteFunc(unwell, func(u dag.Unwell) bool { return p.graph.Node(u.Node) == nil })
	}
	a.printUnwell(unwell)
	return nil
}

// lookedAt is among how many of the newest runs those are looked for that go on.
const lookedAt = 50

// printWorking says of each run that goes on since when it does, and what it works on.
func (a *App) printWorking(ctx context.Context, ledger *dag.Ledger, runs []dag.RunInfo) error {
	for _, run := range runs {
		if run.Ended() || run.Lost() {
			continue
		}
		working, err := ledger.Working(ctx, run.RunID)
		if err != nil {
			return err
		}
		a.printf("running: %s, process %d on %s, began %s%s", whoseCommand(run), run.PID, run.Host, ago(a.Now().Sub(run.StartedAt)), a.worksOn(working))
		if err := a.tellSilent(ctx, a.Stdout, ledger, run); err != nil {
			return err
		}
	}
	return nil
}

// worksOn tells what a run works on, and since when.
func (a *App) worksOn(working []dag.Working) string {
	var nodes []string
	for _, w := range working {
		name := w.Node
		if name == dag.AllNodes {
			name = "all of it, to publish it together"
		}
		if w.Since != nil {
			name += " (began " + ago(a.Now().Sub(*w.Since)) + ")"
		}
		nodes = append(nodes, name)
	}
	if len(nodes) == 0 {
		return ""
	}
	return "; works on " + strings.Join(nodes, ", ")
}

// printWaiting says for whom a run waits that goes on.
func (a *App) printWaiting(ctx context.Context, ledger *dag.Ledger, run dag.RunInfo) error {
	if run.Ended() || run.Lost() {
		return nil
	}
	waiting, err := lookForWaiting(ctx, ledger)
	for _, w := range waiting {
		line, hint := waitingFor(w, a.Now())
		a.printf("%s\n%s", line, hint)
	}
	return err
}

func (a *App) printUnwell(unwell []dag.Unwell) {
	if len(unwell) == 0 {
		return
	}
	waiting := map[string][]string{} // by what they wait for
	for _, u := range unwell {
		if u.Waits() {
			waiting[u.Reason] = append(waiting[u.Reason], u.Node)
			continue
		}
		a.printf("%s: %s, %s: %s%s", a.status(u.Status), u.Node, ago(a.Now().Sub(u.StartedAt)), placeOf(u.Error.File, u.Error.Line, u.Error.Column), u.Error.Message)
		if u.Error.Hint != "" {
			a.printf("  hint: %s", u.Error.Hint)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(waiting)) {
		a.printf("stale: %s (%s)", shortened(waiting[reason], staleShown), reason)
	}
	a.printf("next: %s", remedy(unwell))
}

// staleShown is how many stale nodes of one reason are named.
const staleShown = 20

// shortened names so many of a list.
func shortened(names []string, most int) string {
	slices.Sort(names)
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// remedy is the command that makes nodes well, once their reason is gone: a retry where one run left them, else a run of
// each with what waits for it.
func remedy(unwell []dag.Unwell) string {
	first := unwell[0].RunID
	if !slices.ContainsFunc(unwell, func(u dag.Unwell) bool { return u.RunID != first }) {
		return fmt.Sprintf("terrace retry %s; terrace runs %[1]s has its report", first)
	}
	command := "run"
	var selectors []string
	for _, u := range unwell {
		if u.Waits() {
			continue
		}
		if u.Kind == dag.KindStream {
			command = "update"
		}
		selectors = append(selectors, u.Node+"+")
	}
	return "terrace " + command + " " + strings.Join(selectors, " ")
}

// tellNext says what to do after a run that did not end well.
func (a *App) tellNext(r dag.Report) {
	if !r.Status.Bad() || r.Status == dag.PartialSuccess || r.RunID == "" || a.Quiet {
		return
	}
	first := ""
	if r.Status == dag.Failure {
		first = "put right what failed, then "
	}
	fmt.Fprintf(a.Stderr, "next: %sterrace retry %s runs it again, with what was skipped because of it\n", first, r.RunID)
}

// tellFailed says where the reasons of a run are that did not end well.
func (a *App) tellFailed(r dag.RunInfo) {
	if status := dag.Status(r.Status); r.Ended() && status.Bad() && status != dag.PartialSuccess {
		fmt.Fprintf(a.Stderr, "the newest run ended with %s: terrace runs %s says why, terrace status what is stale\n", r.Status, r.RunID)
	}
}
