package dag

import (
	"context"
	"errors"
	"slices"
)

// together lands the streams and then performs all else in one transaction, as often as what passes by itself needs. It
// returns the state in which that ended. Streams come first because the transaction reads one state of the database.
func (s *runState) together(ctx context.Context, e *SQLExecutor) *runState {
	s.held = func(step Step) bool { return step.Kind != KindStream }
	s.perform(ctx, s.runner.Threads, s.runner.Execute)
	s.held = nil
	for _, at := range s.parked {
		s.ready.put(at)
	}
	s.parked = nil
	if name := s.firstBad(); name != "" {
		s.unpublish(ctx, name)
		return s
	}
	wait := firstPause
	for attempt := 1; ; attempt++ {
		tried := s.clone()
		again := tried.attempt(ctx, e, attempt)
		if !again || attempt == attempts || pause(ctx, wait) != nil {
			return tried
		}
		wait *= 4
	}
}

// attempt performs what is left in one transaction, for the nth time. It reports whether to try again may succeed.
func (s *runState) attempt(ctx context.Context, e *SQLExecutor, n int) bool {
	t := newTogether(e, s.steps)
	s.broken = func() bool { return t.broken != nil }
	s.perform(ctx, 1, t)
	blame := s.firstBad()
	var err error
	if blame == "" && ctx.Err() == nil {
		if blame, err = t.publish(ctx); err != nil {
			t.broken = err
		}
	}
	var held *HeldError
	if errors.As(t.broken, &held) && n == patience {
		e.tell(held)
	}
	ended := t.end(ctx)
	if t.committed || t.uncertain && e.recorded(ctx, blame) {
		return false
	}
	s.unpublish(ctx, blame)
	if at, ok := s.index[blame]; ok && errors.Join(err, ended) != nil {
		s.blame(ctx, at, errors.Join(err, ended))
	}
	return t.broken != nil && ctx.Err() == nil && passes(t.broken)
}

// passes reports whether what keeps a transaction from going on may be over in a moment.
func passes(err error) bool {
	var held *HeldError
	return Retryable(err) || errors.As(err, &held) || alreadyThere(err)
}

// firstBad is the first step of the plan that failed, or "".
func (s *runState) firstBad() string {
	for i, r := range s.results {
		if r != nil && r.Status.Bad() {
			return s.steps[i].Name
		}
	}
	return ""
}

// unpublish says of what was built that nobody sees it, and why, and ends what has not started. What assertions found
// stays: they were asked.
func (s *runState) unpublish(ctx context.Context, blame string) {
	kept := Result{Status: Skipped, Reason: notPublished + blame + " failed"}
	if ctx.Err() != nil {
		kept = Result{Status: statusOf(ctx, ctx.Err()), Reason: notPublished + context.Cause(ctx).Error()}
	}
	for at, r := range s.results {
		switch step := s.steps[at]; {
		case r == nil && step.Action == Skip:
			s.finish(at, Result{Status: Skipped, Reason: step.Reason}, 0)
		case r == nil:
			if ctx.Err() == nil {
				s.finish(at, kept, 0)
			}
		case step.Kind == KindStream:
		case step.Kind != KindAssertion && r.Status == Success:
			result := kept
			s.results[at] = &result
		default:
			result := *r
			result.recorded = false
			s.results[at] = &result
		}
	}
}

// blame gives a step the error that kept all from being published.
func (s *runState) blame(ctx context.Context, at int, err error) {
	if s.results[at].Err != nil {
		err = errors.Join(s.results[at].Err, err)
	}
	s.results[at] = &Result{Status: statusOf(ctx, err), Err: err}
}

// clone is a state that can be changed without the first one being changed.
func (s *runState) clone() *runState {
	out := *s
	out.steps = slices.Clone(s.steps)
	out.waiting, out.ready = slices.Clone(s.waiting), slices.Clone(s.ready)
	out.results, out.seconds, out.begun = slices.Clone(s.results), slices.Clone(s.seconds), slices.Clone(s.begun)
	return &out
}
