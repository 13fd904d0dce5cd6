package landing

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/pgserver"
	"github.com/terrace-elt/terrace/migrations"
	"github.com/terrace-elt/terrace/ods"
)

// BenchmarkCommit reports what a page of so many new records takes on a server that waits for its disk: milliseconds per
// page on one connection, and with four streams at once the pages per second over those of one.
func BenchmarkCommit(b *testing.B) {
	server := durable(b)
	pool := server.pool(b)
	for _, size := range []int{100, 500, 1000} {
		b.Run(fmt.Sprintf("%d_records", size), func(b *testing.B) {
			var alone, scale []float64
			for b.Loop() {
				for range rounds {
					one := server.land(b, pool, 1, commits, size)
					four := server.land(b, pool, 4, commits/2, size)
					alone = append(alone, one.Seconds()*1000/commits)
					scale = append(scale, 4*commits/2/four.Seconds()/(commits/one.Seconds()))
				}
			}
			b.ReportMetric(median(alone), "ms/page")
			b.ReportMetric(median(scale), "four/one")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkNotify reports for four streams that land small pages at once, as shares of the speed without notifications:
// as landing does it, told after the commit; and within, with the notification in the page's own transaction, where
// PostgreSQL lets no two of them commit at a time.
func BenchmarkNotify(b *testing.B) {
	server := durable(b)
	told, silent, within := server.pool(b), server.silent(b), server.within(b)
	var after, inside []float64
	for b.Loop() {
		for range 2*rounds - 1 {
			without := server.land(b, silent, 4, commits, 100).Seconds()
			after = append(after, without/server.land(b, told, 4, commits, 100).Seconds())
			inside = append(inside, without/server.land(b, within, 4, commits, 100).Seconds())
		}
	}
	b.ReportMetric(median(after), "after")
	b.ReportMetric(median(inside), "within")
	b.ReportMetric(0, "ns/op")
}

// commits is how many pages a stream lands at a time.
const commits = 40

// server is one whose commits wait for the disk, other than those of pgtest.
type server struct {
	url string
}

func durable(b *testing.B) *server {
	dir, err := os.MkdirTemp("", "terrace-bench")
	require.NoError(b, err)
	require.NoError(b, os.Chmod(dir, 0o755)) // root starts the server as somebody else
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	started, err := pgserver.Start(b.Context(), pgserver.Options{
		DataDir: filepath.Join(dir, ".terrace", "postgres"), Throwaway: true,
		Settings: map[string]string{"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"},
	})
	require.NoError(b, err)
	b.Cleanup(func() { _ = started.Stop(context.Background()) })
	conn, err := pgx.Connect(b.Context(), started.URL())
	require.NoError(b, err)
	defer conn.Close(b.Context())
	require.NoError(b, migrations.Up(b.Context(), conn))
	return &server{url: started.URL()}
}

func (s *server) pool(b *testing.B) *pgxpool.Pool {
	return s.searching(b, "")
}

// silent gives sessions in which pg_notify does nothing: another function of the name comes first.
func (s *server) silent(b *testing.B) *pgxpool.Pool {
	pool := s.searching(b, "silent, pg_catalog")
	_, err := pool.Exec(b.Context(), `create schema silent;
create function silent.pg_notify(text, text) returns text language sql immutable as 'select null::text'`)
	require.NoError(b, err)
	return pool
}

// within gives sessions in which the page's transaction notifies, and nothing else does.
func (s *server) within(b *testing.B) *pgxpool.Pool {
	pool := s.searching(b, "within, silent, pg_catalog")
	_, err := pool.Exec(b.Context(), `create schema within;
create function within.tell() returns trigger language plpgsql as $$
begin
    if current_schema() = 'within' then
        perform pg_catalog.pg_notify('terrace', new.node);
    end if;
    return null;
end
$$;
create trigger tell after insert on terrace.batch for each row execute function within.tell()`)
	require.NoError(b, err)
	return pool
}

func (s *server) searching(b *testing.B, path string) *pgxpool.Pool {
	config, err := pgxpool.ParseConfig(s.url)
	require.NoError(b, err)
	config.ConnConfig.RuntimeParams["search_path"] = path
	config.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	return pool
}

// land lands pages of new records in several streams at once, each on its own connection, and tells how long it took. What
// needs no database has been done before.
func (s *server) land(b *testing.B, pool *pgxpool.Pool, streams, pages, size int) time.Duration {
	_, err := pool.Exec(b.Context(), "drop schema if exists bench_ods cascade; delete from terrace.stream; delete from terrace.slice; delete from terrace.batch; checkpoint")
	require.NoError(b, err)
	store := ods.New(pool)
	prepared := make([][]*ods.Prepared, streams)
	for i := range prepared {
		declared := stream
		declared.Name = fmt.Sprintf("bench_ods.orders_%d", i)
		require.NoError(b, store.Ensure(b.Context(), declared))
		prepared[i] = ready(b, store, declared, pages, size)
	}
	start := time.Now()
	var wait sync.WaitGroup
	errs := make([]error, streams)
	for i, pages := range prepared {
		wait.Go(func() {
			for _, p := range pages {
				if _, errs[i] = store.LandPrepared(b.Context(), p); errs[i] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	took := time.Since(start)
	for _, err := range errs {
		require.NoError(b, err)
	}
	return took
}

func ready(b *testing.B, store *ods.Store, declared ods.Stream, pages, size int) []*ods.Prepared {
	run := uuid.New()
	slice, err := store.OpenSlice(b.Context(), declared, ods.SliceSpec{Kind: ods.Full}, run)
	require.NoError(b, err)
	g := newGenerator()
	out := make([]*ods.Prepared, pages)
	for number := range pages {
		page := ods.Page{Stream: declared, Slice: slice, RunID: run, Number: number + 1, Fetched: time.Now(), Last: number == pages-1}
		for i := range size {
			page.Records = append(page.Records, ods.Record{Raw: []byte(g.order(number*size+i, 0))})
		}
		out[number], err = ods.Prepare(page)
		require.NoError(b, err)
	}
	return out
}
