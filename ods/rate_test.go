package ods_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// Many processes together never get more moments in a stretch than the rates allow, however large they are.
func TestReserveRequest_keepsManyProcessesWithinAllRates(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rates := []ods.Rate{{Requests: 3, Per: time.Second}, {Requests: 10, Per: 20 * time.Second}, {Requests: 250, Per: time.Hour}}
	var mu sync.Mutex
	type moment struct{ earliest, latest time.Time }
	var moments []moment
	var wg sync.WaitGroup
	for range 4 {
		store := storeNamed(t, db, "terrace")
		wg.Go(func() {
			for range 70 {
				asked := time.Now()
				wait, err := store.ReserveRequest(t.Context(), "erp", rates)
				at := moment{asked.Add(wait), time.Now().Add(wait)}
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				moments = append(moments, at)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	var given []time.Time
	require.NoError(t, db.Pool.QueryRow(t.Context(),
		`select moments from terrace.rate where source = 'erp' and requests = 3`).Scan(&given))
	require.Len(t, given, 3)

	// When exactly a moment was given is not known: only those count that are within the stretch in any case.
	for _, r := range rates {
		for _, from := range moments {
			n := 0
			for _, at := range moments {
				if !at.earliest.Before(from.latest) && at.latest.Before(from.earliest.Add(r.Per)) {
					n++
				}
			}
			require.LessOrEqual(t, n, r.Requests, r)
		}
	}
	var spread time.Duration
	for _, at := range moments {
		spread = max(spread, at.latest.Sub(moments[0].earliest))
	}
	require.Less(t, spread, 2*time.Hour, "280 requests need no more than two hours")
	require.Greater(t, spread, 59*time.Minute, "and no less than one, of which 250 may be in the first")
}

func TestReserveRequest_isFreeAtOnceWithinTheRate(t *testing.T) {
	t.Parallel()
	store := ods.New(pgtest.New(t).Pool)
	rates := []ods.Rate{{Requests: 1000, Per: time.Hour}}
	begun := time.Now()
	for range 1000 {
		wait, err := store.ReserveRequest(t.Context(), "erp", rates)
		require.NoError(t, err)
		require.Zero(t, wait)
	}
	wait, err := store.ReserveRequest(t.Context(), "erp", rates)
	require.NoError(t, err)
	require.GreaterOrEqual(t, wait, time.Hour-time.Since(begun))
	wait, err = store.ReserveRequest(t.Context(), "other", rates)
	require.NoError(t, err)
	require.Zero(t, wait)
}

func TestHoldRequests_keepsTheLongerHold(t *testing.T) {
	t.Parallel()
	store := ods.New(pgtest.New(t).Pool)
	require.NoError(t, store.HoldRequests(t.Context(), "erp", time.Hour))
	require.NoError(t, store.HoldRequests(t.Context(), "erp", time.Minute))
	wait, err := store.ReserveRequest(t.Context(), "erp", []ods.Rate{{Requests: 5, Per: time.Second}})
	require.NoError(t, err)
	require.InDelta(t, time.Hour, wait, float64(time.Minute))
}
