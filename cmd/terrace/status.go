package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/dag/site"
	"github.com/terrace-elt/terrace/ods"
)

// StatusCmd is terrace status.
type StatusCmd struct{}

// Run implements the command.
func (c *StatusCmd) Run(ctx context.Context, a *App) error {
	store, pool, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	var p *project
	if a.Dir != "" {
		p = a.read()
	}
	all, err := a.streams(ctx, store, p)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(all)
	}
	a.printStatus(all)
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	if err := a.scheduleError(ctx, "", a.printNextSchedules(ctx, conn)); err != nil {
		return err
	}
	return a.printStanding(ctx, conn, p)
}

// streams are the cut-offs of all streams that were landed; p, which may be nil, says where reading goes on.
func (a *App) streams(ctx context.Context, store *ods.Store, p *project) ([]site.Stream, error) {
	streams, err := store.Status(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]site.Stream, 0, len(streams))
	for _, s := range streams {
		status := a.statusOf(s)
		for _, v := range s.Variants {
			status.Variant, status.LandedUpTo, status.LastRead = v.Variant, v.Watermark, v.LastEnded
			status.ResumeFrom = p.resume(s.Stream, v.Watermark)
			all = append(all, status)
		}
		if len(s.Variants) == 0 {
			all = append(all, status)
		}
	}
	return all, nil
}

// resume is where reading goes on, as the stream is declared now.
func (p *project) resume(stream string, watermark *time.Time) *time.Time {
	if p == nil || watermark == nil || p.streams[stream] == nil || p.streams[stream].Slicing == nil {
		return watermark
	}
	from := p.streams[stream].Slicing.Resume(*watermark)
	return &from
}

// patience is how much longer than usual, and how long at all, a stream may bring nothing before it is told.
const (
	patience      = 3
	leastPatience = time.Hour
)

// statusOf judges a stream. A token that has expired shows as one that fails; where a source hides that behind empty answers,
// as one that has been quiet for longer than it ever was.
func (a *App) statusOf(s ods.StreamStatus) site.Stream {
	out := site.Stream{
		Stream: s.Stream, State: site.StreamOK, AskedUpTo: s.AskedUpTo, LandedAt: s.LandedAt, LastChange: s.LastChange,
		Records: s.Current, Open: s.Open, Failed: s.Failed, Rejected: s.Rejected,
	}
	switch {
	case s.Gone:
		out.State, out.Why = site.StreamFailing, fmt.Sprintf("the table %s is gone; terrace extract %[1]s says what can be done", s.Stream)
	case s.Failure != "":
		out.State, out.Why = site.StreamFailing, a.redact(s.Failure)
		if s.FailedAt != nil {
			out.Why = fmt.Sprintf("failed %s: %s", ago(a.Now().Sub(*s.FailedAt)), out.Why)
		}
	case len(s.Variants) == 0:
		out.State, out.Why = site.StreamUnread, "nothing has been read to its end yet"
	case s.LastChange != nil && s.Usual != nil && a.Now().Sub(*s.LastChange) > max(patience**s.Usual, leastPatience):
		out.State = site.StreamQuiet
		out.Why = fmt.Sprintf("read to its end, but nothing is new since %s, where as a rule no more than %s pass: a quiet source, or credentials that see nothing any more; terrace check --sources asks it",
			a.at(*s.LastChange), s.Usual.Round(time.Second))
	}
	return out
}

func (a *App) printStatus(all []site.Stream) {
	if len(all) == 0 {
		a.printf("nothing has been landed yet: terrace extract, or terrace update")
		return
	}
	t := newTable(a.Stdout, "STREAM", "STATE", "RECORDS", "ASKED UP TO", "LANDED UP TO", "RESUMES FROM", "LAST CHANGE", "LAST READ", "OPEN", "FAILED", "REJECTED")
	now := a.Now()
	since := func(moment *time.Time) string {
		if moment == nil {
			return ""
		}
		return ago(now.Sub(*moment))
	}
	at := func(moment *time.Time) string {
		if moment == nil {
			return ""
		}
		return a.at(*moment)
	}
	for _, s := range all {
		name := s.Stream
		if s.Variant != "" {
			name += " [" + s.Variant + "]"
		}
		t.AppendRow(table.Row{
			name, s.State, s.Records, at(s.AskedUpTo), at(s.LandedUpTo), at(s.ResumeFrom), since(s.LastChange), since(s.LastRead),
			s.Open, s.Failed, s.Rejected,
		})
	}
	t.Render()
	told := map[string]bool{}
	for _, s := range all {
		if s.Why != "" && !told[s.Stream] {
			told[s.Stream] = true
			a.printf("%s is %s: %s", s.Stream, s.State, s.Why)
		}
	}
}
