package dag_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// The dimension as one can write it down: points in time, in hours from epoch, at which a record began to say something.

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func hour(n int) time.Time { return epoch.Add(time.Duration(n) * time.Hour) }

// said is what a record says: a is tracked, b is not; nil is NULL.
type said struct{ a, b *int }

func (s said) String() string { return text(s.a) + "," + text(s.b) }

func text(n *int) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

func same(a, b *int) bool { return text(a) == text(b) }

type point struct {
	at   int
	gone bool
	said said
	now  bool // it was said now: what is not tracked stays as it says
}

// history is the points of one key in order of time.
type history []point

// put adds a point; one that was there at the same time is replaced.
func (h history) put(p point) history {
	out := slices.DeleteFunc(slices.Clone(h), func(q point) bool { return q.at == p.at })
	out = append(out, p)
	slices.SortFunc(out, func(x, y point) int { return cmp.Compare(x.at, y.at) })
	return out
}

// settle drops points that say nothing new; what is not tracked takes the last value said.
func (h history) settle() history {
	var out history
	for _, p := range h {
		last := len(out) - 1
		switch {
		case last < 0 && p.gone:
		case last >= 0 && p.gone && out[last].gone:
		case last >= 0 && !p.gone && !out[last].gone && same(p.said.a, out[last].said.a):
			if !out[last].now {
				out[last].said.b = p.said.b
			}
			out[last].now = out[last].now || p.now
		default:
			out = append(out, p)
		}
	}
	return out
}

// versions are the rows of the dimension's table, as text.
func (h history) versions(key int, tombstones bool) []string {
	var out []string
	settled := h.settle()
	for i, p := range settled {
		to := ""
		if i+1 < len(settled) {
			to = fmt.Sprint(settled[i+1].at)
		}
		switch {
		case tombstones:
			out = append(out, fmt.Sprintf("(%d,%s,%d,%s,%s,%s)", key, p.said, p.at, to, letter(to == ""), letter(p.gone)))
		case !p.gone:
			out = append(out, fmt.Sprintf("(%d,%s,%d,%s,%s)", key, p.said, p.at, to, letter(to == "")))
		}
	}
	return out
}

// letter is a boolean as the server writes it.
func letter(b bool) string { return fmt.Sprint(b)[:1] }

// landedVersion is a row of x__versions.
type landedVersion struct {
	number, key int
	said        said
	at, seen    int
	deleted     int // 0: not
}

// replay is what a key's versions amount to. seen says that they count from when they were seen.
func replay(versions []landedVersion, seen, keep bool) history {
	versions = slices.Clone(versions)
	slices.SortFunc(versions, func(x, y landedVersion) int { return cmp.Compare(x.number, y.number) })
	var h history
	ended := math.MinInt
	for _, v := range versions {
		at := v.at
		if seen {
			at = v.seen
		}
		if !keep && at <= ended {
			at = max(v.seen, ended)
		}
		h = h.put(point{at: at, said: v.said})
		if v.deleted > 0 && !keep {
			h = h.put(point{at: max(at, v.deleted), gone: true, said: v.said})
			ended = max(ended, v.deleted)
		}
	}
	return h
}

const versionsTable = `create table ods.things__versions (
    id integer, a integer, b integer, at timestamptz,
    _seen_at timestamptz, _version bigint primary key, _deleted_at timestamptz, _batch_id bigint not null, _superseded_at timestamptz
)`

// Units of time in which a test tells it.
const (
	byHour   = time.Hour
	bySecond = time.Second
)

// scd2Rows is a query for the dimension's rows, with units since epoch for times.
func scd2Rows(relation, from string, tombstones bool, unit time.Duration) string {
	units := func(column string) string {
		return fmt.Sprintf("round(extract(epoch from %s - '2026-01-01Z') / %g)::integer", column, unit.Seconds())
	}
	extra := ""
	if tombstones {
		extra = ", is_deleted"
	}
	return fmt.Sprintf("select id, a, b, %s, %s, is_current%s from %s order by id, %s", units(from), units("valid_to"), extra, relation, from)
}

func randomInt(r *rand.Rand, n int) *int {
	if v := r.IntN(n + 1); v < n {
		return &v
	}
	return nil
}

// keys is how many records a random test has: more of them is cheaper than more runs.
const keys = 25

// randomVersions makes versions of records, numbered and seen in the order of landing; effective times tie and go
// back and forth. A deletion is what ods marks: it is on the version that was the last one then.
func randomVersions(r *rand.Rand) []landedVersion {
	var out []landedVersion
	clock, drift, pace := 10, r.IntN(2), 1+r.IntN(keys)
	for number := 1; number <= keys*(2+r.IntN(4)); number++ {
		if r.IntN(pace) == 0 {
			clock += r.IntN(5)
		}
		key := 1 + r.IntN(keys)
		v := landedVersion{number: number, key: key, said: said{randomInt(r, 2), randomInt(r, 3)}, at: 1 + r.IntN(30) + drift*number, seen: clock}
		out = append(out, v)
		if r.IntN(4) == 0 {
			clock += r.IntN(2) * r.IntN(2)
			out[len(out)-1].deleted = clock
		}
	}
	return out
}

func (w *world) landVersions(versions []landedVersion) {
	w.t.Helper()
	err := pgx.BeginFunc(context.Background(), w.db.Pool, func(tx pgx.Tx) error {
		ctx := context.Background()
		var batch int64
		err := tx.QueryRow(ctx, "insert into terrace.batch (node, rows_inserted) values ('ods.things', $1) returning batch_id", len(versions)).Scan(&batch)
		if err != nil {
			return err
		}
		for _, v := range versions {
			var deleted *time.Time
			if v.deleted > 0 {
				at := hour(v.deleted)
				deleted = &at
			}
			_, err := tx.Exec(ctx, "insert into ods.things__versions values ($1, $2, $3, $4, $5, $6, $7, $8)",
				v.key, v.said.a, v.said.b, hour(v.at), hour(v.seen), v.number, deleted, batch)
			if err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(w.t, err)
}

// expected are the rows of the dimension of these versions.
func expected(versions []landedVersion, seen, keep, tombstones bool) []string {
	byKey := map[int][]landedVersion{}
	for _, v := range versions {
		byKey[v.key] = append(byKey[v.key], v)
	}
	out := []string{}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, replay(byKey[key], seen, keep).versions(key, tombstones)...)
	}
	return out
}

func TestSCD2_replaysVersionsInWhateverOrderAndPortionsTheyArrive(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, onDelete := range []string{"keep", "close", "tombstone"} {
		for _, time := range []string{"seen", "own"} {
			spec := "{track: [a], on_delete: " + onDelete + ", valid_from: at}"
			if time == "seen" {
				spec = "{track: [a], on_delete: " + onDelete + "}"
			}
			columns := "id, a, b, at, _seen_at, _version, _deleted_at"
			if time == "seen" {
				columns = "id, a, b, _seen_at, _version, _deleted_at"
			}
			files["models/shop/"+time+"/"+onDelete+".sql"] = "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.things__versions]\n-- scd2: " +
				spec + "\nselect " + columns + " from ods.things__versions"
		}
	}
	w := newWorld(t, files, "ods.things")
	w.exec("create schema ods")
	w.exec(versionsTable)
	w.exec("insert into terrace.stream values ('ods.things', '{id}', '{integer}')")
	ways := map[string]bool{}
	for _, seed := range seeds(t) {
		w.forget()
		w.exec("truncate ods.things__versions")
		r := rand.New(rand.NewPCG(seed, 2))
		w.change = func(e *dag.SQLExecutor) {
			e.ManyRows, e.FewRows, e.LateKeys = 1+r.Int64N(keys), 1+keys*r.Int64N(2), keys*r.Int64N(2)+1
		}
		t.Logf("seed %d", seed)
		arriving := randomVersions(r)
		if late := r.IntN(3); late == 0 {
			r.Shuffle(len(arriving), func(i, j int) { arriving[i], arriving[j] = arriving[j], arriving[i] })
		} else {
			for range late * r.IntN(3) { // one comes late, or early
				i, j := r.IntN(len(arriving)), r.IntN(len(arriving))
				arriving[i], arriving[j] = arriving[j], arriving[i]
			}
		}
		for here := 0; here < len(arriving); {
			portion := 1 + r.IntN(2*keys)
			if r.IntN(3) == 0 {
				portion = 1 + r.IntN(3)
			}
			there := min(len(arriving), here+portion)
			w.landVersions(arriving[here:there])
			if here = there; r.IntN(4) == 0 && here < len(arriving) {
				continue // two batches for one run
			}
			for _, s := range w.succeed().Steps {
				most, beside := strings.Contains(s.Reason, "are concerned"), strings.Contains(s.Reason, builtBeside)
				continued, replayed := strings.Contains(s.Reason, "continued"), strings.Contains(s.Reason, "recomputed")
				for way, taken := range map[string]bool{
					"most concerned": most, "built beside": beside, "built in place": !beside, "continued": continued && !replayed,
					"continued and replayed": continued && replayed, "replayed": replayed && !continued,
				} {
					ways[way] = ways[way] || taken
				}
				if s.Reason != "first build" {
					require.Regexp(t, "^upstream changed: .*; ([0-9]+ keys? (continued|recomputed|continued, [0-9]+ recomputed)|recomputed in full: [0-9]+ rows? of about [0-9]+ are concerned)(; built beside: .*)?$", s.Reason, "seed %d, %s", seed, s.Name)
				}
			}
			for _, onDelete := range []string{"keep", "close", "tombstone"} {
				for _, time := range []string{"seen", "own"} {
					tombstones := onDelete == "tombstone"
					require.Equal(t, expected(arriving[:here], time == "seen", onDelete == "keep", tombstones),
						orNone(w.rows(scd2Rows("shop_"+time+"."+onDelete, "valid_from", tombstones, byHour))), "seed %d, %s %s, after %d versions", seed, time, onDelete, here)
				}
			}
		}
		before := w.written("shop_seen", "shop_own")
		w.land("ods.things", "select 1")
		for _, s := range w.succeed().Steps {
			require.Equal(t, "upstream changed: 1 row in ods.things; recomputed in full: versions of ods.things are missing", s.Reason)
			require.Zero(t, s.Rows.Changed(), s.Name)
		}
		w.refreshFully()
		require.Equal(t, before, w.written("shop_seen", "shop_own"), "seed %d", seed)
	}
	if len(seeds(t)) >= 5 {
		require.NotContains(t, slices.Collect(maps.Values(ways)), false, "not every way was taken: %v", ways)
	}
}

// refreshFully runs everything with --full-refresh.
func (w *world) refreshFully() {
	w.t.Helper()
	w.plan = func(o *dag.PlanOptions) { o.FullRefresh = true }
	w.succeed()
	w.plan = nil
}

func orNone(rows []string) []string {
	if rows == nil {
		return []string{}
	}
	return rows
}

// observer is a dimension that is kept by looking at the state now, once a run.
type observer struct {
	own, keep bool // a state carries its own time; a key that is gone is kept
	keys      map[int]history
}

// state is one key as the source has it.
type state struct {
	said said
	at   int
}

func (o *observer) observe(now int, seen map[int]state) {
	keys := slices.Sorted(maps.Keys(o.keys))
	for key := range seen {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		h := o.keys[key].settle()
		s, present := seen[key]
		settled := o.look(h, s, present, now).settle()
		for i := range settled {
			settled[i].now = false
		}
		o.keys[key] = settled
	}
}

func (o *observer) look(h history, s state, present bool, now int) history {
	last := point{gone: true, at: math.MinInt}
	gone := math.MinInt
	if len(h) > 0 {
		last = h[len(h)-1]
	}
	for _, p := range h {
		if p.gone {
			gone = p.at
		}
	}
	now = max(now, last.at)
	switch {
	case !present && (last.gone || o.keep):
		return h
	case !present:
		return h.put(point{at: now, gone: true, said: last.said})
	case !last.gone && same(s.said.a, last.said.a) && same(s.said.b, last.said.b):
		return h
	case o.own && s.at > gone:
		return h.put(point{at: s.at, said: s.said, now: true})
	default:
		return h.put(point{at: now, said: s.said, now: true})
	}
}

func (o *observer) rows(tombstones bool) []string {
	out := []string{}
	for _, key := range slices.Sorted(maps.Keys(o.keys)) {
		out = append(out, o.keys[key].versions(key, tombstones)...)
	}
	return out
}

func TestSCD2_observesTheStateNow(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, onDelete := range []string{"keep", "close", "tombstone"} {
		head := "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.things]\n-- scd2: "
		files["models/shop/run/"+onDelete+".sql"] = head + "{track: [a], on_delete: " + onDelete + "}\nselect id, a, b from ods.things"
		files["models/shop/own/"+onDelete+".sql"] = head + "{track: [a], on_delete: " + onDelete + ", valid_from: valid_from}\nselect id, a, b, at as valid_from from ods.things"
	}
	w := newWorld(t, files, "ods.things")
	w.exec("create schema ods")
	w.exec("create table ods.things (id integer primary key, a integer, b integer, at timestamptz not null)")
	beside := false
	for _, seed := range seeds(t) {
		w.forget()
		w.exec("truncate ods.things")
		r := rand.New(rand.NewPCG(seed, 3))
		w.change = func(e *dag.SQLExecutor) { e.ManyRows = 1 + r.Int64N(2*keys) }
		t.Logf("seed %d", seed)
		observers := map[string]*observer{}
		for _, time := range []string{"run", "own"} {
			for _, onDelete := range []string{"keep", "close", "tombstone"} {
				observers[time+"."+onDelete] = &observer{own: time == "own", keep: onDelete == "keep", keys: map[int]history{}}
			}
		}
		now, seen := 10, map[int]state{}
		for range 6 {
			now += r.IntN(4) // sometimes the clock stands still
			for range r.IntN(2 * keys) {
				key := 1 + r.IntN(keys)
				if r.IntN(3) == 0 {
					delete(seen, key)
					w.land("ods.things", "delete from ods.things where id = $1", key)
					continue
				}
				s := state{said{randomInt(r, 2), randomInt(r, 2)}, 1 + r.IntN(now+5)}
				seen[key] = s
				w.land("ods.things", "insert into ods.things values ($1, $2, $3, $4) on conflict (id) do update set a = excluded.a, b = excluded.b, at = excluded.at",
					key, s.said.a, s.said.b, hour(s.at))
			}
			w.now = hour(now)
			report := w.succeed()
			ran := report.Count("success") > 0
			for _, s := range report.Steps {
				beside = beside || strings.Contains(s.Reason, builtBeside)
			}
			for _, name := range slices.Sorted(maps.Keys(observers)) {
				if ran {
					observers[name].observe(now, seen)
				}
				tombstones := strings.HasSuffix(name, "tombstone")
				require.Equal(t, observers[name].rows(tombstones), orNone(w.rows(scd2Rows("shop_"+name, "valid_from", tombstones, byHour))), "seed %d, %s at %d", seed, name, now)
			}
		}
		before := w.written("shop_run", "shop_own")
		w.land("ods.things", "select 1")
		w.succeed()
		w.refreshFully()
		require.Equal(t, before, w.written("shop_run", "shop_own"), "seed %d", seed)
	}
	require.True(t, beside, "no dimension was built beside")
}
