package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/terrace-elt/terrace/dag"
)

// RetryCmd is terrace retry.
type RetryCmd struct {
	RunID    string `arg:"" optional:"" name:"run" help:"The run to repeat, or the first digits of its id (default: the newest)."`
	DryRun   bool   `name:"dry-run" help:"Print the plan and stop; nothing is written."`
	FailFast bool   `name:"fail-fast" help:"Start nothing new after the first failure."`
	Wait     bool   `help:"Wait for nodes that another run holds, instead of failing."`
}

// Run implements the command: it repeats from the ledger, so it works on any machine that reaches the database.
func (c *RetryCmd) Run(ctx context.Context, a *App) error {
	if err := checkRunID(c.RunID); err != nil {
		return err
	}
	p, err := a.load()
	if err != nil {
		return err
	}
	info, results, err := a.lastRun(ctx, p.apart(a), c.RunID)
	if err != nil {
		return err
	}
	if !info.Ended() && !info.Lost() {
		return a.goingOn(ctx, info)
	}
	r, ok := repeat(info, results)
	if !ok {
		fmt.Fprintf(a.Stderr, "run %s left nothing to retry\n", info.RunID)
		return a.printNothing(info)
	}
	asked := askedOf(info)
	if asked.Folder != "" {
		return &inputError{
			message: fmt.Sprintf("run %s had %s, and a retry would read the sources and land what they have now", info.RunID, asked.Folder),
			hint:    "Repeat it with its folder, as it was given. To read the sources: terrace extract.",
		}
	}
	for name, value := range asked.Vars { // what is given now counts
		if _, given := a.settings.vars[name]; !given {
			a.settings.vars[name] = value
		}
	}
	r.dryRun, r.failFast, r.wait = c.DryRun, c.FailFast, c.Wait
	return a.do(ctx, r)
}

// sameEnvironment refuses to repeat a run where other nodes are meant by its names.
func sameEnvironment(info dag.RunInfo, environment string) error {
	switch was := info.Environment; {
	case was == environment:
		return nil
	case was == "":
		return &inputError{message: fmt.Sprintf("run %s was one of production, not of environment %s", info.RunID, environment), hint: "Repeat it there: terrace retry without --env."}
	default:
		return &inputError{message: fmt.Sprintf("run %s was one of environment %s", info.RunID, was), hint: "Repeat it there: terrace retry --env " + was}
	}
}

// goingOnError is a run that cannot be repeated yet.
type goingOnError struct {
	run dag.RunInfo
	// silentSince is since when the server has heard nothing of it, nil where it is at work.
	silentSince *time.Time
}

func (e *goingOnError) Error() string {
	text := fmt.Sprintf("run %s still goes on (process %d on %s)", e.run.RunID, e.run.PID, e.run.Host)
	if e.silentSince != nil {
		text += ", silent since " + e.silentSince.Format(time.DateTime)
	}
	return text
}

// hint is what to do about it. A process that was stopped ends nothing by itself; its sessions are found by the run's name.
func (e *goingOnError) hint() string {
	return "Wait until it has ended, or end it with Ctrl-C; terrace runs shows when it has. If its process hangs or was stopped, end it there, or its sessions here: " +
		dag.EndSessions(e.run.RunID)
}

// goingOn is the error of a run that cannot be repeated yet.
func (a *App) goingOn(ctx context.Context, info dag.RunInfo) error {
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	working, silentSince, err := dag.NewLedger(conn).Heard(ctx, info.RunID)
	if err != nil {
		return err
	}
	if working {
		silentSince = nil
	}
	return &goingOnError{info, silentSince}
}

// printNothing prints the report of a retry that had nothing to do, for those who read reports.
func (a *App) printNothing(info dag.RunInfo) error {
	if !a.JSON {
		return nil
	}
	return a.printJSON(dag.Report{RunID: info.RunID.String(), Status: dag.Success, StartedAt: info.StartedAt, Steps: []dag.StepReport{}})
}

// repeatable is what the ledger keeps of a request.
type repeatable struct {
	Select      []string      `json:"select"`
	Exclude     []string      `json:"exclude"`
	Only        []string      `json:"only"`
	Except      []string      `json:"except"`
	From        string        `json:"from"`
	To          string        `json:"to"`
	WindowSplit string        `json:"window_split"`
	Pad         time.Duration `json:"pad"`
	Extract     bool          `json:"extract"`
	Models      bool          `json:"models"`
	Assertions  bool          `json:"assertions"`
	FullRefresh bool          `json:"full_refresh"`
	RebuildDays int           `json:"rebuild_days"`
	RebuildFrom time.Time     `json:"rebuild_from"` // zero of older runs, too
	Force       bool          `json:"force"`
	Together    bool          `json:"together"`
	// Vars are the values of --var, Folder is the flag with which a folder took the sources' place, or the warehouse's.
	Vars   map[string]string `json:"vars"`
	Folder string            `json:"folder"`
}

// askedOf reads what a run was asked to do.
func askedOf(info dag.RunInfo) repeatable {
	asked := repeatable{Extract: true, Models: true, Assertions: true}
	if encoded, err := json.Marshal(info.Arguments); err == nil {
		_ = json.Unmarshal(encoded, &asked) // an older run without these keys is repeated without them
	}
	return asked
}

// repeat is the request that does what a run has left undone, and false when it left nothing. A run that was lost has
// recorded only what succeeded: all else that it was asked for is done.
func repeat(info dag.RunInfo, results map[string]string) (request, bool) {
	asked := askedOf(info)
	r := request{
		command: "retry", extract: true, models: true, assertions: true,
		Window:  Window{From: asked.From, To: asked.To},
		reading: Reading{WindowSplit: asked.WindowSplit, Pad: asked.Pad},
		rebuild: rebuildFlags{FullRefresh: asked.FullRefresh, RebuildDays: asked.RebuildDays}, rebuildFrom: asked.RebuildFrom, force: asked.Force,
		together: asked.Together,
	}
	again, done := map[string]bool{}, map[string]bool{}
	for node, status := range results {
		if dag.Status(status) == dag.Success {
			done[node] = true
		} else {
			again[node] = true
		}
	}
	if !info.Lost() {
		r.only = again
		return r, len(again) > 0
	}
	r.Selection = Selection{Select: asked.Select, Exclude: asked.Exclude}
	r.extract, r.models, r.assertions = asked.Extract, asked.Models, asked.Assertions
	r.except = done
	for _, node := range asked.Except {
		done[node] = true
	}
	if asked.Only != nil {
		r.only = map[string]bool{}
		for _, node := range asked.Only {
			r.only[node] = true
		}
	}
	return r, true
}

// runDigits is a run's id, or what it begins with.
var runDigits = regexp.MustCompile(`^[0-9a-fA-F-]{0,36}$`)

// checkRunID refuses what cannot be a run's id.
func checkRunID(text string) error {
	if runDigits.MatchString(text) {
		return nil
	}
	return &inputError{message: fmt.Sprintf("%q is no run", text), hint: "terrace runs lists them with their ids."}
}

// findRun finds the run whose id is a text or begins with it.
func findRun(ctx context.Context, ledger *dag.Ledger, text string) (uuid.UUID, error) {
	if id, err := uuid.Parse(text); err == nil {
		return id, nil
	}
	found, err := ledger.Beginning(ctx, text)
	switch {
	case err != nil:
		return uuid.Nil, err
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return uuid.Nil, noSuchRun(text)
	default:
		ids := make([]string, len(found))
		for i, id := range found {
			ids[i] = id.String()
		}
		return uuid.Nil, &inputError{message: fmt.Sprintf("several runs begin with %s: %s", text, strings.Join(ids, ", ")), hint: "Give more digits."}
	}
}

func noSuchRun(text string) error {
	return &inputError{message: "there is no run " + text, hint: "terrace runs lists them with their ids."}
}

// lastRun reads a run and its steps from the ledger: the one whose id begins with a text, or else the newest of an
// environment, "" for production.
func (a *App) lastRun(ctx context.Context, environment, text string) (dag.RunInfo, map[string]string, error) {
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return dag.RunInfo{}, nil, err
	}
	defer hangUp(conn)
	ledger := dag.NewLedger(conn)
	info, err := chosenRun(ctx, ledger, environment, text)
	if err != nil {
		return info, nil, err
	}
	results, err := ledger.Results(ctx, info.RunID)
	return info, results, err
}

func chosenRun(ctx context.Context, ledger *dag.Ledger, environment, text string) (dag.RunInfo, error) {
	if text == "" {
		info, err := ledger.Newest(ctx, environment)
		if errors.Is(err, dag.ErrNoRun) {
			err = &inputError{message: "nothing has run yet that could be run again", hint: "terrace update reads the sources and builds the models."}
		}
		return info, err
	}
	info, err := namedRun(ctx, ledger, text)
	if err != nil {
		return info, err
	}
	return info, sameEnvironment(info, environment)
}

// namedRun reads the run whose id is a text, or begins with it.
func namedRun(ctx context.Context, ledger *dag.Ledger, text string) (dag.RunInfo, error) {
	id, err := findRun(ctx, ledger, text)
	if err != nil {
		return dag.RunInfo{}, err
	}
	info, err := ledger.Run(ctx, id)
	if errors.Is(err, dag.ErrNoRun) {
		err = noSuchRun(text)
	}
	return info, err
}
