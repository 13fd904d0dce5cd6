package ods_test

import (
	"context"
	"testing"
	"time"

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
