package site

import "slices"

// sourcesPage is the streams with their cut-offs.
type sourcesPage struct {
	Streams []Stream
}

func (s *Site) sources(v *view) (body, error) {
	streams, err := v.source.Streams(v.ctx)
	if err != nil {
		return body{}, err
	}
	return body{Title: v.T("Sources"), Template: "sources", Data: sourcesPage{streams}}, nil
}

// schedulesPage is the schedules, and what became of their last times.
type schedulesPage struct {
	Schedules []schedule
	// Unserved are the environments whose schedules nobody starts.
	Unserved []string
	Times    []occurrence
}

func (s *Site) schedules(v *view) (body, error) {
	var p schedulesPage
	var err error
	if p.Schedules, err = schedules(v.ctx, v.tx); err != nil {
		return body{}, err
	}
	for _, one := range p.Schedules {
		if one.Workers == 0 && v.StateOf(one) != "paused" && !slices.Contains(p.Unserved, one.Environment) {
			p.Unserved = append(p.Unserved, one.Environment)
		}
	}
	if p.Times, err = occurrences(v.ctx, v.tx); err != nil {
		return body{}, err
	}
	return body{Title: v.T("Schedules"), Template: "schedules", Data: p}, nil
}
