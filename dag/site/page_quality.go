package site

import (
	"github.com/terrace-elt/terrace/dag/model"
)

// qualityPage is the quality report.
type qualityPage struct {
	Quality
	Reports []shownFigure
	Bad     []judged
	Passed  []judged
}

// judged is an assertion with its past.
type judged struct {
	Verdict
	Description string
	Past        []verdict
}

func (s *Site) quality(v *view) (body, error) {
	q, err := v.source.Quality(v.ctx, v.tx)
	if err != nil {
		return body{}, err
	}
	p := qualityPage{Quality: q}
	names := make([]string, len(q.Assertions))
	for i, a := range q.Assertions {
		names[i] = a.Name
	}
	past, err := v.past(names)
	if err != nil {
		return body{}, err
	}
	for _, a := range q.Assertions {
		j := judged{Verdict: a, Past: past[a.Name]}
		if known := v.index.assertions[a.Name]; known != nil {
			j.Description = known.Description
		}
		if a.Status == "pass" {
			p.Passed = append(p.Passed, j)
		} else {
			p.Bad = append(p.Bad, j)
		}
	}
	if p.Reports, err = v.figures(func(f Figure) bool { return f.Page == model.PageQuality }); err != nil {
		return body{}, err
	}
	return body{Title: v.T("Quality"), Template: "quality", Data: p}, nil
}
