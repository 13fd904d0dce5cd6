package ods_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

// history is what a stream should hold, found in the simplest way: one record after another, in memory.
type history struct {
	stream  ods.Stream
	current map[int]sent
	past    map[int][]sent // replaced and late ones
	landed  ods.Landed     // of all pages
}

type sent struct {
	id, content, version int
	broken               bool
}

func (s sent) json(r *rand.Rand) string {
	switch {
	case s.broken:
		return fmt.Sprintf(`{"id": %d.5, "v": %d}`, s.id, s.content)
	case r.IntN(2) == 0:
		return fmt.Sprintf(`{"id": %d, "v": %d, "at": %d}`, s.id, s.content, s.version)
	default:
		return fmt.Sprintf(`{"at":%d.0,"v":%de0, "id":"%d" , "id":%[3]d}`, s.version, s.content, s.id)
	}
}

// land takes a page. Records that a page replaces at once are not kept again when they are all known and the page ends
// where the stream stands: then it is a page that came before.
func (h *history) land(page []sent) {
	for id, records := range byID(page) {
		before, known := h.current[id]
		current := before
		var replaced, late []sent
		written := false
		for _, s := range records {
			switch {
			case s.broken:
				h.landed.Rejected++
			case known && (s == current || h.stream.KeepFirst):
			case known && h.stream.Version != "" && s.version < current.version:
				late = append(late, s)
			default:
				if written {
					replaced = append(replaced, current)
				}
				current, known, written = s, true, true
			}
		}
		h.settle(id, before, current, replaced, late, written)
	}
}

func (h *history) settle(id int, before, current sent, replaced, late []sent, written bool) {
	_, existed := h.current[id]
	unknown := func(s sent) bool { return !slices.Contains(h.past[id], s) }
	if written && !(existed && before == current && !slices.ContainsFunc(replaced, unknown)) {
		if existed {
			h.past[id] = append(h.past[id], before)
			h.landed.Updated++
		} else {
			h.landed.Inserted++
		}
		h.past[id] = append(h.past[id], replaced...)
		h.landed.Updated += int64(len(replaced))
		h.current[id] = current
	}
	for _, s := range late {
		if unknown(s) {
			h.past[id] = append(h.past[id], s)
			h.landed.Updated++
		}
	}
}

func byID(page []sent) map[int][]sent {
	groups := map[int][]sent{}
	for _, s := range page {
		groups[s.id] = append(groups[s.id], s)
	}
	return groups
}

func (h *history) lines() (current, past []string) {
	current, past = []string{}, []string{}
	for id, s := range h.current {
		current = append(current, fmt.Sprintf("%d|%d|%d", id, s.content, s.version))
	}
	for id, versions := range h.past {
		for _, s := range versions {
			past = append(past, fmt.Sprintf("%d|%d|%d", id, s.content, s.version))
		}
	}
	slices.Sort(current)
	slices.Sort(past)
	return current, past
}

func TestLand_agreesWithALedgerKeptByHand(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*ods.Stream){
		"by arrival":     func(*ods.Stream) {},
		"by version":     func(s *ods.Stream) { s.Version = "$.at" },
		"keep the first": func(s *ods.Stream) { s.KeepFirst = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			stream := orders()
			change(&stream)
			compareWithLedger(newWorld(t, stream), rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

func compareWithLedger(w *world, r *rand.Rand) {
	expected := &history{stream: w.stream, current: map[int]sent{}, past: map[int][]sent{}}
	var all [][]sent
	var landed ods.Landed
	received := int64(0)
	for range 150 {
		page := randomPage(r)
		if len(all) > 0 && r.IntN(4) == 0 {
			page = all[r.IntN(len(all))] // the source is read again
		}
		all = append(all, page)
		expected.land(page)
		var records []string
		for _, s := range page {
			records = append(records, s.json(r))
		}
		got := w.land(records...)
		received += int64(len(page))
		landed.Inserted += got.Inserted
		landed.Updated += got.Updated
		landed.Unchanged += got.Unchanged
		landed.Rejected += got.Rejected
	}
	lines := func(from string) []string {
		return w.query(`
select v.line
from (
    select id || '|' || (payload ->> 'v')::numeric::bigint || '|' || (payload ->> 'at')::numeric::bigint as line
    from ` + from + `
) as v
order by v.line collate "C"`)
	}
	current, past := expected.lines()
	require.Equal(w, current, lines(`shop_ods.orders`))
	require.Equal(w, past, lines(`shop_ods.orders__versions where _superseded_at is not null`))
	require.Equal(w, expected.landed.Inserted, landed.Inserted)
	require.Equal(w, expected.landed.Updated, landed.Updated)
	require.Equal(w, expected.landed.Rejected, landed.Rejected)
	require.Equal(w, received, landed.Inserted+landed.Updated+landed.Unchanged+landed.Rejected)
	if w.stream.Version == "" {
		requireChains(w, expected)
	}
}

// requireChains wants every version to end when the next begins, in the order of their numbers.
func requireChains(w *world, expected *history) {
	for id, s := range expected.current {
		var want []string
		for _, version := range append(slices.Clone(expected.past[id]), s) {
			want = append(want, fmt.Sprint(version.content))
		}
		require.Equal(w, want, w.query(`
select (payload ->> 'v')::numeric::bigint
from shop_ods.orders__versions
where id = $1
order by _version`, id))
	}
	require.Equal(w, "0", w.value(`
select count(*)
from (
    select _superseded_at, lead(_seen_at) over (partition by id order by _version) as next_seen_at
    from shop_ods.orders__versions
) as v
where _superseded_at is distinct from next_seen_at`))
}

func randomPage(r *rand.Rand) []sent {
	var page []sent
	for range r.IntN(12) {
		page = append(page, sent{id: r.IntN(6), content: r.IntN(4), version: r.IntN(4), broken: r.IntN(15) == 0})
	}
	return page
}
