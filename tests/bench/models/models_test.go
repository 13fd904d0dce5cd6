// Package models measures what the program costs beside the SQL that it executes, against psql executing the same
// statements, and what it costs when there is nothing to do:
//
//	go test -run '^$' -bench . ./tests/bench/models
//
// Ratios are medians of rounds in which both sides take turns.
package models

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

const rounds = 5

// BenchmarkRun1000 builds 1,000 trivial views, and 1,000 trivial tables: terrace run in an empty database, process start,
// checks, ledger and all, against one psql that executes the same statements of a file: each on its own, each in a
// transaction, and each in a transaction with the rows that the ledger keeps of it. Then terrace run again with nothing
// changed.
func BenchmarkRun1000(b *testing.B) {
	psql, err := exec.LookPath("psql")
	if err != nil {
		b.Skip("psql is not installed")
	}
	bin := program(b)
	for _, kind := range []model.Kind{model.View, model.Table} {
		b.Run(string(kind)+"s", func(b *testing.B) {
			dir := layered(b, 1000, kind)
			scripts := map[string]string{"alone": "MAKE", "transaction": "begin;\nMAKEcommit;\n", "ledger": "begin;\nMAKETELLcommit;\n"}
			for name, form := range scripts {
				scripts[name] = filepath.Join(b.TempDir(), name+".sql")
				require.NoError(b, os.WriteFile(scripts[name], []byte(statements(b, dir, form)), 0o644))
			}
			took := map[string][]float64{}
			note := func(name, url string, args ...string) {
				cmd := exec.Command(args[0], args[1:]...)
				cmd.Env = append(os.Environ(), "TERRACE_DATABASE_URL="+url)
				took[name] = append(took[name], timed(b, cmd))
			}
			for b.Loop() {
				for range rounds {
					for _, name := range slices.Sorted(maps.Keys(scripts)) {
						url := pgtest.New(b).URL
						note(name, url, psql, "-q", "-v", "ON_ERROR_STOP=1", "-f", scripts[name], url)
					}
					url := pgtest.New(b).URL
					note("first", url, bin, "run", "-C", dir, "--json")
					note("again", url, bin, "run", "-C", dir, "--json")
				}
			}
			b.Logf("psql: statements alone %.2f s, in transactions %.2f s, with the ledger's rows %.2f s; first run %.2f s, nothing changed %.2f s",
				median(took["alone"]), median(took["transaction"]), median(took["ledger"]), median(took["first"]), median(took["again"]))
			b.ReportMetric(median(took["first"])/median(took["alone"]), "run/psql")
			b.ReportMetric(median(took["first"])/median(took["transaction"]), "run/psql-transactions")
			b.ReportMetric(median(took["first"])/median(took["ledger"]), "run/psql-ledger")
			b.ReportMetric(median(took["again"]), "unchanged-s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkList10000 is terrace ls and terrace version on 10,000 models, process start included, with the peak memory
// of ls.
func BenchmarkList10000(b *testing.B) {
	bin, dir := program(b), layered(b, 10_000, model.View)
	var list, start, memory []float64
	for b.Loop() {
		for range rounds {
			cmd := exec.Command(bin, "ls", "-C", dir)
			list = append(list, timed(b, cmd))
			memory = append(memory, peak(cmd.ProcessState))
			start = append(start, timed(b, exec.Command(bin, "version")))
		}
	}
	b.ReportMetric(median(list), "ls-s")
	b.ReportMetric(median(memory), "ls-MB")
	b.ReportMetric(median(start)*1000, "version-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPlan10000 plans 10,000 models that were never built, and 10,000 of which nothing changed.
func BenchmarkPlan10000(b *testing.B) {
	project, problems := model.Load(os.DirFS(layered(b, 10_000, model.View)), model.Options{LookupEnv: os.LookupEnv})
	require.Empty(b, problems)
	graph, problems := dag.NewGraph(project)
	require.Empty(b, problems)
	options := dag.PlanOptions{
		Sources:     func(n *dag.Node) string { return n.Model.FileHash },
		Fingerprint: func(n *dag.Node) (string, error) { return n.Model.FileHash, nil },
	}
	state := dag.State{}
	for _, n := range graph.Nodes() {
		options.Selected = append(options.Selected, n.Name)
		state[n.Name] = dag.NodeState{Kind: n.Kind, SourceHash: n.Model.FileHash, DependsOn: n.Deps, Exists: true, Trusted: true}
	}
	for name, known := range map[string]dag.State{"new": {}, "unchanged": state} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := dag.NewPlan(graph, known, options)
				require.NoError(b, err)
			}
		})
	}
}

// layered writes a project of n models of a kind: each reads up to three of the layer below.
func layered(b *testing.B, n int, kind model.Kind) string {
	dir := b.TempDir()
	require.NoError(b, os.WriteFile(filepath.Join(dir, "terrace.yml"), []byte("name: bench\nthreads: 2\n"), 0o644))
	const width = 100
	for i := range n {
		layer, at := i/width, i%width
		folder := filepath.Join(dir, "models", "bench", fmt.Sprintf("l%03d", layer))
		require.NoError(b, os.MkdirAll(folder, 0o755))
		sql, deps := "select 1 as id", []string{}
		if layer > 0 {
			var parts []string
			for j := range 3 {
				dep := fmt.Sprintf("bench_l%03d.m%03d", layer-1, (at+j*7)%width)
				deps = append(deps, dep)
				parts = append(parts, "select id from "+dep)
			}
			sql = strings.Join(parts, "\nunion\n")
		}
		text := fmt.Sprintf("-- kind: %s\n-- depends_on: [%s]\n%s\n", kind, strings.Join(deps, ", "), sql)
		require.NoError(b, os.WriteFile(filepath.Join(folder, fmt.Sprintf("m%03d.sql", at)), []byte(text), 0o644))
	}
	return dir
}

// statements are those that a person would write for the project, in order, after a run that they belong to: for each
// relation the form, in which MAKE is the statement that makes it, and TELL are those that write down that it was made.
func statements(b *testing.B, dir, form string) string {
	project, problems := model.Load(os.DirFS(dir), model.Options{LookupEnv: os.LookupEnv})
	require.Empty(b, problems)
	graph, problems := dag.NewGraph(project)
	require.Empty(b, problems)
	const run = "00000000-0000-0000-0000-000000000001"
	sql := strings.Builder{}
	sql.WriteString("insert into terrace.run (run_id, command) values ('" + run + "', 'run');\n")
	made := map[string]bool{}
	for _, n := range graph.Order() {
		if !made[n.Model.Schema] {
			fmt.Fprintf(&sql, "create schema %s;\n", n.Model.Schema)
			made[n.Model.Schema] = true
		}
		create := "create or replace view %s as\n%s;\n"
		if n.Kind == dag.KindTable {
			create = "create table %s as\n%s;\n"
		}
		name := pgx.Identifier{n.Model.Schema, n.Model.Relation}.Sanitize()
		ledger := fmt.Sprintf(`insert into terrace.step (run_id, node, kind, status, reason)
values ('%[1]s', '%[2]s', '%[3]s', 'success', 'first build');
insert into terrace.node_state (node, kind, file, file_hash, fingerprint, depends_on, snapshot, cluster, relation, run_id)
values ('%[2]s', '%[3]s', '%[4]s', '%[5]s', '%[5]s', '{%[6]s}', pg_current_snapshot(), '1', '%[2]s'::regclass, '%[1]s')
on conflict (node) do update set snapshot = excluded.snapshot;
insert into terrace.batch (node, run_id, rows_updated) values ('%[2]s', '%[1]s', 1);
`, run, n.Name, n.Kind, n.File, n.Model.FileHash, strings.Join(n.Deps, ","))
		_, _ = strings.NewReplacer("MAKE", fmt.Sprintf(create, name, n.Model.SQL), "TELL", ledger).WriteString(&sql, form)
	}
	return sql.String()
}

// program builds terrace as it is released.
func program(b *testing.B) string {
	bin := filepath.Join(b.TempDir(), "terrace")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "../../../cmd/terrace")
	output, err := build.CombinedOutput()
	require.NoError(b, err, string(output))
	return bin
}

func timed(b *testing.B, cmd *exec.Cmd) float64 {
	var said strings.Builder
	cmd.Stderr = &said
	start := time.Now()
	require.NoError(b, cmd.Run(), said.String())
	return time.Since(start).Seconds()
}

// peak is the greatest resident set of a process that has ended, in MB, where the system counts it in kB as Linux does.
func peak(state *os.ProcessState) float64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return float64(usage.Maxrss) / 1024
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
