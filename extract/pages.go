package extract

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/terrace-elt/terrace/ods"
)

// readPages reads the pages of a slice. What a second reading finds landed already writes nothing.
func (r *reading) readPages(ctx context.Context, slice ods.Slice, emit func(ods.Page) error) error {
	again := func() {
		r.deps.Log.WarnContext(ctx, "slice is read again: its records do not add up", "stream", r.stream.Name, "slice", describeSlice(slice.Spec))
	}
	paths := r.stream.paths(slice.Spec, r.deps.Now())
	for i, path := range paths {
		f := r.fill(slice.Spec)
		f.path = path
		more := i < len(paths)-1
		err := r.readTwice(ctx, f, again, func(page ods.Page) error {
			page.Last = page.Last && !more
			return emit(page)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readTwice follows the pages, and once more from the start when their records do not add up: pages shift while records
// change. Before the second time it calls again.
func (r *reading) readTwice(ctx context.Context, f fill, again func(), emit func(ods.Page) error) error {
	err := r.walk(ctx, f, r.pager(f), emit)
	var e *Error
	if !errors.As(err, &e) || e.Kind != Incomplete {
		return err
	}
	again()
	second := r.pager(f)
	second.again = true
	return r.walk(ctx, f, second, emit)
}

// pager begins where the stream says, or where resume says that the landed records end.
func (r *reading) pager(f fill) *pager {
	p := newPager(r.stream.paginate)
	if begin, ok := f.values[resumeKey]; ok {
		p.cursor = begin
	}
	return p
}

// fill gives the placeholders that are the same for all pages of a slice.
func (r *reading) fill(spec ods.SliceSpec) fill {
	f := fill{values: map[string]any{}, end: spec.End}
	maps.Copy(f.values, r.meanings[spec.Variant])
	if s := r.stream.Slicing; s != nil {
		f.zone = s.Zone
		f.values["slice.start"], f.values["slice.end"] = s.ends(spec)
	}
	return f
}

// walk follows the pages from the first to the last. The last one is marked as such only when all of them add up; when
// they do not, it is landed all the same, and the slice stays open.
func (r *reading) walk(ctx context.Context, f fill, p *pager, emit func(ods.Page) error) error {
	defer seatOf(ctx).divided()
	given := r.stream.givenKeys(f)
	var err error
	if p.keys, err = ods.NewKeyRuns(r.stream.Landing); err != nil {
		return err
	}
	p.given = given
	for {
		p.fill(&f)
		a, err := r.client.fetch(ctx, r.stream, f, &r.traffic)
		if err != nil {
			return err
		}
		more, err := p.take(a)
		if err != nil {
			return errors.Join(located(err, a), a.body.close())
		}
		var doubt error
		if !more {
			doubt = located(cmp.Or(p.addsUp(), r.client.future(f.end)), a)
		}
		err = emitAnswer(a, given, p.reported, !more && doubt == nil, emit)
		seatOf(ctx).divided()
		if err = errors.Join(err, a.body.close()); err != nil || !more {
			return errors.Join(err, doubt)
		}
	}
}

// take adds an answer to what the pager knows. An answer that a rule skips ends the slice, unless the page before it
// promised that this one would have records.
func (p *pager) take(a *answer) (more bool, err error) {
	if !a.skipped {
		return p.advance(a)
	}
	led := slices.Contains([]string{"cursor", "next_link", "link_header"}, p.kind)
	promised := p.asked > 0 && (p.more >= 0 || led || p.pages64 != nil)
	if promised || p.again {
		return false, &Error{Kind: Incomplete, Message: fmt.Sprintf("page %d is skipped by a rule of on, although there were records to come", p.asked+1)}
	}
	return false, nil
}

// located adds what was asked to an error about the answer.
func located(err error, a *answer) error {
	var e *Error
	if errors.As(err, &e) {
		e.Request = a.request
	}
	return err
}

// emitAnswer hands an answer's records on, in as many pages as their number and size ask for.
func emitAnswer(a *answer, given []string, total *int64, last bool, emit func(ods.Page) error) error {
	c := &chunker{emit: emit, page: ods.Page{Endpoint: a.endpoint, Request: a.request, Fetched: a.fetched, Total: total}}
	if a.skipped {
		return c.finish(last)
	}
	c.page.Bytes = a.body.size
	for _, raw := range a.records {
		if err := c.add(ods.Record{Raw: raw, Given: given}); err != nil {
			return err
		}
	}
	if a.body.file != nil {
		if err := a.reread(c, given); err != nil {
			return err
		}
	}
	return c.finish(last)
}

// reread takes the records of a body that is too large for memory.
func (a *answer) reread(c *chunker, given []string) error {
	_, err := a.selection.scanLong(a.body.reader(), func(raw []byte, _ int64) error {
		return c.add(ods.Record{Raw: bytes.Clone(raw), Given: given})
	}, func(value longValue, offset int64) error {
		return c.reject(value.reject(fmt.Sprintf("byte %d of the answer", offset)))
	})
	return err
}
