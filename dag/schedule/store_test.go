package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/schedule"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// world is a store whose clock the test sets.
type world struct {
	t     *testing.T
	db    *pgtest.DB
	store *schedule.Store
	now   time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db := pgtest.New(t)
	return &world{t: t, db: db, store: schedule.NewStore(db.Pool), now: utc(t, "2027-03-01T00:00Z")}
}

// add adds a schedule that is due every ten minutes, changed as the test wants.
func (w *world) add(change func(*schedule.Schedule)) {
	w.t.Helper()
	s := schedule.Schedule{
		Name: "orders", Spec: "every 10m", Zone: "UTC", Arguments: []string{"update"},
		CatchUp: schedule.CatchUpLatest, Window: 24 * time.Hour, Overlap: schedule.OverlapSkip,
	}
	if change != nil {
		change(&s)
	}
	require.NoError(w.t, w.at().Put(w.t.Context(), s, false))
}

func (w *world) at() *schedule.Store { return w.store.At(w.now) }

// settle lets so many minutes pass and decides on what is due.
func (w *world) settle(minutes int) {
	w.t.Helper()
	w.now = w.now.Add(time.Duration(minutes) * time.Minute)
	_, err := w.at().Settle(w.t.Context())
	require.NoError(w.t, err)
}

// begin starts what is due, on a connection of its own, and gives it.
func (w *world) begin() schedule.Occurrence {
	w.t.Helper()
	taken, err := w.at().Reserve(w.t.Context(), 10)
	require.NoError(w.t, err)
	require.Len(w.t, taken, 1)
	o, err := schedule.NewStore(w.db.Conn(w.t)).At(w.now).Claim(w.t.Context(), taken[0].ID, schedule.Owner{Host: "h", PID: 1})
	require.NoError(w.t, err)
	return o
}

func (w *world) finish(o schedule.Occurrence) {
	w.t.Helper()
	require.NoError(w.t, w.at().Finish(w.t.Context(), o, schedule.Success, "", 0))
}

// history is what became of the times of orders, oldest first: "00:10 skip superseded".
func (w *world) history() []string {
	w.t.Helper()
	all, err := w.store.History(w.t.Context(), "orders", 100_000)
	require.NoError(w.t, err)
	var out []string
	for i := len(all) - 1; i >= 0; i-- {
		text := all[i].ScheduledFor.UTC().Format("15:04") + " " + string(all[i].Status)
		if all[i].Reason != "" {
			text += " " + all[i].Reason
		}
		out = append(out, text)
	}
	return out
}

func TestSettle_makesOneOccurrenceOfEachTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(nil)
	w.settle(9)
	require.Empty(t, w.history())
	until, err := w.at().Settle(t.Context())
	require.NoError(t, err)
	require.Equal(t, time.Minute, until)
	w.settle(1)
	w.settle(0)
	require.Equal(t, []string{"00:10 due"}, w.history())

	o := w.begin()
	taken, err := w.at().Reserve(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, taken)
	run := uuid.New()
	require.NoError(t, w.store.Became(t.Context(), o.ID, run))
	w.finish(o)
	ended, open, err := w.store.Latest(t.Context())
	require.NoError(t, err)
	require.Empty(t, open)
	require.Equal(t, schedule.Success, ended["orders"].Status)
	require.Equal(t, run, *ended["orders"].RunID)

	// A clock that is put back an hour gives nothing a second time; one that is put forward is an outage.
	w.settle(-60)
	w.settle(61)
	require.Equal(t, []string{"00:10 success"}, w.history())
}

func TestSettle_catchesUpAsThePolicySays(t *testing.T) {
	t.Parallel()
	for policy, expected := range map[schedule.CatchUp][]string{
		schedule.CatchUpNone:   {"00:10 skip missed", "00:20 skip missed", "00:30 skip missed", "00:40 skip missed", "00:50 skip missed"},
		schedule.CatchUpLatest: {"00:10 skip missed", "00:20 skip missed", "00:30 skip superseded", "00:40 skip superseded", "00:50 due"},
		schedule.CatchUpAll:    {"00:10 skip missed", "00:20 skip missed", "00:30 due", "00:40 due", "00:50 due"},
	} {
		w := newWorld(t)
		w.add(func(s *schedule.Schedule) { s.CatchUp, s.Window = policy, 30*time.Minute })
		w.settle(57)
		require.Equal(t, expected, w.history(), policy)
		w.settle(4)
		if policy == schedule.CatchUpNone {
			require.Equal(t, append(expected, "01:00 due"), w.history(), "one that is a minute late was not missed")
		}
	}
}

// What is caught up with after an outage are the times that would have run without one.
func TestSettle_afterAnOutageGivesTheTimesOfNone(t *testing.T) {
	t.Parallel()
	with, without := newWorld(t), newWorld(t)
	for _, w := range []*world{with, without} {
		w.add(func(s *schedule.Schedule) {
			s.CatchUp, s.Spec, s.Zone = schedule.CatchUpAll, "7,25 2-9 * * *", "Europe/Berlin"
		})
	}
	for range 5 * 24 * 60 / 30 {
		without.settle(30)
		if taken, err := without.at().Reserve(t.Context(), 1); len(taken) == 1 {
			require.NoError(t, err)
			o, err := without.at().Claim(t.Context(), taken[0].ID, schedule.Owner{})
			require.NoError(t, err)
			without.finish(o)
		}
	}
	with.settle(4 * 24 * 60)
	with.settle(24 * 60)
	var ran, due []string
	for _, line := range without.history() {
		ran = append(ran, line[:5])
	}
	for _, line := range with.history() {
		due = append(due, line[:5])
	}
	require.Len(t, ran, 5*16)
	require.Equal(t, ran, due)
}

func TestSettle_isNotStoppedByAVeryLongOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(func(s *schedule.Schedule) { s.Spec = "every 1m" })
	const days = 30
	w.settle(days * 24 * 60)
	all := w.history()
	require.Len(t, all, days*24*60)
	require.Equal(t, "00:00 due", all[len(all)-1])
	require.Equal(t, "23:59 skip superseded", all[len(all)-2])
	require.Equal(t, "00:01 skip missed", all[0])
}

func TestSettle_overlapsAsThePolicySays(t *testing.T) {
	t.Parallel()
	for policy, expected := range map[schedule.Overlap][]string{
		schedule.OverlapSkip:   {"00:10 running", "00:20 skip overlap", "00:30 skip overlap"},
		schedule.OverlapQueue:  {"00:10 running", "00:20 due", "00:30 skip overlap"},
		schedule.OverlapCancel: {"00:10 running", "00:20 skip overlap", "00:30 due"},
	} {
		w := newWorld(t)
		w.add(func(s *schedule.Schedule) { s.Overlap = policy })
		w.settle(10)
		o := w.begin()
		w.settle(10)
		w.settle(10)
		require.Equal(t, expected, w.history(), policy)
		taken, err := w.at().Reserve(t.Context(), 10)
		require.NoError(t, err)
		require.Empty(t, taken, "no schedule runs beside itself")
		asked, err := w.store.Unwanted(t.Context(), o.ID)
		require.NoError(t, err)
		require.Equal(t, policy == schedule.OverlapCancel, asked)
		w.finish(o)
		if policy != schedule.OverlapSkip {
			w.finish(w.begin())
		}
	}
}

func TestPause_keepsWhatIsDueFromRunning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(nil)
	w.settle(10)
	require.NoError(t, w.at().Pause(t.Context(), "orders", "the shop moves", nil))
	w.settle(10)
	w.now = w.now.Add(15 * time.Minute) // one more, which no scheduler has looked at
	require.NoError(t, w.at().Resume(t.Context(), "orders"))
	paused := []string{"00:10 skip paused", "00:20 skip paused", "00:30 skip paused"}
	require.Equal(t, paused, w.history())
	w.settle(0)
	require.Equal(t, paused, w.history(), "nothing is made up for")
	w.settle(5)
	require.Equal(t, append(paused, "00:40 due"), w.history())
	w.finish(w.begin())

	until := w.now.Add(15 * time.Minute)
	require.NoError(t, w.at().Pause(t.Context(), "orders", "", &until))
	w.settle(10)
	w.settle(10)
	require.Equal(t, append(paused, "00:40 success", "00:50 skip paused", "01:00 due"), w.history())
}

func TestReplaceAndRemove_giveUpWhatIsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(nil)
	w.settle(10)
	s, err := w.store.Get(t.Context(), "orders")
	require.NoError(t, err)
	require.ErrorIs(t, w.at().Put(t.Context(), s, false), schedule.ErrTaken)
	w.now = w.now.Add(14 * time.Minute)
	s.Spec = "every 5m"
	require.NoError(t, w.at().Put(t.Context(), s, true))
	w.settle(0)
	require.Equal(t, []string{"00:10 skip edited"}, w.history(), "no time before the change")
	w.settle(1)
	require.Equal(t, []string{"00:10 skip edited", "00:25 due"}, w.history())
	require.NoError(t, w.at().Remove(t.Context(), "orders"))
	w.settle(60)
	require.Equal(t, []string{"00:10 skip edited", "00:25 skip removed"}, w.history())
	for _, err := range []error{
		w.store.Remove(t.Context(), "orders"), w.store.Pause(t.Context(), "orders", "", nil), w.store.Resume(t.Context(), "orders"),
	} {
		require.ErrorIs(t, err, schedule.ErrNone)
	}
	_, err = w.at().Begin(t.Context(), "orders", schedule.Owner{})
	require.ErrorIs(t, err, schedule.ErrNone)
}

// A scheduler that was stopped while it decided, and goes on later, changes nothing.
func TestSettle_ofAnOlderStateDoesNotGoThrough(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world){
		"somebody else decided": func(w *world) { w.settle(0) },
		"paused":                func(w *world) { require.NoError(w.t, w.at().Pause(w.t.Context(), "orders", "", nil)) },
		"removed":               func(w *world) { require.NoError(w.t, w.at().Remove(w.t.Context(), "orders")) },
	} {
		w := newWorld(t)
		w.add(nil)
		w.now = w.now.Add(10 * time.Minute)
		read, err := w.store.Get(t.Context(), "orders")
		require.NoError(t, err)
		change(w)
		before := w.history()
		require.NoError(t, w.at().SettleAsOf(t.Context(), read), name)
		require.Equal(t, before, w.history(), name)
	}
}

func TestReserve_givesBackWhatWasNotClaimed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(nil)
	w.settle(10)
	taken, err := w.at().Reserve(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, taken, 1)
	// Killed here: nothing is lost, and nothing starts twice.
	again, err := w.at().Reserve(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, again)
	w.now = w.now.Add(31 * time.Second)
	require.Equal(t, taken[0].ID, w.begin().ID)
	_, err = w.at().Claim(t.Context(), taken[0].ID, schedule.Owner{})
	require.ErrorIs(t, err, schedule.ErrGone)
}

func TestLimit_goesWithTheOccurrence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(func(s *schedule.Schedule) { s.Limit = 90 * time.Minute })
	w.settle(10)
	taken, err := w.at().Reserve(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 90*time.Minute, taken[0].Limit, "whoever starts it knows")
	w.now = w.now.Add(time.Minute)
	o := w.begin()
	require.Equal(t, 90*time.Minute, o.Limit, "and so does the process itself")
	require.NoError(t, schedule.NewStore(w.db.Pool).At(w.now).Finish(t.Context(), o, schedule.TimedOut, "too long", 1))
	by, err := w.at().Begin(t.Context(), "orders", schedule.Owner{})
	require.NoError(t, err)
	require.Equal(t, 90*time.Minute, by.Limit, "also by hand")

	s, err := w.at().Get(t.Context(), "orders")
	require.NoError(t, err)
	require.Equal(t, 90*time.Minute, s.Limit)
	s.Limit = 0
	require.NoError(t, w.at().Put(t.Context(), s, true))
	s, err = w.at().Get(t.Context(), "orders")
	require.NoError(t, err)
	require.Zero(t, s.Limit)
	for _, wrong := range []time.Duration{-time.Hour, time.Millisecond} {
		s.Limit = wrong
		var refused *schedule.Error
		require.ErrorAs(t, w.at().Put(t.Context(), s, true), &refused)
	}
}

// What is forgotten is old, is a part at a time, and stays counted; how each schedule ended last stays known.
func TestForget_keepsTheNewestOfEachEnding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(nil)
	_, err := w.db.Pool.Exec(t.Context(), `insert into terrace.occurrence (schedule, scheduled_for, arguments, start_at, status, ended_at, manual)
select n.name, $1::timestamptz - make_interval(days => n.day), '{update}', now(), n.status, $1::timestamptz - make_interval(days => n.day), n.manual
from (values
    ('orders', 100, 'skip', false), ('orders', 99, 'skip', false), ('orders', 98, 'success', false), ('orders', 97, 'success', false),
    ('orders', 96, 'success', true), ('orders', 95, 'failure', false), ('orders', 3, 'skip', false), ('orders', 2, 'failure', false),
    ('removed', 94, 'success', false), ('removed', 1, 'success', false)
) as n (name, day, status, manual)`, w.now)
	require.NoError(t, err)
	texts := func(sql string, args ...any) []string {
		rows, err := w.db.Pool.Query(t.Context(), sql, args...)
		require.NoError(t, err)
		out, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return out
	}
	left := func() []string {
		return texts(`select o.schedule || ' ' || o.status || ' ' || extract(day from $1::timestamptz - o.ended_at)::int
from terrace.occurrence as o order by o.ended_at`, w.now)
	}
	forget := func(most int) int {
		gone, err := w.at().Forget(t.Context(), 30*24*time.Hour, most)
		require.NoError(t, err)
		return gone
	}
	require.Equal(t, 2, forget(2), "a part, the oldest first")
	require.Equal(t, "orders success 98", left()[0])
	require.Equal(t, 3, forget(100))
	require.Zero(t, forget(100))
	require.Equal(t, []string{
		"orders success 97", "orders success 96", "orders skip 3", "orders failure 2", "removed success 1",
	}, left())
	require.Equal(t, []string{"2"}, texts("select s.forgotten_skips::text from terrace.schedule as s"))
}

func TestBury_endsWhatHasNoSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(nil)
	w.settle(10)
	taken, err := w.at().Reserve(t.Context(), 1)
	require.NoError(t, err)
	conn := w.db.Conn(t)
	o, err := schedule.NewStore(conn).Claim(t.Context(), taken[0].ID, schedule.Owner{})
	require.NoError(t, err)
	lost, err := w.at().Bury(t.Context())
	require.NoError(t, err)
	require.Empty(t, lost, "its session is open")

	// The session is lost, the run goes on.
	run, runs := uuid.New(), w.db.Conn(t)
	require.NoError(t, w.store.Became(t.Context(), o.ID, run))
	_, err = runs.Exec(t.Context(), "select set_config('application_name', 'terrace:' || $1, false)", run.String())
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	w.gone("terrace:occurrence:%")
	lost, err = w.at().Bury(t.Context())
	require.NoError(t, err)
	require.Empty(t, lost, "its run is alive")

	require.NoError(t, runs.Close(t.Context()))
	w.gone("terrace:" + run.String())
	lost, err = w.at().Bury(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"orders"}, lost)
	require.Equal(t, []string{"00:10 error lost"}, w.history())
	// Who was taken for lost and was not has the last word.
	w.finish(o)
	require.Equal(t, []string{"00:10 success"}, w.history())
}

// gone waits until the server has ended the sessions of that name.
func (w *world) gone(name string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		var n int
		err := w.db.Pool.QueryRow(w.t.Context(), "select count(*) from pg_stat_activity where application_name like $1 and datname = current_database()", name).Scan(&n)
		return err == nil && n == 0
	}, 5*time.Minute, 10*time.Millisecond)
}

func TestBegin_runsBesideNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(nil)
	require.NoError(t, w.at().Pause(t.Context(), "orders", "", nil))
	conn := w.db.Conn(t)
	o, err := schedule.NewStore(conn).At(w.now.Add(time.Minute)).Begin(t.Context(), "orders", schedule.Owner{})
	require.NoError(t, err, "a pause does not keep people")
	require.True(t, o.Manual)
	_, err = schedule.NewStore(w.db.Conn(t)).At(w.now.Add(2*time.Minute)).Begin(t.Context(), "orders", schedule.Owner{})
	require.ErrorIs(t, err, schedule.ErrRunning)
	require.Equal(t, []string{"00:01 running", "00:02 skip overlap"}, w.history())
}

func TestJitter_spreadsStartsAndStaysTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const schedules = 1000
	starts := map[int64]int{}
	for i := range schedules {
		require.NoError(t, w.at().Put(t.Context(), schedule.Schedule{
			Name: fmt.Sprintf("s%d", i), Spec: "0 0 * * *", Zone: "UTC", Arguments: []string{"run"}, CatchUp: schedule.CatchUpLatest,
			Window: time.Hour, Overlap: schedule.OverlapSkip, Jitter: 10 * time.Minute,
		}, false))
	}
	w.settle(24 * 60)
	rows, err := w.db.Pool.Query(t.Context(), "select extract(epoch from o.start_at - o.scheduled_for)::bigint from terrace.occurrence as o")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var seconds int64
		require.NoError(t, rows.Scan(&seconds))
		require.True(t, seconds >= 0 && seconds <= 600, seconds)
		starts[seconds/60]++
	}
	require.NoError(t, rows.Err())
	for minute := range int64(10) {
		require.Greater(t, starts[minute], schedules/20, "minute %d of %v", minute, starts)
	}
	taken, err := w.at().Reserve(t.Context(), schedules)
	require.NoError(t, err)
	require.Less(t, len(taken), schedules/20, "they do not all start at once")

	// Put off by more than there is until the next time, it still starts before.
	w.add(func(s *schedule.Schedule) { s.Spec, s.Jitter = "every 1m", 24*time.Hour })
	w.settle(1)
	var most time.Duration
	require.NoError(t, w.db.Pool.QueryRow(t.Context(), "select max(o.start_at - o.scheduled_for) from terrace.occurrence as o where o.schedule = 'orders'").Scan(&most))
	require.Less(t, most, time.Minute)
}

// dying is a connection whose process is killed at its n-th statement: before it is sent, or when it has been answered and
// nobody reads the answer.
type dying struct {
	*pgx.Conn
	left     int
	answered bool
}

// dies reports whether this is the statement.
func (d *dying) dies() bool {
	d.left--
	if d.left == -1 && !d.answered {
		_ = d.PgConn().Conn().Close()
	}
	return d.left == -1 && d.answered
}

func (d *dying) kill() { _ = d.PgConn().Conn().Close() }

func (d *dying) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	dies := d.dies()
	tag, err := d.Conn.Exec(ctx, sql, args...)
	if dies {
		d.kill()
		return tag, errKilled
	}
	return tag, err
}

func (d *dying) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	dies := d.dies()
	rows, err := d.Conn.Query(ctx, sql, args...)
	if dies && err == nil {
		rows.Close()
		d.kill()
		return nil, errKilled
	}
	return rows, err
}

func (d *dying) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if !d.dies() {
		return d.Conn.QueryRow(ctx, sql, args...)
	}
	rows, err := d.Conn.Query(ctx, sql, args...)
	if err == nil {
		rows.Close()
	}
	d.kill()
	return killedRow{}
}

var errKilled = errors.New("killed")

type killedRow struct{}

func (killedRow) Scan(...any) error { return errKilled }

// Several schedulers that are killed at any statement: each time has one occurrence, which ends once, and none is
// left.
func TestSchedulers_doubleAndLoseNothingWhenTheyAreKilled(t *testing.T) {
	t.Parallel()
	const schedulers, rounds = 3, 200
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t)
	names := []string{"orders", "users", "refunds"}
	for _, name := range names {
		w.add(func(s *schedule.Schedule) {
			s.Name, s.Spec, s.CatchUp, s.Overlap, s.Window = name, "every 1m", schedule.CatchUpAll, schedule.OverlapQueue, schedule.MostWindow
		})
	}
	began := w.now
	var mu sync.Mutex
	cuts := 0
	var failed []error // of those who lived
	claimed := map[int64]int{}
	round := func(ctx context.Context, store *schedule.Store) error {
		if _, err := store.Bury(ctx); err != nil {
			return err
		}
		if _, err := store.Settle(ctx); err != nil {
			return err
		}
		taken, err := store.Reserve(ctx, 2)
		if err != nil {
			return err
		}
		for _, o := range taken {
			o, err := store.Claim(ctx, o.ID, schedule.Owner{})
			if errors.Is(err, schedule.ErrGone) {
				continue
			}
			if err != nil {
				return err
			}
			mu.Lock()
			claimed[o.ID]++
			mu.Unlock()
			if err := store.Finish(ctx, o, schedule.Success, "", 0); err != nil {
				return err
			}
		}
		return nil
	}
	var all sync.WaitGroup
	for i := range schedulers {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			for r := range rounds {
				conn := w.db.Conn(t)
				db := &dying{Conn: conn, left: random.IntN(24), answered: random.IntN(2) == 0}
				err := round(t.Context(), schedule.NewStore(db).At(began.Add(time.Duration(r)*time.Minute)))
				mu.Lock()
				if db.left < 0 {
					cuts++
				} else if err != nil {
					failed = append(failed, err)
				}
				mu.Unlock()
				_ = conn.PgConn().Conn().Close()
			}
		})
	}
	all.Wait()
	require.Empty(t, failed)
	w.gone("terrace:occurrence:%")
	w.now = began.Add(rounds*time.Minute + 31*time.Second) // reservations of the dead are over
	_, err := w.at().Bury(t.Context())
	require.NoError(t, err)
	last := schedule.NewStore(w.db.Conn(t)).At(w.now)
	for open := -1; open != 0; { // one that lives does what is left
		require.NoError(t, round(t.Context(), last))
		_, left, err := w.store.Latest(t.Context())
		require.NoError(t, err)
		open = len(left)
	}
	ended := 0
	for _, name := range names {
		occurrences, err := w.store.History(t.Context(), name, 100_000)
		require.NoError(t, err)
		at := map[time.Time]bool{}
		for _, o := range occurrences {
			require.False(t, at[o.ScheduledFor])
			at[o.ScheduledFor.UTC()] = true
			require.NotNil(t, o.EndedAt, o)
			if o.Status == schedule.Skipped {
				require.NotEmpty(t, o.Reason)
				require.Zero(t, claimed[o.ID])
			} else {
				ended++
			}
		}
		for m := 1; m <= rounds; m++ {
			require.True(t, at[began.Add(time.Duration(m)*time.Minute)], "%s lacks minute %d", name, m)
		}
	}
	for id, n := range claimed {
		require.Equal(t, 1, n, "occurrence %d", id)
	}
	t.Logf("%d killed, %d occurrences begun", cuts, ended)
	require.Greater(t, cuts, schedulers*rounds/10)
	require.Greater(t, ended, rounds/4)
}
