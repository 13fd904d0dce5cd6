package dag_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
)

// script executes steps by name, in memory: what is not in it succeeds with a change.
type script struct {
	mu      sync.Mutex
	started []string
	running int
	most    int
	do      map[string]func(context.Context) dag.Result
}

func (s *script) Execute(ctx context.Context, step dag.Step) dag.Result {
	s.mu.Lock()
	s.started = append(s.started, step.Name)
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running--
		s.mu.Unlock()
	}()
	if do := s.do[step.Name]; do != nil {
		return do(ctx)
	}
	judged := map[string]dag.Result{}
	for _, gate := range step.Gates {
		judged[gate] = dag.Result{Status: dag.Success}
	}
	return dag.Result{Status: dag.Success, Rows: dag.Rows{Inserted: 1}, Changed: true, Judged: judged}
}

func fails(context.Context) dag.Result {
	return dag.Result{Status: dag.Failure, Err: errors.New("broken")}
}

// failsOn is a model's step whose gate says no.
func failsOn(gate string) func(context.Context) dag.Result {
	return func(context.Context) dag.Result {
		err := errors.New("1 failing row")
		return dag.Result{Status: dag.Failure, Err: err, Judged: map[string]dag.Result{gate: {Status: dag.Failure, Err: err}}}
	}
}

// firstPlan is the plan of a project that never ran.
func firstPlan(t *testing.T, p *model.Project, names ...string) dag.Plan {
	t.Helper()
	g := mustGraph(t, p)
	if len(names) == 0 {
		names = namesOf(g.Nodes())
	}
	plan, err := dag.NewPlan(g, dag.State{}, dag.PlanOptions{
		Selected: names, Sources: func(*dag.Node) string { return "" },
		Fingerprint: func(*dag.Node) (string, error) { return "", nil },
	})
	require.NoError(t, err)
	return plan
}

func runScript(ctx context.Context, s *script, plan dag.Plan, threads int, failFast bool) dag.Report {
	return (&dag.Runner{Threads: threads, FailFast: failFast, Execute: s, Now: time.Now}).Run(ctx, plan)
}

func TestRunner_runsTheLongestRemainingPathFirst(t *testing.T) {
	t.Parallel()
	p := inSchemaM(map[string][]string{"a": nil, "z1": nil, "z2": {"z1"}, "z3": {"z2"}, "b": {"a"}})
	s := &script{}
	runScript(context.Background(), s, firstPlan(t, p), 1, false)
	require.Equal(t, []string{"m.z1", "m.a", "m.z2", "m.b", "m.z3"}, s.started)
}

func TestRunner_runsNoMoreThanThreadsAtOnce(t *testing.T) {
	t.Parallel()
	deps := map[string][]string{}
	for i := range 40 {
		deps[fmt.Sprintf("n%02d", i)] = nil
	}
	var started sync.WaitGroup
	started.Add(3)
	var begun atomic.Int32
	s := &script{do: map[string]func(context.Context) dag.Result{}}
	for name := range deps {
		s.do["m."+name] = func(context.Context) dag.Result {
			if begun.Add(1) <= 3 {
				started.Done()
			}
			started.Wait() // three run at once, or the test never ends
			return dag.Result{Status: dag.Success}
		}
	}
	report := runScript(context.Background(), s, firstPlan(t, inSchemaM(deps)), 3, false)
	require.Equal(t, 40, report.Count(dag.Success))
	require.Equal(t, 3, s.most)
}

func TestRunner_aFailureSkipsWhatDependsOnItWithTheRootCauseAndNothingElse(t *testing.T) {
	t.Parallel()
	p := inSchemaM(map[string][]string{"a": nil, "b": {"a"}, "c": {"b"}, "d": {"c"}, "e": nil, "f": {"e"}})
	s := &script{do: map[string]func(context.Context) dag.Result{"m.b": fails}}
	report := runScript(context.Background(), s, firstPlan(t, p), 2, false)
	require.Equal(t, []string{"m.a success", "m.b failure", "m.c skip", "m.d skip", "m.e success", "m.f success"}, ends(report))
	require.Equal(t, "upstream failed: m.b", step(t, report, "m.d").Reason)
	require.Equal(t, dag.Failure, report.Status)
}

func TestRunner_failFastStartsNothingNew(t *testing.T) {
	t.Parallel()
	p := inSchemaM(map[string][]string{"a": nil, "b": nil, "c": nil})
	s := &script{do: map[string]func(context.Context) dag.Result{"m.a": fails}}
	report := runScript(context.Background(), s, firstPlan(t, p), 1, true)
	require.Equal(t, []string{"m.a failure", "m.b skip", "m.c skip"}, ends(report))
	require.Equal(t, "not started: an earlier step failed (--fail-fast)", step(t, report, "m.b").Reason)
}

func TestRunner_aPanicIsItsStepsError(t *testing.T) {
	t.Parallel()
	p := inSchemaM(map[string][]string{"a": nil, "b": {"a"}, "c": nil})
	s := &script{do: map[string]func(context.Context) dag.Result{"m.a": func(context.Context) dag.Result { panic("oh") }}}
	report := runScript(context.Background(), s, firstPlan(t, p), 2, false)
	require.Equal(t, []string{"m.a error", "m.b skip", "m.c success"}, ends(report))
	require.ErrorContains(t, step(t, report, "m.a").Err(), "panic: oh")
}

func TestRunner_whenCancelledWaitsForWhatRunsAndTellsTheRest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(context.Background())
	p := inSchemaM(map[string][]string{"a": nil, "b": {"a"}})
	s := &script{do: map[string]func(context.Context) dag.Result{"m.a": func(ctx context.Context) dag.Result {
		cancel(errors.New("interrupted"))
		<-ctx.Done()
		return dag.Result{Status: dag.Cancelled, Err: ctx.Err()}
	}}}
	report := runScript(ctx, s, firstPlan(t, p), 2, false)
	require.Equal(t, []string{"m.a cancelled", "m.b cancelled"}, ends(report))
	require.Equal(t, dag.Cancelled, report.Status)
}

func TestRunner_tellsEveryStartAndEndInOrder(t *testing.T) {
	t.Parallel()
	p := inSchemaM(map[string][]string{"a": nil, "b": {"a"}})
	var told []string
	runner := &dag.Runner{Threads: 4, Execute: &script{}, Now: time.Now, Observe: func(e dag.Event) {
		told = append(told, fmt.Sprintf("%s %t %d/%d", e.Step.Name, e.Started, e.Done, e.Total))
	}}
	runner.Run(context.Background(), firstPlan(t, p))
	require.Equal(t, []string{"m.a true 0/2", "m.a false 1/2", "m.b true 1/2", "m.b false 2/2"}, told)
}

// gated returns models with the given dependencies and assertions, each on the models that it names.
func gated(deps map[string][]string, assertions map[string][]string) *model.Project {
	p := inSchemaM(deps)
	for name, on := range assertions {
		qualified := make([]string, len(on))
		for i, o := range on {
			qualified[i] = "m." + o
		}
		p.Assertions = append(p.Assertions, anAssertion("t."+name, qualified...))
	}
	return p
}

func counts(r dag.Report) string {
	pass, fail, skip, ok := 0, 0, 0, 0
	for _, s := range r.Steps {
		switch {
		case s.Status == dag.Skipped:
			skip++
		case s.Status != dag.Success:
			fail++
		case s.Kind == dag.KindAssertion:
			pass++
		default:
			ok++
		}
	}
	return fmt.Sprintf("%d success, %d pass, %d failed, %d skipped", ok, pass, fail, skip)
}

func TestRunner_gates(t *testing.T) {
	t.Parallel()
	// Snapshots of the field notes are models here; countries is a model as well.
	chain := map[string][]string{
		"countries": nil, "model_0": {"countries"}, "snap_0": {"model_0"}, "model_1": {"snap_0"}, "snap_1": {"model_1"},
		"model_2": {"snap_1"}, "model_3": {"snap_1"}, "model_99": nil, "snap_99": {"model_99"},
	}
	tests := map[string][]string{"n0": {"model_0"}, "n1": {"model_1"}, "n2": {"model_2"}, "n99": {"model_99"}}
	for _, c := range []struct {
		id       string
		project  *model.Project
		do       map[string]func(context.Context) dag.Result
		selected []string
		want     string
	}{
		{
			id:      "B-01 a failing test blocks the child",
			project: gated(map[string][]string{"a": nil, "b": {"a"}}, map[string][]string{"n": {"a"}}),
			do:      map[string]func(context.Context) dag.Result{"m.a": failsOn("t.n")},
			want:    "0 success, 0 pass, 2 failed, 1 skipped",
		},
		{
			id: "B-02 a broken model in the middle", project: gated(chain, tests),
			do:   map[string]func(context.Context) dag.Result{"m.model_1": fails},
			want: "5 success, 2 pass, 1 failed, 5 skipped",
		},
		{
			id: "B-03 a failing test at the top", project: gated(chain, tests),
			do:   map[string]func(context.Context) dag.Result{"m.model_0": failsOn("t.n0")},
			want: "3 success, 1 pass, 2 failed, 7 skipped",
		},
		{
			id: "B-04 models judged against one another do not wait for one another",
			project: gated(map[string][]string{"a": nil, "b": nil, "c": {"a"}, "d": {"b"}, "e": {"a", "b"}, "f": {"c"}, "g": {"d"}},
				map[string][]string{"ab": {"a", "b"}, "ba": {"b", "a"}}),
			want: "7 success, 2 pass, 0 failed, 0 skipped",
		},
		{
			id: "B-05 what is not selected is neither run nor judged", project: gated(chain, tests),
			selected: []string{"m.model_0", "t.n0"},
			want:     "1 success, 1 pass, 0 failed, 0 skipped",
		},
	} {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			report := runScript(context.Background(), &script{do: c.do}, firstPlan(t, c.project, c.selected...), 4, false)
			require.Equal(t, c.want, counts(report), ends(report))
		})
	}
}

func TestRunner_whatWaitsForTwoModelsWaitsForTheirCommonAssertionToo(t *testing.T) {
	t.Parallel()
	p := gated(map[string][]string{"a": nil, "b": nil, "c": {"a"}, "both": {"a", "b"}}, map[string][]string{"ab": {"a", "b"}})
	s := &script{do: map[string]func(context.Context) dag.Result{"t.ab": fails}}
	report := runScript(context.Background(), s, firstPlan(t, p), 1, false)
	require.Equal(t, []string{"m.a success", "m.b success", "m.both skip", "m.c success", "t.ab failure"}, ends(report))
}

func TestRunner_givesTheSameReportForAnyNumberOfThreads(t *testing.T) {
	t.Parallel()
	deps := map[string][]string{}
	for i := range 30 {
		deps[fmt.Sprintf("n%02d", i)] = nil
		if i > 4 {
			deps[fmt.Sprintf("n%02d", i)] = []string{fmt.Sprintf("n%02d", i/2), fmt.Sprintf("n%02d", i-3)}
		}
	}
	plan := firstPlan(t, inSchemaM(deps))
	var want []string
	for _, threads := range []int{1, 2, 8} {
		s := &script{do: map[string]func(context.Context) dag.Result{"m.n07": fails}}
		report := runScript(context.Background(), s, plan, threads, false)
		got := make([]string, len(report.Steps))
		for i, s := range report.Steps {
			got[i] = fmt.Sprint(s.Name, s.Status, s.Reason)
		}
		if want == nil {
			want = slices.Clone(got)
		}
		require.Equal(t, want, got)
	}
}
