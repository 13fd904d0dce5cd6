package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

// defaultGapSample is how many missing keys of a window are listed.
const defaultGapSample = 5

// GapsCmd is terrace gaps.
type GapsCmd struct {
	Selection
	Window
	Reading
	Repair bool `help:"Read the windows with gaps again, and look once more."`
	Sample uint `default:"${gap_sample}" help:"Missing keys to list for each window."`
}

// streamGap is a window with a gap as --json shows it.
type streamGap struct {
	Stream string `json:"stream"`
	plannedSlice
	Reported  int64    `json:"reported"`
	Missing   int      `json:"missing"`
	Different int64    `json:"different"`
	Rejected  int64    `json:"rejected"`
	Sample    []string `json:"sample,omitempty"`

	spec ods.SliceSpec
}

// gapsDocument is the result as --json shows it.
type gapsDocument struct {
	Windows  int         `json:"windows"`
	Reported int64       `json:"reported"`
	Missing  int         `json:"missing"`
	Gaps     []streamGap `json:"gaps"`
	Repaired bool        `json:"repaired"`
	// NotCompared are streams that were selected and cannot be compared.
	NotCompared []string `json:"not_compared,omitempty"`

	compared int // streams
}

// Run implements the command.
func (c *GapsCmd) Run(ctx context.Context, a *App) error {
	found, err := c.look(ctx, a, c.Selection, c.Window, c.Reading)
	if err != nil {
		return err
	}
	if found.compared == 0 && len(found.NotCompared) > 0 && len(c.include()) > 0 {
		return &inputError{message: "no selected stream can be compared with its source", hint: notComparedHint}
	}
	if c.Repair && len(found.Gaps) > 0 {
		if found, err = c.repair(ctx, a, found); err != nil {
			return err
		}
	}
	if a.JSON {
		err = a.printJSON(found)
	} else {
		a.printGaps(found)
	}
	if err != nil {
		return err
	}
	return c.lacking(found)
}

// lacking is the error of a comparison that found gaps.
func (c *GapsCmd) lacking(found gapsDocument) error {
	switch lacks := counted(found.Missing, "record"); {
	case !found.open():
		return nil
	case c.Repair:
		return &dag.DataError{Message: fmt.Sprintf("ODS lacks %s after the windows were read again", lacks)}
	default:
		return &dag.DataError{Message: fmt.Sprintf("ODS lacks %s; terrace gaps --repair reads the windows again", lacks)}
	}
}

func (d gapsDocument) open() bool { return d.Missing > 0 }

const notComparedHint = "Gaps are looked for in streams of type http without a parent: files are landed once per content, details follow their parents."

// look compares the windows of the selected streams, and tells of those that it cannot compare.
func (c *GapsCmd) look(ctx context.Context, a *App, s Selection, window Window, reading Reading) (gapsDocument, error) {
	doc := gapsDocument{Gaps: []streamGap{}}
	w, err := a.prepare(ctx, request{command: "gaps", Selection: s, Window: window, reading: reading, extract: true})
	if err != nil {
		return doc, err
	}
	defer w.close()
	if err := w.requireVariables(); err != nil {
		return doc, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, w.config)
	if err != nil {
		return doc, fmt.Errorf("connect to the database: %w", err)
	}
	defer pool.Close()
	store := ods.New(pool)
	reader := extract.NewReader(extract.Deps{
		Lander: store, Now: a.Now, LookupEnv: a.LookupEnv, FS: w.project.files, Log: a.Log, Retry: a.Retry,
	})
	for _, step := range w.plan.Steps {
		stream := w.project.streams[step.Name]
		if stream.Source.Type != extract.HTTP || stream.Parent() != "" {
			doc.NotCompared = append(doc.NotCompared, step.Name)
			continue
		}
		doc.compared++
		if err := store.Ensure(ctx, stream.Landing); err != nil {
			return doc, err
		}
		missing := map[string]bool{}
		err := reader.Gaps(ctx, stream, w.readingWindow(), store, func(g extract.Gap) error {
			doc.add(stream, g, missing, c.Sample)
			return nil
		})
		if err != nil {
			return doc, err
		}
	}
	if len(doc.NotCompared) > 0 && !a.Quiet {
		fmt.Fprintf(a.Stderr, "not compared: %s\n", strings.Join(doc.NotCompared, ", "))
	}
	return doc, nil
}

// add takes in a window. A record that several windows or variants report is missing once: missing has the keys of the
// stream's that were found before.
func (d *gapsDocument) add(s *extract.Stream, g extract.Gap, missing map[string]bool, sample uint) {
	d.Windows++
	d.Reported += g.Reported
	for _, key := range g.Missing {
		if !missing[key] {
			missing[key] = true
			d.Missing++
		}
	}
	gap := streamGap{
		Stream: s.Name, plannedSlice: plannedSliceOf(g.Slice, s), Reported: g.Reported, Missing: len(g.Missing),
		Different: g.Different, Rejected: g.Rejected, Sample: g.Missing[:min(sample, uint(len(g.Missing)))], spec: g.Slice,
	}
	// What differs stays as it is where the first content counts.
	if gap.Missing > 0 || gap.Different > 0 && !s.Landing.KeepFirst {
		d.Gaps = append(d.Gaps, gap)
	}
}

// repair reads the windows with gaps again, each stretch of them in a run of its own, and compares once more what had gaps.
func (c *GapsCmd) repair(ctx context.Context, a *App, before gapsDocument) (gapsDocument, error) {
	after := gapsDocument{Windows: before.Windows, Reported: before.Reported, Gaps: []streamGap{}, Repaired: true, NotCompared: before.NotCompared}
	for _, stretch := range stretches(before.Gaps) {
		again := Selection{Nodes: []string{stretch.stream}}
		if err := a.readAgain(ctx, again, stretch.window(), c.WindowSplit); err != nil {
			return before, fmt.Errorf("repair %s: %w", stretch.stream, err)
		}
		doc, err := c.look(ctx, a, again, stretch.window(), Reading{WindowSplit: c.WindowSplit})
		if err != nil {
			return before, err
		}
		after.Missing += doc.Missing
		after.Gaps = append(after.Gaps, doc.Gaps...)
	}
	return after, nil
}

// readAgain is an extraction of one stream, with a report in the ledger like any other.
func (a *App) readAgain(ctx context.Context, s Selection, window Window, split string) error {
	w, err := a.prepare(ctx, request{
		command: "gaps", Selection: s, Window: window, reading: Reading{WindowSplit: split}, extract: true, wait: true,
	})
	if err != nil {
		return err
	}
	defer w.close()
	report, err := w.run(ctx)
	if err != nil {
		return err
	}
	if report.Status != dag.Success {
		for _, step := range report.Steps {
			if step.Error != nil && step.Status.Bad() {
				a.printFault(step, "")
			}
		}
		return &reportError{report}
	}
	return nil
}

// stretch is what one run has to read again: windows of one stream that follow each other, or the whole stream.
type stretch struct {
	stream   string
	from, to time.Time
}

func (s stretch) window() Window {
	if s.from.IsZero() {
		return Window{}
	}
	return Window{From: s.from.Format(time.RFC3339Nano), To: s.to.Format(time.RFC3339Nano)}
}

// stretches joins windows of a stream that touch or overlap each other, whatever variant they were found in: reading all
// variants of a window again writes nothing for those that are whole. The streams keep their order.
func stretches(gaps []streamGap) []stretch {
	place := map[string]int{}
	for _, g := range gaps {
		if _, known := place[g.Stream]; !known {
			place[g.Stream] = len(place)
		}
	}
	sorted := slices.Clone(gaps)
	slices.SortStableFunc(sorted, func(x, y streamGap) int {
		return cmp.Or(cmp.Compare(place[x.Stream], place[y.Stream]), x.spec.Start.Compare(y.spec.Start))
	})
	var out []stretch
	for _, g := range sorted {
		if n := len(out); n > 0 && out[n-1].stream == g.Stream && !g.spec.Start.After(out[n-1].to) {
			if g.spec.End.After(out[n-1].to) {
				out[n-1].to = g.spec.End
			}
			continue
		}
		out = append(out, stretch{g.Stream, g.spec.Start, g.spec.End})
	}
	return out
}

func (a *App) printGaps(d gapsDocument) {
	if len(d.Gaps) > 0 {
		t := newTable(a.Stdout, "STREAM", "WINDOW", "REPORTED", "MISSING", "DIFFERENT", "SAMPLE")
		for _, g := range d.Gaps {
			sample := strings.Join(g.Sample, ", ")
			if len(g.Sample) < g.Missing {
				sample += " …"
			}
			t.AppendRow(table.Row{g.Stream, g.words(), g.Reported, g.Missing, g.Different, sample})
		}
		t.Render()
	}
	words := "are missing"
	if d.Repaired {
		words = "are missing now"
	}
	a.printf("%d of %s in %s %s", d.Missing, counted(int(d.Reported), "record"), counted(d.Windows, "window"), words)
}
