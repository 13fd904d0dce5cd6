// Package landing reads random APIs that misbehave, into a real warehouse, by readers that are killed, and compares what
// is there in the end with what the APIs know of themselves.
package landing

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// Whatever an API does while it is read, and wherever its readers die: when it has come to rest and a reading of it is
// green, the warehouse holds what the source holds. The seed draws the API, its declaration, its records, what changes,
// what goes wrong and when readers die; the API keeps a ledger of what it served. Promised is:
//
//   - Current records. A stream that is read in full equals the source. A stream of windows equals it in every record
//     whose last change the declaration covers: one that bears a time no earlier than the change less settle and
//     lookback. Others have some content that was served.
//   - The exception is a record that slipped: it was in its window all the time, and on none of the pages, because others
//     were taken out before it. No reader of positions can see that unless the source gives a total, and not even by the
//     total when others came in at once. So a slip is forgiven where the source's totals were in order or not declared,
//     and only until the window is read again; by key or snapshot nothing slips.
//   - Deletions. With a sweep the records that the source lacks are marked, and no others; without one they stay.
//   - Versions. Each is one that was served whole; every one of a committed page is there. None is there once more than as
//     often as its record was found to be gone, or, where no version field tells, as the source itself gave a content of
//     the record that was not the present one when the answer was made: a lagging replica, or a later page of a snapshot.
//     Answers that overtake each other are no excuse.
//   - Details of each parent are those of the parent's content.
//   - A run that lost something that could be seen was not green; no slice is left open; the reading after changes nothing.
func TestReadings_endWithWhatTheSourceHas(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			trial := newTrial(t, seed)
			trial.disturb()
			trial.rest()
			trial.compare()
			trial.readAgain()
		})
	}
}

// A source that is read by position while its records change, and that says how many there are: what its total shows is not
// there is never passed over. Nothing else goes wrong, so that nearly all that is drawn is of pages that overlap.
func TestReadings_areGreenOnlyWhereTheTotalShowsNoLoss(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 3))
			trial := newTrialOf(t, seed, drawShifting(r), r)
			for range 8 {
				trial.once("")
			}
			trial.rest()
			trial.compare()
			trial.readAgain()
		})
	}
}

// seeds returns the seeds of the trials: few by default, as many as TERRACE_TEST_SEEDS says, or the one that
// TERRACE_TEST_SEED names.
func seeds(t *testing.T) []uint64 {
	t.Helper()
	if text := os.Getenv("TERRACE_TEST_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		return []uint64{seed}
	}
	n := 12
	if testing.Short() {
		n = 3
	}
	if text := os.Getenv("TERRACE_TEST_SEEDS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i + 1)
	}
	return out
}

// trial is one API and one warehouse.
type trial struct {
	*testing.T
	*api
	rand  *rand.Rand // of the readers; the API has its own
	db    *pgtest.DB
	job   job
	kills map[string]int
}

func newTrial(t *testing.T, seed uint64) *trial {
	r := rand.New(rand.NewPCG(seed, 1))
	return newTrialOf(t, seed, drawShape(r), r)
}

func newTrialOf(t *testing.T, seed uint64, s shape, r *rand.Rand) *trial {
	a := serve(t, newWorld(s, rand.New(rand.NewPCG(seed, 2))))
	db := pgtest.New(t)
	trial := &trial{
		T: t, api: a, rand: r, db: db, kills: map[string]int{},
		job: job{Database: db.URL, YAML: s.yaml(), URL: a.URL, Log: filepath.Join(t.TempDir(), "committed")},
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d: run again with TERRACE_TEST_SEED=%d\n%+v\n%s", seed, seed, s, trial.job.YAML)
		}
	})
	return trial
}

// disturb has the API read while it changes and fails, by readers of which some die.
func (t *trial) disturb() {
	for range 3 + t.rand.IntN(4) {
		t.once(pick(t.rand, "", "cancel", "cut", "cut and cancel", "child", "child"))
		t.mu.Lock()
		t.changes()
		t.offset += time.Duration(t.rand.Int64N(int64(3 * time.Hour)))
		t.changes()
		t.mu.Unlock()
	}
}

// once is one run, which dies in the given way unless it ends before.
func (t *trial) once(death string) {
	t.mu.Lock()
	t.job.Offset = t.offset
	t.run++
	t.mu.Unlock()
	var err error
	if death == "child" {
		err = t.child()
	} else {
		err = t.inProcess(death)
	}
	if err == nil {
		t.requireNothingLostInSight()
		t.kills["green"]++
	} else {
		t.kills[death]++
	}
}

// child runs a reader in a process of its own, which is killed at some request.
func (t *trial) child() error {
	cmd, err := t.job.start()
	require.NoError(t, err)
	t.arm(func() { _ = cmd.Process.Kill() }) // it may have ended
	err = cmd.Wait()
	t.disarm()
	return err
}

func (t *trial) arm(kill func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kill, t.killAt = kill, t.rand.IntN(40)
}

func (t *trial) disarm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kill = nil
}

func (t *trial) inProcess(death string) error {
	ctx, die := context.WithCancelCause(t.Context())
	defer die(nil)
	pool, cutter := t.db.Cuttable(t, 4)
	defer pool.Close()
	switch death {
	case "cancel":
		t.arm(func() { die(errKilled) })
	case "cut":
		cutter.Arm(t.rand.IntN(400), chance(t.rand, 0.5), func() {})
	case "cut and cancel":
		cutter.Arm(t.rand.IntN(400), chance(t.rand, 0.5), func() { die(errKilled) })
	}
	_, err := t.job.read(ctx, pool)
	t.disarm()
	if err != nil && strings.Contains(err.Error(), "declaration:") {
		require.NoError(t, err)
	}
	return err
}

// inTwo reports whether a window that did not add up was cut, and both its parts read in its place.
func (t *trial) inTwo(p *passage) bool {
	for _, all := range t.readings {
		first := all[len(all)-1]
		if first.run != p.run || first.variant != p.variant || first.from != p.from || first.to == p.to {
			continue
		}
		for _, others := range t.readings {
			second := others[len(others)-1]
			if second.run == p.run && second.variant == p.variant && second.from == first.to && second.to == p.to {
				return true
			}
		}
	}
	return false
}

// requireNothingLostInSight follows a run that was green: each window was read to its end, or both its parts were; where records slipped through its
// reading of a window, the totals do not show it.
func (t *trial) requireNothingLostInSight() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for window, all := range t.readings {
		p := all[len(all)-1]
		if p.run != t.run || t.inTwo(p) {
			continue
		}
		require.True(t, p.whole || t.maxPages < manyPages, "green, although %s was not read to its end: %+v", window, p.pages)
		require.False(t, p.repeated, "green, although a page of %s was another one's: %+v", window, p.pages)
		if len(all) > 1 {
			p.forgetRead(all[len(all)-2])
		}
		if len(p.slipped) > 0 {
			require.False(t, t.total && p.shows(), "green, although %d records of %s slipped and the totals show it: %+v", len(p.slipped), window, p.pages)
			require.Equal(t, byPosition, t.lead, "nothing slips where the way leads by keys or a snapshot: %s %v", window, p.slipped)
		}
	}
}

// forgetRead takes out what did not slip, as the reading before in the same run has it: a slice that does not add up is read
// again.
func (p *passage) forgetRead(before *passage) {
	if before.run != p.run {
		return
	}
	maps.DeleteFunc(p.slipped, func(k key, e entity) bool { return before.served[k] == e.Rev })
}

// rest lets the API come to rest and reads it.
func (t *trial) rest() {
	t.mu.Lock()
	t.quiet = true
	t.offset += time.Hour
	t.job.Offset = t.offset
	t.run++
	t.mu.Unlock()
	_, err := t.job.read(t.Context(), t.db.Pool)
	require.NoError(t, err, "the source is at rest")
	t.mu.Lock()
	t.requireNoSlips()
	t.mu.Unlock()
}

// readAgain reads the API at rest once more, which changes nothing.
func (t *trial) readAgain() {
	again, err := t.job.read(t.Context(), t.db.Pool)
	require.NoError(t, err)
	require.Zero(t, again.Inserted+again.Updated+again.Deleted, "a second reading of a source at rest")
}

// requireNoSlips: at rest nothing moves.
func (t *trial) requireNoSlips() {
	for window, all := range t.readings {
		if p := all[len(all)-1]; p.run == t.run {
			require.Empty(t, p.slipped, window)
		}
	}
}

// row is a row of the warehouse.
type row struct {
	version
	gone bool
}

func (t *trial) rows(relation string) []row {
	t.Helper()
	shop := "0::bigint"
	if t.each == "shop" || strings.Contains(relation, "details") {
		shop = "shop"
	}
	rows, err := t.db.Pool.Query(t.Context(), fmt.Sprintf(
		`select %s, id, (payload ->> 'rev')::int, _deleted_at is not null from shop_ods.%s`, shop, relation))
	require.NoError(t, err)
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (row, error) {
		var out row
		return out, r.Scan(&out.Shop, &out.ID, &out.Rev, &out.gone)
	})
	require.NoError(t, err)
	return out
}

// compare holds the warehouse against the ledger.
func (t *trial) compare() {
	t.mu.Lock()
	defer t.mu.Unlock()
	current := map[key]row{}
	for _, r := range t.rows("items") {
		current[r.key] = r
	}
	t.compareCurrent(current)
	t.compareVersions("items", t.served, t.outdated)
	if t.parent {
		t.compareDetails(current)
	}
	t.compareLedger()
	t.Logf("%s lead by %s, %d records, %d readings, faults %v, ends of runs %v", t.kind, t.lead, len(t.live), len(t.readings), t.injected, t.kills)
}

func (t *trial) compareCurrent(current map[key]row) {
	forgiven := 0
	for _, k := range slices.SortedFunc(maps.Keys(t.live), compareKeys) {
		e := t.live[k]
		have, ok := current[k]
		switch {
		case ok && !have.gone && have.Rev == e.Rev:
		case !t.covers(e):
			require.True(t, !ok || t.served[have.version], "%+v is %+v", e, have)
		case t.slippedUnseen(e):
			forgiven++
		default:
			require.Fail(t, "a record is not what the source has", "%+v is %+v (there: %t)", e, have, ok)
		}
	}
	for k, have := range current {
		_, lives := t.live[k]
		require.True(t, t.served[have.version], "%+v was never served", have)
		if !lives {
			require.Equal(t, t.sweep != "", have.gone, "%+v is not in the source", have)
		}
	}
	if forgiven > 0 {
		t.Logf("%d records slipped unseen", forgiven)
	}
}

// covers reports whether the declaration promises that the record's last change is seen.
func (t *trial) covers(e entity) bool {
	return t.windows == nil || !e.modified.Before(t.windows.promised(e.changed))
}

// slippedUnseen reports whether a whole reading after the record's last change lacks it, and the source did not show it.
func (t *trial) slippedUnseen(e entity) bool {
	for _, all := range t.readings {
		for _, p := range all {
			if s, ok := p.slipped[e.key]; ok && s.Rev == e.Rev && !p.repeated && !(t.total && p.shows()) {
				return true
			}
		}
	}
	return false
}

// compareVersions holds the versions of a stream against what was served, how often that was outdated, and what was
// committed.
func (t *trial) compareVersions(relation string, served map[version]bool, outdated map[key]int) {
	count, marked := map[version]int{}, map[key]int{}
	for _, r := range t.rows(relation + "__versions") {
		require.True(t, served[r.version], "%s: version %+v was never served", relation, r)
		if r.gone {
			require.True(t, t.died[r.key] || t.each == "state", "%s: %+v is marked as deleted, and never was", relation, r)
			marked[r.key]++
			continue
		}
		count[r.version]++
	}
	for v, n := range count {
		most := 1 + marked[v.key]
		if !t.version {
			most += outdated[v.key]
		}
		require.LessOrEqual(t, n, most, "%s: version %+v is there %d times", relation, v, n)
	}
	for _, page := range committed(t.T, t.job.Log) {
		if page.Stream != "shop_ods."+relation {
			continue
		}
		for _, v := range page.Versions {
			require.Positive(t, count[v], "%s: version %+v was committed and is not there", relation, v)
		}
	}
}

func (t *trial) compareDetails(current map[key]row) {
	details := map[key]row{}
	for _, r := range t.rows("details") {
		details[r.key] = r
	}
	for k, e := range t.live {
		if have, ok := current[k]; ok && have.Rev == e.Rev && !have.gone {
			require.Equal(t, e.Rev, details[k].Rev, "details of %+v", e)
		}
	}
	t.compareVersions("details", t.details, nil)
}

// compareLedger: nothing is left undone, and nothing was refused.
func (t *trial) compareLedger() {
	statuses, err := ods.New(t.db.Pool).Status(t.Context())
	require.NoError(t, err)
	for _, s := range statuses {
		require.Zero(t, s.Open, s.Stream)
		require.Zero(t, s.Failed, s.Stream)
		require.Zero(t, s.Rejected, s.Stream)
	}
}
