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
select count(*) filter (where pg_terminate_backend(l.pid, 300000))
from pg_locks as l
where l.locktype = 'advisory'
    and l.granted
    and l.database = (select d.oid from pg_database as d where d.datname = current_database())`).Scan(&ended)
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
