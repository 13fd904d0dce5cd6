package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/ods"
)

// StatusCmd is terrace status.
type StatusCmd struct{}

// condition says whether a stream is as it should be.
type condition string

const (
	streamOK      condition = "ok"
	streamFailing condition = "failing" // what was asked last was not answered: credentials, network, content; or its table is gone
	streamQuiet   condition = "quiet"   // it is read to its end, and brings nothing new for longer than it used to
	streamUnread  condition = "unread"  // nothing of it has been read to its end
)

// streamStatus is a stream's cut-off as --json shows it.
type streamStatus struct {
	Stream     string     `json:"stream"`
	Variant    string     `json:"variant,omitempty"`
	State      condition  `json:"state"`
	Why        string     `json:"why,omitempty"`
	AskedUpTo  *time.Time `json:"asked_up_to"`
	LandedUpTo *time.Time `json:"landed_up_to"`
	ResumeFrom *time.Time `json:"resume_from"`
	LandedAt   *time.Time `json:"landed_at"`
	LastChange *time.Time `json:"last_change"`
	LastRead   *time.Time `json:"last_read"`
	Records    int64      `json:"records"`
	Open       int64      `json:"open_slices"`
	Failed     int64      `json:"failed_slices"`
	Rejected   int64      `json:"rejected"`
}

// Run implements the command.
func (c *StatusCmd) Run(ctx context.Context, a *App) error {
	store, closeStore, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer closeStore()
	streams, err := store.Status(ctx)
	if err != nil {
		return err
	}
	var p *project
	if a.Dir != "" {
		p = a.read()
	}
	all := make([]streamStatus, 0, len(streams))
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
	if a.JSON {
		return a.printJSON(all)
	}
	a.printStatus(all)
	return nil
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
func (a *App) statusOf(s ods.StreamStatus) streamStatus {
	out := streamStatus{
		Stream: s.Stream, State: streamOK, AskedUpTo: s.AskedUpTo, LandedAt: s.LandedAt, LastChange: s.LastChange,
		Records: s.Current, Open: s.Open, Failed: s.Failed, Rejected: s.Rejected,
	}
	switch {
	case s.Gone:
		out.State, out.Why = streamFailing, fmt.Sprintf("the table %s is gone; terrace extract %[1]s says what can be done", s.Stream)
	case s.Failure != "":
		out.State, out.Why = streamFailing, a.redact(s.Failure)
		if s.FailedAt != nil {
			out.Why = fmt.Sprintf("failed %s: %s", ago(a.Now().Sub(*s.FailedAt)), out.Why)
		}
	case len(s.Variants) == 0:
		out.State, out.Why = streamUnread, "nothing has been read to its end yet"
	case s.LastChange != nil && s.Usual != nil && a.Now().Sub(*s.LastChange) > max(patience**s.Usual, leastPatience):
		out.State = streamQuiet
		out.Why = fmt.Sprintf("read to its end, but nothing is new since %s, where as a rule no more than %s pass: a quiet source, or credentials that see nothing any more; terrace check --sources asks it",
			s.LastChange.Format(time.DateTime), s.Usual.Round(time.Second))
	}
	return out
}

func (a *App) printStatus(all []streamStatus) {
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
		return moment.Format(time.DateTime)
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
