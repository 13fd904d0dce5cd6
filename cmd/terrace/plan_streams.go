package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

// shownSlices is how many slices of a stream are listed for people; --json and --verbose list all.
const shownSlices = 12

// plannedStream is what reading a stream would begin with, as plan --json shows it.
type plannedStream struct {
	Stream  string         `json:"stream"`
	Slices  []plannedSlice `json:"slices"`
	Request string         `json:"request,omitempty"`
	// Requests are expected over HTTP: about so many where slices have been read before, else so many or more.
	Requests int    `json:"requests_expected,omitempty"`
	Error    string `json:"error,omitempty"`

	measured bool
}

type plannedSlice struct {
	Variant string     `json:"variant,omitempty"`
	From    *time.Time `json:"from,omitempty"`
	To      *time.Time `json:"to,omitempty"`
	File    string     `json:"file,omitempty"`
}

// planStreams says what reading the streams of the plan would begin with. Nothing is sent. A stream that cannot be planned
// says why, and hinders no other.
func (w *work) planStreams(ctx context.Context) ([]plannedStream, error) {
	var streams []*extract.Stream
	for _, step := range w.plan.Steps {
		if s := w.project.streams[step.Name]; s != nil && !s.External() && step.Action == dag.Run {
			streams = append(streams, s)
		}
	}
	if len(streams) == 0 {
		return nil, nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, w.config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	defer pool.Close()
	reader := extract.NewReader(extract.Deps{
		Lander: ods.New(pool), Now: w.now, LookupEnv: w.app.LookupEnv, FS: w.project.files, Log: w.app.Log,
	})
	var out []plannedStream
	for _, s := range streams {
		planned := plannedStream{Stream: s.Name, Slices: []plannedSlice{}}
		plan, err := reader.Plan(ctx, s, w.readingWindow())
		if err != nil {
			planned.Error = w.app.redact(err.Error())
		}
		planned.Request, planned.Requests, planned.measured = plan.Request, plan.Requests, plan.Measured
		for _, spec := range plan.Slices {
			planned.Slices = append(planned.Slices, plannedSliceOf(spec, s))
		}
		out = append(out, planned)
	}
	return out, nil
}

// plannedSliceOf gives windows in the stream's own time zone: that is where their borders mean something.
func plannedSliceOf(spec ods.SliceSpec, s *extract.Stream) plannedSlice {
	out := plannedSlice{Variant: spec.Variant}
	if spec.Kind == ods.Window {
		from, to := spec.Start.In(s.Slicing.Zone), spec.End.In(s.Slicing.Zone)
		out.From, out.To = &from, &to
	}
	if path, ok := spec.Meta["path"].(string); ok {
		out.File = path
	}
	return out
}

func (a *App) printStreams(streams []plannedStream) {
	if len(streams) == 0 {
		return
	}
	t := newTable(a.Stdout, "STREAM", "SLICE", "FIRST REQUEST")
	for _, s := range streams {
		switch {
		case s.Error != "":
			t.AppendRow(table.Row{s.Stream, "", s.Error})
		case len(s.Slices) == 0:
			t.AppendRow(table.Row{s.Stream, "nothing new", s.Request})
		}
		for i, slice := range s.Slices {
			if i == shownSlices && !a.Verbose {
				t.AppendRow(table.Row{"", fmt.Sprintf("and %d more", len(s.Slices)-i), ""})
				break
			}
			row := table.Row{"", slice.words(), ""}
			if i == 0 {
				row = table.Row{s.Stream, slice.words(), a.redact(s.Request)}
			}
			t.AppendRow(row)
		}
	}
	t.Render()
	if expected := requestsExpected(streams); expected != "" {
		a.printf("%s", expected)
	}
	a.printf("")
}

// requestsExpected says how many requests the streams will take, "" where none is made over HTTP.
func requestsExpected(streams []plannedStream) string {
	total, measured := 0, true
	for _, s := range streams {
		total += s.Requests
		measured = measured && (s.measured || s.Requests == 0)
	}
	switch {
	case total == 0:
		return ""
	case measured:
		return fmt.Sprintf("requests expected: about %d, by the pages that were read before", total)
	default:
		return fmt.Sprintf("requests expected: %d or more", total)
	}
}

func (s plannedSlice) words() string {
	text := "all"
	switch {
	case s.File != "":
		text = s.File
	case s.From != nil:
		text = s.From.Format("2006-01-02 15:04:05") + " to " + s.To.Format("2006-01-02 15:04:05 -07:00")
	}
	if s.Variant != "" {
		text = s.Variant + ", " + text
	}
	return text
}
