package dag_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

// source is a world whose streams are landed as extraction lands them.
type source struct {
	*world
	store   *ods.Store
	streams []ods.Stream
	clock   time.Time
}

// heldBack is the endpoint of pages whose commit waits until the test lets go of a lock.
const heldBack = "held back"

func newSource(t *testing.T, w *world, streams ...ods.Stream) *source {
	t.Helper()
	s := &source{world: w, store: ods.New(w.db.Pool), streams: streams}
	for _, stream := range streams {
		require.NoError(t, s.store.Ensure(t.Context(), stream))
	}
	w.exec(fmt.Sprintf(`create function ods.wait() returns trigger language plpgsql as $$
begin
    if new.endpoint = '%s' then
        perform pg_advisory_xact_lock_shared(new.page);
    end if;
    return new;
end
$$`, heldBack))
	w.exec("create constraint trigger wait after insert on terrace.batch deferrable initially deferred for each row execute function ods.wait()")
	return s
}

// begin forgets everything that landed and was built.
func (s *source) begin() {
	s.t.Helper()
	s.forget()
	for _, stream := range s.streams {
		s.exec("truncate terrace.slice, terrace.cursor, terrace.reject, " + stream.Name + ", " + stream.Name + "__history")
	}
	s.clock = epoch
}

// page is a slice of its own.
func (s *source) page(stream ods.Stream, records ...string) ods.Page {
	s.t.Helper()
	run := uuid.New()
	slice, err := s.store.OpenSlice(context.Background(), stream, ods.SliceSpec{Kind: ods.File, Key: run.String()}, run)
	require.NoError(s.t, err)
	s.clock = s.clock.Add(time.Minute)
	page := ods.Page{Stream: stream, Slice: slice, RunID: run, Number: 1, Fetched: s.clock, Last: true}
	for _, r := range records {
		page.Records = append(page.Records, ods.Record{Raw: []byte(r)})
	}
	return page
}

// land lands one page.
func (s *source) land(stream ods.Stream, records ...string) {
	s.t.Helper()
	_, err := s.store.Land(context.Background(), s.page(stream, records...))
	require.NoError(s.t, err)
}

// sweep lands a listing of all keys that are there, without one of every few.
func (s *source) sweep(stream ods.Stream, first, each int) {
	s.t.Helper()
	var listed []string
	for i, id := range s.rows("select c.id from " + stream.Name + " as c where c._deleted_at is null order by 1") {
		if i < first || (i-first)%each != 0 {
			listed = append(listed, fmt.Sprintf(`{"id": %s}`, id[1:len(id)-1]))
		}
	}
	s.clock = s.clock.Add(time.Minute)
	_, err := s.store.Sweep(context.Background(), ods.Sweep{
		Stream: stream, Keys: recordsOf(listed), Began: s.clock, Ended: s.clock.Add(time.Second), Unlimited: true,
	})
	require.NoError(s.t, err)
}

func recordsOf(texts []string) iter.Seq2[ods.Record, error] {
	return func(yield func(ods.Record, error) bool) {
		for text := range slices.Values(texts) {
			if !yield(ods.Record{Raw: []byte(text)}, nil) {
				return
			}
		}
	}
}

// changes is how many rows of a stream have been changed.
func (s *source) changes(stream ods.Stream) (n int) {
	s.t.Helper()
	err := s.db.Pool.QueryRow(context.Background(),
		"select coalesce(sum(b.rows_inserted + b.rows_updated + b.rows_deleted), 0) from terrace.batch as b where b.node = $1", stream.Name).Scan(&n)
	require.NoError(s.t, err)
	return n
}

// landing is a page that has been written and is not committed yet.
type landing struct {
	s    *source
	lock *pgxpool.Conn
	done chan error
}

// landHeld lands a page up to its commit.
func (s *source) landHeld(stream ods.Stream, records ...string) *landing {
	s.t.Helper()
	ctx := context.Background()
	lock, err := s.db.Pool.Acquire(ctx)
	require.NoError(s.t, err)
	_, err = lock.Exec(ctx, "select pg_advisory_lock(1)")
	require.NoError(s.t, err)
	l := &landing{s: s, lock: lock, done: make(chan error, 1)}
	page := s.page(stream, records...)
	page.Endpoint, page.Last = heldBack, false // the last page of a slice takes the stream's cursor
	go func() {
		_, err := s.store.Land(ctx, page)
		l.done <- err
	}()
	s.t.Cleanup(l.release) // a failed test leaves it waiting, and its pool waits for it
	require.Eventually(s.t, func() bool {
		return s.value("select count(*) from pg_locks where locktype = 'advisory' and not granted and database = (select d.oid from pg_database as d where d.datname = current_database())") == "1"
	}, patience, time.Millisecond)
	return l
}

func (l *landing) release() {
	if l.lock != nil {
		_, _ = l.lock.Exec(context.Background(), "select pg_advisory_unlock(1)")
		l.lock.Release()
		l.lock = nil
	}
}

// commit lets the page be committed, and waits for that.
func (l *landing) commit() {
	l.s.t.Helper()
	l.release()
	require.NoError(l.s.t, <-l.done)
}
