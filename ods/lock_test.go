package ods_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

func storeNamed(t *testing.T, db *pgtest.DB, application string) *ods.Store {
	t.Helper()
	config, err := pgxpool.ParseConfig(db.URL)
	require.NoError(t, err)
	config.ConnConfig.RuntimeParams["application_name"] = application
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return ods.New(pool)
}

func TestLock_namesItsHolder(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	first, second := storeNamed(t, db, "terrace:1:a.b"), storeNamed(t, db, "terrace:2:a.b")
	release, err := first.Lock(t.Context(), "a.b", false)
	require.NoError(t, err)

	_, err = second.Lock(t.Context(), "a.b", false)
	var held *ods.HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, "a.b", held.Stream)
	require.Equal(t, "terrace:1:a.b", held.Application)
	require.Positive(t, held.PID)
	require.WithinDuration(t, time.Now(), held.Since, time.Minute)
	require.ErrorContains(t, err, "--wait")

	other, err := second.Lock(t.Context(), "a.c", false)
	require.NoError(t, err, "another stream is free")
	other()
	release()
	release, err = second.Lock(t.Context(), "a.b", true)
	require.NoError(t, err)
	release()
}

func TestLock_waitsForItsHolderUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := storeNamed(t, db, "terrace")
	release, err := store.Lock(t.Context(), "a.b", true)
	require.NoError(t, err)

	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = store.Lock(short, "a.b", true)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	taken := make(chan error, 1)
	go func() {
		release, err := store.Lock(t.Context(), "a.b", true)
		if err == nil {
			release()
		}
		taken <- err
	}()
	release()
	require.NoError(t, <-taken)
}

func TestLock_goesWithItsSession(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := storeNamed(t, db, "terrace:dead")
	release, err := store.Lock(t.Context(), "a.b", false)
	require.NoError(t, err)
	_, err = db.Pool.Exec(t.Context(), `
select pg_terminate_backend(a.pid, 300000)
from pg_stat_activity as a
join pg_locks as l on l.pid = a.pid and l.locktype = 'advisory'
where a.datname = current_database()`)
	require.NoError(t, err)

	again, err := store.Lock(t.Context(), "a.b", false)
	require.NoError(t, err)
	again()
	release()
}

// endLockSession ends the session that holds the stream, as a person or a failover does, and waits until it is gone.
func endLockSession(t *testing.T, db *pgtest.DB) {
	t.Helper()
	var ended int
	err := db.Pool.QueryRow(t.Context(), `
with holders as materialized (
    select distinct l.pid
    from pg_locks as l
    where l.locktype = 'advisory'
        and l.mode = 'ExclusiveLock'
        and l.granted
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
)
select count(*) filter (where pg_terminate_backend(holders.pid, 300000))
from holders`).Scan(&ended)
	require.NoError(t, err)
	require.Equal(t, 1, ended)
}

func TestLand_takesTheLockAgainWhenItsSessionWasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	release, err := w.store.Lock(t.Context(), w.stream.Name, false)
	require.NoError(t, err)
	w.open(ods.SliceSpec{Kind: ods.Full})
	w.land(record(1, "a"))
	other := storeNamed(t, w.db, "other")
	for _, step := range []func(){
		func() { w.land(record(2, "a")) },
		func() { w.open(window(1, 2)) },
		func() {
			_, err := w.store.Sweep(t.Context(), ods.Sweep{
				Stream: w.stream, RunID: w.run, Began: w.now, Ended: w.now, Unlimited: true,
				Keys: func(yield func(ods.Record, error) bool) { yield(ods.Record{Raw: []byte(record(1, ""))}, nil) },
			})
			require.NoError(t, err)
		},
	} {
		endLockSession(t, w.db)
		step()
		_, err = other.Lock(t.Context(), w.stream.Name, false)
		var held *ods.HeldError
		require.ErrorAs(t, err, &held, "nobody else can read the stream meanwhile")
	}
	release()
	release, err = other.Lock(t.Context(), w.stream.Name, false)
	require.NoError(t, err)
	release()
}

func TestLand_stopsWhenAnotherTookTheStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	release, err := w.store.Lock(t.Context(), w.stream.Name, false)
	require.NoError(t, err)
	defer release()
	w.open(window(1, 2))
	mine := w.slice
	w.land(record(1, "mine"))
	endLockSession(t, w.db)
	other := *w
	other.store, other.run = storeNamed(t, w.db, "other"), uuid.New()
	let, err := other.store.Lock(t.Context(), w.stream.Name, false)
	require.NoError(t, err)

	var lost *ods.LostLockError
	_, err = w.store.Land(t.Context(), w.page(record(2, "mine")))
	require.ErrorAs(t, err, &lost)
	require.Equal(t, "other", lost.Application)
	require.ErrorContains(t, err, "the session that held shop_ods.orders was ended, and now shop_ods.orders is held by \"other\"")
	_, err = w.store.OpenSlice(t.Context(), w.stream, window(2, 3), w.run)
	require.ErrorAs(t, err, &lost)
	_, err = w.store.Sweep(t.Context(), ods.Sweep{Stream: w.stream, RunID: w.run, Unlimited: true})
	require.ErrorAs(t, err, &lost)

	other.open(window(1, 2))
	require.Equal(t, mine.ID, other.slice.ID, "the other goes on with the slice")
	require.NoError(t, w.store.FailSlice(t.Context(), mine, "it was taken"))
	other.land(record(2, "other"))
	other.finish()
	require.Equal(t, []string{"1|mine", "2|other"}, w.current())
	let()
	_, err = w.store.Land(t.Context(), w.page(record(3, "mine")))
	require.ErrorContains(t, err, "was taken over by run "+other.run.String())
	require.Equal(t, []string{"1|mine", "2|other"}, w.current())
}

// Between the moment at which a page is written and its commit, the stream may come to belong to another reader.
func TestLand_stopsWhenAnotherTookTheStreamWhileAPageWasWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	release, err := w.store.Lock(t.Context(), w.stream.Name, false)
	require.NoError(t, err)
	defer release()
	turn := make(chan struct{})
	page := w.page(record(1, "mine"))
	page.Turn = turn
	ended := make(chan error, 1)
	go func() {
		_, err := w.store.Land(t.Context(), page)
		ended <- err
	}()
	w.writing()

	endLockSession(t, w.db)
	other := storeNamed(t, w.db, "other")
	let, err := other.Lock(t.Context(), w.stream.Name, false)
	require.NoError(t, err)
	defer let()
	close(turn)

	var lost *ods.LostLockError
	require.ErrorAs(t, <-ended, &lost)
	require.Equal(t, "other", lost.Application)
	require.Empty(t, w.current())
	require.Equal(t, "0", w.value(`select count(*) from terrace.batch`))
}

// Once a page has found that the stream is its reader's, whoever takes the stream waits for its commit.
func TestLock_waitsForPagesThatAreBeingCommitted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	release, err := w.store.Lock(t.Context(), w.stream.Name, false)
	require.NoError(t, err)
	defer release()
	w.exec(`insert into terrace.cursor (stream) values ($1)`, w.stream.Name)
	cursor, err := w.db.Conn(t).Begin(t.Context())
	require.NoError(t, err)
	_, err = cursor.Exec(t.Context(), `select from terrace.cursor for update`)
	require.NoError(t, err)
	page := w.page(record(1, "mine"))
	page.Last = true
	committed := make(chan error, 1)
	go func() {
		_, err := w.store.Land(t.Context(), page)
		committed <- err
	}()
	w.waiting("transactionid") // for the cursor, with the page written

	endLockSession(t, w.db)
	other := storeNamed(t, w.db, "other")
	type taken struct {
		let func()
		saw []string
		err error
	}
	took := make(chan taken, 1)
	go func() {
		let, err := other.Lock(t.Context(), w.stream.Name, true)
		took <- taken{let, w.current(), err}
	}()
	w.waiting("advisory")
	require.NoError(t, cursor.Commit(t.Context()))

	require.NoError(t, <-committed)
	next := <-took
	require.NoError(t, next.err)
	defer next.let()
	require.Equal(t, []string{"1|mine"}, next.saw, "what was landed before stands when the next reader begins")
	var lost *ods.LostLockError
	_, err = w.store.OpenSlice(t.Context(), w.stream, window(1, 2), w.run)
	require.ErrorAs(t, err, &lost)
}

// waiting waits until a session of the database waits for a lock of that kind.
func (w *world) waiting(event string) {
	w.Helper()
	require.Eventually(w, func() bool {
		return w.value(`select count(*) from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock' and wait_event = $1`, event) == "1"
	}, patience, time.Millisecond)
}

func TestStore_writesNothingElseWhenAnotherTookTheStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(record(1, "a"), `{"id":null}`)
	release, err := w.store.Lock(t.Context(), w.stream.Name, false)
	require.NoError(t, err)
	defer release()
	w.exec(`insert into terrace.cursor (stream, watermark) values ($1, '2030-01-01')`, w.stream.Name)
	rejects, err := w.store.Rejects(t.Context(), ods.RejectFilter{})
	require.NoError(t, err)
	rejects[0].Raw = []byte(record(2, "put right"))
	endLockSession(t, w.db)
	let, err := storeNamed(t, w.db, "other").Lock(t.Context(), w.stream.Name, false)
	require.NoError(t, err)
	defer let()

	var lost *ods.LostLockError
	_, err = w.store.ReplayRejects(t.Context(), w.stream, rejects, w.run, w.now)
	require.ErrorAs(t, err, &lost)
	require.ErrorAs(t, w.store.PutBack(t.Context(), w.stream.Name, w.now.Add(-1), w.now), &lost)
	require.ErrorAs(t, w.store.NoteReading(t.Context(), w.stream.Name, w.run), &lost)

	require.Equal(t, []string{"1|a"}, w.current())
	require.Equal(t, "2030-01-01|-", w.value(`select watermark::date, last_run_id from terrace.cursor`))
}

// A listing may take long; the lock's session may end meanwhile.
func TestSweep_stopsWhenAnotherTookTheStreamWhileKeysWereListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(record(1, "a"), record(2, "a"))
	release, err := w.store.Lock(t.Context(), w.stream.Name, false)
	require.NoError(t, err)
	defer release()
	other := storeNamed(t, w.db, "other")
	let := func() {}
	defer func() { let() }()

	_, err = w.store.Sweep(t.Context(), ods.Sweep{
		Stream: w.stream, RunID: w.run, Began: w.now, Ended: w.now, Unlimited: true,
		Keys: func(yield func(ods.Record, error) bool) {
			yield(ods.Record{Raw: []byte(record(1, ""))}, nil)
			endLockSession(t, w.db)
			let, err = other.Lock(t.Context(), w.stream.Name, false)
			require.NoError(t, err)
		},
	})

	var lost *ods.LostLockError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, "0", w.value(`select count(*) from shop_ods.orders where _deleted_at is not null`))
}
