package extract

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/terrace-elt/terrace/ods"
)

// parentsPerPage is how many parents' details are landed together: a kill loses no more than these.
const parentsPerPage = 50

// readParents asks for the details of every parent record that changed since the last complete pass. It goes on after
// the last parent whose details were landed.
func (r *reading) readParents(ctx context.Context, slice ods.Slice, emit func(ods.Page) error) error {
	p := r.stream.parent
	var after []string
	if slice.Resume != "" {
		if err := json.Unmarshal([]byte(slice.Resume), &after); err != nil {
			return fmt.Errorf("resume at %q: %w", slice.Resume, err)
		}
	}
	for {
		keys, err := r.deps.Lander.ParentKeys(ctx, ods.ParentQuery{
			Parent: p.stream, Child: r.stream.Name, Columns: p.columns, Slice: slice, After: after, Limit: parentsPerPage,
		})
		if err != nil {
			return err
		}
		answers, err := r.details(ctx, slice.Spec, keys)
		if err != nil {
			return err
		}
		before := resumeAfter(after)
		if len(keys) > 0 {
			after = keys[len(keys)-1]
		}
		last := len(keys) < parentsPerPage
		if err := r.emitDetails(answers, before, resumeAfter(after), last, emit); err != nil || last {
			return err
		}
	}
}

// details fetches the details of several parents at once and gives them in the parents' order.
func (r *reading) details(ctx context.Context, spec ods.SliceSpec, keys [][]string) ([]ods.Page, error) {
	var together *seat // what arrives of one parent is landed with the others
	ctx, stop := context.WithCancelCause(together.with(ctx))
	defer stop(nil)
	pages := make([]ods.Page, len(keys))
	places := make(chan struct{}, r.stream.parent.concurrency)
	var wg sync.WaitGroup
	for i, key := range keys {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-places }()
			var err error
			if pages[i], err = r.detail(ctx, spec, key); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	return pages, context.Cause(ctx)
}

// detail fetches all pages of one parent's details, as one page.
func (r *reading) detail(ctx context.Context, spec ods.SliceSpec, key []string) (ods.Page, error) {
	var all ods.Page
	p := r.stream.parent
	f := r.fill(spec)
	for i, name := range p.names {
		f.values["parent."+name] = any(key[i])
		if p.numeric[i] {
			f.values["parent."+name] = json.Number(key[i])
		}
	}
	err := r.readTwice(ctx, f, func() { all = ods.Page{} }, func(page ods.Page) error {
		if all.Endpoint == "" {
			all.Endpoint, all.Request, all.Fetched = page.Endpoint, page.Request, page.Fetched
		}
		all.Records = append(all.Records, page.Records...)
		all.Rejects = append(all.Rejects, page.Rejects...)
		all.Bytes += page.Bytes
		return nil
	})
	return all, err
}

// resumeAfter is the text from which a pass goes on after a key.
func resumeAfter(key []string) string {
	if key == nil {
		return ""
	}
	// A list of texts has no value that JSON lacks.
	text, _ := json.Marshal(key)
	return string(text)
}

// emitDetails lands the details of several parents. Only the last of its pages moves the point from which to go on.
func (r *reading) emitDetails(details []ods.Page, before, after string, last bool, emit func(ods.Page) error) error {
	c := &chunker{emit: emit, page: ods.Page{Fetched: r.deps.Now(), Resume: before}}
	for i, d := range details {
		if i == 0 {
			c.page.Endpoint, c.page.Request, c.page.Fetched = d.Endpoint, d.Request, d.Fetched
		}
		c.page.Bytes += d.Bytes
		for _, record := range d.Records {
			if err := c.add(record); err != nil {
				return err
			}
		}
		for _, reject := range d.Rejects {
			if err := c.reject(reject); err != nil {
				return err
			}
		}
	}
	if len(details) > 1 {
		c.page.Request = fmt.Sprintf("%s and %d more", c.page.Request, len(details)-1)
	}
	c.page.Resume = after
	return c.finish(last)
}
