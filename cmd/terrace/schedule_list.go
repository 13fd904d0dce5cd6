package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/dag/schedule"
)

// ScheduleListCmd is terrace schedule list.
type ScheduleListCmd struct {
	Name  string `arg:"" optional:"" help:"Show what became of the times of this one."`
	Limit uint   `default:"20" help:"Times to show."`
}

// listedTimes is how many times to come are told.
const listedTimes = 5

// Run implements the command.
func (c *ScheduleListCmd) Run(ctx context.Context, a *App) error {
	return a.withSchedules(ctx, c.Name, func(conn *pgx.Conn, store *schedule.Store) error {
		if c.Name != "" {
			return c.history(ctx, a, store)
		}
		if err := a.printSchedules(ctx, store, ""); err != nil || a.JSON {
			return err
		}
		return a.warnOfNoScheduler(ctx, conn)
	})
}

// listedSchedule is a schedule as --json shows it.
type listedSchedule struct {
	schedule.Schedule
	CatchUpWindow string `json:"catch_up_window"`
	Jitter        string `json:"jitter"`
	// Timeout is "" where there is no limit.
	Timeout string `json:"timeout"`
	Paused  bool   `json:"paused"`
	// Next are the next times, also of one that is paused.
	Next []time.Time `json:"next"`
	// Last ended last; Open runs, or else waits; Waiting are all that wait.
	Last    *schedule.Occurrence  `json:"last"`
	Open    *schedule.Occurrence  `json:"open"`
	Waiting []schedule.Occurrence `json:"waiting"`

	zone *time.Location
}

// printAsked tells what was asked for without a schedule and has not ended.
func (a *App) printAsked(ctx context.Context, store *schedule.Store) error {
	_, open, err := store.Latest(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(open)) {
		if o := open[name].Running; o != nil && o.IsAsked() {
			a.printf("asked for by %s, runs since %s: terrace %s", o.AskedBy, a.at(*o.StartedAt), commandLine(o.Arguments))
		}
		for _, o := range open[name].Waiting {
			if o.IsAsked() {
				a.printf("asked for by %s, waits since %s: terrace %s", o.AskedBy, a.at(o.ScheduledFor), commandLine(o.Arguments))
			}
		}
	}
	return nil
}

// schedules are all of them as they stand now, or the one that is named.
func (a *App) schedules(ctx context.Context, store *schedule.Store, name string) ([]listedSchedule, error) {
	all, err := store.List(ctx)
	if err != nil {
		return nil, err
	}
	ended, open, err := store.Latest(ctx)
	if err != nil {
		return nil, err
	}
	now, err := store.Now(ctx)
	if err != nil {
		return nil, err
	}
	listed := []listedSchedule{}
	for _, s := range all {
		if name != "" && s.Name != name {
			continue
		}
		l := listedSchedule{
			Schedule: s, CatchUpWindow: s.Window.String(), Jitter: s.Jitter.String(), Paused: s.PausedFor(now), Next: []time.Time{}, Waiting: []schedule.Occurrence{}, zone: time.UTC,
		}
		if s.Limit > 0 {
			l.Timeout = s.Limit.String()
		}
		if spec, err := s.Check(); err == nil { // one that is not understood has no times, and schedulers warn of it
			l.zone = spec.Zone()
			l.Next = spec.Between(now, now.AddDate(searchedYears, 0, 0), listedTimes)
		}
		if o, ok := ended[s.Name]; ok {
			l.Last = &o
		}
		l.Open = open[s.Name].Running
		if waiting := open[s.Name].Waiting; len(waiting) > 0 {
			l.Waiting, l.Open = waiting, cmp.Or(l.Open, &waiting[0])
		}
		listed = append(listed, l)
	}
	return listed, nil
}

// searchedYears is as far ahead as times are looked for.
const searchedYears = 9

func (a *App) printSchedules(ctx context.Context, store *schedule.Store, name string) error {
	all, err := a.schedules(ctx, store, name)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(all)
	}
	if len(all) == 0 {
		a.printf(`no schedules: terrace schedule add NAME --cron "30 2 * * *" -- update adds one`)
	} else {
		a.printScheduleTable(all)
	}
	if name != "" {
		return nil
	}
	return a.printAsked(ctx, store)
}

func (a *App) printScheduleTable(all []listedSchedule) {
	t := newTable(a.Stdout, "NAME", "WHEN", "ZONE", "NEXT", "LAST", "STATE", "COMMAND")
	for _, s := range all {
		next := ""
		if len(s.Next) > 0 && !s.Paused {
			next = s.Next[0].In(s.zone).Format("2006-01-02 15:04")
		}
		t.AppendRow(table.Row{s.Name, s.Spec, s.Zone, next, lastEnding(s.Last, s.zone), state(s), commandLine(s.Arguments)})
	}
	t.Render()
}

// printNextSchedules tells in a line each when schedules are due next, and how they ended last.
func (a *App) printNextSchedules(ctx context.Context, conn *pgx.Conn) error {
	store := schedule.NewStore(conn).In(a.apart())
	all, err := a.schedules(ctx, store, "")
	if err == nil {
		err = a.printAsked(ctx, store)
	}
	if err != nil || len(all) == 0 {
		return err
	}
	for _, s := range all {
		line := "schedule " + s.Name
		if now := state(s); now != "" {
			line += " is " + now
		}
		if len(s.Next) > 0 && !s.Paused {
			line += ", due " + s.Next[0].In(s.zone).Format("2006-01-02 15:04")
		}
		if s.Last != nil {
			line += ", last " + lastEnding(s.Last, s.zone)
		}
		a.printf("%s", line)
	}
	return a.warnOfNoScheduler(ctx, conn)
}

// lastEnding tells how an occurrence ended.
func lastEnding(o *schedule.Occurrence, zone *time.Location) string {
	if o == nil {
		return ""
	}
	text := fmt.Sprintf("%s %s", o.Status, o.ScheduledFor.In(zone).Format("2006-01-02 15:04"))
	if o.Reason != "" {
		text += ": " + schedule.Because(o.Status, o.Reason)
	}
	return text
}

// state tells what a schedule does.
func state(s listedSchedule) string {
	var parts []string
	switch running := s.Open != nil && s.Open.Status == schedule.Running; {
	case running && len(s.Waiting) > 0:
		parts = append(parts, fmt.Sprintf("running, %d due", len(s.Waiting)))
	case running, len(s.Waiting) == 1:
		parts = append(parts, string(s.Open.Status))
	case len(s.Waiting) > 1:
		parts = append(parts, fmt.Sprintf("%d due", len(s.Waiting)))
	}
	if s.Environment != "" {
		parts = append(parts, "in "+s.Environment)
	}
	switch {
	case !s.Paused:
	case s.PausedUntil != nil:
		parts = append(parts, "paused until "+s.PausedUntil.In(s.zone).Format("2006-01-02 15:04"))
	default:
		parts = append(parts, "paused")
	}
	if s.Paused && s.PauseReason != "" {
		parts[len(parts)-1] += " (" + s.PauseReason + ")"
	}
	return strings.Join(parts, ", ")
}

// commandLine writes arguments as a shell would read them.
func commandLine(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = quoted(arg)
	}
	return strings.Join(words, " ")
}

// history prints the times to come of a schedule, and what became of those that were.
func (c *ScheduleListCmd) history(ctx context.Context, a *App, store *schedule.Store) error {
	all, err := a.schedules(ctx, store, c.Name)
	if err != nil {
		return err
	}
	occurrences, err := store.History(ctx, c.Name, int(c.Limit))
	if err != nil {
		return err
	}
	if len(all)+len(occurrences) == 0 {
		return schedule.ErrNone
	}
	zone := time.UTC
	document := struct {
		Schedule    *listedSchedule       `json:"schedule"` // null for one that was removed
		Occurrences []schedule.Occurrence `json:"occurrences"`
	}{Occurrences: occurrences}
	if len(all) > 0 {
		document.Schedule, zone = &all[0], all[0].zone
	}
	if a.JSON {
		return a.printJSON(document)
	}
	if document.Schedule != nil {
		if err := a.printSchedules(ctx, store, c.Name); err != nil {
			return err
		}
		for _, next := range document.Schedule.Next {
			a.printf("next: %s", wallTime(next, zone))
		}
	}
	t := newTable(a.Stdout, "SCHEDULED FOR", "STATUS", "REASON", "STARTED", "SECONDS", "RUN", "LOG")
	for _, o := range occurrences {
		started, seconds, run := "", "", ""
		if o.StartedAt != nil {
			started = o.StartedAt.In(zone).Format(time.DateTime)
			if o.EndedAt != nil {
				seconds = fmt.Sprintf("%.2f", o.EndedAt.Sub(*o.StartedAt).Seconds())
			}
		}
		if o.RunID != nil {
			run = o.RunID.String()
		}
		t.AppendRow(table.Row{o.ScheduledFor.In(zone).Format(time.DateTime), a.scheduleStatus(o.Status), schedule.Because(o.Status, o.Reason), started, seconds, run, o.Log})
	}
	if len(occurrences) > 0 {
		t.Render()
	}
	return nil
}

// scheduleStatus paints a status where the result goes to a terminal.
func (a *App) scheduleStatus(s schedule.Status) string {
	if !terminal(a.Stdout) {
		return string(s)
	}
	switch s {
	case schedule.Success:
		return a.paint(green, string(s))
	case schedule.Skipped, schedule.Due, schedule.Running:
		return a.paint(grey, string(s))
	default:
		return a.paint(red, string(s))
	}
}

// wallTime is a time in a zone, and in UTC where that is another.
func wallTime(at time.Time, zone *time.Location) string {
	text := at.In(zone).Format("2006-01-02 15:04 Mon") + " " + zone.String()
	if _, offset := at.In(zone).Zone(); offset != 0 {
		text += at.UTC().Format(" (2006-01-02 15:04Z)")
	}
	return text
}

// warnOfNoScheduler says that nothing will run, where that is so.
func (a *App) warnOfNoScheduler(ctx context.Context, conn *pgx.Conn) error {
	environment := a.apart()
	alive, err := schedule.NewStore(conn).In(environment).Alive(ctx)
	if err != nil || alive {
		return err
	}
	of, flag := "", ""
	if environment != "" {
		of, flag = " of environment "+environment, " --env "+environment
	}
	fmt.Fprintf(a.Stderr, "no scheduler%s is running: terrace serve%s or terrace schedule start%[2]s runs what is due\n", of, flag)
	return nil
}
