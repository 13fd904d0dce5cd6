package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/schedule"
	"github.com/terrace-elt/terrace/dag/site"
)

// pageAsks queues what readers of the pages ask for: schedulers take it, as what is due.
type pageAsks struct{ source *pageSource }

// Ask implements site.Asks.
func (p pageAsks) Ask(ctx context.Context, w site.Wish) (site.Reply, error) {
	store := schedule.NewStore(p.source.pool).In(p.source.loaded().apart(p.source.app))
	var reply site.Reply
	var err error
	switch w.Do {
	case site.DeedStart:
		reply.ID, reply.Fresh, err = store.AskSchedule(ctx, w.Schedule, w.By, w.Key)
	case site.DeedPause:
		reason := w.By
		if w.Reason != "" {
			reason = w.Reason + " (" + w.By + ")"
		}
		err = store.Pause(ctx, w.Schedule, p.source.app.redact(reason), nil)
	case site.DeedResume:
		err = store.Resume(ctx, w.Schedule)
	default:
		reply.ID, reply.Fresh, err = store.Ask(ctx, schedule.Asked{Arguments: p.command(w), By: w.By, Key: w.Key})
	}
	return reply, err
}

// command is what somebody would type. It waits for nodes that another run holds: nobody is there to type it again.
func (p pageAsks) command(w site.Wish) []string {
	var args []string
	if w.Do == site.DeedRetry {
		args = []string{"retry", w.Run.String()}
	} else {
		args = p.source.loaded().running(w)
	}
	args = append(args, "--wait")
	if env := p.source.app.settings.environment; env != "" {
		args = append(args, "--env", env)
	}
	return args
}

// running is the command that reads, builds or judges a node, and what depends on it where that is wished.
func (p *project) running(w site.Wish) []string {
	selector := w.Node
	if w.Downstream {
		selector += "+"
	}
	n := p.graph.Node(w.Node)
	switch {
	case n == nil: // it has left the project meanwhile; the command says so
	case n.Kind == dag.KindAssertion:
		return []string{"test", w.Node, "--no-unit"}
	case n.Kind == dag.KindStream && !n.Stream.External && w.Downstream:
		return []string{"update", selector}
	case n.Kind == dag.KindStream && !n.Stream.External:
		return []string{"extract", selector}
	}
	args := []string{"run", selector}
	if w.Force {
		args = append(args, "--force")
	}
	return args
}

// mostOutput is how much of a log is shown: what keeps a run from beginning is its last lines.
const mostOutput = 4 << 10

// Output implements site.Asks.
func (p pageAsks) Output(host, log string) string {
	if here, err := os.Hostname(); err != nil || here != host || log == "" || !filepath.IsLocal(log) {
		return ""
	}
	file, err := os.Open(filepath.Join(p.source.app.Dir, log))
	if err != nil {
		return "" // it is one of another folder, or was removed
	}
	defer func() { _ = file.Close() }() // it is only read
	if info, err := file.Stat(); err == nil && info.Size() > mostOutput {
		if _, err := file.Seek(-mostOutput, io.SeekEnd); err != nil {
			return ""
		}
	}
	text, err := io.ReadAll(io.LimitReader(file, mostOutput))
	if err != nil {
		return ""
	}
	return string(text)
}
