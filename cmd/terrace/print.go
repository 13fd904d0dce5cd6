package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// printJSON prints one document, with secrets taken out.
func (a *App) printJSON(document any) error {
	var encoded strings.Builder
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false) // SQL has < and >
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	_, err := fmt.Fprint(a.Stdout, a.redact(encoded.String()))
	return err
}

// printf writes a line of the result.
func (a *App) printf(format string, args ...any) {
	fmt.Fprintln(a.Stdout, a.redact(fmt.Sprintf(format, args...)))
}

// printProblems lists mistakes as editors and people read them: place, what, and what to do.
func (a *App) printProblems(problems []strict.Problem) {
	for _, p := range problems {
		word := a.paint(red, "error:")
		if p.Severity == strict.Warning {
			word = a.paint(yellow, "warning:")
		}
		fmt.Fprintf(a.Stderr, "%s%s %s\n", placeOf(p.File, p.Line, p.Col), word, a.redact(p.Message))
		if p.Hint != "" {
			fmt.Fprintf(a.Stderr, "  %s %s\n", a.paint(cyan, "hint:"), a.redact(p.Hint))
		}
	}
}

func placeOf(file string, line, col int) string {
	switch {
	case file == "":
		return ""
	case line == 0:
		return file + ": "
	default:
		return fmt.Sprintf("%s:%d:%d: ", file, line, col)
	}
}

// newTable makes a table as all commands print them: no frames, so that it can be cut and searched.
func newTable(w io.Writer, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault // names of columns stay as they are
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.AppendHeader(header)
	return t
}

// reportDocument is a report as --json prints it.
type reportDocument struct {
	dag.Report
	Gaps *gapsDocument `json:"gaps,omitempty"`
}

// printReport prints what a run did: the steps that ran, the failures with their places, and one line in sum; then the
// gaps, where they were looked for.
func (a *App) printReport(r dag.Report, gaps *gapsDocument) error {
	if a.JSON {
		return a.printJSON(reportDocument{r, gaps})
	}
	a.printSteps(r)
	a.printFaults(r)
	a.printf("%s", a.summary(r))
	a.tellNext(r)
	if gaps != nil {
		a.printf("")
		a.printGaps(*gaps)
	}
	return nil
}

func (a *App) printSteps(r dag.Report) {
	t := newTable(a.Stdout, "NODE", "KIND", "STATUS", "ROWS", "SECONDS", "WHY")
	rows := 0
	for _, s := range r.Steps {
		if s.Status == dag.Skipped && !a.Verbose && !s.Blocked() {
			continue
		}
		if s.Kind == dag.KindAssertion && s.Status == dag.Success && s.Reason == "" && !a.Verbose {
			continue
		}
		t.AppendRow(table.Row{s.Name, s.Kind, a.status(s.Status), change(s.Rows), fmt.Sprintf("%.2f", s.Seconds), a.redact(why(s))})
		rows++
	}
	if rows > 0 {
		t.Render()
	}
}

// whyWidth is where the table cuts a message; printFault has the whole.
const whyWidth = 80

// why is a step's reason, or what made it fail.
func why(s dag.StepReport) string {
	if s.Error == nil || !s.Status.Bad() {
		return s.Reason
	}
	return text.Snip(s.Error.Message, whyWidth, "…")
}

// status paints a status where the result goes to a terminal.
func (a *App) status(s dag.Status) string {
	if !terminal(a.Stdout) {
		return string(s)
	}
	switch {
	case s.Bad():
		return a.paint(red, string(s))
	case s == dag.Skipped:
		return a.paint(grey, string(s))
	default:
		return a.paint(green, string(s))
	}
}

// change tells a step's rows as a diff does.
func change(r dag.Rows) string {
	var parts []string
	for _, p := range []struct {
		sign  string
		count int64
	}{{"+", r.Inserted}, {"~", r.Updated}, {"-", r.Deleted}, {"=", r.Unchanged}, {"!", r.Rejected}} {
		if p.count > 0 {
			parts = append(parts, fmt.Sprintf("%s%d", p.sign, p.count))
		}
	}
	return strings.Join(parts, " ")
}

// printFaults tells why steps failed. That nothing has been landed or built yet is one cause, however many stumble over it.
func (a *App) printFaults(r dag.Report) {
	unbuilt := func(s dag.StepReport) bool {
		return s.Kind == dag.KindAssertion && s.Error != nil && s.Status.Bad() && (s.Error.SQLState == "42P01" || s.Error.SQLState == "3F000")
	}
	var without []string
	steps := 0
	for _, s := range r.Steps {
		if unbuilt(s) {
			without, steps = append(without, a.redact(s.Error.Message)), steps+1
		}
	}
	for _, s := range r.Steps {
		if s.Error != nil && s.Status.Bad() && (steps < 2 || !unbuilt(s)) {
			a.printFault(s, keptRows(s))
		}
	}
	if steps < 2 {
		return
	}
	slices.Sort(without)
	without = slices.Compact(without)
	const told = 3
	more := ""
	if len(without) > told {
		without, more = without[:told], fmt.Sprintf("; and %d more like that", len(without)-told)
	}
	fmt.Fprintf(a.Stderr, "\n%s %s read what is not in the database: %s%s\n", a.paint(red, "failure:"), counted(steps, "assertion"), strings.Join(without, "; "), more)
	fmt.Fprintf(a.Stderr, "  %s Land and build it first: terrace update; terrace run where the streams are landed already.\n", a.paint(cyan, "hint:"))
}

// keptRows is where to find rows that failed an assertion of a run, "" where there are none.
func keptRows(s dag.StepReport) string {
	if s.Kind != dag.KindAssertion || s.Error == nil || !s.Error.Data {
		return ""
	}
	return fmt.Sprintf("The first of them are kept: terrace quality %s --json", s.Name)
}

// printFault tells why a step failed, with the last hint where the error has none of its own.
func (a *App) printFault(s dag.StepReport, last string) {
	f := s.Error
	fmt.Fprintf(a.Stderr, "\n%s %s: %s%s", a.paint(red, string(s.Status)+":"), s.Name,
		placeOf(f.File, f.Line, f.Column), a.redact(f.Message))
	if f.SQLState != "" {
		fmt.Fprintf(a.Stderr, " [%s]", f.SQLState)
	}
	fmt.Fprintln(a.Stderr)
	hint := f.Hint
	if hint == "" {
		hint = hintOf(s.Err())
	}
	if hint = cmp.Or(hint, last); hint != "" {
		fmt.Fprintf(a.Stderr, "  %s %s\n", a.paint(cyan, "hint:"), a.redact(hint))
	}
}

// summary is the run in one line.
func (a *App) summary(r dag.Report) string {
	var total dag.Rows
	assertions, ran, unchanged, bad := 0, 0, 0, 0
	for _, s := range r.Steps {
		switch {
		case s.Status.Bad():
			bad++
		case s.Status == dag.Skipped:
			unchanged++
		case s.Kind == dag.KindAssertion:
			assertions++
		default:
			ran++
			total = total.Add(s.Rows)
		}
	}
	parts := []string{fmt.Sprintf("%s: %d built", r.Status, ran)}
	if assertions > 0 {
		parts = append(parts, counted(assertions, "assertion")+" passed")
	}
	if bad > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", bad))
	}
	if unchanged > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", unchanged))
	}
	if rows := change(dag.Rows{Inserted: total.Inserted, Updated: total.Updated, Deleted: total.Deleted, Rejected: total.Rejected}); rows != "" {
		parts = append(parts, "rows "+rows)
	}
	return fmt.Sprintf("%s (%.2f s, run %s)", strings.Join(parts, ", "), r.Seconds, r.RunID)
}

// at is a time as tables show it, on the clock by which --from and --to are read.
func (a *App) at(t time.Time) string {
	a.zone.Do(func() { a.zone.Location = a.findZone() })
	return t.In(a.zone.Location).Format(time.DateTime)
}

// findZone is the project's time zone, and the machine's where there is no project, or one that does not say it well.
func (a *App) findZone() *time.Location {
	if a.Dir == "" {
		return time.Local
	}
	config, _ := model.ReadConfig(os.DirFS(a.Dir), model.Options{LookupEnv: a.LookupEnv, Environment: a.settings.environment})
	zone, err := time.LoadLocation(config.Timezone)
	if err != nil || config.Timezone == "" {
		return time.Local
	}
	return zone
}

// ago tells how long ago something was, in the unit that a person would use.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

// counted says how many of a thing there are.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
