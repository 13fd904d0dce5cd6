package schedule_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/schedule"
)

func runOf(node, key string) schedule.Asked {
	return schedule.Asked{Arguments: []string{"run", node, "--wait"}, By: "page, 127.0.0.1", Key: key}
}

// ask queues a command and requires that it is fresh, or not.
func (w *world) ask(a schedule.Asked, fresh bool) int64 {
	w.t.Helper()
	id, isFresh, err := w.store.Ask(w.t.Context(), a)
	require.NoError(w.t, err)
	require.Equal(w.t, fresh, isFresh)
	return id
}

func TestAsk_queuesWhatIsAskedTwiceOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.ask(runOf("shop.a", "1"), true)
	require.Equal(t, first, w.ask(runOf("shop.a", "1"), false), "the form was sent twice")
	require.Equal(t, first, w.ask(runOf("shop.a", "2"), false), "the same command waits already")
	second := w.ask(runOf("shop.b", "3"), true)

	taken, err := w.store.Reserve(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, taken, 2, "other commands run beside it")
	require.Equal(t, []int64{first, second}, []int64{taken[0].ID, taken[1].ID})
	require.Equal(t, []string{"run", "shop.a", "--wait"}, taken[0].Arguments)

	runs := schedule.NewStore(w.db.Conn(t))
	o, err := runs.Claim(t.Context(), first, schedule.Owner{Host: "h", PID: 1})
	require.NoError(t, err)
	require.Equal(t, "page, 127.0.0.1", o.AskedBy)
	require.True(t, o.Manual && o.IsAsked())

	// What runs has made its plan: who asks now wants what has come since. It waits, and the command never runs beside itself.
	again := w.ask(runOf("shop.a", "4"), true)
	taken, err = w.store.Reserve(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, taken)
	require.NoError(t, runs.Finish(t.Context(), o, schedule.Success, "", 0))
	taken, err = w.store.Reserve(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, taken, 1)
	require.Equal(t, again, taken[0].ID)
	require.Equal(t, first, w.ask(runOf("shop.a", "1"), false), "a form that is sent once more leads to what came of it")
}

// A form that is sent by many at once, on connections of their own, is one occurrence.
func TestAsk_isOnceWhenSentAtTheSameMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const many = 8
	ids, errs := make([]int64, many), make([]error, many)
	var fresh [many]bool
	var sending sync.WaitGroup
	for i := range many {
		sending.Go(func() { ids[i], fresh[i], errs[i] = w.store.Ask(t.Context(), runOf("shop.a", "1")) })
	}
	sending.Wait()
	firsts := 0
	for i := range many {
		require.NoError(t, errs[i])
		require.Equal(t, ids[0], ids[i])
		if fresh[i] {
			firsts++
		}
	}
	require.Equal(t, 1, firsts)
}

func TestAskSchedule_runsItOutOfItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(func(s *schedule.Schedule) { s.Limit = time.Hour })
	require.NoError(t, w.at().Pause(t.Context(), "orders", "", nil))
	_, _, err := w.at().AskSchedule(t.Context(), "nobody", "page", "0")
	require.ErrorIs(t, err, schedule.ErrNone)

	ask := func(key string, fresh bool) int64 {
		t.Helper()
		id, isFresh, err := w.at().AskSchedule(t.Context(), "orders", "page", key)
		require.NoError(t, err)
		require.Equal(t, fresh, isFresh)
		return id
	}
	first := ask("1", true)
	require.Equal(t, first, ask("1", false))
	require.Equal(t, first, ask("2", false), "it is about to run")
	o := w.begin()
	require.Equal(t, first, o.ID)
	require.Equal(t, time.Hour, o.Limit)
	require.False(t, o.IsAsked())
	require.Equal(t, first, ask("3", false), "it runs")
	w.finish(o)
	w.now = w.now.Add(time.Minute)
	require.NotEqual(t, first, ask("4", true))
	all, err := w.store.History(t.Context(), "orders", 10)
	require.NoError(t, err)
	require.Equal(t, "page", all[0].AskedBy)
}
