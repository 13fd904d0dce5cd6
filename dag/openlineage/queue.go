package openlineage

import (
	"context"
	"errors"
	"sync"
	"time"
)

// transport hands an event, as one JSON document, to whoever keeps it. It is used by one goroutine.
type transport interface {
	Emit(ctx context.Context, event []byte) error
}

// patience is how many events in a row may fail before no more are tried.
const patience = 3

// errGivenUp says that a queue stopped trying.
var errGivenUp = errors.New("given up")

// queue performs one task after the other, in a goroutine of its own, so that nobody waits for it. After some failures in
// a row it performs none any more.
type queue struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	waiting []func(context.Context) error
	closed  bool
	wake    *sync.Cond
	lost    int
	failure error // the last one
}

func newQueue(ctx context.Context) *queue {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	q := &queue{cancel: cancel, done: make(chan struct{})}
	q.wake = sync.NewCond(&q.mu)
	go q.run(ctx)
	return q
}

func (q *queue) put(task func(context.Context) error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, task)
	q.wake.Signal()
}

// next waits for a task; there is none once the queue is closed and empty.
func (q *queue) next() (func(context.Context) error, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.wake.Wait()
	}
	if len(q.waiting) == 0 {
		return nil, false
	}
	task := q.waiting[0]
	q.waiting = q.waiting[1:]
	return task, true
}

func (q *queue) run(ctx context.Context) {
	defer close(q.done)
	inARow := 0
	for {
		task, ok := q.next()
		if !ok {
			return
		}
		err := errGivenUp
		if inARow < patience && ctx.Err() == nil {
			err = task(ctx)
		}
		if err == nil {
			inARow = 0
			continue
		}
		inARow++
		q.mu.Lock()
		q.lost++
		if !errors.Is(err, errGivenUp) {
			q.failure = err
		}
		q.mu.Unlock()
	}
}

// close lets what waits be done, for as long as it is given, and says how many tasks failed or were not done, and why.
func (q *queue) close(within time.Duration) (lost int, err error) {
	q.mu.Lock()
	q.closed = true
	q.wake.Signal()
	q.mu.Unlock()
	timer := time.AfterFunc(within, q.cancel)
	<-q.done
	inTime := timer.Stop()
	q.cancel()
	if q.lost > 0 && q.failure == nil && !inTime {
		q.failure = context.DeadlineExceeded
	}
	return q.lost, q.failure
}
