package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

// request is what a command asks of a run.
type request struct {
	command string
	Selection
	Window
	// extract, models and assertions say which kinds of nodes the command acts on.
	extract, models, assertions bool
	// unitTests says that nothing else needs to be found.
	unitTests bool
	force     bool
	rebuild   rebuildFlags
	// rebuildFrom is where the days to rebuild begin that another run was asked for; zero for those before today.
	rebuildFrom            time.Time
	gaps                   bool
	failFast, wait, dryRun bool
	// together publishes everything at once.
	together bool
	reading  Reading
	folder   folder
	// only and except limit the selection further, to what a retry runs again; nil for no limit.
	only, except map[string]bool
	// now is the time that windows end at; nil means the clock's.
	now func() time.Time
}

// work is a request with everything open that it needs.
type work struct {
	app     *App
	request request
	project *project
	config  *pgxpool.Config
	conn    *pgx.Conn
	state   dag.State
	plan    dag.Plan
	// chosen is all that is selected, whatever the command acts on.
	chosen dag.Selection
	// units are the unit tests, where the command runs them.
	units units
	// environment is where the plan builds, nil for production.
	environment *dag.Environment
	// rehearsed is what plan --diff found, nil without it.
	rehearsed *rehearsal
	from      time.Time
	to        time.Time
	// rebuildFrom is where --rebuild-days begins; zero without.
	rebuildFrom time.Time
	// statements is how many the run has sent.
	statements atomic.Int64
	// tell sends the alerts that wait, once the run has ended and been printed; nil when there are none.
	tell func()
	// lineage tells of the run that goes on, and after it of what is still to be told; nil tells nobody.
	lineage *lineageTeller
}

// prepare reads the project, opens the database, selects, checks the SQL that is new, and plans. Nothing has been
// executed when it returns.
func (a *App) prepare(ctx context.Context, r request) (*work, error) {
	p, err := a.load()
	if err != nil {
		return nil, err
	}
	if (r.extract || r.gaps) && r.command != "plan" && r.command != "retry" {
		if err := a.refuseLanding(p, r.command); err != nil {
			return nil, err
		}
	}
	w := &work{app: a, request: r, project: p}
	if err := w.window(); err != nil {
		return nil, err
	}
	url, err := a.databaseURL(ctx, p.database(a))
	if err != nil {
		return nil, err
	}
	if w.config, err = a.poolConfig(url); err != nil {
		return nil, err
	}
	if w.conn, err = a.connect(ctx, w.config); err != nil {
		return nil, err
	}
	if err := w.planAll(ctx); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *work) close() {
	if w.tell != nil {
		w.tell()
	}
	w.lineage.close()
	if w.conn != nil {
		hangUp(w.conn)
	}
}

func (w *work) planAll(ctx context.Context) error {
	var err error
	if w.state, err = dag.LoadState(ctx, w.conn); err != nil {
		return err
	}
	if err := w.project.withReads(w.state); err != nil {
		return err
	}
	selected, err := w.selected(ctx)
	if err != nil {
		return err
	}
	if err := w.checkNew(selected); err != nil {
		return err
	}
	w.warnOfNoWindow(selected)
	names, err := w.enter(selected)
	if err != nil {
		return err
	}
	r := w.request
	w.plan, err = dag.NewPlan(w.project.graph, w.state, dag.PlanOptions{
		Selected: names, Extract: r.extract, Observe: r.models, Force: r.force, FullRefresh: r.rebuild.FullRefresh,
		Windowed: w.windowed(),
		Sources:  w.project.sourceHash, Fingerprint: w.project.fingerprint,
	})
	if err != nil {
		return err
	}
	if err := w.warnOfHiddenRows(ctx); err != nil {
		return err
	}
	return w.refuseLost(ctx)
}

// warnOfHiddenRows tells of tables of which the role sees a part: what reads them would lack the rest, and what brings its
// own rows up to date would not find those that are there.
func (w *work) warnOfHiddenRows(ctx context.Context) error {
	var names []string
	for _, step := range w.plan.Steps {
		if step.Action != dag.Skip {
			names = append(append(names, step.Name), step.Node().Deps...)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	hidden, err := dag.HiddenRows(ctx, w.conn, slices.Compact(names))
	for _, name := range hidden {
		p := dag.HiddenRowsProblem(name, model.Problem{})
		w.app.Log.Warn(p.Message, "hint", p.Hint)
	}
	return err
}

// refuseLost refuses to go on from streams whose tables are gone: models that were built from them would pass for up to
// date, having nothing new to read. Where streams are read, that tells.
func (w *work) refuseLost(ctx context.Context) error {
	if w.request.extract && w.request.command != "plan" {
		return nil
	}
	lost, err := ods.Lost(ctx, w.conn)
	if err != nil || len(lost) == 0 {
		return err
	}
	for _, l := range lost {
		reads := func(s dag.Step) bool {
			return s.Name == l.Stream || slices.Contains(dag.EffectiveDeps(w.project.graph, s.Node()), l.Stream)
		}
		if slices.ContainsFunc(w.plan.Steps, reads) {
			return l
		}
	}
	return nil
}

// selected are the nodes of the selection on which the command acts.
func (w *work) selected(ctx context.Context) (dag.Selection, error) {
	if w.request.unitTests {
		if err := w.chooseUnits(); err != nil || w.units.only {
			return dag.Selection{}, err
		}
	}
	r := w.request
	selectors := dag.SelectContext{
		Selectors: w.project.Config.Selectors, AllowEmpty: r.AllowEmpty,
	}
	var err error
	if asksState(append(r.include(), r.Exclude...)) {
		if selectors.State, err = w.project.changes(ctx, w.conn, w.state); err != nil {
			return dag.Selection{}, err
		}
	}
	if selectors.Results, err = w.lastResults(ctx); err != nil {
		return dag.Selection{}, err
	}
	selection, err := w.project.graph.Select(selectors, r.include(), r.Exclude)
	if err != nil {
		return selection, w.units.nearUnit(err)
	}
	kept := selection.Only(func(n *dag.Node) bool {
		if r.only != nil && !r.only[w.named(n.Name)] && !w.judgesAny(n, r.only) || r.except[w.named(n.Name)] {
			return false
		}
		switch n.Kind {
		case dag.KindStream:
			if w.project.apart(w.app) != "" {
				return false
			}
			if n.Stream.External {
				return r.models
			}
			return r.extract && (len(r.include()) > 0 || r.folder.has(w.project.streams[n.Name]))
		case dag.KindAssertion:
			return r.assertions
		default:
			return r.models
		}
	})
	w.chosen = selection
	if kept.Len() == 0 && selection.Len() > 0 && !r.AllowEmpty && r.command != "retry" && !r.unitTests {
		return kept, &inputError{
			message: fmt.Sprintf("nothing that terrace %s acts on is among the %d selected nodes", r.command, selection.Len()),
			hint:    "terrace extract acts on streams, terrace run on seeds, models and assertions, terrace test on assertions.",
		}
	}
	return kept, nil
}

// judgesAny reports whether an assertion is about one of the nodes: who builds them again has to judge them again, also
// where what was not published has passed.
func (w *work) judgesAny(n *dag.Node, nodes map[string]bool) bool {
	return slices.ContainsFunc(n.On, func(name string) bool { return nodes[w.named(name)] })
}

// named is the name under which a run of the environment knows a node.
func (w *work) named(name string) string {
	return inEnvironment(w.project.apart(w.app), name)
}

// lastResults are the statuses of the last run in the words of the selector result:, where a model whose SQL failed is
// in error. In an environment that is built apart it is the last run there; the names are production's, as in selectors.
func (w *work) lastResults(ctx context.Context) (map[string]string, error) {
	words := map[string]string{}
	ledger := dag.NewLedger(w.conn)
	last, err := ledger.Newest(ctx, w.project.apart(w.app))
	if errors.Is(err, dag.ErrNoRun) {
		return words, nil
	}
	if err != nil {
		return nil, err
	}
	statuses, err := ledger.Results(ctx, last.RunID)
	if err != nil {
		return nil, err
	}
	for name, status := range statuses {
		name = w.project.plainName(w.app, name)
		if n := w.project.graph.Node(name); n != nil && n.Kind != dag.KindAssertion && status == string(dag.Failure) {
			status = string(dag.Error)
		}
		words[name] = status
	}
	return words, nil
}

// checkNew compares header and SQL of what is about to be built for the first time or differently: what was built as it
// stands was checked then.
func (w *work) checkNew(selected dag.Selection) error {
	fresh := w.fresh(selected)
	if len(fresh) == 0 {
		return nil
	}
	problems := w.project.CheckSQL(fresh)
	if strict.HasErrors(problems) {
		return &problemsError{problems: problems}
	}
	for _, p := range problems {
		w.app.Log.Warn(p.Message, "at", fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col), "hint", p.Hint)
	}
	return nil
}

// fresh are the models whose files, or those of assertions that judge them, are not as they were when they last passed.
func (w *work) fresh(selected dag.Selection) []*model.Model {
	var fresh []*model.Model
	seen := map[*model.Model]bool{}
	for _, n := range selected.Nodes() {
		if n.Inline != nil || w.state[n.Name].SourceHash == w.project.sourceHash(n) {
			continue
		}
		for _, name := range append([]string{n.Name}, n.On...) {
			if m := w.project.graph.Node(name).Model; m != nil && !seen[m] {
				seen[m] = true
				fresh = append(fresh, m)
			}
		}
	}
	return fresh
}

// run executes the plan and returns the report, which has been recorded but not printed. With an error the report is
// empty, or it is of a run that began and could do nothing, or whose end could not be recorded.
func (w *work) run(ctx context.Context) (dag.Report, error) {
	r := w.request
	if err := w.requireVariables(); err != nil {
		return dag.Report{}, err
	}
	host, _ := os.Hostname() // a name for people; without one the row has none
	info := dag.RunInfo{
		RunID: uuid.Must(uuid.NewV7()), Command: r.command, Arguments: w.arguments(),
		Host: host, PID: os.Getpid(), Version: version(), Environment: w.project.apart(w.app),
	}
	if err := dag.NewLedger(w.conn).Begin(ctx, &info); err != nil {
		return dag.Report{}, err
	}
	log := w.app.Log.With("run", info.RunID)
	log.Info("run begins", "command", r.command, "arguments", info.Arguments, "steps", len(w.plan.Steps))
	runner := dag.Runner{Threads: w.project.threads(w.app), FailFast: r.failFast, Now: w.app.Now}
	report, unstarted := w.begun(ctx, info, &runner)
	if unstarted != nil {
		report = runner.Unstarted(ctx, w.plan, unstarted)
	}
	report.RunID, report.StartedAt, report.Statements = info.RunID.String(), info.StartedAt, w.statements.Load()
	log.Info("run ends", "status", report.Status, "seconds", report.Seconds)
	if err := w.recordEnd(ctx, report); err != nil {
		return report, errors.Join(unstarted, unrecorded(err))
	}
	w.alert(ctx, info, report)
	return report, unstarted
}

// begun executes the plan of a run whose start is recorded. With an error nothing was started.
func (w *work) begun(ctx context.Context, info dag.RunInfo, runner *dag.Runner) (dag.Report, error) {
	if err := w.app.Occurrence.became(ctx, info.RunID); err != nil {
		return dag.Report{}, err
	}
	from, to := w.modelWindow()
	pool, err := dag.Connect(ctx, w.config, dag.Session{
		RunID: info.RunID, RunAt: info.StartedAt, Vars: w.project.vars, Timezone: w.project.Config.Timezone,
		From: from, To: to, Connections: runner.Threads + streamConnections, Statements: &w.statements,
	})
	if err != nil {
		return dag.Report{}, err
	}
	defer pool.Close()
	if err := w.ready(ctx); err != nil {
		return dag.Report{}, err
	}
	progress := w.app.newProgress(len(w.plan.Steps))
	w.lineage = w.tellLineage(ctx, info.RunID)
	executor := w.executor(pool, info.RunID, progress)
	runner.Execute = executor
	runner.Observe = func(e dag.Event) { progress.observe(e); w.lineage.observe(e) }
	if w.request.together {
		runner.Together, progress.together = executor.rest, true
	}
	unwatch := progress.watchWaiting(ctx, pool)
	report := runner.Run(ctx, w.plan)
	unwatch()
	progress.stop()
	w.lineage.end(report)
	return report, nil
}

// unrecorded says what holds of a run whose end could not be written.
func unrecorded(err error) error {
	if !fromOutside(err) {
		return err
	}
	return &surroundingsError{err: err, hint: "What the steps committed stands. When the database is there again, terrace retry goes on with what the run has not recorded as done."}
}

// recordEnd writes the run's end. The session that has borne the run's name since its start may have ended meanwhile, with
// the server or by somebody's hand, and the steps have got over that: then another one writes it.
func (w *work) recordEnd(ctx context.Context, report dag.Report) error {
	err := dag.NewLedger(w.conn).End(ctx, report)
	for pause := 50 * time.Millisecond; dag.Retryable(err) && pause < 4*time.Second; pause *= 4 {
		time.Sleep(pause)
		connecting, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
		conn, refused := pgx.ConnectConfig(connecting, w.config.ConnConfig.Copy())
		cancel()
		if refused != nil {
			continue
		}
		hangUp(w.conn)
		w.conn = conn
		err = dag.NewLedger(conn).End(ctx, report)
	}
	return err
}

// requireVariables refuses to begin when the environment lacks what a source will ask it for.
func (w *work) requireVariables() error {
	var missing []string
	for _, step := range w.plan.Steps {
		stream := w.project.streams[step.Name]
		if stream == nil || step.Action == dag.Skip {
			continue
		}
		if w.request.folder.offline() && stream.Source.Recordable() {
			continue
		}
		for _, name := range w.app.unset(stream.Source) {
			missing = append(missing, fmt.Sprintf("%s (source %s)", name, stream.Source.Name))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return &inputError{
		message: "not set: " + strings.Join(slices.Compact(missing), ", "),
		hint:    "Set it in .env or in the environment. terrace run builds models without reading sources.",
	}
}

// streamConnections are for landing beside the steps' own: a stream holds its lock on one and lands on another.
const streamConnections = 4

// executor gives each step to whoever can do it.
func (w *work) executor(pool *pgxpool.Pool, id uuid.UUID, progress *progress) byKind {
	return byKind{
		streams: &streamExecutor{
			store: ods.New(pool), pool: pool, streams: w.project.streams, runID: id, app: w.app, files: w.project.files,
			now: w.now, window: w.readingWindow(), massDelete: w.request.reading.AllowMassDelete, folder: w.request.folder,
			wait: w.request.wait, progress: progress,
		},
		rest: &dag.SQLExecutor{
			Pool: pool, Graph: w.project.graph, Files: w.project.files, RunID: id, Environment: w.project.apart(w.app), Wait: w.request.wait,
			Waiting:  func(held *dag.HeldError) { progress.waiting(held, w.request.wait) },
			Now:      w.app.Now,
			Windowed: w.windowed(), FullRefresh: w.request.rebuild.FullRefresh, Statements: &w.statements,
			Sources: w.project.sourceHash, Fingerprint: w.project.fingerprint,
		},
	}
}

// byKind is where extraction and models meet: the run loop knows only steps.
type byKind struct {
	streams dag.Executor
	rest    *dag.SQLExecutor
}

// Execute implements dag.Executor.
func (b byKind) Execute(ctx context.Context, step dag.Step) dag.Result {
	if step.Kind == dag.KindStream {
		return b.streams.Execute(ctx, step)
	}
	return b.rest.Execute(ctx, step)
}

// Bundles implements dag.Bundler.
func (b byKind) Bundles(step dag.Step) bool {
	return step.Kind != dag.KindStream && b.rest.Bundles(step)
}

// ExecuteBundle implements dag.Bundler.
func (b byKind) ExecuteBundle(ctx context.Context, steps []dag.Step) ([]dag.Result, bool) {
	return b.rest.ExecuteBundle(ctx, steps)
}

// ready makes the schemas that the plan's relations live in, and stores the variables for sessions that no run opened.
func (w *work) ready(ctx context.Context) error {
	var schemas []string
	for _, step := range w.plan.Steps {
		n := step.Node()
		switch {
		case step.Action == dag.Skip:
		case n.Seed != nil:
			schemas = append(schemas, n.Seed.Schema)
		case n.Model != nil:
			schemas = append(schemas, n.Model.Schema)
		}
	}
	slices.Sort(schemas)
	vars := w.project.vars
	if w.environment != nil {
		vars = nil // production's are for everybody
	}
	return dag.Ready(ctx, w.conn, slices.Compact(schemas), vars)
}

// arguments are what the ledger keeps of the request, enough to do it again: what repeatable reads.
func (w *work) arguments() map[string]any {
	r := w.request
	kept := map[string]any{
		"select": r.include(), "exclude": r.Exclude, "from": r.From, "to": r.To,
		"window_split": r.reading.WindowSplit, "pad": r.reading.Pad,
		"extract": r.extract, "models": r.models, "assertions": r.assertions,
		"full_refresh": r.rebuild.FullRefresh, "rebuild_days": r.rebuild.RebuildDays, "force": r.force,
		"together": r.together, "environment": w.app.settings.environment,
	}
	if o := w.app.Occurrence; o != nil && !o.IsAsked() {
		kept["schedule"], kept["scheduled_for"] = o.Schedule, o.ScheduledFor
	}
	if o := w.app.Occurrence; o != nil && o.AskedBy != "" {
		kept["asked_by"] = o.AskedBy
	}
	if !w.rebuildFrom.IsZero() {
		kept["rebuild_from"] = w.rebuildFrom.Format(time.RFC3339)
	}
	if vars := w.app.settings.vars; len(vars) > 0 {
		kept["vars"] = vars
	}
	if r.folder.offline() || r.folder.fetchOnly {
		kept["folder"] = r.folder.flag
	}
	if r.only != nil {
		kept["only"] = slices.Sorted(maps.Keys(r.only))
	}
	if r.except != nil {
		kept["except"] = slices.Sorted(maps.Keys(r.except))
	}
	return kept
}
