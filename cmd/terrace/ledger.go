package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/ods"
)

// RunsCmd is terrace runs.
type RunsCmd struct {
	RunID string `arg:"" optional:"" name:"run" help:"Show the steps of this run; the first digits of its id will do."`
	Limit uint   `default:"20" help:"Runs to list."`
}

// Run implements the command.
func (c *RunsCmd) Run(ctx context.Context, a *App) error {
	if err := checkRunID(c.RunID); err != nil {
		return err
	}
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	ledger := dag.NewLedger(conn)
	if c.RunID != "" {
		return c.show(ctx, a, ledger)
	}
	return c.list(ctx, a, ledger)
}

// show prints the steps of a run.
func (c *RunsCmd) show(ctx context.Context, a *App, ledger *dag.Ledger) error {
	info, err := namedRun(ctx, ledger, c.RunID)
	if err != nil {
		return err
	}
	report, err := ledger.Report(ctx, info.RunID)
	if err != nil {
		return err
	}
	defer a.tellLost(info)
	if !info.Ended() && !info.Lost() {
		working, err := ledger.Working(ctx, info.RunID)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Stderr, "it goes on since %s%s; steps are told as they end\n", a.at(info.StartedAt), a.worksOn(working))
		if err := a.tellSilent(ctx, a.Stderr, ledger, info); err != nil {
			return err
		}
	}
	return a.printReport(report, nil)
}

// tellSilent says of a run that goes on since when nothing is heard of it, where that is long ago, and how it is ended.
func (a *App) tellSilent(ctx context.Context, w io.Writer, ledger *dag.Ledger, run dag.RunInfo) error {
	since, err := ledger.Silent(ctx, run.RunID, dag.Patience)
	if err != nil || since == nil {
		return err
	}
	fmt.Fprintf(w, "the database last heard of it at %s (%s): it waits for a source, or its process hangs or was stopped; to end it, end process %d on %s, or its sessions: %s\n",
		a.at(*since), ago(a.Now().Sub(*since)), run.PID, run.Host, dag.EndSessions(run.RunID))
	return nil
}

// list prints the newest runs.
func (c *RunsCmd) list(ctx context.Context, a *App, ledger *dag.Ledger) error {
	runs, err := ledger.Runs(ctx, int(c.Limit))
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(runs)
	}
	t := newTable(a.Stdout, "STARTED", "COMMAND", "ENVIRONMENT", "STATUS", "STEPS", "FAILED", "SECONDS", "RUN")
	for _, r := range runs {
		seconds := ""
		if r.EndedAt != nil {
			seconds = fmt.Sprintf("%.2f", r.EndedAt.Sub(r.StartedAt).Seconds())
		}
		t.AppendRow(table.Row{a.at(r.StartedAt), whoseCommand(r), r.Environment, a.status(dag.Status(r.Status)), r.Steps, r.Failed, seconds, r.RunID})
	}
	t.Render()
	if len(runs) > 0 {
		a.tellLost(runs[0])
		a.tellFailed(runs[0])
	}
	return nil
}

// whoseCommand is the command, and the schedule that it was of, or who asked for it on a page.
func whoseCommand(r dag.RunInfo) string {
	for _, key := range []string{"schedule", "asked_by"} {
		if whose, ok := r.Arguments[key].(string); ok {
			return fmt.Sprintf("%s (%s)", r.Command, whose)
		}
	}
	return r.Command
}

// tellLost says why a run has no end, and what to do.
func (a *App) tellLost(r dag.RunInfo) {
	if r.Lost() {
		fmt.Fprintf(a.Stderr, "run %s left no end: its process was killed, or it lost the database; terrace retry goes on with it\n", r.RunID)
	}
}

// openStore opens the landing's side of the database, on a pool that the caller closes.
func (a *App) openStore(ctx context.Context) (*ods.Store, *pgxpool.Pool, error) {
	config, err := a.projectConfig(ctx)
	if err != nil {
		return nil, nil, err
	}
	pool, err := a.openPool(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	return ods.New(pool), pool, nil
}

// RejectsCmd is terrace rejects.
type RejectsCmd struct {
	List   RejectsListCmd   `cmd:"" default:"withargs" help:"List them, the newest first."`
	Show   RejectsShowCmd   `cmd:"" help:"Print one with its bytes."`
	Replay RejectsReplayCmd `cmd:"" help:"Land what was rejected, as the project is declared now."`
}

// RejectsListCmd is terrace rejects list.
type RejectsListCmd struct {
	Stream string `help:"Only of this stream."`
	Reason string `help:"Only for this reason."`
	Limit  uint   `default:"50" help:"Rejects to list."`
}

// reject is a record that could not be landed as --json shows it.
type reject struct {
	ID         int64     `json:"id"`
	Stream     string    `json:"stream"`
	Reason     string    `json:"reason"`
	Message    string    `json:"message"`
	Place      string    `json:"place"`
	RejectedAt time.Time `json:"rejected_at"`
	Raw        string    `json:"raw"`
}

// Run implements the command.
func (c *RejectsListCmd) Run(ctx context.Context, a *App) error {
	stream, err := a.landedStream(ctx, c.Stream)
	if err != nil {
		return err
	}
	rejects, err := a.rejects(ctx, ods.RejectFilter{Stream: stream, Reason: c.Reason, Limit: int(c.Limit)})
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(rejects)
	}
	if len(rejects) == 0 {
		a.printf("no rejects")
		return nil
	}
	t := newTable(a.Stdout, "ID", "STREAM", "REASON", "PLACE", "MESSAGE", "REJECTED")
	for _, r := range rejects {
		t.AppendRow(table.Row{r.ID, r.Stream, r.Reason, r.Place, a.redact(r.Message), a.at(r.RejectedAt)})
	}
	t.Render()
	return nil
}

// landedStream finds the stream that a name means among those that were landed, in the project still or not. One of the
// project that has landed nothing yet is one as well.
func (a *App) landedStream(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return "", err
	}
	defer hangUp(conn)
	landed, err := ods.Streams(ctx, conn)
	if err != nil || slices.Contains(landed, name) {
		return name, err
	}
	p, err := a.load()
	if err != nil {
		return "", err
	}
	n, err := p.node(name)
	if err != nil {
		return "", err
	}
	if n.Kind != dag.KindStream {
		return "", &inputError{
			message: fmt.Sprintf("%s is a %s: what its rules reject is in %[1]s__rejects", n.Name, n.Kind),
			hint:    "terrace ls kind:stream lists the streams.",
		}
	}
	return n.Name, nil
}

// RejectsShowCmd is terrace rejects show.
type RejectsShowCmd struct {
	ID int64 `arg:"" help:"Number from terrace rejects list."`
}

// Run implements the command.
func (c *RejectsShowCmd) Run(ctx context.Context, a *App) error {
	rejects, err := a.rejects(ctx, ods.RejectFilter{ID: c.ID, Limit: 1})
	if err != nil {
		return err
	}
	if len(rejects) == 0 || c.ID == 0 { // to the filter, 0 is any
		return &inputError{message: fmt.Sprintf("there is no reject %d", c.ID), hint: "terrace rejects lists them."}
	}
	if a.JSON {
		return a.printJSON(rejects[0])
	}
	r := rejects[0]
	a.printf("stream:  %s\nreason:  %s\nplace:   %s\nmessage: %s\n\n%s", r.Stream, r.Reason, r.Place, r.Message, r.Raw)
	return nil
}

func (a *App) rejects(ctx context.Context, filter ods.RejectFilter) ([]reject, error) {
	store, pool, err := a.openStore(ctx)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	stored, err := store.Rejects(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := make([]reject, 0, len(stored))
	for _, s := range stored {
		out = append(out, reject{s.ID, s.Stream, s.Reason, s.Message, s.Place, s.RejectedAt, string(s.Raw)})
	}
	return out, nil
}
