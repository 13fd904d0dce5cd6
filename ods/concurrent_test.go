package ods_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// other is the same world with a slice of its own.
func (w *world) other(variant string) *world {
	w.Helper()
	other := *w
	other.open(ods.SliceSpec{Kind: ods.Full, Variant: variant})
	return &other
}

// landWhileHeld starts a Land, waits until it is held up by the open transaction, lets do end that, and gives the result.
func (w *world) landWhileHeld(page ods.Page, do func()) ods.Landed {
	w.Helper()
	type result struct {
		landed ods.Landed
		err    error
	}
	done := make(chan result, 1)
	go func() {
		landed, err := w.store.Land(w.Context(), page)
		done <- result{landed, err}
	}()
	require.Eventually(w, func() bool {
		return w.value(`select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) == "1"
	}, patience, time.Millisecond)
	do()
	r := <-done
	require.NoError(w, r.err)
	return r.landed
}

func TestLand_seesARecordThatAnotherPageBroughtMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql      string
		versions []string
		landed   ods.Landed
	}{
		"the same new key": {
			sql: `insert into shop_ods.orders (id, payload, _hash, _batch_id, _first_seen_at, _fetched_at)
				values (2, '{"id": 2, "v": "theirs"}', '\x00112233445566778899aabbccddeeff', 0, '2026-03-01 08:01Z', '2026-03-01 08:01Z')`,
			versions: []string{"1|a|1|2", "1|b|2|-", "2|theirs|1|2", "2|ours|2|-"},
			landed:   ods.Landed{Updated: 2},
		},
		"a change of the same key": {
			sql: `update shop_ods.orders
				set payload = '{"id": 1, "v": "theirs"}', _hash = '\x00112233445566778899aabbccddeeff', _version = default
				where id = 1`,
			versions: []string{"1|theirs|1|2", "1|b|2|-", "2|ours|2|-"},
			landed:   ods.Landed{Inserted: 1, Updated: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, orders())
			w.land(record(1, "a"))
			tx, err := w.db.Conn(t).Begin(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), c.sql)
			require.NoError(t, err)

			landed := w.landWhileHeld(w.page(record(1, "b"), record(2, "ours")), func() { require.NoError(t, tx.Commit(t.Context())) })

			c.landed.BatchID = landed.BatchID
			require.Equal(t, c.landed, landed)
			require.Equal(t, c.versions, w.versions())
			require.Equal(t, "2", w.value(`select count(*) from terrace.batch`), "a page that was tried again is one batch")
		})
	}
}

func TestLand_keepsEveryVersionOfManyWriters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const writers, pages = 6, 12
	var (
		running  sync.WaitGroup
		landed   [writers]ods.Landed
		failures [writers]error
	)
	for i := range writers {
		mine := w.other(fmt.Sprint(i))
		var work []ods.Page
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		for p := range pages {
			var records []string
			for range 20 {
				records = append(records, record(r.IntN(40), fmt.Sprintf("%d of %d", p, i)))
			}
			work = append(work, mine.page(records...))
		}
		running.Go(func() {
			for _, page := range work {
				got, err := w.store.Land(t.Context(), page)
				if err != nil {
					failures[i] = err
					return
				}
				landed[i].Inserted += got.Inserted
				landed[i].Updated += got.Updated
			}
		})
	}
	running.Wait()
	var inserted, updated int64
	for i := range writers {
		require.NoError(t, failures[i])
		inserted += landed[i].Inserted
		updated += landed[i].Updated
	}
	require.Equal(t, fmt.Sprint(inserted), w.value(`select count(*) from shop_ods.orders`))
	require.Equal(t, fmt.Sprint(updated), w.value(`select count(*) from shop_ods.orders__history`))
	require.Equal(t, "0", w.value(`
select count(*)
from shop_ods.orders__history as h
join shop_ods.orders as c
    on c.id = h.id
    and (c._fetched_at, c._version) <= (h._fetched_at, h._version)`), "what was fetched last is current")
}

// A bug in the middle of a landing is the step's error, and the run ends: it closes the pool, which waits for all connections.
func TestStore_givesItsConnectionBackWhenItPanics(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.PanicsWithValue(t, "no idea", func() { _ = ods.New(db.Pool).Panic(t.Context(), "no idea") })
	require.Zero(t, db.Pool.Stat().AcquiredConns())
}
