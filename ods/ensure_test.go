package ods_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

func everyKey() ods.Stream {
	stream := ods.Stream{Name: `shop_ods.Odd "name"`}
	for _, t := range ods.KeyTypes() {
		stream.Key = append(stream.Key, ods.KeyColumn{Name: "k_" + t, Path: "$." + t, Type: t})
	}
	return stream
}

func TestEnsure_makesATableForKeysOfEveryType(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everyKey())
	record := `{"text":"a","bigint":-9223372036854775808,"integer":"7","smallint":-1,"numeric":1.5,"uuid":"6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
		"boolean":true,"date":"2024-02-29","timestamp":"2024-02-29 10:00:00.5","timestamptz":"2024-02-29T10:00:00+08:00"}`
	same := `{"text":"a","bigint":"-9223372036854775808","integer":7,"smallint":-1,"numeric":"15e-1","uuid":"6ba7b810-9dad-11d1-80b4-00c04fd430c8",
		"boolean":"true","date":"2024-02-29","timestamp":"2024-02-29T10:00:00.500000","timestamptz":"2024-02-29 02:00:00Z"}`

	first := w.land(record)
	second := w.land(same, record)

	require.Equal(t, int64(1), first.Inserted)
	require.Equal(t, int64(2), second.Updated, "the same key, other content")
	require.Equal(t, "a|-9223372036854775808|7|-1|1.5|6ba7b810-9dad-11d1-80b4-00c04fd430c8|t|2024-02-29|2024-02-29 10:00:00.5|2024-02-29 02:00:00+00",
		w.value(`select k_text, k_bigint, k_integer, k_smallint, k_numeric, k_uuid, k_boolean, k_date, k_timestamp, k_timestamptz from shop_ods."Odd ""name"""`))
	require.Equal(t, "3", w.value(`select count(*) from shop_ods."Odd ""name""__versions"`))
}

func TestLand_rejectsKeysThatTheirTypeCannotHold(t *testing.T) {
	t.Parallel()
	for typ, values := range map[string][]string{
		"bigint":      {`1.0`, `1e3`, `9223372036854775808`, `"12a"`, `""`, `" 1"`, `"+1"`, `true`, `"0x1"`},
		"integer":     {`2147483648`, `-2147483649`},
		"smallint":    {`32768`},
		"numeric":     {`"NaN"`, `"1,5"`, `1e401`, `1e-401`, `"."`, `"1."`, `false`},
		"uuid":        {`"6ba7b810"`, `7`},
		"boolean":     {`1`, `"yes"`},
		"date":        {`"2024-02-30"`, `"0000-00-00"`, `"20240229"`, `20240229`, `"2024-02-29 10:00:00"`},
		"timestamp":   {`"2024-02-29"`, `"2024-02-29 25:00:00"`, `"2024-02-29 10:00:00.1234567"`, `"2024-02-29T10:00:00Z"`},
		"timestamptz": {`"2024-02-29 10:00:00"`, `1709172000`},
		"text":        {`1e401`, `"` + longText() + `"`},
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			for _, value := range values {
				page := ods.Page{
					Stream: ods.Stream{Name: "a.b", Key: []ods.KeyColumn{{Name: "k", Path: "$.k", Type: typ}}},
				}
				require.Equal(t, ods.ReasonBadKey, ods.ReasonOf(t, page, `{"k":`+value+`}`), "%s: %.60s", typ, value)
			}
		})
	}
}

func longText() string {
	long := make([]byte, 2601)
	for i := range long {
		long[i] = 'x'
	}
	return string(long)
}

func TestEnsure_isIdempotentAndSafeInManyProcesses(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var running sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		running.Go(func() { errs[i] = ods.New(db.Pool).Ensure(t.Context(), everyKey()) })
	}
	running.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, ods.New(db.Pool).Ensure(t.Context(), everyKey()))
}

func TestEnsure_refusesAChangedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	for _, key := range [][]ods.KeyColumn{
		nil,
		{{Name: "id", Path: "$.id"}},
		{{Name: "no", Path: "$.id", Type: "bigint"}},
		{{Name: "id", Path: "$.id", Type: "bigint"}, {Name: "site", Path: "$.site"}},
	} {
		stream := orders()
		stream.Key = key
		var changed *ods.KeyChangedError
		require.ErrorAs(t, w.store.Ensure(t.Context(), stream), &changed)
		require.Contains(t, changed.Error(), "(id bigint)")
	}
	same := orders()
	same.Key[0].Type = "INT8"
	require.NoError(t, w.store.Ensure(t.Context(), same))
}

func TestEnsure_refusesRelationsMadeByOthers(t *testing.T) {
	t.Parallel()
	for _, ddl := range []string{
		`create table shop_ods.orders (id bigint)`,
		`create table shop_ods.orders__history (id bigint)`,
		`create view shop_ods.orders__versions as select 1 as one`,
		`create sequence shop_ods.orders`,
	} {
		t.Run(ddl, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			_, err := db.Pool.Exec(t.Context(), `create schema shop_ods`)
			require.NoError(t, err)
			_, err = db.Pool.Exec(t.Context(), ddl)
			require.NoError(t, err)
			var foreign *ods.ForeignRelationError
			require.ErrorAs(t, ods.New(db.Pool).Ensure(t.Context(), orders()), &foreign)
		})
	}
}

func TestEnsure_addsTheColumnsOfFilesLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(record(1, "a"))
	w.stream.FileColumns = true
	require.NoError(t, w.store.Ensure(t.Context(), w.stream))

	w.land(record(1, "b"))

	require.Equal(t, []string{"a|-|-", "b|in.ndjson|1"},
		w.query(`select payload ->> 'v', _file, _line from shop_ods.orders__versions order by _version`))
}

func TestEnsure_makesAgainWhatWasDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.exec(`drop view shop_ods.orders__versions`)
	require.NoError(t, w.store.Ensure(t.Context(), w.stream))
	w.land(record(1, "a"))
	require.Equal(t, []string{"1|a|1|-"}, w.versions())
}

// Made again and empty, a table would look well for ever: the slices whose records it had are done.
func TestEnsure_refusesToReplaceALostTable(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"shop_ods.orders", "shop_ods.orders__history"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, orders())
			w.land(record(1, "a"))
			w.exec(`drop table ` + table + ` cascade`)

			var lost *ods.LostTableError
			require.ErrorAs(t, w.store.Ensure(t.Context(), w.stream), &lost)
			require.Equal(t, table, lost.Table)

			require.NoError(t, pgx.BeginFunc(t.Context(), w.db.Pool, func(tx pgx.Tx) error {
				return ods.Forget(t.Context(), tx, w.stream.Name)
			}))
			require.NoError(t, w.store.Ensure(t.Context(), w.stream), "a forgotten stream begins anew")
		})
	}
}

func TestEnsure_refusesNamesThatNoTableCanHave(t *testing.T) {
	t.Parallel()
	key := func(names ...string) ods.Stream {
		stream := ods.Stream{Name: "a.b"}
		for _, name := range names {
			stream.Key = append(stream.Key, ods.KeyColumn{Name: name, Path: "$.x"})
		}
		return stream
	}
	store := ods.New(nil)
	for _, c := range []struct {
		stream ods.Stream
		want   string
	}{
		{ods.Stream{Name: "orders"}, "schema.stream"},
		{ods.Stream{Name: "a.b.c"}, "schema.stream"},
		{ods.Stream{Name: "a.b" + longText()[:60]}, "shorten it"},
		{key("payload"), "taken"},
		{key("_hash"), "taken"},
		{key("a", "a"), "twice"},
		{key(""), "no name"},
		{ods.Stream{Name: "a.b", Key: []ods.KeyColumn{{Name: "k", Type: "jsonb"}}}, "bigint"},
	} {
		require.ErrorContains(t, store.Ensure(t.Context(), c.stream), c.want)
	}
}
