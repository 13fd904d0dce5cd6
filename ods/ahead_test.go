package ods_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writing waits until a session of the database has inserted rows that it has not committed.
func (w *world) writing() {
	w.Helper()
	require.Eventually(w, func() bool {
		return w.value(`select count(*) from pg_stat_activity
			where datname = current_database() and state = 'idle in transaction' and query like 'copy %'`) == "1"
	}, patience, time.Millisecond)
}

func TestLand_aheadOfItsTurnIsCommittedAfterIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	turn := make(chan struct{})
	first, second := w.page(record(1, "a")), w.page(record(2, "b"))
	second.Turn, second.Last = turn, true
	ended := make(chan error, 1)
	go func() {
		_, err := w.store.Land(t.Context(), second)
		ended <- err
	}()
	w.writing()
	require.Equal(t, "0", w.value(`select count(*) from terrace.batch`))

	_, err := w.store.Land(t.Context(), first)
	require.NoError(t, err)
	close(turn)

	require.NoError(t, <-ended)
	require.Equal(t, []string{"1", "2"}, w.query(`select id from shop_ods.orders order by id`))
	require.Equal(t, "done 2", w.value(`select state || ' ' || pages from terrace.slice`))
}

func TestLand_aheadOfItsTurnIsNothingWhenTheTurnDoesNotCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.page(record(1, "a"))
	second := w.page(record(2, "b"))
	second.Turn = make(chan struct{})
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := w.store.Land(ctx, second)
		ended <- err
	}()
	w.writing()

	broken := errors.New("the page before failed")
	stop(broken)

	require.ErrorIs(t, <-ended, broken)
	require.Equal(t, "0", w.value(`select count(*) from shop_ods.orders`))
	require.Equal(t, "open 0", w.value(`select state || ' ' || pages from terrace.slice`))
}
