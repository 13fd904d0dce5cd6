package extract

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/terrace-elt/terrace/ods"
)

// pacer says when a request may be sent.
type pacer interface {
	wait(ctx context.Context) (time.Duration, error)
	hold(ctx context.Context, d time.Duration)
}

// newPacer keeps a source's limits together with all processes, where there is a place to do so and a limit to keep.
func newPacer(s *Source, d Deps) pacer {
	if d.Rates == nil || len(s.limits.rates) == 0 {
		return newLimiter(s.limits.rates, d.Now)
	}
	p := &sharedLimiter{store: d.Rates, source: s.Name, own: newLimiter(nil, d.Now), log: d.Log}
	for _, r := range s.limits.rates {
		p.rates = append(p.rates, ods.Rate{Requests: r.n, Per: r.per})
	}
	return p
}

// limiter keeps requests within several rates at once: in every stretch of a rate's length, at most its number. It may
// be used by many goroutines, which are served in the order in which they ask.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex
	rates   []window
	earlier time.Time // no request before this, on the source's own wish
}

// window remembers when the last n requests were, as a ring.
type window struct {
	per  time.Duration
	last []time.Time
	next int
}

func newLimiter(rates []rate, now func() time.Time) *limiter {
	l := &limiter{now: now}
	for _, r := range rates {
		l.rates = append(l.rates, window{per: r.per, last: make([]time.Time, r.n)})
	}
	return l
}

// wait blocks until a request may be sent, and returns how long that took.
func (l *limiter) wait(ctx context.Context) (time.Duration, error) { return pause(ctx, l.reserve()) }

// pause waits, and returns how long that took.
func pause(ctx context.Context, d time.Duration) (time.Duration, error) {
	if d <= 0 {
		return 0, ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return d, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// reserve takes the next free moment and returns how far away it is.
func (l *limiter) reserve() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	at := now
	if l.earlier.After(at) {
		at = l.earlier
	}
	for _, w := range l.rates {
		if oldest := w.last[w.next]; !oldest.IsZero() && oldest.Add(w.per).After(at) {
			at = oldest.Add(w.per)
		}
	}
	for i := range l.rates {
		w := &l.rates[i]
		w.last[w.next] = at
		w.next = (w.next + 1) % len(w.last)
	}
	return at.Sub(now)
}

// hold keeps every request back for a while.
func (l *limiter) hold(_ context.Context, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.now().Add(d); until.After(l.earlier) {
		l.earlier = until
	}
}

// RateStore keeps the limits of sources that many processes read. *ods.Store is one.
type RateStore interface {
	// ReserveRequest takes the next moment within all rates, and says how far away it is.
	ReserveRequest(ctx context.Context, source string, rates []ods.Rate) (time.Duration, error)
	// HoldRequests gives no moments for a while.
	HoldRequests(ctx context.Context, source string, d time.Duration) error
}

// holdTimeout bounds telling other processes to wait.
const holdTimeout = 10 * time.Second

// sharedLimiter takes its moments from where all processes take them.
type sharedLimiter struct {
	store  RateStore
	source string
	rates  []ods.Rate
	own    *limiter // without rates: it keeps what the source itself asks for
	log    *slog.Logger
}

func (l *sharedLimiter) wait(ctx context.Context) (time.Duration, error) {
	d, err := l.store.ReserveRequest(ctx, l.source, l.rates)
	if err != nil {
		return 0, ownError{err}
	}
	return pause(ctx, max(d, l.own.reserve()))
}

// hold tells the other processes, too. If they cannot be told, the source will tell them itself.
func (l *sharedLimiter) hold(ctx context.Context, d time.Duration) {
	l.own.hold(ctx, d)
	// The request that was told to wait may be over by now.
	telling, stop := context.WithTimeout(context.WithoutCancel(ctx), holdTimeout)
	defer stop()
	if err := l.store.HoldRequests(telling, l.source, d); err != nil {
		l.log.WarnContext(ctx, "other processes do not know that the source asks to wait", "source", l.source, "error", err)
	}
}
