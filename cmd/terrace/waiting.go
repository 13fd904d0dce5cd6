package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/terrace-elt/terrace/dag"
)

// waitingEvery is how often a run looks for steps that wait for somebody else's transaction, and for how long a step has
// to run before it is looked for.
const waitingEvery = 20 * time.Second

// A publish waits for readers in short stretches, so that it is looked for several times.
const (
	waitingLooks = 5
	waitingPause = 70 * time.Millisecond
)

// lookForWaiting lists the steps that wait at this moment.
func lookForWaiting(ctx context.Context, ledger *dag.Ledger) (waiting []dag.Waiting, err error) {
	for look := 0; look < waitingLooks && len(waiting) == 0 && ctx.Err() == nil; look++ {
		if look > 0 {
			pauseFor(ctx, waitingPause)
		}
		if waiting, err = ledger.Waiting(ctx); err != nil {
			return nil, err
		}
	}
	return waiting, nil
}

// waitingFor says for whom a step waits, and what ends that.
func waitingFor(w dag.Waiting, now time.Time) (line, hint string) {
	since := ""
	if w.Since != nil {
		since = ", its transaction began " + ago(now.Sub(*w.Since))
	}
	if w.Node == dag.AllNodes {
		w.Node = "the whole run (--publish together)"
	}
	return fmt.Sprintf("waiting: %s, for process %d (%s, role %s, %s%s): %s", w.Node, w.PID, w.Application, w.Role, w.State, since, w.Statement),
		fmt.Sprintf("  hint: select pg_terminate_backend(%d) ends it", w.PID)
}

// watchWaiting says, while a run goes on, for whom its steps wait: nobody else would, until they are through. The function
// that it returns ends it.
func (p *progress) watchWaiting(ctx context.Context, pool *pgxpool.Pool) (stop func()) {
	if p.app.Quiet {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for pauseFor(ctx, waitingEvery); ctx.Err() == nil; pauseFor(ctx, waitingEvery) {
			p.tellWaiting(ctx, dag.NewLedger(pool))
		}
	})
	return func() { cancel(); watching.Wait() }
}

// tellWaiting says it once of each step and session. What cannot be asked is not told.
func (p *progress) tellWaiting(ctx context.Context, ledger *dag.Ledger) {
	if !p.anyFor(waitingEvery) {
		return
	}
	waiting, err := lookForWaiting(ctx, ledger)
	if err != nil {
		return
	}
	for _, w := range waiting {
		if p.first(w) {
			line, hint := waitingFor(w, p.app.Now())
			p.say(line + "\n" + hint + "\n")
		}
	}
}

// anyFor reports whether a step has been running for so long.
func (p *progress) anyFor(d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, step := range p.running {
		if p.app.Now().Sub(step.since) >= d {
			return true
		}
	}
	return false
}

// first reports whether a step of this run waits for a session of which that has not been told.
func (p *progress) first(w dag.Waiting) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, step := range p.running {
		own := strings.HasPrefix(name, w.Node) || p.together && w.Node == dag.AllNodes // the server keeps the beginning of a long name
		if !own || step.waitsFor == w.PID {
			continue
		}
		step.waitsFor = w.PID
		return true
	}
	return false
}
