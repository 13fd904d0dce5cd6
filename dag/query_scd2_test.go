package dag_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
)

// versions returns a query for every version of a stream's records: its key, what it says, from when, and what lands with it.
func (q *queries) versions() string {
	a := q.fresh()
	stream, id := "ods.orders__versions", "(@.payload ->> 'customer')::integer"
	at := "(@.payload ->> 'at')::timestamp at time zone 'UTC'"
	says := []string{"(@.payload ->> 'customer')::integer", "(@.payload ->> 'amount')::numeric::integer", "jsonb_array_length(@.payload -> 'lines')", "(@._superseded_at is null)::integer", "@._batch_id::integer"}
	if q.seldom(2) {
		stream, id, at = "ods.customers__versions", "(@.payload ->> 'rev')::integer", "(@.payload ->> 'at')::timestamptz"
		says = []string{"length(@.payload ->> 'region')", "(@.payload ->> 'rate')::numeric::integer", "(@.payload ->> 'rev')::integer % 3", "ods.plus_one(@.id)", "ods.live_orders(@.id)"}
	}
	if q.seldom(2) { // several records may say something of one key
		id = "@.id"
	}
	from, where := stream+" as @", id+" is not null"
	if q.seldom(3) {
		where += " and " + q.oneOf("@.id % 4 > 0", "@.payload ->> 'region' is distinct from 'north'", "(@.payload ->> 'amount')::numeric > 0", "@._deleted_at is null")
	}
	switch q.r.IntN(6) {
	case 0:
		one, b := q.single(q.r.IntN(2))
		from += " " + q.oneOf("join", "left join", "left join") + " " + one + " on " + b + ".g = " + id
		says = []string{b + ".k", b + ".v::integer", "coalesce(" + b + ".k, @.id)"}
	case 1:
		inner, b := q.from(q.r.IntN(2))
		where += filled(" and "+q.oneOf("exists", "not exists")+" (select from $1 where $2.g = "+id+")", inner, b)
	case 2:
		inner, b := q.from(q.r.IntN(2))
		says = append(says, filled("(select max($2.k) from $1 where $2.g = @.id)", inner, b))
	case 3:
		says = append(says, "lag((@.payload ->> 'customer')::integer) over (partition by "+id+" order by @._version)", "count(*) over (partition by "+id+")::integer")
	}
	sql := filled("select $1 as id, $2 as a, $3 as b, $4 as at, @._seen_at, @._version, @._deleted_at from $5 where $6", id, q.oneOf(says...), q.oneOf(says...), at, from, where)
	switch q.r.IntN(5) {
	case 0:
		sql += " and @.id % 2 = 0 union all " + sql + " and @.id % 2 = 1"
	case 1:
		sql = "with w as " + q.oneOf("", "materialized ") + "(" + sql + ") select * from w"
	}
	return strings.ReplaceAll(sql, "@", a)
}

// observed returns a query for one row for each key, the state now.
func (q *queries) observed(depth int) string {
	from, a := q.from(depth)
	return filled("select $2.g as id, min($2.k) as a, max(length($2.s)) as b, coalesce(max($2.d), '2026-01-01')::timestamptz as at from $1 where $2.g is not null group by $2.g", from, a)
}

const secondsOf = "extract(epoch from %s - '2026-01-01Z')::integer"

// landed returns what a query for versions gives.
func (w *world) landed(sql string) (out []landedVersion) {
	w.t.Helper()
	rows, err := w.db.Pool.Query(context.Background(), fmt.Sprintf("select q.id, q.a, q.b, "+secondsOf+", "+secondsOf+", q._version, coalesce("+secondsOf+", 0) from (%s) as q",
		"q.at", "q._seen_at", "q._deleted_at", sql))
	require.NoError(w.t, err)
	var v landedVersion
	_, err = pgx.ForEachRow(rows, []any{&v.key, &v.said.a, &v.said.b, &v.at, &v.seen, &v.number, &v.deleted}, func() error {
		out = append(out, v)
		return nil
	})
	require.NoError(w.t, err)
	return out
}

// states returns what a query for the state now gives.
func (w *world) states(sql string) map[int]state {
	w.t.Helper()
	rows, err := w.db.Pool.Query(context.Background(), fmt.Sprintf("select q.id, q.a, q.b, "+secondsOf+" from (%s) as q", "q.at", sql))
	require.NoError(w.t, err)
	out := map[int]state{}
	var key int
	var s state
	_, err = pgx.ForEachRow(rows, []any{&key, &s.said.a, &s.said.b, &s.at}, func() error {
		out[key] = s
		return nil
	})
	require.NoError(w.t, err)
	return out
}

// randomDimension is a dimension of a random query.
type randomDimension struct {
	name, sql string // the query returns at even if the dimension does not have it
	own       bool
	onDelete  string
	observer  *observer // of one that observes
}

// dimensions makes some that replay versions, and some that observe the state now.
func (w *randomWorld) dimensions(r *rand.Rand) []randomDimension {
	w.t.Helper()
	var out []randomDimension
	for i := range 8 {
		d := randomDimension{name: fmt.Sprintf("shop_random.d%d", i), own: r.IntN(2) == 0, onDelete: w.q.oneOf("keep", "close", "tombstone")}
		columns := "q.id, q.a, q.b"
		if i < 5 {
			d.sql = w.tried(w.q.versions)
			columns += ", q._seen_at, q._version, q._deleted_at"
		} else {
			for d.sql == "" || strings.Contains(d.sql, model.VersionsSuffix) {
				d.sql = w.tried(func() string { return w.q.observed(r.IntN(3)) })
			}
			d.observer = &observer{own: d.own, keep: d.onDelete == "keep", keys: map[int]history{}}
		}
		spec := ""
		if d.own { // the query's time is the dimension's: one that is kept beside it would be what a record says
			columns, spec = columns+", q.at as valid_from", ", valid_from: valid_from"
		}
		sql := "select " + columns + " from (" + d.sql + ") as q"
		w.add(d.name, "scd2\n-- key: [id]\n-- scd2: {track: [a], on_delete: "+d.onDelete+spec+"}", sql)
		out = append(out, d)
	}
	return out
}

// rows are those that the dimension must have after a run in which it succeeded, at a time in seconds.
func (d randomDimension) rows(w *randomWorld, now int) []string {
	tombstones := d.onDelete == "tombstone"
	if d.observer == nil {
		return expected(w.landed(d.sql), !d.own, d.onDelete == "keep", tombstones)
	}
	d.observer.observe(now, w.states(d.sql))
	return d.observer.rows(tombstones)
}

// TestSCD2_isTheTimelineWhateverTheQuery makes dimensions of random queries, for versions and for the state now, and
// changes what they read in random ways, in runs of all or some of them.
func TestSCD2_isTheTimelineWhateverTheQuery(t *testing.T) {
	t.Parallel()
	w := newRandomWorld(t)
	ways := map[string]int{}
	for _, seed := range someSeeds(t) {
		r := rand.New(rand.NewPCG(seed, 6))
		t.Logf("seed %d", seed)
		w.begin(r)
		dimensions := w.dimensions(r)
		for round := range 5 {
			if round > 0 {
				w.changeSome(r)
			}
			now := w.now
			report := w.succeed(w.some(r)...)
			for _, d := range dimensions {
				at := slices.IndexFunc(report.Steps, func(s dag.StepReport) bool { return s.Name == d.name })
				if at < 0 {
					continue
				}
				if d.observer == nil {
					ways[took(report.Steps[at])]++
				}
				if report.Steps[at].Status == dag.Skipped {
					continue
				}
				require.Equal(t, d.rows(w, int(now.Sub(epoch).Seconds())), orNone(w.rows(scd2Rows(d.name, "valid_from", d.onDelete == "tombstone", bySecond))),
					"%s, seed %d, round %d, %s\n%s", d.name, seed, round, report.Steps[at].Reason, d.sql)
			}
		}
	}
	requireFollowed(t, ways)
}
