package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/extract"
)

// progress shows a run while it goes on: a bar on a terminal, a line for each step that ended elsewhere. It may be told
// by several goroutines.
type progress struct {
	app *App
	// together says that what a step built is not visible when it ends.
	together bool
	bar      *mpb.Bar
	all      *mpb.Progress

	mu      sync.Mutex
	running map[string]*doing // by step
}

// doing is a step that runs.
type doing struct {
	since, told time.Time // when it began, and when it was told last that it goes on
	done        string    // so far
	waitsFor    int32     // the session of which was told that it keeps the step waiting; 0 for none
}

// tellEvery is how often it is told that a stream is still being read, where nobody watches a bar.
const tellEvery = 30 * time.Second

func (a *App) newProgress(total int) *progress {
	p := &progress{app: a, running: map[string]*doing{}}
	if total == 0 || a.JSON || a.Quiet || !terminal(a.Stderr) {
		return p
	}
	p.all = mpb.New(mpb.WithOutput(a.Stderr), mpb.WithWidth(30))
	p.bar = p.all.AddBar(int64(total),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.CountersNoUnit("%d/%d")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return p.words() })),
	)
	return p
}

// words names what runs now.
func (p *progress) words() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(p.running)) {
		parts = append(parts, strings.TrimSpace(name+" "+p.running[name].done))
	}
	const shown = 3
	if len(parts) > shown {
		parts = append(parts[:shown], fmt.Sprintf("and %d more", len(parts)-shown))
	}
	return strings.Join(parts, ", ")
}

// observe is told of each start and end of a step.
func (p *progress) observe(e dag.Event) {
	p.mu.Lock()
	if e.Started {
		now := p.app.Now()
		p.running[e.Step.Name] = &doing{since: now, told: now}
	} else {
		delete(p.running, e.Step.Name)
	}
	p.mu.Unlock()
	if e.Started {
		return
	}
	p.log(e)
	if p.bar != nil {
		p.bar.SetCurrent(int64(e.Done))
		return
	}
	p.line(e)
}

// line says that a step ended, where nobody watches a bar. What was skipped because nothing changed is only counted.
func (p *progress) line(e dag.Event) {
	quiet := e.Result.Status == dag.Skipped || (e.Step.Kind == dag.KindAssertion && e.Result.Status == dag.Success)
	if p.app.JSON || p.app.Quiet || (quiet && !p.app.Verbose) {
		return
	}
	name := strings.TrimSpace(e.Step.Name + " " + change(e.Result.Rows))
	status := string(e.Result.Status)
	if p.together && e.Result.Status == dag.Success && e.Step.Kind != dag.KindStream {
		status = "built"
	}
	fmt.Fprintf(p.app.Stderr, "[%d/%d] %s %s (%.2f s)\n", e.Done, e.Total, status, name, e.Seconds)
}

// log keeps how a step ended. On the console the report tells it.
func (p *progress) log(e dag.Event) {
	r := e.Result
	attrs := []any{
		"node", e.Step.Name, "kind", e.Step.Kind, "status", r.Status, "reason", r.Reason,
		"rows", r.Rows, "seconds", e.Seconds,
	}
	if r.Err != nil {
		attrs = append(attrs, "error", r.Err.Error())
	}
	p.app.Log.Info("step ended", attrs...)
}

// waiting says who keeps a step waiting, when it is not over in a moment.
func (p *progress) waiting(held *dag.HeldError, wait bool) {
	until := "for up to four seconds (--wait waits until it lets go)"
	if wait {
		until = "until it lets go (--wait)"
	}
	p.say(fmt.Sprintf("waiting for %s %s; it is held by %s\n", held.Node, until, held.Holder))
}

// say prints lines, above the bar where there is one.
func (p *progress) say(lines string) {
	if p.all != nil {
		_, _ = p.all.Write([]byte(lines))
		return
	}
	fmt.Fprint(p.app.Stderr, lines)
}

// landed is told of each page.
func (p *progress) landed(e extract.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.running[e.Stream]
	if d == nil {
		return
	}
	now := p.app.Now()
	d.done = soFar(e.Result, now.Sub(d.since))
	if p.bar == nil && !p.app.JSON && !p.app.Quiet && now.Sub(d.told) >= tellEvery {
		d.told = now
		fmt.Fprintf(p.app.Stderr, "%s: %s\n", e.Stream, d.done)
	}
}

// soFar tells what a stream's reading has done, how fast, and how long it waited for limits and before repetitions.
func soFar(r extract.Result, elapsed time.Duration) string {
	parts := []string{counted(r.Pages, "page"), counted(int(r.Received), "record")}
	if r.Slices > 1 {
		parts = append(parts, fmt.Sprintf("%d of %d slices", r.SlicesDone, r.Slices))
	}
	if elapsed >= time.Second {
		parts = append(parts, fmt.Sprintf("%.0f records/s", float64(r.Received)/elapsed.Seconds()))
	}
	if r.Waited >= time.Second {
		parts = append(parts, "waited "+r.Waited.Round(time.Second).String())
	}
	return strings.Join(parts, ", ")
}

func (p *progress) stop() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.all.Wait()
	}
}
