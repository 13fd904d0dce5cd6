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

// BenchmarkRun1000 builds 1,000 trivial views: terrace run in an empty database, ledger and all, against one psql that
// executes the same CREATE VIEW statements; and terrace run again with nothing changed.
func BenchmarkRun1000(b *testing.B) {
	bin, dir := program(b), layered(b, 1000)
	script := filepath.Join(b.TempDir(), "views.sql")
	require.NoError(b, os.WriteFile(script, []byte(statements(b, dir)), 0o644))
	psql, err := exec.LookPath("psql")
	if err != nil {
		b.Skip("psql is not installed")
	}
	var plain, first, again []float64
	for b.Loop() {
		for range rounds {
			plain = append(plain, timed(b, exec.Command(psql, "-q", "-v", "ON_ERROR_STOP=1", "-f", script, pgtest.NewEmpty(b).URL)))
			url := pgtest.New(b).URL
			first = append(first, timed(b, exec.Command(bin, "run", "-C", dir, "--json", "--database-url", url)))
			again = append(again, timed(b, exec.Command(bin, "run", "-C", dir, "--json", "--database-url", url)))
		}
	}
	b.Logf("psql %.2f s, first run %.2f s, nothing changed %.2f s", median(plain), median(first), median(again))
	b.ReportMetric(median(first)/median(plain), "run/psql")
	b.ReportMetric(median(again), "unchanged-s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkList10000 is terrace ls and terrace version on 10,000 models, process start included, with the peak memory
// of ls.
func BenchmarkList10000(b *testing.B) {
	bin, dir := program(b), layered(b, 10_000)
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
	project, problems := model.Load(os.DirFS(layered(b, 10_000)), model.Options{LookupEnv: os.LookupEnv})
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

// layered writes a project of n views: each reads up to three of the layer below.
func layered(b *testing.B, n int) string {
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
		text := fmt.Sprintf("-- kind: view\n-- depends_on: [%s]\n%s\n", strings.Join(deps, ", "), sql)
		require.NoError(b, os.WriteFile(filepath.Join(folder, fmt.Sprintf("m%03d.sql", at)), []byte(text), 0o644))
	}
	return dir
}

// statements are those that a person would write for the project, in order.
func statements(b *testing.B, dir string) string {
	project, problems := model.Load(os.DirFS(dir), model.Options{LookupEnv: os.LookupEnv})
	require.Empty(b, problems)
	graph, problems := dag.NewGraph(project)
	require.Empty(b, problems)
	var sql strings.Builder
	made := map[string]bool{}
	for _, n := range graph.Order() {
		if !made[n.Model.Schema] {
			fmt.Fprintf(&sql, "create schema %s;\n", n.Model.Schema)
			made[n.Model.Schema] = true
		}
		fmt.Fprintf(&sql, "create or replace view %s as\n%s;\n", pgx.Identifier{n.Model.Schema, n.Model.Relation}.Sanitize(), n.Model.SQL)
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
