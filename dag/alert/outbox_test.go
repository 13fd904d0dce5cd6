package alert_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/alert"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// world is a ledger, a receiver, and rules that send to it.
type world struct {
	t      *testing.T
	db     *pgtest.DB
	conn   *pgx.Conn
	outbox *alert.Outbox
	sender *alert.Sender
	hook   *receiver
	config alert.Config
	now    time.Time
}

const canary = "canary-91b2"

func redact(text string) string { return strings.ReplaceAll(text, canary, "[redacted]") }

func newWorld(t *testing.T, rules ...alert.Rule) *world {
	t.Helper()
	w := &world{t: t, db: pgtest.New(t), hook: newReceiver(t, "", nil), sender: alert.NewSender(time.Now), now: time.Now()}
	w.conn = w.db.Conn(t)
	w.outbox = alert.NewOutbox(w.conn, "", redact)
	w.config = alert.Config{Channels: []alert.Channel{{Name: "hook", Type: alert.Webhook, URL: w.hook.URL, PerMinute: 20}}}
	if len(rules) == 0 {
		rules = []alert.Rule{{Name: "broken", On: []alert.Kind{alert.Failure, alert.Error, alert.DataQuality, alert.Recovered}, RepeatAfter: time.Hour}}
	}
	for _, r := range rules {
		if r.To == nil {
			r.To = []string{"hook"}
		}
		if r.RepeatAfter == 0 {
			r.RepeatAfter = time.Hour
		}
		w.config.Rules = append(w.config.Rules, r)
	}
	return w
}

func (w *world) look() alert.Look {
	return alert.Look{
		Config: w.config, Project: "shop", Now: w.now, Exists: func(string) bool { return true },
		Selected: func(r alert.Rule) func(string) bool {
			return func(name string) bool { return r.Select == "" || strings.HasPrefix(name, r.Select) }
		},
	}
}

// ran records a run with steps that end with a status.
func (w *world) ran(steps map[string]dag.Status) uuid.UUID {
	w.t.Helper()
	info := dag.RunInfo{RunID: uuid.Must(uuid.NewV7()), Command: "run", Host: "db1"}
	require.NoError(w.t, dag.NewLedger(w.db.Conn(w.t)).Begin(w.t.Context(), &info))
	report := dag.Report{RunID: info.RunID.String(), Status: dag.Success}
	for name, status := range steps {
		s := dag.StepReport{Name: name, Kind: dag.KindTable, Status: status}
		if status.Bad() {
			report.Status = status
			s.Error = &dag.StepFault{Message: "it said " + canary}
		}
		report.Steps = append(report.Steps, s)
	}
	require.NoError(w.t, dag.NewLedger(w.conn).End(w.t.Context(), report))
	return info.RunID
}

func (w *world) evaluate() int {
	w.t.Helper()
	n, err := w.outbox.Evaluate(w.t.Context(), w.look())
	require.NoError(w.t, err)
	return n
}

func (w *world) deliver(eager bool) (int, []alert.Unsent) {
	w.t.Helper()
	sent, unsent, err := w.outbox.Deliver(w.t.Context(), w.sender, w.config.Channels, eager)
	require.NoError(w.t, err)
	return sent, unsent
}

func (w *world) statuses() map[string]int {
	w.t.Helper()
	all, err := w.outbox.List(w.t.Context(), 1000)
	require.NoError(w.t, err)
	out := map[string]int{}
	for _, m := range all {
		out[m.Status]++
	}
	return out
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.conn.Exec(w.t.Context(), sql, args...)
	require.NoError(w.t, err)
}

func down(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
	http.Error(w, "down for repairs "+canary, http.StatusInternalServerError)
	return true
}

func TestStatements_areAllUnderstoodByPostgres(t *testing.T) {
	t.Parallel()
	pgtest.RequireStatements(t, os.DirFS("sql"))
}

func TestDeliver_sendsOnceWhenTheChannelIsThereAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hook.set(down)
	run := w.ran(map[string]dag.Status{"dwd.a": dag.Failure, "dwd.b": dag.Success})
	require.Equal(t, 1, w.evaluate(), "one message for the run")
	require.Zero(t, w.evaluate(), "a run is looked at once")
	sent, unsent := w.deliver(true)
	require.Zero(t, sent)
	require.Len(t, unsent, 1)
	require.ErrorContains(t, unsent[0].Err, "HTTP 500")
	require.Equal(t, map[string]int{"pending": 1}, w.statuses())

	w.hook.set(nil)
	sent, _ = w.deliver(false)
	require.Zero(t, sent, "who waits comes back later")
	for range 3 { // a command tries at once, and the first of them sends
		w.deliver(true)
	}
	taken := w.hook.taken()
	require.Len(t, taken, 1)
	require.Contains(t, taken[0], `"next":"terrace retry `+run.String()+`"`)
	require.Contains(t, taken[0], `"subject":"dwd.a"`)
	require.NotContains(t, taken[0], "dwd.b")
	require.Equal(t, map[string]int{"sent": 1}, w.statuses())
}

func TestEvaluate_tellsWhatIsNewAndThatItIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ran(map[string]dag.Status{"dwd.a": dag.Failure})
	require.Equal(t, 1, w.evaluate())
	w.ran(map[string]dag.Status{"dwd.a": dag.Failure})
	require.Zero(t, w.evaluate(), "the same again")
	w.ran(map[string]dag.Status{"dwd.c": dag.Success})
	require.Zero(t, w.evaluate(), "another run that goes well makes up for nothing")
	problems, err := w.outbox.Problems(t.Context())
	require.NoError(t, err)
	require.Len(t, problems, 1)
	require.Equal(t, 1, problems[0].Untold)
	w.now = w.now.Add(2 * time.Hour)
	require.Equal(t, 1, w.evaluate(), "a reminder")
	w.ran(map[string]dag.Status{"dwd.a": dag.Success})
	require.Equal(t, 1, w.evaluate())
	w.deliver(true)
	taken := w.hook.taken()
	require.Len(t, taken, 1, "the newest of what waited says it all")
	require.Contains(t, taken[0], `"event":"recovered"`)
	require.Equal(t, map[string]int{"sent": 1, "suppressed": 2}, w.statuses())
	problems, err = w.outbox.Problems(t.Context())
	require.NoError(t, err)
	require.Empty(t, problems)
}

// What waited when something new came is told with it, cause and all.
func TestEvaluate_foldsWhatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hook.set(down)
	for i := range 5 {
		w.ran(map[string]dag.Status{fmt.Sprintf("dwd.m%d", i): dag.Failure})
		require.Equal(t, 1, w.evaluate())
		w.deliver(true)
	}
	require.Equal(t, map[string]int{"pending": 1, "suppressed": 4}, w.statuses())
	w.hook.set(nil)
	w.deliver(true)
	taken := w.hook.taken()
	require.Len(t, taken, 1)
	for i := range 5 {
		require.Contains(t, taken[0], fmt.Sprintf(`{"subject":"dwd.m%d","kind":"failure","message":"it said`, i))
	}
}

func TestEvaluate_keepsNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hook.set(down)
	w.ran(map[string]dag.Status{"dwd.a": dag.Failure})
	w.evaluate()
	w.deliver(true)
	var kept string
	require.NoError(t, w.conn.QueryRow(t.Context(), `select
    (select string_agg(to_jsonb(a)::text, '') from terrace.alert as a) || (select string_agg(to_jsonb(p)::text, '') from terrace.alert_problem as p)`).Scan(&kept))
	require.Contains(t, kept, "[redacted]")
	require.NotContains(t, kept, canary)
}

func TestEvaluate_tellsOfRunsThatWereKilledAndOfTheirRetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	info := dag.RunInfo{RunID: uuid.Must(uuid.NewV7()), Command: "update"}
	session := w.db.Conn(t)
	require.NoError(t, dag.NewLedger(session).Begin(t.Context(), &info))
	require.Zero(t, w.evaluate(), "it goes on")
	require.NoError(t, session.Close(t.Context()))
	require.Eventually(t, func() bool { return w.evaluate() == 1 }, 5*time.Minute, 10*time.Millisecond)
	require.Zero(t, w.evaluate())
	w.deliver(true)
	require.Contains(t, w.hook.taken()[0], "the run left no end")

	again := dag.RunInfo{RunID: uuid.Must(uuid.NewV7()), Command: "retry"}
	require.NoError(t, dag.NewLedger(w.db.Conn(t)).Begin(t.Context(), &again))
	require.NoError(t, dag.NewLedger(w.conn).End(t.Context(), dag.Report{RunID: again.RunID.String(), Status: dag.Success}))
	require.Equal(t, 1, w.evaluate())
	w.deliver(true)
	require.Contains(t, w.hook.taken()[1], `"event":"recovered"`)
}

func TestEvaluate_leavesOldRunsAndOtherEnvironmentsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.ran(map[string]dag.Status{"dwd.old": dag.Failure})
	w.exec("update terrace.run set started_at = started_at - interval '2 days' where run_id = $1", old)
	dev := w.ran(map[string]dag.Status{"dev__dwd.a": dag.Failure})
	w.exec("update terrace.run set environment = 'dev' where run_id = $1", dev)
	require.Zero(t, w.evaluate())
}

func TestEvaluate_isSilentWhereEveryChannelIsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.config.Channels[0].URL
	w.config.Channels[0].URL = ""
	w.ran(map[string]dag.Status{"dwd.a": dag.Failure})
	require.Zero(t, w.evaluate())
	w.config.Channels[0].URL = url
	require.Equal(t, 1, w.evaluate(), "a machine where the channel is off takes nothing away from one where it is on")
}

func TestDeliver_keepsToWhatTheChannelTakesInAMinute(t *testing.T) {
	t.Parallel()
	var rules []alert.Rule
	for i := range 5 {
		rules = append(rules, alert.Rule{Name: fmt.Sprint("r", i), On: []alert.Kind{alert.Failure}})
	}
	w := newWorld(t, rules...)
	w.config.Channels[0].PerMinute = 2
	w.ran(map[string]dag.Status{"dwd.a": dag.Failure})
	require.Equal(t, 5, w.evaluate())
	for range 3 {
		w.deliver(true)
	}
	require.Len(t, w.hook.taken(), 2)
	require.Equal(t, map[string]int{"sent": 2, "pending": 3}, w.statuses())
	w.exec("update terrace.alert set sent_at = sent_at - interval '1 minute' where status = 'sent'")
	w.deliver(true)
	require.Len(t, w.hook.taken(), 4)
}

func TestDeliver_leavesAChannelAloneThatSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked := 0
	w.hook.set(func(rw http.ResponseWriter, _ *http.Request, _ []byte) bool {
		asked++
		rw.Header().Set("Retry-After", "600")
		rw.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	w.ran(map[string]dag.Status{"dwd.a": dag.Failure})
	w.evaluate()
	for range 3 {
		w.deliver(true)
	}
	require.Equal(t, 1, asked, "not even a command asks before that")
	w.hook.set(nil)
	w.exec("update terrace.alert set held_until = clock_timestamp()")
	w.deliver(true)
	require.Len(t, w.hook.taken(), 1)
}

// However many processes send at once, each message goes out once.
func TestDeliver_sendsOnceFromManyProcesses(t *testing.T) {
	t.Parallel()
	var rules []alert.Rule
	for i := range 12 {
		rules = append(rules, alert.Rule{Name: fmt.Sprint("r", i), On: []alert.Kind{alert.Failure}})
	}
	w := newWorld(t, rules...)
	w.ran(map[string]dag.Status{"dwd.a": dag.Failure})
	require.Equal(t, 12, w.evaluate())
	var wait sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		outbox := alert.NewOutbox(w.db.Conn(t), "", redact)
		wait.Go(func() { _, _, errs[i] = outbox.Deliver(t.Context(), w.sender, w.config.Channels, true) })
	}
	wait.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Len(t, w.hook.taken(), 12)
	require.Equal(t, map[string]int{"sent": 12}, w.statuses())
}

// A process that was killed while it sent leaves a claim. When it lapses, the message is sent again, under the same id.
func TestDeliver_sendsAgainWhatAKilledProcessClaimed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ran(map[string]dag.Status{"dwd.a": dag.Failure})
	w.evaluate()
	w.exec("update terrace.alert set status = 'sending', claimed_until = clock_timestamp() + interval '1 hour'")
	w.deliver(true)
	require.Empty(t, w.hook.taken(), "somebody sends it")
	w.exec("update terrace.alert set claimed_until = clock_timestamp()")
	w.deliver(true)
	require.Len(t, w.hook.taken(), 1)
	all, err := w.outbox.List(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, []string{fmt.Sprint(all[0].ID)}, w.hook.ids)
}

func TestDeliver_givesUpAfterAWeek(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hook.set(down)
	w.ran(map[string]dag.Status{"dwd.a": dag.Failure})
	w.evaluate()
	w.deliver(true)
	w.exec("update terrace.alert set created_at = created_at - interval '8 days'")
	w.deliver(true)
	all, err := w.outbox.List(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "failed", all[0].Status)
	require.Contains(t, all[0].Reason, "given up after a week: HTTP 500: down for repairs [redacted]")
	w.exec("update terrace.alert set created_at = created_at - interval '30 days'")
	w.deliver(true)
	require.Empty(t, w.statuses())
}

func TestDeliver_letsNoChannelHoldUpAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad := newReceiver(t, "", down)
	w.config.Channels = append([]alert.Channel{{Name: "bad", Type: alert.Webhook, URL: bad.URL, PerMinute: 20}}, w.config.Channels...)
	w.config.Rules[0].To = []string{"bad", "hook"}
	w.ran(map[string]dag.Status{"dwd.a": dag.Failure})
	require.Equal(t, 2, w.evaluate())
	sent, unsent := w.deliver(true)
	require.Equal(t, 1, sent)
	require.Len(t, unsent, 1)
	require.Len(t, w.hook.taken(), 1)
}

func TestEvaluate_knowsThePaceOfRunsAndSteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		alert.Rule{Name: "runs", On: []alert.Kind{alert.Slow}, SlowerThan: 3},
		alert.Rule{Name: "steps", On: []alert.Kind{alert.Slow}, SlowerThan: 3, Select: "dwd."})
	for i := range 6 {
		id := w.ran(map[string]dag.Status{"dwd.a": dag.Success, "ods.b": dag.Success})
		w.exec("update terrace.step set seconds = 20, started_at = started_at - interval '1 hour' where run_id = $1", id)
		w.exec("update terrace.run set started_at = started_at - make_interval(hours => $2), ended_at = started_at - make_interval(hours => $2) + interval '30 s' where run_id = $1", id, 10-i)
	}
	require.Zero(t, w.evaluate(), "all alike")
	id := w.ran(map[string]dag.Status{"dwd.a": dag.Success, "ods.b": dag.Success})
	w.exec("update terrace.step set seconds = 61 where run_id = $1", id)
	w.exec("update terrace.run set started_at = started_at - interval '2 min' where run_id = $1", id)
	require.Equal(t, 2, w.evaluate())
	w.deliver(true)
	taken := strings.Join(w.hook.taken(), "\n")
	require.Contains(t, taken, `"subject":"terrace run","kind":"slow","message":"took 2 min, where the median of the last 6 is 30 s"`)
	require.Contains(t, taken, `"subject":"dwd.a","kind":"slow","message":"took 1 min, where the median of the last 6 is 20 s"`)
	require.NotContains(t, taken, `"subject":"ods.b"`)
}

func TestEvaluate_tellsOfSchedulesThatDidNotRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, alert.Rule{Name: "absent", On: []alert.Kind{alert.Absent, alert.Recovered}})
	w.exec(`insert into terrace.schedule (name, spec, zone, arguments, catch_up, catch_up_window, overlap, jitter, next_at, paused_at)
select n, 'every 1h', 'UTC', '{update}', 'latest', '1 day', 'skip', '0', clock_timestamp() + a, p
from (values ('gone', interval '-1 hour', null::timestamptz), ('fine', interval '1 hour', null), ('resting', interval '-1 hour', clock_timestamp())) as v (n, a, p)`)
	w.exec(`insert into terrace.occurrence (schedule, scheduled_for, arguments, start_at, status, ended_at, run_id)
values ('fine', clock_timestamp() - interval '1 hour', '{update}', clock_timestamp() - interval '1 hour', 'success', clock_timestamp(), gen_random_uuid())`)
	require.Equal(t, 1, w.evaluate())
	problems, err := w.outbox.Problems(t.Context())
	require.NoError(t, err)
	require.Len(t, problems, 1)
	require.Equal(t, "schedule gone", problems[0].Subject)
	all, err := w.outbox.List(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "terrace schedule list", all[0].Message.Next)
	w.exec("delete from terrace.schedule where name = 'gone'")
	require.Equal(t, 1, w.evaluate(), "a schedule that was removed is not missed")
}

func TestMeasure_knowsHowMuchTheDatabaseGrewInADay(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	sizes, err := alert.Measure(t.Context(), conn)
	require.NoError(t, err)
	require.Greater(t, sizes.Now, int64(1<<20))
	require.Nil(t, sizes.PerDay)
	_, err = alert.Measure(t.Context(), conn)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "update terrace.database_size set measured_at = measured_at - interval '2 days', bytes = bytes - 200000000")
	require.NoError(t, err)
	sizes, err = alert.Measure(t.Context(), conn)
	require.NoError(t, err)
	require.InDelta(t, 100_000_000, *sizes.PerDay, 20_000_000, "200 million in two days, and what else was written")
	var kept int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from terrace.database_size").Scan(&kept))
	require.Equal(t, 2, kept, "once an hour")
}
