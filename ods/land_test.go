package ods_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

func TestLand_writesNewChangedAndUnchangedRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())

	first := w.land(record(1, "a"), record(2, "a"))
	require.Equal(t, ods.Landed{BatchID: 1, Inserted: 2}, first)
	second := w.land(record(1, "b"), record(2, "a"), record(3, "a"))
	require.Equal(t, ods.Landed{BatchID: 2, Inserted: 1, Updated: 1, Unchanged: 1}, second)

	require.Equal(t, []string{"1|b", "2|a", "3|a"}, w.current())
	require.Equal(t, []string{"1|a|1|2", "1|b|2|-", "2|a|1|-", "3|a|2|-"}, w.versions())
	require.Equal(t, "2026-03-01 08:01:00+00|2026-03-01 08:02:00+00|2",
		w.value(`select _first_seen_at, _fetched_at, _batch_id from shop_ods.orders where id = 1`))
	require.Equal(t, []string{"shop_ods.orders|1|2|2|0|0|0", "shop_ods.orders|2|3|1|1|1|0"},
		w.query(`select node, page, rows_received, rows_inserted, rows_updated, rows_unchanged, rows_rejected from terrace.batch order by 1, 2`))
}

func TestLand_writesNothingForUnchangedRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(record(1, "a"), record(2, "a"), record(3, "x"))
	w.land(record(3, "y"))
	before := w.fingerprint()

	landed := w.land(`{"v":"a","id":1.0e0}`, ` {"id":2,"v":"\u0061"} `, record(3, "y"))

	require.Equal(t, int64(1), landed.Rejected, "1.0e0 is no bigint")
	require.Equal(t, int64(2), landed.Unchanged)
	require.Equal(t, before, w.fingerprint())
}

func TestLand_keepsEveryVersionOfAKeyThatAPageRepeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	repeated := []string{record(1, "a"), record(1, "a"), record(2, "x"), record(1, "b"), record(1, "a"), record(1, "c")}

	landed := w.land(repeated...)

	require.Equal(t, ods.Landed{BatchID: landed.BatchID, Inserted: 2, Updated: 3, Unchanged: 1}, landed)
	want := []string{"1|a|1|1", "1|b|1|1", "1|a|1|1", "1|c|1|-", "2|x|1|-"}
	require.Equal(t, want, w.versions())

	before := w.fingerprint()
	again := w.land(repeated...)
	require.Equal(t, int64(6), again.Unchanged)
	require.Equal(t, before, w.fingerprint(), "the same page again writes nothing")

	w.land(record(1, "d"), record(1, "c"))
	require.Equal(t, append(want[:3:3], "1|c|1|3", "1|d|3|3", "1|c|3|-", "2|x|1|-"), w.versions(), "there and back is two versions")
}

func TestLand_keepsAnOlderVersionAsHistoryOnly(t *testing.T) {
	t.Parallel()
	stream := orders()
	stream.Version = "$.at"
	w := newWorld(t, stream)
	w.land(`{"id":1,"v":"new","at":"2026-02-01T08:00:00+08:00"}`, `{"id":2,"v":"9","at":9}`, `{"id":3,"v":"none"}`)

	landed := w.land(
		`{"id":1,"v":"old","at":"2026-01-31T23:59:59Z"}`, // earlier, though the text sorts the other way
		`{"id":2,"v":"10","at":10.0}`,
		`{"id":3,"v":"first","at":1}`,
	)

	require.Equal(t, ods.Landed{BatchID: landed.BatchID, Updated: 3}, landed)
	require.Equal(t, []string{"1|new", "2|10", "3|first"}, w.current())
	require.Equal(t, []string{"1|new|1|-", "1|old|2|2", "2|9|1|2", "2|10|2|-", "3|none|1|2", "3|first|2|-"}, w.versions())

	before := w.fingerprint()
	again := w.land(`{"id":1,"v":"old","at":"2026-01-31T23:59:59Z"}`, `{"id":2,"v":"9","at":9}`)
	require.Equal(t, int64(2), again.Unchanged, "a late version that is known is not kept twice")
	require.Equal(t, before, w.fingerprint())

	w.land(`{"id":2,"v":"other","at":1e1}`)
	require.Equal(t, []string{"1|new", "2|other", "3|first"}, w.current(), "at equal versions the arrival wins")
}

func TestLand_keepsWhatTheSameRunFetchedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	page := w.page(record(1, "fetched first"), record(2, "same"), record(2, "same"))
	w.open(ods.SliceSpec{Kind: ods.File, Key: "beside"})
	w.land(record(1, "fetched second"), record(2, "same"))

	landed := w.landPage(page)

	require.Equal(t, []int64{1, 2}, []int64{landed.Updated, landed.Unchanged})
	require.Equal(t, []string{"1|fetched second", "2|same"}, w.current())
	require.Equal(t, []string{"1|fetched second|2|-", "1|fetched first|1|1", "2|same|2|-"}, w.versions())

	w.run, w.now = uuid.New(), w.now.Add(-time.Hour)
	w.open(ods.SliceSpec{Kind: ods.File, Key: "later"})
	w.land(record(1, "by a clock that is behind"))
	require.Equal(t, []string{"1|by a clock that is behind", "2|same"}, w.current(), "of two runs the last word counts")
}

func TestLand_keepsTheFirstVersionWhereDeclared(t *testing.T) {
	t.Parallel()
	stream := orders()
	stream.KeepFirst = true
	w := newWorld(t, stream)
	w.land(record(1, "a"), record(1, "b"))

	landed := w.land(record(1, "c"), record(2, "a"))

	require.Equal(t, ods.Landed{BatchID: landed.BatchID, Inserted: 1, Unchanged: 1}, landed)
	require.Equal(t, []string{"1|a|1|-", "2|a|2|-"}, w.versions())
}

func TestLand_bringsADeletedRecordBackAsANewVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(record(1, "a"), record(2, "a"))
	w.exec(`update shop_ods.orders set _deleted_at = '2026-03-01 09:00+00' where id = 1`)

	landed := w.land(record(1, "a"), record(2, "a"))

	require.Equal(t, ods.Landed{BatchID: landed.BatchID, Inserted: 1, Unchanged: 1}, landed)
	require.Equal(t, []string{"1|a|1|2", "1|a|2|-", "2|a|1|-"}, w.versions())
	require.Equal(t, "-", w.value(`select _deleted_at from shop_ods.orders where id = 1`))
	require.Equal(t, "2026-03-01 09:00:00+00", w.value(`select _deleted_at from shop_ods.orders__history`))
}

func TestLand_knowsARecordWithoutKeyByItsContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ods.Stream{Name: "shop_ods.orders", FileColumns: true})

	landed := w.land(`{"a":1}`, `{"b":1}`, `{"a":1.0}`)
	again := w.land(`{"b":1}`, `[]`)

	require.Equal(t, ods.Landed{BatchID: landed.BatchID, Inserted: 2, Unchanged: 1}, landed)
	require.Equal(t, ods.Landed{BatchID: again.BatchID, Inserted: 1, Unchanged: 1}, again)
	require.Equal(t, []string{`{"a": 1}|in.ndjson|1`, `{"b": 1}|in.ndjson|2`, `[]|in.ndjson|2`},
		w.query(`select payload, _file, _line from shop_ods.orders__versions order by _version`))
}

func TestLand_rejectsWhatCannotBeLandedAndLandsItsNeighbours(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	page := w.page(
		record(1, "a"), `{"id":2,"v":"\u0000"}`, `{"id":3,"v":"\ud800"}`, `{"v":"no key"}`, `{"id":null}`, `{"id":1e3}`,
		`{"id":9223372036854775808}`, "{\"id\":4,\"v\":\"\xff\"}", `{"id":5,"v":1e200000}`, `{"id":[6]}`, `{"id":7`, `{"id":8,"v":"\\u0000"}`,
	)
	page.Rejects = []ods.Reject{{Raw: []byte("x,\x00"), Reason: "ragged", Message: "2 cells\x00 for \xff", Place: "in.csv:9"}}

	landed := w.landPage(page)

	require.Equal(t, ods.Landed{BatchID: landed.BatchID, Inserted: 2, Rejected: 11}, landed)
	require.Equal(t, []string{`1|a`, `8|\u0000`}, w.current())
	rejects, err := w.store.Rejects(t.Context(), ods.RejectFilter{Stream: w.stream.Name, Pending: true})
	require.NoError(t, err)
	var got []string
	for _, r := range rejects {
		require.Equal(t, landed.BatchID, r.BatchID)
		got = append(got, r.Reason+" "+r.Place)
	}
	require.Equal(t, []string{
		"invalid_json page 1, record 11", "missing_key page 1, record 10", "number_out_of_range page 1, record 9",
		"invalid_utf8 page 1, record 8", "bad_key page 1, record 7", "bad_key page 1, record 6", "missing_key page 1, record 5",
		"missing_key page 1, record 4", "lone_surrogate page 1, record 3", "nul_character page 1, record 2", "ragged in.csv:9",
	}, got)
	require.Equal(t, "{\"id\":4,\"v\":\"\xff\"}", string(rejects[3].Raw), "the bytes are kept as they came")
	require.Equal(t, "2 cells\uFFFD for \uFFFD", rejects[10].Message)
	require.Contains(t, rejects[4].Message, "9223372036854775808")

	one, err := w.store.Rejects(t.Context(), ods.RejectFilter{Reason: "bad_key", Limit: 1})
	require.NoError(t, err)
	require.Len(t, one, 1)
	require.Equal(t, rejects[4], one[0])
}

func TestLand_failsThePageOnARejectWhereDeclared(t *testing.T) {
	t.Parallel()
	stream := orders()
	stream.FailOnReject = true
	w := newWorld(t, stream)

	_, err := w.store.Land(t.Context(), w.page(record(1, "a"), `{"id":true}`))

	var rejected *ods.RejectedError
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, 1, rejected.Count)
	require.ErrorContains(t, err, "page 1, record 2")
	require.ErrorContains(t, err, "on_reject: continue", "what the declaration takes")
	require.Empty(t, w.current())
	require.Equal(t, "0|0", w.value(`select (select count(*) from terrace.batch), (select count(*) from terrace.reject)`))
}

// The check stands for anything that only the server knows: its encoding, its limits, a constraint of the project's.
func TestLand_findsTheRecordsThatOnlyTheServerRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.land(record(5, "a"), record(7, "a"))
	w.exec(`alter table shop_ods.orders add constraint no_poison check (payload ->> 'v' <> 'poison')`)
	var records []string
	for id := range 50 {
		records = append(records, record(id, "b"))
	}
	records[5], records[30] = record(5, "poison"), record(30, "poison")

	landed := w.land(records...)

	require.Equal(t, ods.Landed{BatchID: landed.BatchID, Inserted: 47, Updated: 1, Rejected: 2}, landed)
	require.Equal(t, "49", w.value(`select count(*) from shop_ods.orders`))
	require.Equal(t, "a", w.value(`select payload ->> 'v' from shop_ods.orders where id = 5`))
	rejects := w.query(`select reason, place, message from terrace.reject order by reject_id`)
	require.Len(t, rejects, 2)
	require.True(t, strings.HasPrefix(rejects[0], "refused_by_server|page 2, record 6|"), rejects[0])
	require.Contains(t, rejects[1], "no_poison")
}

func TestLand_rejectsWhatTheDatabasesEncodingCannotHold(t *testing.T) {
	t.Parallel()
	w := newLatinWorld(t)

	landed := w.land(`{"id":"a","v":"café"}`, `{"id":"名"}`, `{"id":"b","v":"名"}`, `{"id":"c"}`)

	require.Equal(t, ods.Landed{BatchID: landed.BatchID, Inserted: 2, Rejected: 2}, landed)
}

func TestLand_keepsNumbersAndKeysExactly(t *testing.T) {
	t.Parallel()
	stream := ods.Stream{Name: "shop_ods.orders", Key: []ods.KeyColumn{
		{Name: "id", Path: "$.id"}, {Name: "site", Path: "$.site.id", Type: "numeric"},
	}}
	w := newWorld(t, stream)

	w.land(
		`{"id":12345678901234567890,"site":{"id":"1.50"},"v":"9007199254740993"}`,
		`{"id":1e3,"site":{"id":1.5},"v":1.10}`, `{"id":"1000","site":{"id":1.50},"v":2}`, `{"id":1.0,"site":{"id":0},"v":3}`,
		`{"id":-0.0,"site":{"id":-1e-2},"v":4}`, `{"id":true,"site":{"id":1},"v":1e400}`, `{"id":"","site":{"id":1},"v":5}`,
	)

	require.Equal(t, []string{
		"|1|5", "0.0|-0.01|4", "1.0|0|3", "1000|1.50|2", "12345678901234567890|1.50|9007199254740993", "true|1|1" + strings.Repeat("0", 400),
	}, w.query(`select id, site, payload ->> 'v' from shop_ods.orders order by id collate "C"`))
	require.Equal(t, "0", w.value(`select count(*) from shop_ods.orders where id <> payload ->> 'id'`), "the column is what SQL finds at the path")
}
