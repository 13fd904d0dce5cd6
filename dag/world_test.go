package dag_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// patience bounds every wait for what has to come. Nothing is told by how long it takes.
const patience = 5 * time.Minute

// world is a project, its database and its clock. Everything but extraction is the real thing.
type world struct {
	t       testing.TB
	db      *pgtest.DB
	files   fstest.MapFS
	streams []string // relations that the test itself fills
	now     time.Time
	vars    map[string]string
	threads int
	// change is applied to the executor of the next runs.
	change func(*dag.SQLExecutor)
	plan   func(*dag.PlanOptions)
	window [2]time.Time
	zone   string // of the sessions, UTC where it is empty
	// together publishes the next runs all at once.
	together bool
	// silence is how long the next runs' sessions may be idle in a transaction, 0 for as long as is usual.
	silence time.Duration
	// faults, when set, has the wires of the next runs' sessions.
	faults *pgtest.Faults
}

// newWorld makes a world of files, given by path. Streams are made with land.
func newWorld(t testing.TB, files map[string]string, streams ...string) *world {
	t.Helper()
	w := &world{
		t: t, db: pgtest.New(t), files: fstest.MapFS{}, streams: streams, threads: 2,
		now: time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC),
	}
	w.write("terrace.yml", "name: shop\n")
	for name, text := range files {
		w.write(name, text)
	}
	return w
}

// write makes or replaces a file of the project.
func (w *world) write(name, text string) { w.files[name] = &fstest.MapFile{Data: []byte(text)} }

// exec runs statements outside of any run, as a person in psql would.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.db.Pool.Exec(context.Background(), sql, args...)
	require.NoError(w.t, err, sql)
}

// land changes a stream and records its batch, in one transaction, as landing does.
func (w *world) land(stream, sql string, args ...any) {
	w.t.Helper()
	w.landAll(stream, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
}

func (w *world) landAll(stream string, change func(context.Context, pgx.Tx) error) {
	w.t.Helper()
	ctx := context.Background()
	err := pgx.BeginFunc(ctx, w.db.Pool, func(tx pgx.Tx) error {
		if err := change(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "insert into terrace.batch (node, rows_updated) values ($1, 1)", stream)
		return err
	})
	require.NoError(w.t, err)
}

// rows returns what a query gives, each row as text.
func (w *world) rows(sql string, args ...any) []string {
	w.t.Helper()
	rows, err := w.db.Pool.Query(context.Background(), "select row(q.*)::text from ("+sql+") as q", args...)
	require.NoError(w.t, err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err, sql)
	return out
}

func (w *world) value(sql string, args ...any) string {
	w.t.Helper()
	rows := w.rows(sql, args...)
	require.Len(w.t, rows, 1, sql)
	return strings.TrimSuffix(strings.TrimPrefix(rows[0], "("), ")")
}

// project reads the files; every mistake in them fails the test.
func (w *world) project() (*model.Project, *dag.Graph) {
	w.t.Helper()
	options := model.Options{}
	for _, name := range w.streams {
		options.Streams = append(options.Streams, model.Stream{Name: name, Source: "test", File: "test.yml"})
	}
	p, problems := model.Load(w.files, options)
	graph, more := dag.NewGraph(p)
	for _, problem := range append(problems, more...) {
		require.NotEqual(w.t, "error", fmt.Sprint(problem.Severity), "%v", problem)
	}
	reads := map[string][]string{}
	for _, a := range p.Assertions {
		found, err := model.Reads(a.SQL)
		require.NoError(w.t, err)
		for _, r := range found {
			reads[a.Name] = append(reads[a.Name], r.Name)
		}
	}
	return p, graph.WithReads(reads)
}

// session is one run that was prepared: a test may run it, or a part of it.
type session struct {
	pool     *pgxpool.Pool
	graph    *dag.Graph
	executor *dag.SQLExecutor
	ledger   *dag.Ledger
	plan     dag.Plan
	info     dag.RunInfo
}

// open prepares a run of the nodes that are named, or of all.
func (w *world) open(names ...string) *session {
	w.t.Helper()
	ctx := context.Background()
	p, graph := w.project()
	s := &session{graph: graph, info: dag.RunInfo{RunID: uuid.New(), Command: "run"}}
	config, err := pgxpool.ParseConfig(w.db.URL)
	require.NoError(w.t, err)
	if w.faults != nil {
		config.ConnConfig.TLSConfig, config.ConnConfig.Fallbacks = nil, nil
		config.ConnConfig.DialFunc = w.faults.Dial(config.ConnConfig.DialFunc)
	}
	s.pool, err = dag.Connect(ctx, config, dag.Session{
		RunID: s.info.RunID, RunAt: w.now, Vars: w.vars, Timezone: cmp.Or(w.zone, "UTC"),
		From: w.window[0], To: w.window[1], Connections: w.threads + 1, Silence: w.silence,
	})
	require.NoError(w.t, err)
	w.t.Cleanup(s.pool.Close)
	require.NoError(w.t, dag.Ready(ctx, s.pool, schemasOf(p), w.vars))
	state, err := dag.LoadState(ctx, s.pool)
	require.NoError(w.t, err)
	options := dag.PlanOptions{
		Selected: names,
		Sources:  func(n *dag.Node) string { return sourceOf(n, w.vars) },
		Fingerprint: func(n *dag.Node) (string, error) {
			if n.Kind == dag.KindAssertion || n.Model == nil {
				return sourceOf(n, w.vars), nil
			}
			return model.Fingerprint(n.Model, w.vars)
		},
	}
	if len(names) == 0 {
		options.Selected = namesOf(graph.Nodes())
	}
	if w.plan != nil {
		w.plan(&options)
	}
	s.plan, err = dag.NewPlan(graph, state, options)
	require.NoError(w.t, err)
	s.executor = &dag.SQLExecutor{
		Pool: s.pool, Graph: graph, Files: w.files, RunID: s.info.RunID,
		Windowed: w.window != [2]time.Time{}, FullRefresh: options.FullRefresh,
		Sources: options.Sources, Fingerprint: options.Fingerprint,
	}
	if w.change != nil {
		w.change(s.executor)
	}
	s.ledger = dag.NewLedger(s.pool)
	return s
}

func sourceOf(n *dag.Node, vars map[string]string) string {
	var hash string
	switch {
	case n.Assertion != nil:
		hash = n.Assertion.FileHash
	case n.Model != nil:
		hash = n.Model.FileHash
	case n.Seed != nil:
		hash = n.Seed.FileHash
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		hash += "," + name + "=" + vars[name]
	}
	return hash
}

func schemasOf(p *model.Project) []string {
	var out []string
	for _, m := range p.Models {
		out = append(out, m.Schema)
	}
	for _, s := range p.Seeds {
		out = append(out, s.Schema)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// run plans and runs, and lets an hour pass.
func (w *world) run(names ...string) dag.Report {
	w.t.Helper()
	s := w.open(names...)
	report := w.runOpened(context.Background(), s)
	s.pool.Close()
	w.now = w.now.Add(time.Hour)
	return report
}

func (w *world) runOpened(ctx context.Context, s *session) dag.Report {
	w.t.Helper()
	require.NoError(w.t, s.ledger.Begin(ctx, &s.info))
	runner := &dag.Runner{Threads: w.threads, Execute: s.executor, Now: time.Now}
	if w.together {
		runner.Together = s.executor
	}
	report := runner.Run(ctx, s.plan)
	report.RunID = s.info.RunID.String()
	require.NoError(w.t, s.ledger.End(ctx, report))
	return report
}

// succeed runs and fails the test when a step did not end well.
func (w *world) succeed(names ...string) dag.Report {
	w.t.Helper()
	report := w.run(names...)
	for _, s := range report.Steps {
		require.NoError(w.t, s.Err(), s.Name)
		require.False(w.t, s.Status.Bad(), "%s: %s", s.Name, s.Reason)
	}
	return report
}

// hushed waits until the runs' sessions have ended: only then all that they did is counted.
func (w *world) hushed() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		return w.value("select count(*) from pg_stat_activity where application_name like 'terrace:%' and datname = current_database()") == "0"
	}, patience, 10*time.Millisecond)
}

// heldUp is a wait in a model's query that ends when the test says so.
const heldUp = "pg_advisory_xact_lock_shared(1)::text"

// holdUp keeps queries with heldUp waiting until what it returns is called; more than once is once.
func (w *world) holdUp() (release func()) {
	w.t.Helper()
	conn := w.db.Conn(w.t)
	_, err := conn.Exec(context.Background(), "select pg_advisory_lock(1)")
	require.NoError(w.t, err)
	return func() {
		w.t.Helper()
		require.NoError(w.t, conn.Close(context.Background()))
	}
}

// untilHeldUp waits until a query waits for holdUp's release.
func (w *world) untilHeldUp() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		return w.value(`select count(*) from pg_locks as l
where l.locktype = 'advisory' and l.mode = 'ShareLock' and not l.granted and l.classid = 0 and l.objid = 1
    and l.database = (select d.oid from pg_database as d where d.datname = current_database())`) == "1"
	}, patience, 10*time.Millisecond)
}

// ends tells how the steps of a report ended: "name status".
func ends(r dag.Report) []string {
	out := make([]string, len(r.Steps))
	for i, s := range r.Steps {
		out[i] = s.Name + " " + string(s.Status)
	}
	slices.Sort(out)
	return out
}

// step is one step of a report, by name.
func step(t testing.TB, r dag.Report, name string) dag.StepReport {
	t.Helper()
	for _, s := range r.Steps {
		if s.Name == name {
			return s
		}
	}
	require.Fail(t, "no such step", name)
	return dag.StepReport{}
}
