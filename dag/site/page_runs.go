package site

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/terrace-elt/terrace/dag"
)

// runsPage is the list of runs.
type runsPage struct {
	Runs     []dag.RunInfo
	Statuses []string
	Status   string
}

// runsShown is how many runs the list has, and how many of them have a page in the file.
const (
	runsShown        = 100
	runsShownOffline = 20
)

// runStatuses are those that the list can be limited to.
var runStatuses = []string{"success", "partial_success", "failure", "error", "timeout", "cancelled", "running"} //nolint:gochecknoglobals // a table

func (s *Site) runs(v *view) (body, error) {
	p := runsPage{Statuses: runStatuses, Status: v.Value("status")}
	limit := runsShown
	if v.Offline {
		limit = runsShownOffline
	}
	if p.Status != "" {
		limit = 10 * runsShown // those that match are picked out of these
	}
	found, err := dag.NewLedger(v.tx).Runs(v.ctx, limit)
	if err != nil {
		return body{}, err
	}
	for _, r := range found {
		if (p.Status == "" || r.Status == p.Status) && len(p.Runs) < runsShown {
			p.Runs = append(p.Runs, r)
		}
	}
	return body{Title: v.T("Runs"), Template: "runs", Data: p}, nil
}

// runPage is one run.
type runPage struct {
	Run   dag.RunInfo
	Steps []step
	Gantt template.HTML
	Drawn int // steps that are drawn, 0 for all
	// Long says that the drawing is longer than anybody wants to scroll past.
	Long   bool
	Totals dag.Rows
	Failed int
	// Working is what it works on now.
	Working []dag.Working
	// Waiting are the sessions that it waits for.
	Waiting []dag.Waiting
	// Silent is since when nothing is heard of it, nil where it is at work; EndSessions is the statement that ends it then.
	Silent      *time.Time
	EndSessions string
	// Errors are those that are shown whole; the table has all, MoreErrors of which are not.
	Errors     []step
	MoreErrors int
}

// errorsShown is how many errors anybody reads before they look for what they have in common.
const errorsShown = 20

func (s *Site) run(v *view) (body, error) {
	id, err := uuid.Parse(v.name)
	if err != nil {
		return body{}, notFound(v.T("No such run."))
	}
	info, err := dag.NewLedger(v.tx).Run(v.ctx, id)
	if err != nil {
		return body{}, missingAs(err, dag.ErrNoRun, v.T("No such run."))
	}
	p := runPage{Run: info}
	if p.Steps, err = runSteps(v.ctx, v.tx, id); err != nil {
		return body{}, err
	}
	if info.Status == "running" {
		if err := p.addNow(v); err != nil {
			return body{}, err
		}
	}
	var bars []bar
	for _, st := range p.Steps {
		p.Totals = p.Totals.Add(st.Rows)
		if dag.Status(st.Status).Bad() {
			p.Failed++
		}
		if st.Error != nil {
			p.Errors = append(p.Errors, st)
		}
		if st.Seconds == 0 && (st.Status == string(dag.Skipped) || st.Status == string(dag.Success)) {
			continue // it took no time of its own: an assertion is judged within the step of its model
		}
		bars = append(bars, bar{
			Name: st.Node, Status: st.Status, Started: st.Started, Seconds: st.Seconds, Href: v.LinkNode(st.Node),
			Title: fmt.Sprintf("%s · %s · %s", st.Node, v.T(st.Status), v.Seconds(st.Seconds)),
		})
	}
	p.MoreErrors = max(0, len(p.Errors)-errorsShown)
	p.Errors = p.Errors[:len(p.Errors)-p.MoreErrors]
	p.Long = len(bars) > ganttTall
	p.Gantt = gantt(v.T("Steps over time"), bars, v.Lang)
	if len(bars) > ganttMost {
		p.Drawn = ganttMost
	}
	return body{Title: v.T("Run") + " " + info.Command + " " + info.StartedAt.In(v.project.Zone).Format("2006-01-02 15:04"), Template: "run", Data: p, Refresh: while(info.Status == "running", refreshRunning)}, nil
}

// addNow adds what a run that goes on is at.
func (p *runPage) addNow(v *view) error {
	ledger := dag.NewLedger(v.tx)
	var err error
	if p.Working, err = ledger.Working(v.ctx, p.Run.RunID); err != nil {
		return err
	}
	if p.Waiting, err = ledger.Waiting(v.ctx); err != nil {
		return err
	}
	p.Waiting = slices.DeleteFunc(p.Waiting, func(w dag.Waiting) bool { // those of other runs
		return !slices.ContainsFunc(p.Working, func(at dag.Working) bool { return at.Node == w.Node })
	})
	p.Silent, err = ledger.Silent(v.ctx, p.Run.RunID, dag.Patience)
	p.EndSessions = dag.EndSessions(p.Run.RunID)
	return err
}

// LinkNode is where a node's page is, or an assertion's. What is no longer in the project has none.
func (v *view) LinkNode(name string) string {
	switch {
	case v.index.nodes[name] != nil:
		return v.Link(pageModel, name)
	case v.index.assertions[name] != nil:
		return v.Link(pageAssertion, name)
	default:
		return v.Link(pageModels)
	}
}

// Known reports whether a node or an assertion has a page.
func (v *view) Known(name string) bool {
	return v.index.nodes[name] != nil || v.index.assertions[name] != nil
}

// HasRun reports whether a run has a page: in one file only the newest have.
func (v *view) HasRun(id uuid.UUID) bool {
	return id != uuid.Nil && (v.kept == nil || slices.Contains(v.kept.runs, id))
}

// HasAsked reports whether an occurrence has a page that says what became of it: in one file none has, and of one that was
// left out there is no more to say.
func (v *view) HasAsked(o occurrence) bool {
	return !v.Offline && (o.AskedBy != "" || o.Status != string(dag.Skipped))
}

// RunSeconds is how long a run took, or "" while it goes on.
func (v *view) RunSeconds(r dag.RunInfo) string {
	switch {
	case r.EndedAt != nil:
		return v.Seconds(r.EndedAt.Sub(r.StartedAt).Seconds())
	case r.Lost():
		return "–"
	default:
		return v.T("it goes on")
	}
}

// Arguments are those of a run, in order, as text.
func (v *view) Arguments(r dag.RunInfo) []string {
	var out []string
	for _, key := range sortedKeys(r.Arguments) {
		value := r.Arguments[key]
		if list, ok := value.([]any); ok && len(list) == 0 || value == nil || value == "" || value == false || value == 0.0 {
			continue
		}
		if slices.Contains(ofTheCommand, key) {
			continue
		}
		out = append(out, key+": "+text(value))
	}
	return out
}

// ofTheCommand are arguments that follow from the command, or are told apart.
var ofTheCommand = []string{"extract", "models", "assertions", "asked_by"} //nolint:gochecknoglobals // a table

// AskedBy is who asked for a run on a page, or "".
func (v *view) AskedBy(r dag.RunInfo) string {
	by, _ := r.Arguments["asked_by"].(string)
	return by
}

// Whose is the schedule that a run is of, or who asked for it on a page, or "".
func (v *view) Whose(r dag.RunInfo) string {
	if name, ok := r.Arguments["schedule"].(string); ok {
		return name
	}
	return v.AskedBy(r)
}

func text(value any) string {
	switch t := value.(type) {
	case []any:
		words := make([]string, len(t))
		for i, each := range t {
			words[i] = text(each)
		}
		return strings.Join(words, " ")
	case string:
		return t
	case float64:
		return strconv.FormatFloat(t, 'f', -1, 64)
	default:
		return fmt.Sprint(t)
	}
}
