package alert

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant

func bad(subject string, kind Kind, at time.Time) Finding {
	return Finding{Subject: subject, At: at, Problem: &Problem{Kind: kind, Message: "it broke"}}
}

func good(subject string, at time.Time) Finding { return Finding{Subject: subject, At: at} }

func watching() *watch {
	return &watch{rule: Rule{Name: "broken", On: []Kind{Failure, DataQuality, Recovered}, RepeatAfter: 4 * time.Hour}}
}

func subjectsOf(problems []Problem) []string {
	out := []string{}
	for _, p := range problems {
		out = append(out, p.Subject)
	}
	return out
}

func TestLook_tellsOnceRemindsAndTellsThatItIsOver(t *testing.T) {
	t.Parallel()
	w := watching()
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }

	m := w.look([]Finding{bad("a", Failure, at(0)), bad("b", DataQuality, at(0)), good("c", at(0))}, at(0)).message
	require.NotNil(t, m)
	require.Equal(t, Failure, m.Event)
	require.Equal(t, []string{"a", "b"}, subjectsOf(m.Problems), "one message for a run")

	for i := 1; i <= 3; i++ {
		got := w.look([]Finding{bad("a", Failure, at(30*i)), bad("b", DataQuality, at(30*i))}, at(30*i))
		require.Nil(t, got.message, "the same is not told again")
		require.Equal(t, 2, got.suppressed)
	}

	m = w.look([]Finding{bad("a", Failure, at(120)), bad("c", Failure, at(120)), good("b", at(120))}, at(120)).message
	require.NotNil(t, m)
	require.Equal(t, []string{"c"}, subjectsOf(m.Problems), "what is new is told")
	require.Equal(t, []string{"a"}, subjectsOf(m.Still), "and what goes on is named")
	require.Equal(t, []string{"b"}, subjectsOf(m.Recovered))
	require.Equal(t, at(0), m.Still[0].Since)

	require.Nil(t, w.look(nil, at(239)).message)
	m = w.look(nil, at(240)).message
	require.NotNil(t, m, "after the rule's time it is told again, whether it was found again or not")
	require.True(t, m.Repeated)
	require.Equal(t, []string{"a", "c"}, subjectsOf(m.Problems))
	require.Equal(t, 4, m.Suppressed, "a was found at 30, 60, 90 and 120 minutes")

	m = w.look([]Finding{bad("a", DataQuality, at(241))}, at(241)).message
	require.NotNil(t, m, "another kind is news")
	require.Equal(t, at(0), m.Problems[0].Since)

	require.Nil(t, w.look([]Finding{good("a", at(300))}, at(300)).message, "not all is over")
	m = w.look([]Finding{good("c", at(301))}, at(301)).message
	require.NotNil(t, m)
	require.Equal(t, Recovered, m.Event)
	require.Equal(t, []string{"c"}, subjectsOf(m.Recovered))
	require.Nil(t, w.look([]Finding{good("a", at(310)), good("c", at(310))}, at(310)).message)
}

func TestLook_countsRunsAndNotTheClock(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Kind]int{Failure: 3, Slow: 3, Late: 0, Absent: 0, Disk: 0} {
		w := &watch{rule: Rule{Name: "r", On: []Kind{kind}, RepeatAfter: time.Hour}}
		for range 4 {
			w.look([]Finding{bad("a", kind, start)}, start)
		}
		require.Equal(t, want, w.look(nil, start.Add(time.Hour)).message.Suppressed, kind)
	}
}

func TestLook_saysNothingOfWhatWasOverBeforeAnybodyLooked(t *testing.T) {
	t.Parallel()
	w := watching()
	got := w.look([]Finding{good("a", start.Add(time.Minute)), bad("a", Failure, start)}, start.Add(time.Hour))
	require.Nil(t, got.message)
	require.Empty(t, w.open)
}

func TestLook_doesNotTakeAnUnchangedNodeForOneWithoutRejects(t *testing.T) {
	t.Parallel()
	w := watching()
	w.rule.On = []Kind{PartialSuccess, Recovered}
	require.NotNil(t, w.look([]Finding{bad("a", PartialSuccess, start)}, start).message)
	require.Nil(t, w.look([]Finding{{Subject: "a", At: start, Unchanged: true}}, start).message)
	require.NotNil(t, w.look([]Finding{good("a", start)}, start).message)
}

// Whatever comes in whatever order: a problem is told when it begins, nothing is told twice within the rule's time, and
// what is told to be over was told before. Seeds are printed by rapid.
func TestLook_neitherLosesNorRepeats(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := watching()
		now := start
		told := map[string]time.Time{} // what people know to be wrong, and since when they know
		truth := map[string]Kind{}
		for range rapid.IntRange(1, 30).Draw(r, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 180).Draw(r, "minutes")) * time.Minute)
			var findings []Finding
			for i := range rapid.IntRange(0, 4).Draw(r, "findings") {
				subject := fmt.Sprint("n", rapid.IntRange(0, 3).Draw(r, "node"))
				at := now.Add(time.Duration(i) * time.Second)
				switch rapid.IntRange(0, 2).Draw(r, "state") {
				case 0:
					findings = append(findings, good(subject, at))
					delete(truth, subject)
				case 1:
					findings = append(findings, bad(subject, Failure, at))
					truth[subject] = Failure
				default:
					findings = append(findings, bad(subject, DataQuality, at))
					truth[subject] = DataQuality
				}
			}
			m := w.look(findings, now).message
			open := []string{}
			for _, o := range w.open {
				open = append(open, o.Subject)
				require.Equal(r, truth[o.Subject], o.Kind)
				require.NotNil(r, o.ToldAt, "%s goes on and nobody was told", o.Subject)
			}
			require.Len(r, truth, len(open))
			if m == nil {
				continue
			}
			for _, p := range m.Recovered {
				require.Contains(r, told, p.Subject, "told to be over, and never to have begun")
				require.NotContains(r, truth, p.Subject)
				delete(told, p.Subject)
			}
			if m.Repeated {
				require.True(r, slices.ContainsFunc(m.Problems, func(p Problem) bool { return now.Sub(told[p.Subject]) >= w.rule.RepeatAfter }))
			}
			for _, p := range m.Problems {
				require.Contains(r, truth, p.Subject)
				told[p.Subject] = now
			}
			require.ElementsMatch(r, open, append(subjectsOf(m.Problems), subjectsOf(m.Still)...), "a message says all that goes on")
		}
	})
}
