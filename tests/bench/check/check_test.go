// Package check measures terrace check on 1,000 models of three joins, two common table expressions and a window
// function each, process start included:
//
//	go test -run '^$' -bench . ./tests/bench/check
//
// Times are medians of rounds.
package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

const rounds = 5

// BenchmarkCheck1000 checks in an empty database, where the relations exist as they are written, and without a database.
func BenchmarkCheck1000(b *testing.B) {
	bin, dir := program(b), project(b, 1000)
	var fresh, there, offline []float64
	for b.Loop() {
		url := pgtest.New(b).URL
		run := exec.Command(bin, "run", "-C", dir, "--json", "--database-url", url)
		timed(b, run)
		for range rounds {
			fresh = append(fresh, timed(b, exec.Command(bin, "check", "-C", dir, "--database-url", pgtest.New(b).URL)))
			there = append(there, timed(b, exec.Command(bin, "check", "-C", dir, "--database-url", url)))
			offline = append(offline, timed(b, exec.Command(bin, "check", "-C", dir, "--offline")))
		}
	}
	b.ReportMetric(median(fresh), "empty-s")
	b.ReportMetric(median(there), "there-s")
	b.ReportMetric(median(offline), "offline-s")
	b.ReportMetric(0, "ns/op")
}

// project writes n models, each over three of the layer before.
func project(b *testing.B, n int) string {
	dir := b.TempDir()
	require.NoError(b, os.WriteFile(filepath.Join(dir, "terrace.yml"), []byte("name: bench\nthreads: 2\n"), 0o644))
	const width = 100
	for i := range n {
		layer, at := i/width, i%width
		folder := filepath.Join(dir, "models", "bench", fmt.Sprintf("l%03d", layer))
		require.NoError(b, os.MkdirAll(folder, 0o755))
		text := "-- depends_on: []\nselect n as id, n % 7 as grp, n::numeric as amount, date '2026-01-01' + n as day\nfrom generate_series(1, 3) as n\n"
		if layer > 0 {
			text = model(layer, at, width)
		}
		require.NoError(b, os.WriteFile(filepath.Join(folder, fmt.Sprintf("m%03d.sql", at)), []byte(text), 0o644))
	}
	return dir
}

func model(layer, at, width int) string {
	var deps [3]string
	for j := range deps {
		deps[j] = fmt.Sprintf("bench_l%03d.m%03d", layer-1, (at+j*7)%width)
	}
	kind := "view"
	if layer%2 == 1 {
		kind = "table" // views upon views upon views would be planned as one query
	}
	return fmt.Sprintf(`-- kind: %[4]s
-- key: [id]
-- depends_on: [%[1]s, %[2]s, %[3]s]
-- columns:
--   id: {type: integer, not_null: true}
--   amount: {type: numeric}
with totals as (
    select a.id, a.grp, sum(a.amount) as amount, max(a.day) as day
    from %[1]s as a
    where a.amount > 0
    group by a.id, a.grp
),

ranked as (
    select
        t.id,
        t.grp,
        t.amount,
        t.day,
        row_number() over (partition by t.grp order by t.amount desc) as place
    from totals as t
)

select
    r.id,
    r.grp,
    coalesce(b.amount, 0) + case when r.place = 1 then r.amount else 0 end as amount,
    greatest(r.day, c.day) as day
from ranked as r
left join %[2]s as b
    on b.id = r.id
left join %[3]s as c
    on c.id = r.id
join totals as t
    on t.id = r.id
`, deps[0], deps[1], deps[2], kind)
}

// program builds terrace as it is released.
func program(b *testing.B) string {
	bin := filepath.Join(b.TempDir(), "terrace")
	output, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "../../../cmd/terrace").CombinedOutput()
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

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
