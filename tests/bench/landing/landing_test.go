// Package landing measures landing NDJSON against psql's \copy of the same records into a table of the same shape:
//
//	go test -run '^$' -bench . -benchtime 5x ./tests/bench/landing
//
// Both take turns, each time on an empty table, so that the ratio means something on a machine that does other work too.
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
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

const (
	records  = 100_000
	pageSize = 5_000
	// changed is one in so many records that differ when everything is landed again.
	changed = 100
)

var stream = ods.Stream{Name: "bench_ods.orders", Key: []ods.KeyColumn{{Name: "id", Path: "$.id", Type: "bigint"}}}

// BenchmarkLanding reports, as medians over its rounds, fresh: the time of \copy divided by the time of landing the same
// records; again: landing fresh divided by landing them again with 1 % changed.
func BenchmarkLanding(b *testing.B) {
	bench := newBench(b)
	var fresh, again, mb []float64
	for b.Loop() {
		bench.reset(b)
		copied := bench.copy(b)
		bench.reset(b)
		landed := bench.land(b, bench.ndjson)
		repeated := bench.land(b, bench.mostlySame)
		fresh = append(fresh, copied.Seconds()/landed.Seconds())
		again = append(again, landed.Seconds()/repeated.Seconds())
		mb = append(mb, float64(bench.bytes)/1e6/landed.Seconds())
		b.Logf("\\copy %.2f s, landing %.2f s (%.2f), again %.2f s (%.2f)", copied.Seconds(), landed.Seconds(),
			fresh[len(fresh)-1], repeated.Seconds(), again[len(again)-1])
	}
	b.ReportMetric(median(fresh), "fresh/copy")
	b.ReportMetric(median(again), "again/fresh")
	b.ReportMetric(median(mb), "MB/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPrepare is the part of landing that needs no database.
func BenchmarkPrepare(b *testing.B) {
	page := ods.Page{Stream: stream, Slice: ods.Slice{ID: 1}, Number: 1, Fetched: time.Unix(1, 0)}
	g := generator{rand.New(rand.NewPCG(1, 1))}
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
	g := generator{rand.New(rand.NewPCG(1, 1))}
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
	g := generator{rand.New(rand.NewPCG(1, 1))}
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
		"checkpoint",
	} {
		_, err := m.db.Pool.Exec(b.Context(), sql)
		require.NoError(b, err)
	}
	require.NoError(b, ods.New(m.db.Pool).Ensure(b.Context(), stream))
}

func (m *bench) copy(b *testing.B) time.Duration {
	start := time.Now()
	command := exec.CommandContext(b.Context(), m.psql, m.db.URL, "-q", "-c",
		`\copy bench_ods.orders (id, payload, _hash, _batch_id, _first_seen_at, _fetched_at) from `+m.text)
	output, err := command.CombinedOutput()
	require.NoError(b, err, string(output))
	return time.Since(start)
}

// land reads a file and lands it on one connection, preparing a page while the one before lands.
func (m *bench) land(b *testing.B, path string) time.Duration {
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
