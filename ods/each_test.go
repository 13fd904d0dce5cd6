package ods_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

func TestEachValues_givesEachValueOnceInItsOwnType(t *testing.T) {
	t.Parallel()
	store := ods.New(pgtest.New(t).Pool)
	for sql, want := range map[string][]any{
		`select 9007199254740993::bigint union all select 1 union all select 1 order by 1`: {json.Number("1"), json.Number("9007199254740993")},
		`select 1.10::numeric`:     {json.Number("1.10")},
		`select 'NaN'::numeric`:    {"NaN"},
		`select 'a;b'::text`:       {"a;b"},
		`select true`:              {true},
		`select date '2026-03-01'`: {"2026-03-01"},
		`select 1 where false`:     nil,
		`select n::text from unnest('{1}'::int[]) as u (n);`: {"1"},
	} {
		got, err := store.EachValues(t.Context(), sql)
		require.NoError(t, err, sql)
		require.Equal(t, want, got, sql)
	}
}

func TestEachValues_refusesWhatIsNoListOfValues(t *testing.T) {
	t.Parallel()
	store := ods.New(pgtest.New(t).Pool)
	for sql, want := range map[string]string{
		`select 1, 2`:                     "gives 2 columns",
		`select null::text as shop`:       "column shop has a null",
		`select id from shop_ods.nowhere`: "does not exist",
		`insert into terrace.hold values ('x', now()) returning source`: "read-only transaction",
	} {
		_, err := store.EachValues(t.Context(), sql)
		require.ErrorContains(t, err, want)
	}
}

// Case 63: the same number in two shops is two records.
func TestLand_takesKeyColumnsThatTheReaderGives(t *testing.T) {
	t.Parallel()
	stream := orders()
	stream.Key = append([]ods.KeyColumn{{Name: "shop", Type: "text"}}, stream.Key...)
	w := newWorld(t, stream)
	page := w.page(`{"id": 1, "v": "a"}`, `{"id": 1, "v": "b"}`, `{"id": 1, "v": "c"}`, `{"id": 2, "v": "d"}`)
	page.Records[0].Given = []string{`"north"`}
	page.Records[1].Given = []string{`"south"`}
	page.Records[2].Given = []string{`7`}
	landed := w.landPage(page)
	require.EqualValues(t, 3, landed.Inserted)
	require.EqualValues(t, 1, landed.Rejected, "a record without its given value has no key")
	require.Equal(t, []string{"7|1|c", "north|1|a", "south|1|b"}, w.query(`select shop, id, payload ->> 'v' from shop_ods.orders order by shop`))
}
