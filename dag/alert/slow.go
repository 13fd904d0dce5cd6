package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag"
)

// Pace is how long something took in its last runs.
type Pace struct {
	Median float64 // seconds
	Runs   int
}

// What a multiple of the median needs to mean something: enough runs, and enough seconds for anybody to care.
const (
	leastRuns    = 5
	leastSeconds = 10.0
)

// paced are the names whose pace matters to a rule in a run: "" for the run as a whole, else its slow steps.
func (r Run) paced(rule Rule, selected func(string) bool) []string {
	if rule.SlowerThan == 0 || r.Lost() {
		return nil
	}
	if rule.Select == "" {
		if r.Report.Seconds < leastSeconds {
			return nil
		}
		return []string{""}
	}
	var out []string
	for _, s := range r.Report.Steps {
		if s.Status == dag.Success && s.Seconds >= leastSeconds && selected(s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// slow judges how long a run took: as a whole, or the steps that the rule selects. What failed is not judged: it took as
// long as it took to fail.
func (r Run) slow(rule Rule, selected func(string) bool, paces map[string]Pace) []Finding {
	if r.EndedAt == nil {
		return nil
	}
	if rule.Select == "" {
		f := Finding{Subject: command(r), At: *r.EndedAt}
		if message := tooSlow(rule, r.Report.Seconds, paces[""]); message != "" {
			f.Problem = &Problem{Kind: Slow, Message: message, Hint: r.slowest(), Run: r.RunID.String()}
		}
		return []Finding{f}
	}
	var out []Finding
	for _, s := range r.Report.Steps {
		if s.Status != dag.Success || !selected(s.Name) {
			continue
		}
		f := Finding{Subject: s.Name, At: *r.EndedAt}
		if message := tooSlow(rule, s.Seconds, paces[s.Name]); message != "" {
			f.Problem = &Problem{Kind: Slow, Message: message, Run: r.RunID.String()}
		}
		out = append(out, f)
	}
	return out
}

func tooSlow(rule Rule, seconds float64, pace Pace) string {
	if limit := rule.LongerThan.Seconds(); limit > 0 && seconds > limit {
		return fmt.Sprintf("took %s, longer than %s", lengthOf(seconds), length(rule.LongerThan))
	}
	if rule.SlowerThan > 0 && pace.Runs >= leastRuns && seconds >= leastSeconds && seconds > rule.SlowerThan*pace.Median {
		return fmt.Sprintf("took %s, where the median of the last %d is %s", lengthOf(seconds), pace.Runs, lengthOf(pace.Median))
	}
	return ""
}

// slowest names the steps that took the longest.
func (r Run) slowest() string {
	const most = 3
	steps := slices.Clone(r.Report.Steps)
	slices.SortStableFunc(steps, func(a, b dag.StepReport) int { return cmp.Compare(b.Seconds, a.Seconds) })
	var out []string
	for _, s := range steps[:min(most, len(steps))] {
		if s.Seconds > 0 {
			out = append(out, fmt.Sprintf("%s %s", s.Name, lengthOf(s.Seconds)))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "The slowest: " + strings.Join(out, ", ")
}
