package dag_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// dimensionCase is a case of the field notes: runs of one dimension, one day after another.
type dimensionCase struct {
	id string
	// spec is the header key scd2, or the key; query is observe unless given; policy is on_schema_change.
	spec, query, policy string
	runs                []dimensionRun
}

// dimensionRun changes the source, runs on a day, and expects rows: "key,value,from,to" with days of January.
type dimensionRun struct {
	day    int
	change string
	query  string // of the model from here on, when it changes
	want   string // rows, joined by blanks
	fails  string // instead of want: what the error says
}

const (
	observe = "select id, v from ods.things"
	ownTime = "select id, v, at from ods.things"
	fromLog = "select id, v, at, _seen_at, _version, _deleted_at from ods.things__versions"
)

// put is a source row: id, value, day of its own time.
func put(id int, v string, day int) string {
	return fmt.Sprintf("insert into ods.things values (%d, %s, %s) on conflict (id) do update set v = excluded.v, at = excluded.at", id, literalOf(v), dayOf(day))
}

func gone(id int) string { return fmt.Sprintf("delete from ods.things where id = %d", id) }

// landed is a version in the log: its number is its landing order, seen the day on which it is seen.
func landed(number, id int, v string, day, seen int) string {
	return fmt.Sprintf("insert into ods.things__versions values (%d, %s, %s, %s, %d, null)", id, literalOf(v), dayOf(day), dayOf(seen), number)
}

func deleted(number, day int) string {
	return fmt.Sprintf("update ods.things__versions set _deleted_at = %s where _version = %d", dayOf(day), number)
}

func literalOf(v string) string {
	if v == "-" {
		return "null"
	}
	return "'" + v + "'"
}

func dayOf(day int) string {
	if day == 0 {
		return "null"
	}
	return fmt.Sprintf("timestamptz '2026-01-01Z' + interval '%d days'", day-1)
}

func both(statements ...string) string { return strings.Join(statements, "; ") }

var dimensionCases = []dimensionCase{
	{id: "S-01 changed rows get one closed version each", runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "a", 1)), "", "1,a,1, 2,a,1,", ""},
		{2, put(2, "b", 2), "", "1,a,1, 2,a,1,2 2,b,2,", ""},
	}},
	{id: "S-02 new keys are current and close nothing", runs: []dimensionRun{
		{1, put(1, "a", 1), "", "1,a,1,", ""},
		{2, put(2, "a", 1), "", "1,a,1, 2,a,2,", ""},
	}},
	{id: "S-03 deleted keys are closed", runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "a", 1)), "", "1,a,1, 2,a,1,", ""},
		{2, gone(2), "", "1,a,1, 2,a,1,2", ""},
		{3, "select 1", "", "1,a,1, 2,a,1,2", ""},
	}},
	{id: "S-04 revived keys have two versions", runs: []dimensionRun{
		{1, put(1, "a", 1), "", "1,a,1,", ""},
		{2, gone(1), "", "1,a,1,2", ""},
		{3, put(1, "a", 1), "", "1,a,1,2 1,a,3,", ""},
	}},
	{id: "S-05 a new column makes versions of changed rows only", policy: "append", runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "a", 1)), "", "1,a,1, 2,a,1,", ""},
		{2, "alter table ods.things add column more text; update ods.things set more = 'm' where id = 2", "select id, v, more from ods.things", "1,a,1, 2,a,1,2 2,a,2,", ""},
	}},
	{id: "S-06 only tracked columns make versions", spec: "{track: [v]}", query: ownTime, runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "a", 1)), "", "1,a,1, 2,a,1,", ""},
		{2, both(put(1, "a", 2), put(2, "b", 2)), "", "1,a,1, 2,a,1,2 2,b,2,", ""},
	}},
	{id: "S-07 a time that moves is a change where it is tracked", query: ownTime, runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "a", 1)), "", "1,a,1, 2,a,1,", ""},
		{2, put(3, "a", 2), "", "1,a,1, 2,a,1, 3,a,2,", ""},
		{3, put(3, "a", 3), "", "1,a,1, 2,a,1, 3,a,2,3 3,a,3,", ""},
		{4, put(1, "b", 1), "", "1,a,1,4 1,b,4, 2,a,1, 3,a,2,3 3,a,3,", ""},
	}},
	{id: "S-07 and none where it is not", spec: "{track: [v]}", query: ownTime, runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "a", 1)), "", "1,a,1, 2,a,1,", ""},
		{2, put(3, "a", 2), "", "1,a,1, 2,a,1, 3,a,2,", ""},
		{3, put(3, "a", 3), "", "1,a,1, 2,a,1, 3,a,2,", ""},
		{4, put(1, "b", 1), "", "1,a,1,4 1,b,4, 2,a,1, 3,a,2,", ""},
	}},
	{id: "S-08 a value that comes back is a version", runs: []dimensionRun{
		{1, both(put(1, "red", 1), put(2, "green", 1)), "", "1,red,1, 2,green,1,", ""},
		{2, put(1, "blue", 1), "", "1,red,1,2 1,blue,2, 2,green,1,", ""},
		{3, both(put(1, "red", 1), put(2, "pink", 1)), "", "1,red,1,2 1,blue,2,3 1,red,3, 2,green,1,3 2,pink,3,", ""},
	}},
	{id: "S-09 a column more is tracked", policy: "append", query: "-- scd2: {track: [v]}\n" + observe, runs: []dimensionRun{
		{1, put(1, "foo", 1), "", "1,foo,1,", ""},
		{2, "alter table ods.things add column more text default 'bar'", "-- scd2: {track: [v, more]}\nselect id, v, more from ods.things", "1,foo,1,2 1,foo,2,", ""},
		{3, "select 1", "", "1,foo,1,2 1,foo,2,", ""},
	}},
	{id: "S-11 versions by observation and then by their own time", policy: "append", runs: []dimensionRun{
		{1, both(put(1, "blue", 1), put(2, "red", 1)), "", "1,blue,1, 2,red,1,", ""},
		{2, put(1, "green", 1), "", "1,blue,1,2 1,green,2, 2,red,1,", ""},
		{3, both(put(1, "pink", 4), put(2, "pink", 4)), "-- scd2: {valid_from: at}\n" + ownTime, "1,blue,1,2 1,green,2,4 1,pink,4, 2,red,1,4 2,pink,4,", ""},
	}},
	{id: "S-10 deletions kept", spec: "{on_delete: keep}", runs: []dimensionRun{
		{1, both(put(1, "10", 1), put(2, "20", 1)), "", "1,10,1, 2,20,1,", ""},
		{2, both(put(1, "30", 1), put(3, "40", 1)), "", "1,10,1,2 1,30,2, 2,20,1, 3,40,2,", ""},
		{3, gone(2), "", "1,10,1,2 1,30,2, 2,20,1, 3,40,2,", ""},
	}},
	{id: "S-12 a revival with its own time", spec: "{valid_from: at}", query: ownTime, runs: []dimensionRun{
		{1, put(1, "a", 1), "", "1,a,1,", ""},
		{3, gone(1), "", "1,a,1,3", ""},
		{6, put(1, "a", 5), "", "1,a,1,3 1,a,5,", ""},
	}},
	{id: "S-14 a column more changes every row that has a value in it", policy: "append", runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "b", 1), put(3, "c", 1)), "", "1,a,1, 2,b,1, 3,c,1,", ""},
		{2, "alter table ods.things add column more text default 'm'", "select id, v, more from ods.things", "1,a,1,2 1,a,2, 2,b,1,2 2,b,2, 3,c,1,2 3,c,2,", ""},
	}},
	{id: "S-17 a column more and a deletion in one run", policy: "append", spec: "{on_delete: tombstone}", runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "b", 1), put(3, "c", 1)), "", "1,a,1,,f 2,b,1,,f 3,c,1,,f", ""},
		{2, both(gone(3), "alter table ods.things add column more text default 'm'"), "select id, v, more from ods.things", "1,a,1,2,f 1,a,2,,f 2,b,1,2,f 2,b,2,,f 3,c,1,2,f 3,c,2,,t", ""},
		{3, "select 1", "", "1,a,1,2,f 1,a,2,,f 2,b,1,2,f 2,b,2,,f 3,c,1,2,f 3,c,2,,t", ""},
	}},
	{id: "S-15 tombstones come once and end with the return", spec: "{on_delete: tombstone}", runs: []dimensionRun{
		{1, put(1, "a", 1), "", "1,a,1,,f", ""},
		{2, gone(1), "", "1,a,1,2,f 1,a,2,,t", ""},
		{3, "select 1", "", "1,a,1,2,f 1,a,2,,t", ""},
		{4, put(1, "a", 1), "", "1,a,1,2,f 1,a,2,4,t 1,a,4,,f", ""},
		{5, gone(1), "", "1,a,1,2,f 1,a,2,4,t 1,a,4,5,f 1,a,5,,t", ""},
		{6, "select 1", "", "1,a,1,2,f 1,a,2,4,t 1,a,4,5,f 1,a,5,,t", ""},
	}},
	{id: "S-19 a composite key", query: "select id, v as kind, at::text as v from ods.things", spec: "key: [id, kind]", runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "a", 1)), "", "1,a,1, 2,a,1,", ""},
		{2, put(1, "a", 2), "", "1,a,1,2 1,a,2, 2,a,1,", ""},
	}},
	{id: "S-23 by time, deletions closed", spec: "{valid_from: at}", query: ownTime, runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "b", 1), put(3, "c", 1)), "", "1,a,1, 2,b,1, 3,c,1,", ""},
		{2, both(put(1, "x", 2), gone(3), put(4, "d", 2)), "", "1,a,1,2 1,x,2, 2,b,1, 3,c,1,2 4,d,2,", ""},
		{9, both(put(1, "y", 3), gone(2), put(3, "c", 7), put(5, "e", 3)), "", "1,a,1,2 1,x,2,3 1,y,3, 2,b,1,9 3,c,1,2 3,c,7, 4,d,2, 5,e,3,", ""},
	}},
	{id: "S-24 by observation", runs: []dimensionRun{
		{1, both(put(1, "a", 1), put(2, "b", 1), put(3, "c", 1)), "", "1,a,1, 2,b,1, 3,c,1,", ""},
		{2, both(put(1, "x", 2), gone(3), put(4, "d", 2)), "", "1,a,1,2 1,x,2, 2,b,1, 3,c,1,2 4,d,2,", ""},
		{4, both(put(1, "y", 3), gone(2), put(3, "c", 7), put(5, "e", 3)), "", "1,a,1,2 1,x,2,4 1,y,4, 2,b,1,4 3,c,1,2 3,c,4, 4,d,2, 5,e,4,", ""},
	}},
	{id: "S-26 daily states in one landing", spec: "{valid_from: at}", query: fromLog, runs: []dimensionRun{
		{5, both(landed(1, 1, "1", 1, 5), landed(2, 1, "2", 2, 5), landed(3, 1, "3", 3, 5), landed(4, 1, "3", 4, 5)), "", "1,1,1,2 1,2,2,3 1,3,3,", ""},
	}},
	{id: "X-01 a late version finds its place", spec: "{valid_from: at}", query: fromLog, runs: []dimensionRun{
		{10, landed(1, 1, "a", 10, 10), "", "1,a,10,", ""},
		{11, landed(2, 1, "late", 5, 11), "", "1,late,5,10 1,a,10,", ""},
	}},
	{id: "X-02 a deleted record returns unchanged", spec: "{valid_from: at}", query: fromLog, runs: []dimensionRun{
		{10, landed(1, 1, "a", 10, 10), "", "1,a,10,", ""},
		{15, deleted(1, 15), "", "1,a,10,15", ""},
		{20, landed(2, 1, "a", 10, 20), "", "1,a,10,15 1,a,20,", ""},
		{21, "select 1", "", "1,a,10,15 1,a,20,", ""},
	}},
	{id: "X-02 observed", spec: "{valid_from: at}", query: ownTime, runs: []dimensionRun{
		{10, put(1, "a", 10), "", "1,a,10,", ""},
		{15, gone(1), "", "1,a,10,15", ""},
		{20, put(1, "a", 10), "", "1,a,10,15 1,a,20,", ""},
		{21, "select 1", "", "1,a,10,15 1,a,20,", ""},
	}},
	{id: "X-03 two changes in one run", spec: "{valid_from: at}", query: fromLog, runs: []dimensionRun{
		{10, landed(1, 1, "a", 10, 10), "", "1,a,10,", ""},
		{12, both(landed(2, 1, "b", 11, 12), landed(3, 1, "c", 12, 12)), "", "1,a,10,11 1,b,11,12 1,c,12,", ""},
		{13, "select 1", "", "1,a,10,11 1,b,11,12 1,c,12,", ""},
	}},
	{id: "X-04 a version without a time is refused", spec: "{valid_from: at}", query: ownTime, runs: []dimensionRun{
		{1, put(1, "a", 1), "", "1,a,1,", ""},
		{2, put(1, "b", 0), "", "", "rows with NULL in (at): 1; for example (1)"},
	}},
	{id: "X-05 a key that is NULL is refused", query: "select nullif(id, 2) as id, v from ods.things", runs: []dimensionRun{
		{1, put(1, "a", 1), "", "1,a,1,", ""},
		{2, put(2, "b", 0), "", "", "rows with NULL in (id): 1"},
	}},
	{id: "X-06 of two versions at one time the newest landed counts", spec: "{valid_from: at}", query: fromLog, runs: []dimensionRun{
		{10, landed(1, 1, "a", 10, 10), "", "1,a,10,", ""},
		{11, landed(2, 1, "b", 10, 11), "", "1,b,10,", ""},
	}},
	{id: "X-07 a change under an old time is seen", spec: "{valid_from: at}", query: ownTime, runs: []dimensionRun{
		{10, put(1, "a", 10), "", "1,a,10,", ""},
		{11, put(1, "b", 10), "", "1,b,10,", ""},
	}},
	{id: "X-08 repeats make no version", spec: "{valid_from: at}", query: fromLog, runs: []dimensionRun{
		{10, both(landed(1, 1, "a", 10, 10), landed(2, 1, "a", 11, 10)), "", "1,a,10,", ""},
		{12, landed(3, 1, "a", 12, 12), "", "1,a,10,", ""},
	}},
	{id: "X-13 NULL is a value", runs: []dimensionRun{
		{1, both(put(1, "-", 1), put(2, "a", 1)), "", "1,,1, 2,a,1,", ""},
		{2, both(put(1, "a", 1), put(2, "-", 1)), "", "1,,1,2 1,a,2, 2,a,1,2 2,,2,", ""},
	}},
	{id: "X-14 another type is refused before anything is written", policy: "sync", runs: []dimensionRun{
		{1, put(1, "7", 1), "", "1,7,1,", ""},
		{2, put(1, "8", 1), "select id, v::integer as v from ods.things", "", "column v is integer and was text"},
	}},
	{id: "X-16 a key is used again", query: fromLog, spec: "{on_delete: close}", runs: []dimensionRun{
		{1, landed(1, 1, "a", 1, 1), "", "1,a,1,", ""},
		{2, deleted(1, 2), "", "1,a,1,2", ""},
		{5, landed(2, 1, "other", 5, 5), "", "1,a,1,2 1,other,5,", ""},
	}},
	{id: "S-20 a renamed column of time is refused", runs: []dimensionRun{
		{1, put(1, "a", 1), "", "1,a,1,", ""},
		{2, put(1, "b", 1), "-- scd2: {names: {valid_to: until}}\n" + observe, "", "has no column until"},
	}},
	{id: "S-21 versions without a time are refused", query: "select id, v from ods.things__versions", runs: []dimensionRun{
		{1, landed(1, 1, "a", 1, 1), "", "", "does not say when each became valid"},
	}},
	{id: "names that the kind takes are refused", query: "select id, v, true as is_current from ods.things", runs: []dimensionRun{
		{1, put(1, "a", 1), "", "", "a name that scd2 takes for itself"},
	}},
	{id: "two versions at one time without their order are refused", query: "select id, v, at, _seen_at from ods.things__versions", spec: "{valid_from: at}", runs: []dimensionRun{
		{1, both(landed(1, 1, "a", 1, 1), landed(2, 1, "b", 1, 1)), "", "", "values of (id, at) that occur more than once: 1"},
	}},
}

// file is the model file of the case with a query.
func (c dimensionCase) file(query string) string {
	if query == "" {
		query = observe
	}
	reads := "ods.things"
	if strings.Contains(query, "__versions") {
		reads += "__versions"
	}
	head := "-- kind: scd2\n-- depends_on: [" + reads + "]\n"
	switch {
	case strings.HasPrefix(c.spec, "key:"):
		head += "-- " + c.spec + "\n"
	case c.spec != "":
		head += "-- key: [id]\n-- scd2: " + c.spec + "\n"
	default:
		head += "-- key: [id]\n"
	}
	if c.policy != "" {
		head += "-- on_schema_change: " + c.policy + "\n"
	}
	return head + query
}

func TestSCD2_cases(t *testing.T) {
	t.Parallel()
	for _, c := range dimensionCases {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{"models/shop/dwd/dim.sql": c.file(c.query)}, "ods.things")
			w.exec("create schema ods")
			w.exec("create table ods.things (id integer primary key, v text, at timestamptz)")
			w.exec("create table ods.things__versions (id integer, v text, at timestamptz, _seen_at timestamptz, _version bigint, _deleted_at timestamptz)")
			for _, r := range c.runs {
				w.runDimension(c, r)
			}
		})
	}
}

func (w *world) runDimension(c dimensionCase, r dimensionRun) {
	w.t.Helper()
	for _, sql := range strings.Split(r.change, "; ") {
		w.land("ods.things", sql)
	}
	if r.query != "" {
		w.write("models/shop/dwd/dim.sql", c.file(r.query))
	}
	w.now = time.Date(2026, 1, r.day, 0, 0, 0, 0, time.UTC)
	report := w.run()
	dim := step(w.t, report, "shop_dwd.dim")
	if r.fails != "" {
		require.Equal(w.t, dag.Failure, dim.Status)
		require.Contains(w.t, dim.Error.Message, r.fails)
		return
	}
	require.NoError(w.t, dim.Err())
	extra := ""
	if strings.Contains(c.spec, "tombstone") {
		extra = ", is_deleted::text::\"char\""
	}
	value := "v"
	if strings.HasPrefix(c.spec, "key:") {
		value = "kind"
	}
	rows := w.rows("select id, " + value + ", extract(day from valid_from)::integer, extract(day from valid_to)::integer" + extra + " from shop_dwd.dim order by id, valid_from")
	require.Equal(w.t, "("+strings.ReplaceAll(r.want, " ", ") (")+")", strings.Join(rows, " "), "day %d", r.day)
	// The invariants of TPC-DI's audit: X-18. Two open versions overlap.
	key := "id"
	if strings.HasPrefix(c.spec, "key:") {
		key = "id, kind"
	}
	require.Empty(w.t, w.rows(`select d.id from shop_dwd.dim as d
where d.valid_to <= d.valid_from or d.is_current <> (d.valid_to is null)
    or exists (select from shop_dwd.dim as o join (select d.*) as same using (`+key+`) where o.ctid <> d.ctid
        and tstzrange(o.valid_from, o.valid_to) && tstzrange(d.valid_from, d.valid_to))`))
}

func TestSCD2_S22_ofNothingIsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"models/shop/dwd/dim.sql": dimensionCase{}.file(observe)}, "ods.things")
	w.exec("create schema ods")
	w.exec("create table ods.things (id integer primary key, v text, at timestamptz)")
	for range 2 {
		w.land("ods.things", "select 1")
		require.Zero(t, step(t, w.succeed(), "shop_dwd.dim").Rows.Changed())
	}
	require.Empty(t, w.rows("select * from shop_dwd.dim"))
}

func TestSCD2_X12_aSecondRunTouchesNoRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"models/shop/dwd/dim.sql": dimensionCase{}.file(observe)}, "ods.things")
	w.exec("create schema ods")
	w.exec("create table ods.things (id integer primary key, v text, at timestamptz)")
	w.land("ods.things", "insert into ods.things select i, 'v', null from generate_series(1, 50) as i")
	w.succeed()
	w.land("ods.things", "update ods.things set v = 'w' where id % 2 = 0")
	before := w.places("shop_dwd.dim")
	require.Equal(t, dag.Rows{Inserted: 25, Updated: 25}, step(t, w.succeed(), "shop_dwd.dim").Rows)
	requireUntouched(t, before, w.places("shop_dwd.dim"), "dim")
	before = w.places("shop_dwd.dim")
	w.land("ods.things", "select 1")
	require.Zero(t, step(t, w.succeed(), "shop_dwd.dim").Rows.Changed())
	require.Equal(t, before, w.places("shop_dwd.dim"))
}

func TestSCD2_X15_X17_timesOfEveryTypeAndInfinity(t *testing.T) {
	t.Parallel()
	for typ, want := range map[string]string{
		"date":        "(1,a,-infinity,2026-01-02) (1,b,2026-01-02,9999-12-31) (1,c,9999-12-31,infinity) (1,d,infinity,)",
		"timestamp":   `(1,a,-infinity,"2026-01-02 00:00:00") (1,b,"2026-01-02 00:00:00","9999-12-31 00:00:00") (1,c,"9999-12-31 00:00:00",infinity) (1,d,infinity,)`,
		"timestamptz": `(1,a,-infinity,"2026-01-02 00:00:00+00") (1,b,"2026-01-02 00:00:00+00","9999-12-31 00:00:00+00") (1,c,"9999-12-31 00:00:00+00",infinity) (1,d,infinity,)`,
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{"models/shop/dwd/dim.sql": dimensionCase{spec: "{valid_from: at}"}.file("select id, v, at, _version from ods.things__versions")}, "ods.things")
			w.exec("create schema ods")
			w.exec("create table ods.things__versions (id integer, v text, at " + typ + ", _version bigint)")
			w.exec("do $$ begin execute format('alter database %I set timezone = ''UTC''', current_database()); end $$")
			w.land("ods.things", "insert into ods.things__versions values (1, 'c', '9999-12-31', 1), (1, 'a', '-infinity', 2), (1, 'd', 'infinity', 3), (1, 'b', '2026-01-02', 4)")
			w.succeed()
			conn := w.db.Conn(t)
			_, err := conn.Exec(t.Context(), "set timezone = 'UTC'")
			require.NoError(t, err)
			var got string
			require.NoError(t, conn.QueryRow(t.Context(), "select string_agg(row(id, v, valid_from, valid_to)::text, ' ' order by valid_from) from shop_dwd.dim").Scan(&got))
			require.Equal(t, want, got)
		})
	}
}

func TestSCD2_S13_S25_oneVersionEndsWhereTheNextBegins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"models/shop/dwd/dim.sql": dimensionCase{}.file("select id, v, pg_sleep(0.05)::text as slept from ods.things")}, "ods.things")
	w.exec("create schema ods")
	w.exec("create table ods.things (id integer primary key, v text, at timestamptz)")
	for _, v := range []string{"EMEA", "AMER", "ANZ"} {
		w.land("ods.things", put(1, v, 1))
		w.succeed()
	}
	require.Equal(t, []string{"(EMEA,t,f)", "(AMER,t,f)", "(ANZ,,t)"}, w.rows(`select v, valid_to = lead(valid_from) over (order by valid_from), is_current from shop_dwd.dim order by valid_from`))
}

func TestSCD2_takesAnyNameInItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/past.sql": "-- kind: scd2\n-- key: [at, gone_at]\n-- depends_on: [ods.seen]\nselect s.at, s.gone_at, s.state from ods.seen as s",
	}, "ods.seen")
	w.exec("create schema ods; create table ods.seen (at date, gone_at integer, state text)")
	w.land("ods.seen", "insert into ods.seen values ('2026-01-01', 1, 'a')")
	w.succeed()
	w.land("ods.seen", "update ods.seen set state = 'b'")
	w.succeed()
	require.Equal(t, []string{"(a,f)", "(b,t)"}, w.rows("select state, is_current from shop.past order by 1"))
}
