// Package landing measures landing NDJSON and paged HTTP against psql's \copy of the same records into a table of the same
// shape, and what committing a page costs:
//
//	go test -run '^$' -bench . -benchtime 1x ./tests/bench/landing
//
// All take turns, each time on an empty table, so that a ratio means something on a machine that does other work too; it is
// the median of the rounds.
package landing

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

const (
	records  = 50_000
	pageSize = 5_000
	rounds   = 3
	// changed is one in so many records that differ when everything is landed again.
	changed = 100
)

var (
	key    = []ods.KeyColumn{{Name: "id", Path: "$.id", Type: "bigint"}}
	stream = ods.Stream{Name: "bench_ods.orders", Key: key}
	second = ods.Stream{Name: "bench_ods.orders_2", Key: key}
)

// BenchmarkLanding reports, as medians over its rounds:
//
//   - fresh/copy: the time of \copy divided by the time of landing the same records
//   - two/copy: the rate of two streams that land at once, over that of one \copy; copies/copy: of two \copy at once
//   - again/fresh: landing fresh divided by landing them again with 1 % changed
//   - file/copy: the time of \copy divided by the time in which terrace extract reads the file, on two connections
//   - http/fresh: landing the file divided by reading the same records from a paged API and landing them
//   - …-cpu-µs/row: what processors worked for client and server together, for \copy, landing, and reading the file
//   - peak-MB: by how much the heap of this process grew at most while it read the file
func BenchmarkLanding(b *testing.B) {
	bench := newBench(b)
	shop := newShop(b, bench.ndjson)
	seen := map[string][]float64{}
	note := func(metric string, value float64) { seen[metric] = append(seen[metric], value) }
	for b.Loop() {
		for range rounds {
			bench.round(b, shop, note)
		}
	}
	for metric, values := range seen {
		b.ReportMetric(median(values), metric)
	}
	b.ReportMetric(0, "ns/op")
}

func (m *bench) round(b *testing.B, s *shop, note func(metric string, value float64)) {
	m.reset(b)
	byCopy := m.watch(b)
	copied := m.copy(b, stream).Seconds()
	m.end(b, byCopy)
	m.reset(b)
	used := m.watch(b)
	landed := m.land(b, stream, m.ndjson).Seconds()
	m.end(b, used)
	repeated := m.land(b, stream, m.mostlySame).Seconds()
	m.changedOnly(b)
	m.reset(b)
	byFile := m.watch(b)
	file := m.readFile(b).Seconds()
	m.end(b, byFile)
	m.reset(b)
	paged := m.read(b, s).Seconds()
	m.reset(b)
	copies := both(func(stream ods.Stream) { m.copy(b, stream) }).Seconds()
	m.reset(b)
	two := both(func(stream ods.Stream) { m.land(b, stream, m.ndjson) }).Seconds()

	note("fresh/copy", copied/landed)
	note("again/fresh", landed/repeated)
	note("file/copy", copied/file)
	note("http/fresh", landed/paged)
	note("two/copy", 2*copied/two)
	note("copies/copy", 2*copied/copies)
	note("MB/s", float64(m.bytes)/1e6/landed)
	note("rows/s", records/landed)
	note("copy-cpu-µs/row", byCopy.perRow())
	note("land-cpu-µs/row", used.perRow())
	note("file-cpu-µs/row", byFile.perRow())
	note("peak-MB", float64(byFile.heap-byFile.before)/1e6)
	b.Logf("\\copy %.2f s, two %.2f s; landing %.2f s, two %.2f s, again %.2f s, file %.2f s, http %.2f s; processor seconds (server): \\copy %.2f (%.2f), landing %.2f (%.2f), file %.2f (%.2f)",
		copied, copies, landed, two, repeated, file, paged, byCopy.seconds(), byCopy.server, used.seconds(), used.server, byFile.seconds(), byFile.server)
}

// both does it for two streams at once.
func both(do func(ods.Stream)) time.Duration {
	start := time.Now()
	var wait sync.WaitGroup
	for _, s := range []ods.Stream{stream, second} {
		wait.Go(func() { do(s) })
	}
	wait.Wait()
	return time.Since(start)
}

// changedOnly wants nothing written for what was the same in both files.
func (m *bench) changedOnly(b *testing.B) {
	var history, current, batches int
	require.NoError(b, m.db.Pool.QueryRow(b.Context(), `select
    (select count(*) from bench_ods.orders__history),
    (select count(*) from bench_ods.orders as o where o._version > $1),
    (select count(distinct o._batch_id) from bench_ods.orders as o where o._version <= $1)`, records).Scan(&history, &current, &batches))
	require.Equal(b, []int{records / changed, records / changed, records / pageSize}, []int{history, current, batches})
}

// BenchmarkPrepare is the part of landing that needs no database.
func BenchmarkPrepare(b *testing.B) {
	page := ods.Page{Stream: stream, Slice: ods.Slice{ID: 1}, Number: 1, Fetched: time.Unix(1, 0)}
	g := newGenerator()
	var size int64
	for id := range pageSize {
		page.Records = append(page.Records, ods.Record{Raw: []byte(g.order(id, 0))})
		size += int64(len(page.Records[id].Raw))
	}
	b.SetBytes(size)
	for b.Loop() {
		_, err := ods.Prepare(page)
		require.NoError(b, err)
	}
}

type bench struct {
	db                       *pgtest.DB
	psql                     string
	ndjson, mostlySame, text string // files
	bytes                    int64
}

func newBench(b *testing.B) *bench {
	psql, err := exec.LookPath("psql")
	if err != nil {
		b.Skip("psql is not in PATH")
	}
	dir := b.TempDir()
	made := &bench{
		db:         pgtest.New(b),
		psql:       psql,
		ndjson:     filepath.Join(dir, "orders.ndjson"),
		mostlySame: filepath.Join(dir, "again.ndjson"),
		text:       filepath.Join(dir, "orders.copy"),
	}
	write(b, made.ndjson, func(out io.Writer) { made.orders(out, 0) })
	write(b, made.mostlySame, func(out io.Writer) { made.orders(out, changed) })
	write(b, made.text, made.copyText)
	info, err := os.Stat(made.ndjson)
	require.NoError(b, err)
	made.bytes = info.Size()
	return made
}

func write(b *testing.B, path string, fill func(io.Writer)) {
	file, err := os.Create(path)
	require.NoError(b, err)
	out := bufio.NewWriter(file)
	fill(out)
	require.NoError(b, out.Flush())
	require.NoError(b, file.Close())
}

// orders writes the same orders each time, but for one in every so many, if that is not 0.
func (*bench) orders(out io.Writer, every int) {
	g := newGenerator()
	for id := range records {
		revision := 0
		if every > 0 && id%every == 0 {
			revision = 1
		}
		fmt.Fprintln(out, g.order(id, revision))
	}
}

// copyText writes what \copy reads: the columns that landing fills.
func (*bench) copyText(out io.Writer) {
	g := newGenerator()
	hashes := rand.New(rand.NewPCG(2, 2))
	for id := range records {
		payload := strings.ReplaceAll(g.order(id, 0), `\`, `\\`)
		fmt.Fprintf(out, "%d\t%s\t\\\\x%016x%016x\t%d\t2026-01-01 00:00:00+00\t2026-01-01 00:00:00+00\n",
			id, payload, hashes.Uint64(), hashes.Uint64(), 1+id/pageSize)
	}
}

func (m *bench) reset(b *testing.B) {
	for _, sql := range []string{
		"drop schema if exists bench_ods cascade",
		"delete from terrace.stream",
		"delete from terrace.slice",
		"checkpoint",
	} {
		_, err := m.db.Pool.Exec(b.Context(), sql)
		require.NoError(b, err)
	}
	for _, s := range []ods.Stream{stream, second} {
		require.NoError(b, ods.New(m.db.Pool).Ensure(b.Context(), s))
	}
}

func (m *bench) copy(b *testing.B, stream ods.Stream) time.Duration {
	start := time.Now()
	command := exec.CommandContext(b.Context(), m.psql, m.db.URL, "-q", "-c",
		`\copy `+stream.Name+` (id, payload, _hash, _batch_id, _first_seen_at, _fetched_at) from `+m.text)
	output, err := command.CombinedOutput()
	require.NoError(b, err, string(output))
	return time.Since(start)
}

// land reads a file and lands it on one connection, preparing a page while the one before lands.
func (m *bench) land(b *testing.B, stream ods.Stream, path string) time.Duration {
	start := time.Now()
	ctx := b.Context()
	store, run := ods.New(m.db.Pool), uuid.New()
	slice, err := store.OpenSlice(ctx, stream, ods.SliceSpec{Kind: ods.Full}, run)
	require.NoError(b, err)

	prepared := make(chan *ods.Prepared, 1)
	failed := make(chan error, 1)
	go func() {
		defer close(prepared)
		failed <- pages(ctx, path, ods.Page{Stream: stream, Slice: slice, RunID: run, Fetched: start}, prepared)
	}()
	for p := range prepared {
		_, err := store.LandPrepared(ctx, p)
		require.NoError(b, err)
	}
	require.NoError(b, <-failed)
	return time.Since(start)
}

func pages(ctx context.Context, path string, page ods.Page, out chan<- *ods.Prepared) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 1<<20)
	for !page.Last {
		page.Number++
		page.Records = make([]ods.Record, 0, pageSize)
		for len(page.Records) < pageSize {
			line, err := in.ReadBytes('\n')
			if err == io.EOF {
				page.Last = true
				break
			}
			if err != nil {
				return err
			}
			page.Records = append(page.Records, ods.Record{Raw: bytes.TrimRight(line, "\n")})
		}
		prepared, err := ods.Prepare(page)
		if err != nil {
			return err
		}
		select {
		case out <- prepared:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// generator makes orders of 0.6 to 1.2 kB.
type generator struct {
	*rand.Rand
}

// newGenerator makes the same orders each time.
func newGenerator() generator {
	return generator{rand.New(rand.NewPCG(1, 1))}
}

func (g generator) order(id, revision int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id": %d, "revision": %d, "order_no": "SO%012d", "shop": {"id": %d, "name": "门店 %d 号"}, `,
		id, revision, g.IntN(1e12), g.IntN(100), g.IntN(100))
	fmt.Fprintf(&b, `"buyer": {"nick": "user_%d", "phone": "138%08d", "address": "浙江省杭州市西湖区文三路 %d 号"}, `,
		g.IntN(1e6), g.IntN(1e8), g.IntN(1000))
	fmt.Fprintf(&b, `"paid": %d.%02d, "status": "Confirmed", "created": "2026-05-%02dT10:%02d:00+08:00", "note": "first\nsecond \"line\"", "items": [`,
		g.IntN(1000), g.IntN(100), 1+g.IntN(28), g.IntN(60))
	for i := range 3 + g.IntN(5) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `{"sku": "SKU-%06d", "quantity": %d, "price": %d.%02d, "title": "商品名称 %d", "gift": false, "options": null}`,
			g.IntN(1e6), 1+g.IntN(5), g.IntN(500), g.IntN(100), g.IntN(1000))
	}
	b.WriteString("]}")
	return b.String()
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
