package ods_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

func TestRenewToken_letsOneOfManyProcessesRenew(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var renewals, active atomic.Int32
	var wg sync.WaitGroup
	for range 6 {
		store := storeNamed(t, db, "terrace") // with connections of its own, as a process has
		wg.Go(func() {
			seen, err := store.Token(t.Context(), "erp")
			if err != nil {
				t.Error(err)
			}
			got, err := store.RenewToken(t.Context(), "erp", func(_ context.Context, present ods.Token) (ods.Token, error) {
				defer active.Add(-1)
				if active.Add(1) > 1 {
					t.Error("two renew at once")
				}
				if present.Access != seen.Access {
					return present, nil
				}
				n := renewals.Add(1)
				return ods.Token{Access: fmt.Sprintf("a%d", n), Refresh: "r", Issued: time.Now()}, nil
			})
			if err != nil || got.Access == "" {
				t.Error(got, err)
			}
		})
	}
	wg.Wait()
	// Whoever looked after the first renewal may have renewed once more.
	token, err := ods.New(db.Pool).Token(t.Context(), "erp")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("a%d", renewals.Load()), token.Access)
}

func TestRenewToken_keepsWhatIsThereWhenRenewingFails(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := ods.New(db.Pool)
	none, err := store.Token(t.Context(), "erp")
	require.NoError(t, err)
	require.Zero(t, none)
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	first := ods.Token{Access: "a", Refresh: "r", Expires: at.Add(time.Hour), Issued: at}
	_, err = store.RenewToken(t.Context(), "erp", func(context.Context, ods.Token) (ods.Token, error) { return first, nil })
	require.NoError(t, err)

	refused := errors.New("refused")
	_, err = store.RenewToken(t.Context(), "erp", func(context.Context, ods.Token) (ods.Token, error) { return ods.Token{}, refused })
	require.ErrorIs(t, err, refused)

	kept, err := store.Token(t.Context(), "erp")
	require.NoError(t, err)
	require.Equal(t, "r", kept.Refresh)
	require.True(t, kept.Expires.Equal(first.Expires))
}

// Case 24: a source gives a rotated token once, so it is saved even when the run is cancelled or its session is gone.
func TestRenewToken_savesWhatTheSourceGaveWhateverHappensMeanwhile(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := ods.New(db.Pool)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := store.RenewToken(ctx, "erp", func(context.Context, ods.Token) (ods.Token, error) {
		_, err := db.Pool.Exec(t.Context(), `
select pg_terminate_backend(l.pid, 300000)
from pg_locks as l
join pg_database as d on d.oid = l.database
where l.locktype = 'advisory' and d.datname = current_database()`)
		require.NoError(t, err)
		cancel()
		return ods.Token{Access: "a", Refresh: "r2", Issued: time.Now()}, nil
	})
	require.NoError(t, err)
	token, err := store.Token(t.Context(), "erp")
	require.NoError(t, err)
	require.Equal(t, "r2", token.Refresh)
}
