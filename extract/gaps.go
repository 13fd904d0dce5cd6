package extract

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/terrace-elt/terrace/ods"
)

// Comparer compares what a source has now with what has been landed. *ods.Store is one.
type Comparer interface {
	Compare(ctx context.Context, page ods.Page) (ods.Compared, error)
}

// Gap is what one slice of a stream has at the source, against what has been landed of it.
type Gap struct {
	Slice     ods.SliceSpec
	Reported  int64 // records that the source has
	Different int64 // of them, landed with other content
	Rejected  int64 // of them, cannot be landed
	// Missing are the keys of those that have not been landed, sorted.
	Missing []string
}

// Gaps reads a stretch of a stream anew and tells for each slice what of it has not been landed. It lands nothing. Without a
// From or To the stretch is all that has been read so far: what comes after is not expected to be there. Gaps calls
// found once for each slice, in their order.
func (r *Reader) Gaps(ctx context.Context, s *Stream, w Window, compare Comparer, found func(Gap) error) error {
	if s.Source.Type != HTTP || s.parent != nil {
		return wrap(s, &Error{
			Kind: Settings, Message: "gaps are looked for in streams of type http without a parent",
			Hint: "files are landed once per content; details follow their parents",
		})
	}
	run := &reading{Reader: r, stream: s, job: Job{Window: w}}
	return wrap(s, run.gaps(ctx, compare, found))
}

func (r *reading) gaps(ctx context.Context, compare Comparer, found func(Gap) error) error {
	var err error
	if r.client, err = r.Reader.client(r.stream.Source); err != nil {
		return err
	}
	state, err := r.deps.Lander.State(ctx, r.stream.Name)
	if err != nil {
		return err
	}
	variants, err := r.spread(ctx)
	if err != nil {
		return err
	}
	for _, variant := range variants {
		window := r.job.Window
		if watermark, ok := state.Watermarks[variant]; ok && window.To.IsZero() {
			window.To, window.Pad = watermark, 0
		}
		for _, spec := range PlanSlices(r.stream.Slicing, []string{variant}, ods.State{}, r.deps.Now(), window) {
			gap, err := r.gap(ctx, spec, compare)
			if err != nil {
				return fmt.Errorf("%s: %w", describeSlice(spec), err)
			}
			if err := found(gap); err != nil {
				return err
			}
		}
	}
	return nil
}

// gap compares one slice.
func (r *reading) gap(ctx context.Context, spec ods.SliceSpec, compare Comparer) (Gap, error) {
	whole, missing := Gap{Slice: spec}, map[string]bool{}
	for _, path := range r.stream.paths(spec, r.deps.Now()) {
		f := r.fill(spec)
		f.path = path
		part, err := r.compareAll(ctx, f, compare)
		if err != nil {
			return whole, err
		}
		whole.Reported += part.Reported
		whole.Different += part.Different
		whole.Rejected += part.Rejected
		for _, key := range part.Missing {
			missing[key] = true
		}
	}
	whole.Missing = slices.Sorted(maps.Keys(missing))
	return whole, nil
}

// compareAll compares all pages of a request. Where they have to be read twice, the second time counts.
func (r *reading) compareAll(ctx context.Context, f fill, compare Comparer) (Gap, error) {
	var gap Gap
	err := r.readTwice(ctx, f, func() { gap = Gap{} }, func(page ods.Page) error {
		page.Stream = r.stream.Landing
		c, err := compare.Compare(ctx, page)
		if err != nil {
			return err
		}
		gap.Reported += c.Records
		gap.Different += c.Different
		gap.Rejected += c.Rejected
		gap.Missing = append(gap.Missing, c.Missing...)
		return nil
	})
	return gap, err
}
