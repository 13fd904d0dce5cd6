package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/terrace-elt/terrace/ods"
)

// schedule reads the slices of one stream, several at once. One goroutine owns it: it opens the slices in the order of
// their windows, sends each off, and receives how it ended.
type schedule struct {
	*reading
	waiting  []unit
	running  int
	most     int // slices at a time
	ended    chan ending
	stop     context.CancelCauseFunc
	halted   bool // nothing more is begun
	failures []failure
}

// ending is how the reading of a slice ended.
type ending struct {
	unit
	slice ods.Slice
	err   error
}

type failure struct {
	spec ods.SliceSpec
	err  error
}

// errPutOff ends the slices that are being read when the reason why another one failed concerns them all.
var errPutOff = errors.New("another slice failed for a reason that concerns all")

func newSchedule(r *reading, units []unit) *schedule {
	r.result.Slices += len(units)
	s := &schedule{reading: r, waiting: units, most: 1, ended: make(chan ending)}
	switch source := r.stream.Source; {
	case r.deps.Recording != nil: // quick enough, and in order it is the same each time
	case source.Recordable() || source.Type == S3:
		s.most = source.limits.concurrency
	case source.Type == Files:
		s.most = landers // while one is opened and closed, another is landed
	}
	return s
}

// run reads all slices. One that fails does not keep the others from being read, unless its reason concerns them all. It
// returns when nothing is being read any more.
func (s *schedule) run(ctx context.Context) error {
	work, stop := context.WithCancelCause(ctx)
	s.stop = stop
	defer stop(nil)
	for {
		for s.running < s.most && len(s.waiting) > 0 && work.Err() == nil {
			s.begin(work)
		}
		if s.running == 0 {
			break
		}
		e := <-s.ended
		s.running--
		s.settle(ctx, e)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.verdict()
}

// begin opens the next slice and sends it off.
func (s *schedule) begin(ctx context.Context) {
	u := s.waiting[0]
	s.waiting = s.waiting[1:]
	slice, err := s.deps.Lander.OpenSlice(ctx, s.stream.Landing, u.spec, s.job.RunID)
	if err != nil {
		s.fail(u.spec, err)
		return
	}
	s.running++
	at := s.order.seat()
	if s.stream.Source.filed() {
		at.arrived(s.deps.Now) // in the order of their names, which says what of a record is the newest
	}
	go func() { s.ended <- ending{unit: u, slice: slice, err: s.pipe(ctx, slice, u, at)} }()
}

// settle notes how a slice ended. It stays open when the run is cancelled or the source asks to wait, so that the next run
// goes on with it.
func (s *schedule) settle(ctx context.Context, e ending) {
	var known *Error
	switch {
	case e.err == nil:
		s.count(func(r *Result) { r.SlicesDone++ })
		s.passAgain(e)
	case ctx.Err() != nil:
	case errors.Is(e.err, errPutOff), s.halted && errors.Is(e.err, context.Canceled):
		s.count(func(r *Result) { r.SlicesOpen++ })
	case errors.As(e.err, &known) && known.Kind == Throttled:
		s.putOff(e, known)
	default:
		s.close(ctx, e)
	}
}

// passAgain follows a pass over parents that an earlier run had begun: that one saw the parents of then, and only another
// sees those that changed since.
func (s *schedule) passAgain(e ending) {
	if e.spec.Kind != ods.Parents || e.slice.Pages == 0 || s.deps.Recording != nil {
		return
	}
	s.waiting = append(s.waiting, e.unit)
	s.count(func(r *Result) { r.Slices++ })
}

func (s *schedule) putOff(e ending, why *Error) {
	s.count(func(r *Result) {
		r.SlicesOpen++
		if why.wait > 0 {
			r.ResumeAt = s.deps.Now().Add(why.wait)
		}
	})
	s.note(e.spec, e.err)
	s.halt()
}

// close writes down why a slice was not read, and what becomes of its stretch.
func (s *schedule) close(ctx context.Context, e ending) {
	halves, err := s.halve(e)
	if halves != nil {
		cause := fmt.Sprintf("read in two parts, since %v", e.err)
		if err := s.deps.Lander.FailSlice(ctx, e.slice, cause); err != nil {
			s.fail(e.spec, err)
			return
		}
		s.deps.Log.InfoContext(ctx, "slice is cut in two", "stream", s.stream.Name, "slice", describeSlice(e.spec), "reason", e.err.Error())
		s.waiting = append(halves, s.waiting...)
		s.count(func(r *Result) { r.Slices++ })
		return
	}
	s.fail(e.spec, errors.Join(err, s.deps.Lander.FailSlice(ctx, e.slice, err.Error())))
}

func (s *schedule) fail(spec ods.SliceSpec, err error) {
	s.count(func(r *Result) { r.SlicesFailed++ })
	s.note(spec, err)
	if hopeless(err) {
		s.halt()
	}
}

func (s *schedule) halt() {
	s.halted = true
	s.stop(errPutOff)
}

func (s *schedule) note(spec ods.SliceSpec, err error) {
	s.failures = append(s.failures, failure{spec, fmt.Errorf("%s: %w", describeSlice(spec), err)})
}

func (s *schedule) count(change func(*Result)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.result)
}

// verdict joins the failures in the order of their slices, whenever they happened.
func (s *schedule) verdict() error {
	slices.SortStableFunc(s.failures, func(a, b failure) int {
		return cmp.Or(cmp.Compare(a.spec.Variant, b.spec.Variant), a.spec.Start.Compare(b.spec.Start))
	})
	errs := make([]error, len(s.failures))
	for i, f := range s.failures {
		errs[i] = f.err
	}
	if len(errs) <= toldFailures || s.failures[0].spec.Kind != ods.Window {
		return errors.Join(errs...)
	}
	return manyErrors(errs)
}

// toldFailures is of how many windows it is said why they failed: the reason is mostly the same, other than of files.
const toldFailures = 3

// manyErrors are those of many windows, in their order.
type manyErrors []error

func (e manyErrors) Error() string {
	return fmt.Sprintf("%v\nand %d more slices failed; the next run reads each again", errors.Join(e[:toldFailures]...), len(e)-toldFailures)
}

func (e manyErrors) Unwrap() []error { return e }

// halve cuts a window in two of which the source has more than it gives, or whose records change faster than its pages
// can be read: one of a single page cannot shift. It says why a window cannot be cut any more.
func (s *schedule) halve(e ending) ([]unit, error) {
	var known *Error
	if !errors.As(e.err, &known) || e.spec.Kind != ods.Window {
		return nil, e.err
	}
	tooLarge := known.Kind == TooManyPages || known.Kind == WindowTooLarge
	if !tooLarge && !known.narrow {
		return nil, e.err
	}
	middle, ok := s.stream.Slicing.middle(e.spec)
	if !ok && tooLarge {
		known.Hint = fmt.Sprintf("even the window from %s to %s holds more than the source gives at once; lower slices.min_step if it can be asked for less",
			e.spec.Start.Format(time.RFC3339Nano), e.spec.End.Format(time.RFC3339Nano))
	}
	if !ok {
		return nil, e.err
	}
	first, second := e.unit, e.unit
	first.spec.End, second.spec.Start = middle, middle
	return []unit{first, second}, nil
}
