package alert

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag"
)

// Run is a run that has ended, or was lost, as the ledger or its own process knows it.
type Run struct {
	dag.RunInfo
	Report dag.Report
}

// ended is when the run came to its end; a run that was lost has none, and is taken to end when it is found.
func (r Run) ended(now time.Time) time.Time {
	if r.EndedAt != nil {
		return *r.EndedAt
	}
	return now
}

// commandPrefix begins the subjects of what concerns a run as a whole.
const commandPrefix = "terrace "

// Command is the subject of what concerns a run as a whole: the command with what it selects.
func Command(command string, selectors ...string) string {
	return strings.Join(append([]string{commandPrefix + command}, selectors...), " ")
}

func command(r Run) string {
	var words []string
	switch selected := r.Arguments["select"].(type) {
	case []string: // of a run of this process
		words = append(words, selected...)
	case []any: // of one that was read from the ledger
		for _, s := range selected {
			words = append(words, fmt.Sprint(s))
		}
	}
	return Command(r.Command, words...)
}

// findings are what a run says of nodes that the rule is about, for topicRun. Each failure is told once, with its root:
// what was skipped because of it is named with it, and a model that was not published because of its assertions stands
// under the first of them.
func (r Run) findings(rule Rule, selected func(string) bool, now time.Time) []Finding {
	at := r.ended(now)
	out := []Finding{r.whole(rule, at)}
	held := r.heldUp()
	for _, s := range r.Report.Steps {
		if !selected(s.Name) && !slices.ContainsFunc(held[s.Name], selected) {
			continue
		}
		if f, ok := stepFinding(rule, s, held[s.Name], at); ok {
			out = append(out, f)
		}
	}
	for _, f := range out {
		if f.Problem != nil {
			f.Problem.Run = r.RunID.String()
		}
	}
	return out
}

// whole says whether the run came to an end at all. That it did not is told by rules about everything.
func (r Run) whole(rule Rule, at time.Time) Finding {
	f := Finding{Subject: command(r), At: at}
	if r.Lost() && rule.Tells(Error) && rule.Select == "" {
		f.Problem = &Problem{
			Kind: Error, Message: "the run left no end: its process was killed, or it lost the database",
			Hint: "What was committed stands; terrace retry goes on with the rest.",
		}
	}
	return f
}

// notPublished is how the error of a model begins whose assertions failed before it was published.
const notPublished = "not published: "

// heldUp says for each step that failed what was not built because of it. A model whose own assertions failed hands
// what waits for it to the first of them.
func (r Run) heldUp() map[string][]string {
	blame := map[string]string{}
	for _, s := range r.Report.Steps {
		if s.Error == nil || !strings.HasPrefix(s.Error.Message, notPublished) {
			continue
		}
		for _, a := range r.Report.Steps {
			if a.Kind == dag.KindAssertion && a.Status.Bad() && mentions(s.Error.Message, a.Name) {
				blame[s.Name] = a.Name
				break
			}
		}
	}
	out := map[string][]string{}
	for model, assertion := range blame {
		out[assertion] = append(out[assertion], model)
	}
	for _, s := range r.Report.Steps {
		if !s.Blocked() || s.Kind == dag.KindAssertion {
			continue
		}
		root, ok := strings.CutPrefix(s.Reason, "upstream failed: ")
		if !ok { // what is published together is held up by one step, whatever it depends on
			root, ok = strings.CutPrefix(strings.TrimSuffix(s.Reason, " failed"), notPublished)
		}
		if !ok {
			continue
		}
		if assertion := blame[root]; assertion != "" {
			root = assertion
		}
		out[root] = append(out[root], s.Name)
	}
	for _, names := range out {
		slices.Sort(names)
	}
	// What stands under an assertion is told there.
	for model := range blame {
		out[model] = nil
	}
	return out
}

// mentions reports whether a list of names has one.
func mentions(message, name string) bool {
	list := strings.TrimSuffix(strings.TrimPrefix(message, notPublished), " failed")
	return slices.Contains(strings.Split(list, ", "), name)
}

// stepFinding is what a step says, and false when it says nothing: it was stopped, or waits for another one.
func stepFinding(rule Rule, s dag.StepReport, held []string, at time.Time) (Finding, bool) {
	f := Finding{Subject: s.Name, At: at}
	kind := kindOf(s)
	switch {
	case s.Blocked(), s.Status == dag.Cancelled:
		return f, false
	case s.Error != nil && strings.HasPrefix(s.Error.Message, notPublished) && s.Kind != dag.KindAssertion:
		return f, false
	case kind == "":
		f.Unchanged = s.Status == dag.Skipped
		return f, true
	case !rule.Tells(kind):
		// It fails in a way that the rule is not about: what it was about is over, as far as one can see.
		return f, true
	}
	p := Problem{Kind: kind, Message: reasonOf(s), Skipped: held}
	if !rule.Samples {
		p.Message = withoutRows(p.Message)
	}
	if e := s.Error; e != nil {
		p.Hint = oneLine(e.Hint, mostMessage)
		if e.File != "" && e.Line > 0 {
			p.Place = fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
		}
	}
	f.Problem = &p
	return f, true
}

// kindOf says what kind of problem a step has, "" for none.
func kindOf(s dag.StepReport) Kind {
	switch {
	case s.Status == dag.PartialSuccess, s.Status == dag.Success && s.Rows.Rejected > 0:
		return PartialSuccess
	case !s.Status.Bad():
		return ""
	case s.Kind == dag.KindAssertion && s.Status == dag.Failure, s.Error != nil && s.Error.Data:
		return DataQuality
	case s.Status == dag.Error:
		return Error
	default:
		return Failure
	}
}

// reasonOf is why a step ended as it did, in a line.
func reasonOf(s dag.StepReport) string {
	switch {
	case s.Error != nil && s.Error.SQLState != "":
		return oneLine(s.Error.Message, mostMessage) + " [" + s.Error.SQLState + "]"
	case s.Error != nil && s.Error.Message != "":
		return oneLine(s.Error.Message, mostMessage)
	case s.Rows.Rejected > 0:
		return counted(int(s.Rows.Rejected), "row") + " rejected"
	default:
		return orElse(oneLine(s.Reason, mostMessage), string(s.Status))
	}
}

var (
	// example is where the messages of assertions and keys begin to show rows.
	example = regexp.MustCompile(`[,;] for example .*`)
	// values are those that PostgreSQL shows of a row, or of a key.
	values = regexp.MustCompile(`(Failing row contains |Key \([^)]*\)=)\(.*?\)( |\.|\)|;|$)`)
)

// withoutRows takes out what a message shows of the data: who is told that something is wrong need not be who may read it.
func withoutRows(message string) string {
	return values.ReplaceAllString(example.ReplaceAllString(message, ""), "${1}(…)${2}")
}
