package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

// ProfileCmd is terrace profile.
type ProfileCmd struct {
	Stream string `arg:"" predictor:"node" help:"The stream."`
	Sample int    `default:"1000" help:"Versions to look at, of the oldest and of the newest each."`
}

// profiledPath is a place in the records as --json shows it.
type profiledPath struct {
	Path  string    `json:"path"`
	Type  string    `json:"type"`
	Count int64     `json:"count"`
	First time.Time `json:"first_seen"`
	Last  time.Time `json:"last_seen"`
	Note  string    `json:"note,omitempty"` // new, gone, several types
}

// profileDocument is the result as --json shows it.
type profileDocument struct {
	Stream   string         `json:"stream"`
	Versions int64          `json:"versions"`
	Paths    []profiledPath `json:"paths"`
	Lateness *lateness      `json:"lateness,omitempty"`
}

// lateness is how late records came, in seconds.
type lateness struct {
	Versions int     `json:"versions"`
	Late     int     `json:"late"`
	Median   float64 `json:"median"`
	P99      float64 `json:"p99"`
	Longest  float64 `json:"longest"`
	Declared float64 `json:"declared_lookback"`
	Advised  float64 `json:"advised_lookback"`
}

// Run implements the command: what the records of a stream look like, and how that changed.
func (c *ProfileCmd) Run(ctx context.Context, a *App) error {
	p, err := a.load()
	if err != nil {
		return err
	}
	n, err := p.node(c.Stream)
	if err != nil {
		return err
	}
	stream := p.streams[n.Name]
	switch {
	case stream == nil || stream.External():
		return &inputError{message: n.Name + " is not landed by terrace", hint: "terrace profile takes streams; terrace ls kind:stream lists them."}
	case c.Sample < 1:
		return &inputError{message: fmt.Sprintf("--sample is %d", c.Sample), hint: "Give a number from 1."}
	}
	store, pool, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := store.Ensure(ctx, stream.Landing); err != nil {
		return err
	}
	found, err := store.Profile(ctx, stream.Landing, c.Sample)
	if err != nil {
		return err
	}
	doc := profileDocument{Stream: stream.Name, Versions: found.Versions, Paths: noted(found)}
	if stream.Slicing != nil && stream.Landing.Version != "" {
		arrivals, err := store.Arrivals(ctx, stream.Landing, stream.Landing.Version, c.Sample*2)
		if err != nil {
			return err
		}
		doc.Lateness = latenessOf(stream.Lateness(arrivals))
	}
	if a.JSON {
		return a.printJSON(doc)
	}
	a.printProfile(doc)
	return nil
}

// noted says of each path what changed: one that came later than the sample's first version is new, one that the last
// version lacks is gone.
func noted(p ods.Profile) []profiledPath {
	types := map[string]int{}
	for _, t := range p.Paths {
		if t.Type != "null" {
			types[t.Path]++
		}
	}
	out := []profiledPath{}
	for _, t := range p.Paths {
		path := profiledPath{Path: t.Path, Type: t.Type, Count: t.Count, First: t.First, Last: t.Last}
		switch {
		case t.First.After(p.Begin):
			path.Note = "new"
		case t.Last.Before(p.End):
			path.Note = "gone"
		}
		if types[t.Path] > 1 && t.Type != "null" {
			if path.Note != "" {
				path.Note += ", "
			}
			path.Note += "several types"
		}
		out = append(out, path)
	}
	return out
}

func latenessOf(l extract.Lateness) *lateness {
	return &lateness{
		Versions: l.Versions, Late: l.Late, Median: l.Median.Seconds(), P99: l.P99.Seconds(), Longest: l.Longest.Seconds(),
		Declared: l.Declared.Seconds(), Advised: l.Advised.Seconds(),
	}
}

func (a *App) printProfile(d profileDocument) {
	if d.Versions == 0 {
		a.printf("nothing has been landed of %s", d.Stream)
		return
	}
	t := newTable(a.Stdout, "PATH", "TYPE", "COUNT", "FIRST SEEN", "LAST SEEN", "NOTE")
	for _, p := range d.Paths {
		t.AppendRow(table.Row{p.Path, p.Type, p.Count, a.at(p.First), a.at(p.Last), p.Note})
	}
	t.Render()
	a.printf("in a sample of %s", counted(int(d.Versions), "version"))
	l := d.Lateness
	switch {
	case l == nil:
	case l.Late == 0:
		a.printf("of %s none came late", counted(l.Versions, "version"))
	default:
		seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)).Round(time.Second) }
		a.printf("of %s %d came late: half of them by %s, 99 of 100 by %s, the latest by %s; lookback is %s, %s is advised",
			counted(l.Versions, "version"), l.Late, seconds(l.Median), seconds(l.P99), seconds(l.Longest), seconds(l.Declared), seconds(l.Advised))
	}
}
