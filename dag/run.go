package dag

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"
)

// Event tells an observer that a step started or ended. Observers are called from one goroutine, in order.
type Event struct {
	Step    Step
	Started bool
	Result  Result // of a step that ended
	Seconds float64
	// Done and Total count the steps of the run.
	Done, Total int
}

// Runner runs a plan. One goroutine owns all of its state; executors send it their results.
type Runner struct {
	// Threads is how many steps run at once, at least one.
	Threads int
	// FailFast starts nothing new after the first bad step.
	FailFast bool
	// Execute performs one step.
	Execute Executor
	// Together, when set, performs all steps but streams in its stead, one after the other, and makes what they built
	// visible at once, or not at all.
	Together *SQLExecutor
	// Observe is told of every start and end; nil is allowed.
	Observe func(Event)
	// Now is the stopwatch.
	Now func() time.Time
}

// Bundler is an Executor that performs several small steps in one transaction, at the cost of little more than one.
type Bundler interface {
	Executor
	// Bundles reports whether a step may be performed with others that do not need one another.
	Bundles(Step) bool
	// ExecuteBundle performs such steps, and all of them take effect or none. Where it reports false none did, and each
	// has to be executed alone, which tells whose fault it was.
	ExecuteBundle(ctx context.Context, steps []Step) (results []Result, done bool)
}

// bundled is how many steps are performed at once at most. With 32 a step costs a third of one alone, and more save
// little; fewer are seen to end earlier.
const bundled = 32

// ended is what an executor sends back.
type ended struct {
	at      []int
	results []Result
	done    bool
	took    time.Duration
}

// Run performs the plan and returns when every step has ended, also after ctx is cancelled: what runs is waited for,
// what has not started is reported as such.
func (r *Runner) Run(ctx context.Context, plan Plan) Report {
	run := newRunState(r, plan)
	if r.Together != nil {
		run = run.together(ctx, r.Together)
	} else {
		run.perform(ctx, r.Threads, r.Execute)
	}
	run.abandon(ctx)
	return run.report()
}

// Unstarted is the report of a plan of which nothing could be begun, because of an error.
func (r *Runner) Unstarted(ctx context.Context, plan Plan, err error) Report {
	run := newRunState(r, plan)
	if ctx.Err() == nil {
		run.leave(Result{Status: Skipped, Reason: notStarted + err.Error()})
	}
	run.abandon(ctx)
	report := run.report()
	report.Status = statusOf(ctx, err)
	return report
}

// perform runs what is ready, and what becomes so, with as many at once as there are threads.
func (s *runState) perform(ctx context.Context, threads int, e Executor) {
	threads = max(threads, 1)
	results := make(chan ended)
	running := 0
	for {
		for running < threads && !s.stopped(ctx) {
			taken := s.take(e, threads-running)
			if len(taken) == 0 {
				break
			}
			running++
			steps := make([]Step, len(taken))
			for i, at := range taken {
				steps[i] = s.steps[at]
				s.tell(Event{Step: steps[i], Started: true})
			}
			go func() {
				start := s.runner.Now()
				end := execute(ctx, e, steps)
				end.at, end.took = taken, s.runner.Now().Sub(start)
				results <- end
			}()
		}
		if running == 0 {
			return
		}
		s.conclude(<-results)
		running--
	}
}

// take gives the steps that the next free executor is to perform: one, or as many small ones as are its share.
func (s *runState) take(e Executor, free int) []int {
	at, ok := s.next()
	if !ok {
		return nil
	}
	taken := []int{at}
	b, ok := e.(Bundler)
	if !ok {
		return taken
	}
	share := min(bundled, (s.ready.Len()+free)/free)
	for len(taken) < share && s.bundles(b, at) {
		if at, ok = s.next(); !ok {
			break
		}
		if !s.bundles(b, at) {
			s.ready.put(at)
			break
		}
		taken = append(taken, at)
	}
	return taken
}

func (s *runState) bundles(b Bundler, at int) bool { return !s.alone[at] && b.Bundles(s.steps[at]) }

// conclude notes how steps ended. Those of a bundle share the time that it took.
func (s *runState) conclude(end ended) {
	for i, at := range end.at {
		if !end.done {
			s.alone[at] = true
			s.ready.put(at)
			continue
		}
		s.finish(at, end.results[i], end.took/time.Duration(len(end.at)))
	}
}

// execute turns a panic of an executor into the step's error: the other steps go on.
func execute(ctx context.Context, e Executor, steps []Step) (end ended) {
	defer func() {
		if p := recover(); p != nil {
			end.done = len(steps) == 1
			end.results = []Result{{Status: Error, Err: fmt.Errorf("run %s: panic: %v", steps[0].Name, p)}}
		}
	}()
	if len(steps) > 1 {
		end.results, end.done = e.(Bundler).ExecuteBundle(ctx, steps)
		return end
	}
	return ended{results: []Result{e.Execute(ctx, steps[0])}, done: true}
}

// runState is what the run's goroutine knows.
type runState struct {
	runner  *Runner
	steps   []Step
	index   map[string]int
	waiting []int   // steps that a step still waits for
	blocks  [][]int // steps that wait for a step
	ready   positions
	alone   map[int]bool // what was tried with others, in vain
	results []*Result
	seconds []float64
	begun   []float64 // seconds after the run's own start
	done    int
	failed  bool
	started time.Time
	// held keeps a ready step for later, which then is in parked; nil keeps none.
	held   func(Step) bool
	parked []int
	// broken is asked whether nothing further can be done; nil says that it can.
	broken func() bool
}

func newRunState(r *Runner, plan Plan) *runState {
	n := len(plan.Steps)
	s := &runState{
		runner: r, steps: slices.Clone(plan.Steps), index: make(map[string]int, n),
		waiting: make([]int, n), blocks: make([][]int, n), alone: map[int]bool{},
		results: make([]*Result, n), seconds: make([]float64, n), begun: make([]float64, n),
		started: r.Now(),
	}
	for i, step := range s.steps {
		s.index[step.Name] = i
	}
	for i, step := range s.steps {
		needs := step.Needs
		if step.after != "" {
			needs = append([]string{step.after}, needs...)
		}
		for _, need := range needs {
			s.blocks[s.index[need]] = append(s.blocks[s.index[need]], i)
			s.waiting[i]++
		}
	}
	for i := range s.steps {
		if s.waiting[i] == 0 {
			heap.Push(&s.ready, i)
		}
	}
	return s
}

func (s *runState) stopped(ctx context.Context) bool {
	return ctx.Err() != nil || (s.runner.FailFast && s.failed) || (s.broken != nil && s.broken())
}

// next takes the ready step that comes first in the plan, and ends those that need no executor on the way.
func (s *runState) next() (int, bool) {
	for s.ready.Len() > 0 {
		at := heap.Pop(&s.ready).(int)
		if s.results[at] != nil { // judged by its model's step
			continue
		}
		if s.held != nil && s.held(s.steps[at]) {
			s.parked = append(s.parked, at)
			continue
		}
		if result, decided := s.decided(at); decided {
			s.finish(at, result, 0)
			continue
		}
		return at, true
	}
	return 0, false
}

// decided ends a step without running it: its plan says so, nothing changed for it, or something that it needs failed.
func (s *runState) decided(at int) (Result, bool) {
	step := s.steps[at]
	if cause := s.cause(step); cause != "" {
		return Result{Status: Skipped, Reason: cause}, true
	}
	switch step.Action {
	case Run:
		return Result{}, false
	case Check:
		changed := s.changed(step)
		if len(changed) == 0 {
			return Result{Status: Skipped, Reason: unchanged}, true
		}
		s.steps[at].Reason = "upstream changed: " + pending(changed)
		return Result{}, false
	default:
		return Result{Status: Skipped, Reason: step.Reason}, true
	}
}

// changed are the steps that a step watches and that changed something in this run, with their rows.
func (s *runState) changed(step Step) map[string]int64 {
	changed := map[string]int64{}
	for _, name := range step.Watch {
		if r := s.results[s.index[name]]; r != nil && r.Changed {
			changed[name] = max(r.Rows.Changed(), 1) // a view's new definition counts as one
		}
	}
	return changed
}

// What the reason begins with when a step did not take effect because of another one, or because the run was stopped.
const (
	blocked      = "upstream failed: "
	notPublished = "not published: "
	notStarted   = "not started: "
)

func waits() []string { return []string{blocked, notPublished, notStarted} }

// unchanged is the reason of a step that had nothing to do: its node is what its files and its upstream give.
const unchanged = "unchanged"

// cause names the step whose failure keeps this one from running, the root of it and not an echo.
func (s *runState) cause(step Step) string {
	for _, need := range step.Needs {
		r := s.results[s.index[need]]
		if r.Status.Bad() {
			return blocked + need
		}
		if r.Status == Skipped && len(r.Reason) > len(blocked) && r.Reason[:len(blocked)] == blocked {
			return r.Reason
		}
	}
	return ""
}

func (s *runState) finish(at int, result Result, took time.Duration) {
	s.results[at] = &result
	s.seconds[at] = took.Seconds()
	s.begun[at] = max(s.runner.Now().Sub(s.started)-took, 0).Seconds()
	s.done++
	s.failed = s.failed || result.Status.Bad()
	s.tell(Event{Step: s.steps[at], Result: result, Seconds: took.Seconds()})
	for _, next := range s.blocks[at] {
		s.waiting[next]--
		if s.waiting[next] == 0 {
			heap.Push(&s.ready, next)
		}
	}
	for _, name := range slices.Concat(s.steps[at].Gates, s.steps[at].Leads) {
		if judged, ok := result.Judged[name]; ok {
			s.finish(s.index[name], judged, 0)
		}
	}
}

// abandon ends what never started.
func (s *runState) abandon(ctx context.Context) {
	reason := notStarted + "an earlier step failed (--fail-fast)"
	if cause := context.Cause(ctx); cause != nil {
		reason = notStarted + cause.Error()
	}
	result := Result{Status: Skipped, Reason: reason}
	if ctx.Err() != nil { // stopped, or over the time of the whole run
		result.Status = Cancelled
	}
	s.leave(result)
}

// leave gives all that has not ended one end.
func (s *runState) leave(result Result) {
	for at := range s.steps {
		if s.results[at] == nil {
			s.finish(at, result, 0)
		}
	}
}

func (s *runState) tell(e Event) {
	if s.runner.Observe == nil {
		return
	}
	e.Done, e.Total = s.done, len(s.steps)
	s.runner.Observe(e)
}

// positions is a heap of places in the plan: the first one first.
type positions []int

func (p positions) Len() int           { return len(p) }
func (p positions) Less(a, b int) bool { return p[a] < p[b] }
func (p positions) Swap(a, b int)      { p[a], p[b] = p[b], p[a] }

// Push implements heap.Interface.
func (p *positions) Push(x any) { *p = append(*p, x.(int)) }

// Pop implements heap.Interface.
func (p *positions) Pop() any {
	old := *p
	last := old[len(old)-1]
	*p = old[:len(old)-1]
	return last
}

// put adds a place.
func (p *positions) put(at int) { heap.Push(p, at) }
