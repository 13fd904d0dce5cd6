package extract

import (
	"context"
	"math"

	"github.com/terrace-elt/terrace/ods"
)

// Plan is what a reading of a stream would do.
type Plan struct {
	Slices []ods.SliceSpec
	// Endpoint and Request are those of the first request, with the names of variables in the place of their values.
	// They are empty when there is nothing to read, and for files.
	Endpoint, Request string
	// Requests is how many requests are expected over HTTP: by the pages that slices had before where Measured is set, else
	// at least so many. 0 is unknown.
	Requests int
	Measured bool
}

// measurer knows what earlier slices were like.
type measurer interface {
	PagesPerSlice(ctx context.Context, stream string) (float64, error)
}

// Plan says what Read would begin with. It sends nothing, opens no slice, and needs no credentials; files are listed
// and, where they may be new, hashed. Of objects in S3 it knows only that they will be listed.
func (r *Reader) Plan(ctx context.Context, s *Stream, w Window) (Plan, error) {
	if s.External() {
		return Plan{}, nil
	}
	if f := s.files; s.Source.Type == S3 {
		place := "s3://" + f.bucket + "/" + f.prefix
		return Plan{Endpoint: place, Request: "LIST " + place}, nil
	}
	run := &reading{Reader: r, stream: s, job: Job{Window: w}, planning: true}
	state, err := r.deps.Lander.State(ctx, s.Name)
	if err != nil {
		return Plan{}, wrap(s, err)
	}
	units, err := run.units(ctx, state)
	if err != nil {
		return Plan{}, wrap(s, err)
	}
	var out Plan
	for _, u := range units {
		out.Slices = append(out.Slices, u.spec)
	}
	if s.Source.Type == Postgres && len(units) > 0 {
		out.Endpoint, out.Request = "query "+s.Source.Name, s.shownQuery(run.fill(units[0].spec))
	}
	if s.Source.Type == HTTP && len(units) > 0 {
		f := run.fill(units[0].spec)
		f.path = s.paths(units[0].spec, r.deps.Now())[0]
		run.pager(f).fill(&f)
		if s.parent != nil {
			for _, name := range s.parent.names {
				f.values["parent."+name] = "‹" + name + "›"
			}
		}
		request := s.request
		if f.path != nil {
			request.path = *f.path
		}
		out.Endpoint, out.Request = newAnonymous(s.Source, r.deps).describe(s.Source.baseURL, request, f)
		err = r.expect(ctx, s, &out)
	}
	return out, wrap(s, err)
}

// expect says how many requests there will be. How many parents have changed is not known before they are asked for.
func (r *Reader) expect(ctx context.Context, s *Stream, plan *Plan) error {
	if s.parent != nil {
		return nil
	}
	plan.Requests = len(plan.Slices)
	history, ok := r.deps.Lander.(measurer)
	if !ok {
		return nil
	}
	pages, err := history.PagesPerSlice(ctx, s.Name)
	if pages > 0 {
		plan.Requests, plan.Measured = int(math.Ceil(max(pages, 1)*float64(len(plan.Slices)))), true
	}
	return err
}
