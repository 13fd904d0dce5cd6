package ods

import (
	"context"
	_ "embed"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

//go:embed sql/insert_sweep.sql
var insertSweepSQL string

// Sweep is a listing of all keys that a source has: the records of the stream that it lacks are deleted there.
type Sweep struct {
	// Stream is the stream, with the paths that its key columns have in the listing.
	Stream Stream
	RunID  uuid.UUID
	// Keys are the listing. It is gone through again when another writer interferes.
	Keys     iter.Seq2[Record, error]
	Endpoint string // where the listing came from, without secrets
	Request  string // what was asked, redacted
	// Began and Ended are when listing began and ended. A record that was landed after Began is left alone, for it may
	// be newer than the listing; the others are marked as deleted at Ended.
	Began, Ended time.Time
	// MaxShare is the share of the stream's records, from 0 to 1, that may be marked at once. With Unlimited any may.
	MaxShare  float64
	Unlimited bool
}

// Swept is what a sweep did.
type Swept struct {
	BatchID int64
	Listed  int64 // keys, as often as they are listed
	Live    int64 // records that were not deleted before
	Deleted int64 // of them, marked now
}

// MassDeleteError is a sweep that would have marked more records than it may. Nothing was marked.
type MassDeleteError struct {
	Stream        string
	Live, Missing int64
	MaxShare      float64
}

func (e *MassDeleteError) Error() string {
	return fmt.Sprintf("%d of %d records of %s are not in the listing of its keys, more than the share of %g that may be deleted at once; "+
		"if they are gone indeed, run once with --allow-mass-delete", e.Missing, e.Live, e.Stream, e.MaxShare)
}

// Sweep marks the records that are not in a listing of keys as deleted, all in one transaction: each gets a version more,
// which has the content of the last one and _deleted_at. A key that is landed again later is a record again. The caller
// holds the stream's lock.
func (s *Store) Sweep(ctx context.Context, sweep Sweep) (Swept, error) {
	rel, err := newRelation(sweep.Stream)
	if err == nil && len(rel.key) == 0 {
		err = fmt.Errorf("the stream has no key to be listed by")
	}
	if err != nil {
		return Swept{}, fmt.Errorf("sweep %s: %w", sweep.Stream.Name, err)
	}
	for tries := 0; ; tries++ {
		out, err := s.sweepOnce(ctx, rel, sweep)
		switch {
		case err == nil:
			s.notify(ctx, sweep.Stream.Name, out.Deleted)
			return out, nil
		case !isTransient(err) || tries >= maxTries:
			return Swept{}, fmt.Errorf("sweep %s: %w", sweep.Stream.Name, err)
		}
		if err := pause(ctx, tries); err != nil {
			return Swept{}, err
		}
	}
}

func (s *Store) sweepOnce(ctx context.Context, rel *relation, sweep Sweep) (out Swept, err error) {
	// A listing may be long, so the lock is looked for before it too.
	if err := s.keepLock(ctx, sweep.Stream.Name); err != nil {
		return out, err
	}
	err = s.asReader(ctx, sweep.Stream.Name, func(tx pgx.Tx) (end, error) {
		var err error
		out, err = (&sweeper{tx: tx, rel: rel, sweep: sweep}).run(ctx)
		return keep, err
	})
	return out, err
}

// sweeper is a sweep within a transaction.
type sweeper struct {
	tx    pgx.Tx
	rel   *relation
	sweep Sweep
}

// listedKeys is where the listing waits, for the transaction.
var listedKeys = pgx.Identifier{"pg_temp", "terrace_listed"}

func (w *sweeper) run(ctx context.Context) (Swept, error) {
	var out Swept
	var err error
	if out.Listed, err = w.copyKeys(ctx); err != nil {
		return out, err
	}
	if err := w.tx.QueryRow(ctx, w.countSQL(), w.sweep.Began).Scan(&out.Live, &out.Deleted); err != nil {
		return out, fmt.Errorf("compare keys: %w", err)
	}
	if float64(out.Deleted) > w.sweep.MaxShare*float64(out.Live) && !w.sweep.Unlimited {
		return out, &MassDeleteError{Stream: w.sweep.Stream.Name, Live: out.Live, Missing: out.Deleted, MaxShare: w.sweep.MaxShare}
	}
	err = w.tx.QueryRow(ctx, insertSweepSQL, w.sweep.Stream.Name, orNull(w.sweep.RunID), w.sweep.Endpoint, w.sweep.Request,
		out.Listed, out.Deleted, out.Live-out.Deleted).Scan(&out.BatchID)
	if err != nil {
		return out, fmt.Errorf("write terrace.batch: %w", err)
	}
	var marked int64
	if err := w.tx.QueryRow(ctx, w.markSQL(), w.sweep.Began, w.sweep.Ended, out.BatchID).Scan(&marked); err != nil {
		return out, fmt.Errorf("mark records: %w", err)
	}
	if marked != out.Deleted {
		return out, errOvertaken
	}
	return out, nil
}

// copyKeys puts the listing into a temporary table.
func (w *sweeper) copyKeys(ctx context.Context) (int64, error) {
	var columns, names []string
	for i, c := range w.rel.key {
		names = append(names, fmt.Sprintf("k%d", i+1))
		columns = append(columns, fmt.Sprintf("    k%d %s not null", i+1, c.sql))
	}
	table := listedKeys.Sanitize()
	if _, err := w.tx.Exec(ctx, fmt.Sprintf("create temporary table %s (\n%s\n) on commit drop",
		pgx.Identifier{listedKeys[1]}.Sanitize(), strings.Join(columns, ",\n"))); err != nil {
		return 0, fmt.Errorf("make a table for the listed keys: %w", err)
	}
	source, err := newKeySource(w.sweep)
	if err != nil {
		return 0, err
	}
	defer source.stop()
	n, err := w.tx.CopyFrom(ctx, listedKeys, names, source)
	if err != nil {
		return n, fmt.Errorf("copy the listed keys: %w", err)
	}
	_, err = w.tx.Exec(ctx, "analyze "+table)
	return n, wrap(err, "analyze the listed keys")
}

// keySource gives the keys of a listing to COPY.
type keySource struct {
	next   func() (Record, error, bool)
	stop   func()
	reader *recordReader
	number int
	values []any
	err    error
}

func newKeySource(sweep Sweep) (*keySource, error) {
	stream := sweep.Stream
	stream.Version = ""
	reader, err := newRecordReader(stream)
	if err != nil {
		return nil, err
	}
	next, stop := iter.Pull2(sweep.Keys)
	return &keySource{next: next, stop: stop, reader: reader}, nil
}

func (k *keySource) Next() bool {
	record, err, ok := k.next()
	if !ok || err != nil {
		k.err = err
		return false
	}
	k.number++
	r, refused := k.reader.read(record)
	if refused != nil {
		// A listing with a key that cannot be read proves nothing of the others.
		k.err = fmt.Errorf("listed key %d cannot be read: %w", k.number, refused)
		return false
	}
	k.values = k.values[:0]
	for _, part := range r.key {
		k.values = append(k.values, part.column)
	}
	return true
}

func (k *keySource) Values() ([]any, error) { return k.values, nil }

func (k *keySource) Err() error { return k.err }

func (w *sweeper) keysMatch() string {
	var parts []string
	for i, c := range w.rel.key {
		parts = append(parts, fmt.Sprintf("k.k%d = c.%s", i+1, quote(c.name)))
	}
	return strings.Join(parts, "\n            and ")
}

// gone is the condition of records that the source does not have any more.
func (w *sweeper) gone() string {
	return fmt.Sprintf(`c._deleted_at is null
        and c._fetched_at <= $1
        and not exists (
            select
            from %s as k
            where %s
        )`, listedKeys.Sanitize(), w.keysMatch())
}

func (w *sweeper) countSQL() string {
	return fmt.Sprintf(`-- %s: how many records there are, and how many of them the source has no more
select
    (select count(*) from %[2]s as c where c._deleted_at is null),
    (
        select count(*)
        from %[2]s as c
        where %[3]s
    )`, comment(w.rel.stream.Name), w.rel.current().Sanitize(), w.gone())
}

// markSQL gives each record that is gone a version more. The one before goes to the history.
func (w *sweeper) markSQL() string {
	var same []string
	for _, c := range w.rel.key {
		same = append(same, fmt.Sprintf("c.%[1]s = gone.%[1]s", quote(c.name)))
	}
	return fmt.Sprintf(`-- %[1]s: records that the source has no more
with gone as materialized (
    select %[3]s
    from %[2]s as c
    where %[4]s
    for update
), kept as (
    insert into %[5]s (%[6]s, _superseded_at)
    select %[6]s, $2
    from gone
), marked as (
    update %[2]s as c
    set
        _deleted_at = $2,
        _fetched_at = $2,
        _batch_id = $3,
        _version = default
    from gone
    where %[7]s
    returning 1
)
select count(*)
from marked`,
		comment(w.rel.stream.Name), w.rel.current().Sanitize(), list("c.", w.rel.shared()), w.gone(),
		w.rel.history().Sanitize(), list("", w.rel.shared()), strings.Join(same, "\n        and "))
}
