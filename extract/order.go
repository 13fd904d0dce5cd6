package extract

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/terrace-elt/terrace/ods"
)

// landers is how many pages of a slice are landed at a time: the server then works for two, and each waits for the other
// only to commit.
const landers = 2

// order lets pages of one stream be landed at the same time, and yet leave what landing them one after the other leaves,
// in the order in which they arrived. Pages that share no key do not care. It is used by many goroutines.
type order struct {
	// free says that the records themselves say which is the newer one.
	free bool
	// settled says that it does not matter which of two answers is the newer one.
	settled bool

	mu     sync.Mutex
	moved  chan struct{} // closed, and made anew, when somebody may go on
	clock  int64         // how much has been asked and has arrived
	latest time.Time     // of what arrived
	seats  []*seat
	told   []told // by answers that others, which are awaited, may cross
	vain   int    // answers that contradicted others however often they were asked for
}

// seat is a slice that is being read.
type seat struct {
	*order
	asked   int64 // when what is awaited, or was not weighed yet, was asked for; 0 while nothing is
	arrival int64 // of what is being made pages of, 0 while nothing is
	since   time.Time
	pages   []*queued
}

// queued is a page that has not been landed.
type queued struct {
	*seat
	arrival int64
	page    ods.Page
}

func newOrder(s ods.Stream) *order {
	return &order{free: s.Version != "", settled: s.Version != "" || s.KeepFirst || len(s.Key) == 0, moved: make(chan struct{})}
}

func (o *order) seat() *seat {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := &seat{order: o}
	o.seats = append(o.seats, s)
	return s
}

type seatKey struct{}

// with makes the seat known to whatever reads for it.
func (s *seat) with(ctx context.Context) context.Context { return context.WithValue(ctx, seatKey{}, s) }

// seatOf is the seat of a reader, nil for what is read for no slice. A nil seat may be used, and does nothing.
func seatOf(ctx context.Context) *seat {
	s, _ := ctx.Value(seatKey{}).(*seat)
	return s
}

// arrived says that something arrived just now, of which pages will be made: they come before what arrives later. It gives
// the time of it, as now tells it, or that of what arrived before it, should the clock have been put back since.
func (s *seat) arrived(now func() time.Time) time.Time {
	if s == nil {
		return now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	s.arrival = s.clock
	s.wake()
	if at := now(); at.After(s.latest) {
		s.latest = at
	}
	s.since = s.latest
	return s.since
}

// time is when what is being made pages of arrived; now where that is not known.
func (s *seat) time(now func() time.Time) time.Time {
	if s == nil || s.arrival == 0 {
		return now()
	}
	return s.since
}

// divided says that of what arrived all pages have been made, or that none will be.
func (s *seat) divided() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrival = 0
	s.wake()
}

// leave ends the reading of the slice.
func (s *seat) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seats = slices.DeleteFunc(s.seats, func(other *seat) bool { return other == s })
	s.forget()
	s.wake()
}

// enter queues a page behind those of the seat that entered before it.
func (s *seat) enter(page ods.Page) *queued {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &queued{seat: s, arrival: s.arrival, page: page}
	if p.arrival == 0 {
		s.clock++
		p.arrival = s.clock
	}
	s.pages = append(s.pages, p)
	return p
}

// done takes the page out of the queue.
func (p *queued) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages = slices.DeleteFunc(p.pages, func(other *queued) bool { return other == p })
	p.wake()
}

// wait returns when no page that is before this one may have a key of it, or with the cause of the context's end.
func (p *queued) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		blocked, moved := p.blocked(), p.moved
		p.mu.Unlock()
		if !blocked {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p *queued) blocked() bool {
	for _, s := range p.seats {
		other := s != p.seat
		if other && p.free {
			continue
		}
		if other && s.arrival > 0 && s.arrival < p.arrival {
			return true // nobody knows yet which keys are in it
		}
		for _, q := range s.pages {
			if q == p {
				break
			}
			if q.arrival <= p.arrival && q.page.SharesKeys(p.page) {
				return true
			}
		}
	}
	return false
}

// wake is for whoever holds the lock.
func (o *order) wake() {
	close(o.moved)
	o.moved = make(chan struct{})
}
