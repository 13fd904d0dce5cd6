package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/ods"
)

// forgotten is what was deleted of the bookkeeping, or would be. Its JSON is what --json shows.
type forgotten struct {
	Deleted    bool  `json:"deleted"`
	Runs       int64 `json:"runs"`
	Steps      int64 `json:"steps"`
	Judgements int64 `json:"assertion_results"`
	Batches    int64 `json:"batches"`
	Readings   int64 `json:"readings"`
	Rejects    int64 `json:"replayed_rejects"`
}

// String says it as a sentence goes on.
func (f forgotten) String() string {
	return fmt.Sprintf("%s with %s and %s of assertions, %s, %s of sources, %s that were replayed",
		counted(int(f.Runs), "run"), counted(int(f.Steps), "step"), counted(int(f.Judgements), "result"),
		plural(f.Batches, "batch", "batches"), counted(int(f.Readings), "reading"), counted(int(f.Rejects), "reject"))
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// forgetOld deletes the bookkeeping that is older than keep and that nobody needs, or with dry counts it. What was deleted
// before an error or the context's end stays so, and the next time goes on.
func forgetOld(ctx context.Context, conn *pgx.Conn, keep time.Duration, dry bool) (forgotten, error) {
	out := forgotten{Deleted: !dry}
	// Two at once would wait for each other anyway, in the middle of it.
	if _, err := conn.Exec(ctx, "select pg_advisory_lock(hashtextextended('terrace retention', 0))"); err != nil {
		return out, fmt.Errorf("wait for others that delete old runs: %w", err)
	}
	defer func() { // the end of the session does it where this cannot
		_, _ = conn.Exec(ctx, "select pg_advisory_unlock(hashtextextended('terrace retention', 0))")
	}()
	ledger := dag.NewLedger(conn)
	runs, err := ledger.ForgetRuns(ctx, keep, dry)
	if err != nil {
		return out, err
	}
	out.Runs, out.Steps, out.Judgements = runs.Runs, runs.Steps, runs.Judgements
	// Rejects before the batches that they came with, and batches before the readings that they were of.
	if out.Rejects, err = ods.ForgetReplayed(ctx, conn, keep, dry); err != nil {
		return out, err
	}
	tables, err := ods.Arrivals(ctx, conn)
	if err != nil {
		return out, err
	}
	arrivals := make([]dag.Arrivals, 0, len(tables))
	for stream, relations := range tables {
		arrivals = append(arrivals, dag.Arrivals{Node: stream, Relations: relations})
	}
	if out.Batches, err = ledger.ForgetBatches(ctx, keep, arrivals, dry); err != nil {
		return out, err
	}
	out.Readings, err = ods.ForgetReadings(ctx, conn, keep, dry)
	return out, err
}

// checkKept refuses to keep less than terrace itself, or a rule on alerts, looks back.
func (p *project) checkKept(setting string, keep time.Duration) error {
	if keep < dag.LeastKept {
		return &inputError{message: fmt.Sprintf("%s is %s: the runs of a day are kept at least", setting, keep), hint: "Give a length of time such as 90d."}
	}
	for _, rule := range p.alerts.Rules {
		if rule.Within > keep {
			return &inputError{
				message: fmt.Sprintf("%s is less than rule %q of alerts looks back", setting, rule.Name),
				hint:    fmt.Sprintf("Keep %.0f days of runs or more.", rule.Within.Hours()/24+1),
			}
		}
	}
	return nil
}

// cleanRuns is terrace clean --runs-older-than.
func (c *CleanCmd) cleanRuns(ctx context.Context, a *App, p *project) error {
	if err := p.checkKept("--runs-older-than", c.RunsOlderThan); err != nil {
		return err
	}
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	doing := c.Yes && !c.DryRun
	done, err := forgetOld(ctx, conn, c.RunsOlderThan, !doing)
	if err != nil {
		return err
	}
	nothing := done == forgotten{Deleted: doing}
	switch {
	case a.JSON:
		err = a.printJSON(done)
	case nothing:
		a.printf("there is nothing to delete")
	case doing:
		a.printf("deleted %s", done)
	default:
		a.printf("would delete %s", done)
	}
	if err != nil || doing || c.DryRun || nothing {
		return err
	}
	return &inputError{message: "nothing was deleted", hint: "Repeat with --yes to do it."}
}

// forgetEvery is how often processes that stay delete what is old, where a setting says that it is not kept.
const forgetEvery = 24 * time.Hour

// withRetention does something that stays, and meanwhile deletes once a day what terrace.yml says is not kept.
func (a *App) withRetention(ctx context.Context, p *project, do func() error) error {
	keep := p.Config.KeepRuns
	if keep == 0 {
		return do()
	}
	if err := p.checkKept("runs: keep", keep); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for ; ctx.Err() == nil; pauseFor(ctx, forgetEvery) {
			a.forgetDaily(ctx, keep)
		}
	})
	defer func() { stop(); running.Wait() }()
	return do()
}

// forgetDaily deletes what is old. What goes wrong is told, and stops nothing.
func (a *App) forgetDaily(ctx context.Context, keep time.Duration) {
	conn, err := a.openDatabase(ctx)
	if err == nil {
		defer hangUp(conn)
		var done forgotten
		if done, err = forgetOld(ctx, conn, keep, false); err == nil && (done != forgotten{Deleted: true}) {
			a.Log.Info("old bookkeeping was deleted", "what", done.String())
		}
	}
	if err != nil && ctx.Err() == nil {
		a.Log.Warn("old runs were not deleted", "error", a.redact(message(err)), "hint", "It is tried again in a day. Only the owner of schema terrace may delete there.")
	}
}
