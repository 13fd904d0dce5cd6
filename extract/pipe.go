package extract

import (
	"context"
	"sync"

	"github.com/terrace-elt/terrace/ods"
)

// pipe lands pages of a slice while the next one is being fetched and prepared.
type pipe struct {
	*reading
	slice ods.Slice
	seat  *seat
	pages chan *queued
	stop  context.CancelCauseFunc

	landing sync.WaitGroup
	free    chan struct{} // has room for as many as may land at a time
	turn    chan struct{} // closed when the page that was begun last has been landed

	failed sync.Once
	err    error // of the first page, in their order, that could not be landed
}

// pipe reads a slice and lands its pages. It returns when nothing is being read or landed any more.
func (r *reading) pipe(ctx context.Context, slice ods.Slice, u unit, at *seat) error {
	defer at.leave()
	reading, stop := context.WithCancelCause(at.with(ctx))
	defer stop(nil)
	p := &pipe{
		reading: r, slice: slice, seat: at, pages: make(chan *queued), stop: stop,
		free: make(chan struct{}, r.landers()), turn: make(chan struct{}),
	}
	close(p.turn)
	ended := make(chan error, 1)
	go func() {
		defer close(p.pages)
		err := u.read(reading, slice, p.emitter(reading))
		at.divided()
		ended <- err
	}()
	for {
		p.free <- struct{}{}
		next, more := <-p.pages
		if !more {
			break
		}
		p.begin(reading, next)
	}
	p.landing.Wait()
	readErr := <-ended
	if p.err != nil {
		return p.err
	}
	return readErr
}

// landers is one where the same is to happen each time.
func (r *reading) landers() int {
	if r.deps.Recording != nil {
		return 1
	}
	return landers
}

// emitter numbers pages, prepares them, and hands them on.
func (p *pipe) emitter(ctx context.Context) func(ods.Page) error {
	number := p.slice.Pages
	return func(page ods.Page) error {
		number++
		page.Stream, page.Slice, page.RunID, page.Number = p.stream.Landing, p.slice, p.job.RunID, number
		page, err := page.Prepared()
		if err != nil {
			return err
		}
		select {
		case p.pages <- p.seat.enter(page):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// begin lands a page beside the one before it. A lander has been taken for it.
func (p *pipe) begin(ctx context.Context, next *queued) {
	before, mine := p.turn, make(chan struct{})
	p.turn = mine
	p.landing.Go(func() {
		defer func() { <-p.free }()
		defer next.done()
		err := p.landAfter(ctx, next, before)
		if err == nil {
			close(mine)
			return
		}
		// Nobody after it has a turn any more: what is ready is not landed.
		p.failed.Do(func() {
			p.err = err
			p.stop(err)
		})
	})
}

func (p *pipe) landAfter(ctx context.Context, next *queued, before chan struct{}) error {
	if err := next.wait(ctx); err != nil {
		return err
	}
	page := next.page
	select {
	case <-before:
	default:
		page.Turn = before
	}
	landed, err := p.deps.Lander.Land(ctx, page)
	if err != nil {
		return err
	}
	p.note(page, landed)
	return nil
}

// note adds what a page did to the result.
func (r *reading) note(page ods.Page, landed ods.Landed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Pages++
	r.result.Received += int64(len(page.Records) + len(page.Rejects))
	r.result.Inserted += landed.Inserted
	r.result.Updated += landed.Updated
	r.result.Unchanged += landed.Unchanged
	r.result.Rejected += landed.Rejected
	r.deps.Progress(Event{Stream: r.stream.Name, Slice: page.Slice.Spec, Result: r.soFar()})
}
