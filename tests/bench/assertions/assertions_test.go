// Package assertions measures what it costs to judge 200 rules about single rows of five tables, 40 each, against one
// query for each rule, on one connection in the same run:
//
//	go test -run '^$' -bench . -benchtime 1x ./tests/bench/assertions -rows 1000000
//
// Times are medians of rounds in which both sides take turns.
package assertions

import (
	"context"
	"flag"
	"fmt"
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
	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

var size = flag.Int("rows", 100_000, "how many rows each table has")

const (
	tables = 5
	rounds = 3
)

// columns are ten of each table; each has four rules.
const query = `select i as id, i %% 1000 as site, 'open' as state, i::numeric / 7 as amount, 'note ' || i as note,
    date '2026-01-01' + i %% 300 as day, i * 2 as twice, i %% 7 = 0 as lucky, 'x' as kind, i %% 13 as part
from generate_series(1, %d) as i`

func rules() string {
	var b strings.Builder
	rule := func(format string, args ...any) {
		fmt.Fprintf(&b, "--   - "+format+"\n--     severity: warn\n", args...)
	}
	for _, c := range []string{"id", "site", "state", "amount", "note", "day", "twice", "lucky", "kind", "part"} {
		rule("not_null: [%s]", c)
		rule("expression: \"%s is not null or id < 0\"", c)
		rule("expression: \"length(%s::text) < 100\"", c)
		rule("expression: \"%[1]s = %[1]s\"", c)
	}
	return b.String()
}

// BenchmarkAssertions200 judges all rules again and again. They are warnings, so that each is judged by itself and not
// with the build of its table.
func BenchmarkAssertions200(b *testing.B) {
	ctx := context.Background()
	tree := fstest.MapFS{"terrace.yml": {Data: []byte("name: bench\n")}}
	for i := range tables {
		text := "-- kind: table\n-- depends_on: []\n-- assert:\n" + rules() + fmt.Sprintf(query, *size)
		tree[fmt.Sprintf("models/shop/t%d.sql", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	project, problems := model.Load(tree, model.Options{})
	graph, more := dag.NewGraph(project)
	require.Empty(b, append(problems, more...))
	config, err := pgxpool.ParseConfig(pgtest.New(b).URL)
	require.NoError(b, err)
	pool, err := dag.Connect(ctx, config, dag.Session{RunID: uuid.New(), RunAt: time.Now(), Timezone: "UTC", Connections: 2})
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	require.NoError(b, dag.Ready(ctx, pool, []string{"shop"}, nil))
	run(b, pool, graph, func(n *dag.Node) bool { return n.Kind == dag.KindTable }, tables)
	_, err = pool.Exec(ctx, "vacuum analyze")
	require.NoError(b, err)

	var alone, together []float64
	for b.Loop() {
		for range rounds {
			alone = append(alone, oneByOne(b, pool, project))
			together = append(together, run(b, pool, graph, func(n *dag.Node) bool { return n.Kind == dag.KindAssertion }, tables*40))
		}
	}
	b.ReportMetric(median(together), "together-s")
	b.ReportMetric(median(alone)/median(together), "alone/together")
	b.ReportMetric(0, "ns/op")
}

// run runs the nodes that are chosen on one connection, plan and ledger included, and returns how long it took.
func run(b *testing.B, pool *pgxpool.Pool, graph *dag.Graph, chosen func(*dag.Node) bool, steps int) float64 {
	b.Helper()
	ctx := context.Background()
	start := time.Now()
	info := dag.RunInfo{RunID: uuid.New(), Command: "test"}
	ledger := dag.NewLedger(pool)
	require.NoError(b, ledger.Begin(ctx, &info))
	state, err := dag.LoadState(ctx, pool)
	require.NoError(b, err)
	options := dag.PlanOptions{
		Force:       true,
		Sources:     func(n *dag.Node) string { return n.Model.FileHash },
		Fingerprint: func(n *dag.Node) (string, error) { return n.Model.FileHash, nil },
	}
	for _, n := range graph.Nodes() {
		if chosen(n) {
			options.Selected = append(options.Selected, n.Name)
		}
	}
	plan, err := dag.NewPlan(graph, state, options)
	require.NoError(b, err)
	runner := &dag.Runner{Threads: 1, Now: time.Now, Execute: &dag.SQLExecutor{
		Pool: pool, Graph: graph, RunID: info.RunID, Sources: options.Sources, Fingerprint: options.Fingerprint,
	}}
	report := runner.Run(ctx, plan)
	report.RunID = info.RunID.String()
	require.NoError(b, ledger.End(ctx, report))
	took := time.Since(start).Seconds()
	require.Equal(b, steps, report.Count("success"))
	return took
}

// oneByOne sends one query for each rule, as other tools do.
func oneByOne(b *testing.B, pool *pgxpool.Pool, project *model.Project) float64 {
	b.Helper()
	ctx := context.Background()
	conn, err := pool.Acquire(ctx)
	require.NoError(b, err)
	defer conn.Release()
	start := time.Now()
	for _, m := range project.Models {
		for _, rule := range m.Header.Assert {
			var failures int
			sql := "select count(*) from (\n" + materialize.Assertion(rule, pgx.Identifier{m.Schema, m.Relation}.Sanitize()) + "\n) as failing"
			require.NoError(b, conn.QueryRow(ctx, sql).Scan(&failures))
			require.Zero(b, failures)
		}
	}
	return time.Since(start).Seconds()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
