package site

import (
	"fmt"
	"slices"

	"github.com/terrace-elt/terrace/dag"
)

// homePage is what somebody looks at first.
type homePage struct {
	Runs     []dag.RunInfo
	Failed   []step
	Broken   []Verdict // assertions that failed or warned last
	Late     []late
	Quality  Quality
	Passed   int
	Streams  int
	Well     int // streams as they should be
	Rejected int64
}

// late is something that is not as far as it should be.
type late struct {
	Page, Name string
	Status     string
	Why        string
}

func (s *Site) home(v *view) (body, error) {
	p := homePage{}
	var err error
	if p.Runs, err = dag.NewLedger(v.tx).Runs(v.ctx, 10); err != nil {
		return body{}, err
	}
	if p.Failed, err = failing(v.ctx, v.tx); err != nil {
		return body{}, err
	}
	// What has left the project cannot be made well any more.
	p.Failed = slices.DeleteFunc(p.Failed, func(failed step) bool { return v.Node(failed.Node) == nil })
	if p.Quality, err = v.source.Quality(v.ctx, v.tx); err != nil {
		return body{}, err
	}
	for _, a := range p.Quality.Assertions {
		switch {
		case a.Status == "pass":
			p.Passed++
		case a.Bad() || a.Status == "warn":
			p.Broken = append(p.Broken, a)
		}
	}
	for _, r := range p.Quality.Rejects {
		p.Rejected += r.Count
	}
	if err := p.addLate(v); err != nil {
		return body{}, err
	}
	return body{Title: v.T("Home"), Template: "home", Data: p, Refresh: while(len(p.Runs) > 0 && p.Runs[0].Status == "running", refreshRunning)}, nil
}

func (p *homePage) addLate(v *view) error {
	streams, err := v.source.Streams(v.ctx)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, s := range streams {
		if seen[s.Stream] {
			continue
		}
		seen[s.Stream] = true
		p.Streams++
		if s.State == StreamOK {
			p.Well++
			continue
		}
		p.Late = append(p.Late, late{pageModel, s.Stream, string(s.State), s.Why})
	}
	state, err := dag.LoadState(v.ctx, v.tx)
	if err != nil {
		return err
	}
	for _, n := range v.project.Nodes {
		pending := int64(0)
		for _, rows := range state[n.Name].Pending {
			pending += rows
		}
		if pending > 0 && n.Kind != dag.KindView {
			p.Late = append(p.Late, late{pageModel, n.Name, "due", v.T("%s rows have landed that it has not seen", v.Count(pending))})
		}
	}
	all, err := schedules(v.ctx, v.tx)
	if err != nil {
		return err
	}
	for _, s := range all {
		for _, why := range v.Behind(s) {
			p.Late = append(p.Late, late{pageSchedules, "", "due", s.Named() + ": " + why})
		}
		if slices.Contains([]string{"failure", "error", "timeout"}, s.Last) { // also one of which no run tells, since none began
			p.Late = append(p.Late, late{pageSchedules, "", s.Last, fmt.Sprintf("%s: %s, %s", s.Named(), v.Because(s.Last, s.Why), v.Ago(s.LastAt))})
		}
	}
	return nil
}
