package schedule_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/schedule"
)

// What belongs to production is not taken by a scheduler of another environment, and the other way round: neither times
// that came nor what was asked for.
func TestStore_startsOnlyWhatIsOfItsEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(nil)
	dev := *w
	dev.store = w.store.In("dev")
	dev.add(func(s *schedule.Schedule) { s.Name = "orders_dev" })
	w.ask(runOf("shop.a", "1"), true)
	dev.ask(runOf("shop.a", "2"), true)
	_, fresh, err := dev.store.AskSchedule(t.Context(), "orders", "page", "3")
	require.NoError(t, err)
	require.True(t, fresh, "it is production's, whoever asks for it")

	w.now = w.now.Add(11 * time.Minute)
	dev.now = w.now
	until, err := dev.at().Settle(t.Context())
	require.NoError(t, err)
	require.Equal(t, 9*time.Minute, until, "the next time of its own; what production has to decide on wakes it not")
	require.Equal(t, []string{"@run shop.a --wait", "orders_dev"}, dev.taken())
	until, err = w.at().Settle(t.Context())
	require.NoError(t, err)
	require.Equal(t, 9*time.Minute, until)
	require.Equal(t, []string{"@run shop.a --wait", "orders"}, w.taken())
	require.Empty(t, dev.taken())

	all, err := dev.store.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"", "dev"}, []string{all[0].Environment, all[1].Environment})
}

// taken are the names of what is reserved, in the order of their names.
func (w *world) taken() []string {
	w.t.Helper()
	taken, err := w.at().Reserve(w.t.Context(), 10)
	require.NoError(w.t, err)
	var names []string
	for _, o := range taken {
		names = append(names, o.Schedule)
	}
	slices.Sort(names)
	return names
}

func TestLatest_givesAllThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(func(s *schedule.Schedule) { s.CatchUp, s.Spec = schedule.CatchUpAll, "every 1m" })
	w.settle(4)
	o := w.begin()
	w.ask(runOf("shop.a", "1"), true)
	_, open, err := w.store.Latest(t.Context())
	require.NoError(t, err)
	require.Equal(t, o.ID, open["orders"].Running.ID)
	require.Len(t, open["orders"].Waiting, 3)
	require.True(t, open["orders"].Waiting[0].ScheduledFor.Before(open["orders"].Waiting[1].ScheduledFor))
	require.Len(t, open["@run shop.a --wait"].Waiting, 1)
	require.Nil(t, open["@run shop.a --wait"].Running)
}

func TestAlive_knowsTheEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.db.Conn(t).Exec(t.Context(), "select set_config('application_name', $1, false)", schedule.SessionName("dev"))
	require.NoError(t, err)
	production, err := w.store.Alive(t.Context())
	require.NoError(t, err)
	dev, err := w.store.In("dev").Alive(t.Context())
	require.NoError(t, err)
	require.Equal(t, []bool{false, true}, []bool{production, dev})
}
