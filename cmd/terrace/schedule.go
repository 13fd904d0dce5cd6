package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/dag/schedule"
)

// ScheduleCmd is terrace schedule.
type ScheduleCmd struct {
	Add     ScheduleAddCmd     `cmd:"" help:"Add a schedule: a command, and when it is due."`
	List    ScheduleListCmd    `cmd:"" default:"withargs" help:"List schedules with their next times and last results, or what became of one."`
	Remove  ScheduleRemoveCmd  `cmd:"" help:"Forget a schedule; what it did stays known, what runs goes on."`
	Pause   SchedulePauseCmd   `cmd:"" help:"Keep a schedule from running."`
	Resume  ScheduleResumeCmd  `cmd:"" help:"Let a schedule run again, from now on."`
	Run     ScheduleRunCmd     `cmd:"" help:"Run a schedule's command now, in the foreground."`
	Start   ScheduleStartCmd   `cmd:"" help:"Stay, and run schedules when they are due; terrace serve does so, too."`
	Execute ScheduleExecuteCmd `cmd:"" hidden:"" help:"Run an occurrence that is due; schedulers start this."`
}

// ScheduleAddCmd is terrace schedule add.
type ScheduleAddCmd struct {
	Name          string        `arg:"" help:"Name of the schedule."`
	Command       []string      `arg:"" help:"What to run, after --: update, extract, run or test, with arguments."`
	Cron          string        `required:"" xor:"when" placeholder:"EXPR" help:"Minute, hour, day of month, month, day of week: \"30 2 * * 1-5\"; or @hourly, @daily, @weekly, @monthly, @yearly."`
	Every         string        `required:"" xor:"when" placeholder:"LENGTH" help:"Every 30m, 2h, or 1d."`
	At            string        `placeholder:"HH:MM" help:"Time of day, with --every in days (default: midnight)."`
	TZ            string        `name:"tz" placeholder:"ZONE" help:"Zone whose wall time counts: Asia/Shanghai (default: the project's)."`
	CatchUp       string        `name:"catch-up" enum:"none,latest,all" default:"latest" placeholder:"WHAT" help:"Times at which no scheduler was there: none of them runs, the latest does (default), or all do, at most 100."`
	CatchUpWindow time.Duration `name:"catch-up-window" default:"24h" placeholder:"DURATION" help:"How old a missed time may be to be caught up with (default: 24h)."`
	Overlap       string        `enum:"skip,queue,cancel" default:"skip" placeholder:"WHAT" help:"When the one before still runs: skip this one (default), queue it, or cancel the one before."`
	Jitter        time.Duration `default:"0s" placeholder:"DURATION" help:"Put starts off by up to this, so that not all schedules start at once."`
	Timeout       time.Duration `default:"0s" placeholder:"DURATION" help:"End what takes longer: 2h (default: no limit)."`
	Replace       bool          `help:"Take the place of the schedule of this name."`
}

// spec is the specification that the flags make.
func (c *ScheduleAddCmd) spec() (string, error) {
	switch {
	case c.Every == "" && c.At != "":
		return "", &inputError{message: "--at goes with --every", hint: fmt.Sprintf("Write --every 1d --at %s, or the time into the expression of --cron.", c.At)}
	case c.Every == "":
		return c.Cron, nil
	case c.At == "":
		return "every " + c.Every, nil
	default:
		return "every " + c.Every + " at " + c.At, nil
	}
}

// Run implements the command.
func (c *ScheduleAddCmd) Run(ctx context.Context, a *App) error {
	p, err := a.load()
	if err != nil {
		return err
	}
	s := schedule.Schedule{
		Name: c.Name, Zone: c.TZ, Arguments: c.Command, CatchUp: schedule.CatchUp(c.CatchUp), Window: c.CatchUpWindow,
		Overlap: schedule.Overlap(c.Overlap), Jitter: c.Jitter, Limit: c.Timeout,
	}
	if s.Zone == "" {
		s.Zone = p.Config.Timezone
	}
	if s.Spec, err = c.spec(); err != nil {
		return err
	}
	spec, err := s.Check()
	if err != nil {
		return a.scheduleError(ctx, c.Name, err)
	}
	if err := a.checkScheduled(ctx, c.Command); err != nil {
		return err
	}
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	store := schedule.NewStore(conn).In(p.apart(a))
	if err := store.Put(ctx, s, c.Replace); err != nil {
		return a.scheduleError(ctx, c.Name, err)
	}
	now, err := store.Now(ctx)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printSchedules(ctx, store, c.Name)
	}
	a.printf("%s is due %s", c.Name, wallTime(spec.Next(now), spec.Zone()))
	return a.warnOfNoScheduler(ctx, conn)
}

// scheduled are the commands that a schedule may run.
var scheduled = []string{"update", "extract", "run", "test"} //nolint:gochecknoglobals // a table

// checkScheduled refuses a command that could not be run later: it is read as it would be then, and planned as --dry-run does.
func (a *App) checkScheduled(ctx context.Context, args []string) error {
	var cli CLI
	silent := &App{Env: Env{Stdout: io.Discard, Stderr: io.Discard}, Globals: &cli.Globals}
	parser, err := kong.New(&cli, kongOptions(silent)...)
	if err != nil {
		panic(err) // the command line's own declaration is wrong
	}
	_, err = parser.Parse(args)
	name := firstWord(args[0])
	switch {
	case strings.HasPrefix(name, "-"):
		return &inputError{message: "the command has to come first", hint: "Write flags behind it: -- run --select NODE"}
	case !slices.Contains(scheduled, name):
		return &inputError{
			message: fmt.Sprintf("terrace %s cannot be scheduled", name),
			hint:    nearest(name, scheduled, "A schedule runs update, extract, run or test."),
		}
	case silent.exited:
		return &inputError{message: "--help is no work for a schedule", hint: "Leave it out."}
	case err != nil:
		return usage(err)
	case cli.DatabaseURL != "":
		return &inputError{message: "--database-url would be stored with the schedule", hint: "A schedule runs on the database that it is kept in: leave the flag out there, and give it to terrace schedule itself."}
	case cli.Project != "":
		return &inputError{message: "--project goes to whoever runs the schedule", hint: "Write terrace -C DIR schedule …; terrace serve runs it in its own project."}
	case a.redact(strings.Join(args, "\x00")) != strings.Join(args, "\x00"):
		return &inputError{message: "a secret would be stored with the schedule", hint: "Put it into the environment or .env of whoever runs schedules, and take it out of the arguments."}
	}
	env := a.inner()
	env.Stdout = io.Discard
	if code := execute(ctx, append(a.innerArgs(args), "--dry-run"), env); code != exitDone {
		return &toldError{code}
	}
	return nil
}

// inner is the outside of a command that this one runs, in the same project and database.
func (a *App) inner() Env {
	env := a.Env
	given := map[string]string{"TERRACE_DATABASE_URL": a.settings.databaseURL, "TERRACE_ENV": a.settings.environment}
	env.LookupEnv = func(name string) (string, bool) {
		if value := given[name]; value != "" {
			return value, true
		}
		return a.LookupEnv(name)
	}
	return env
}

func (a *App) innerArgs(args []string) []string {
	return append([]string{"-C", a.Dir}, args...)
}

// scheduleError gives an error of schedules its exit code and a next step.
func (a *App) scheduleError(ctx context.Context, name string, err error) error {
	var wrong *schedule.Error
	var zone *schedule.ZoneError
	switch {
	case errors.As(err, &wrong):
		return &inputError{message: wrong.Message, hint: wrong.Hint}
	case errors.As(err, &zone):
		return &inputError{message: zone.Error(), hint: nearest(zone.Name, a.zones(ctx), "Use an IANA name such as Asia/Shanghai.")}
	case errors.Is(err, schedule.ErrNone):
		return &inputError{message: "there is no schedule " + name, hint: "terrace schedule list lists them."}
	case errors.Is(err, schedule.ErrTaken):
		return &inputError{message: fmt.Sprintf("there is a schedule %s already", name), hint: "Take another name, or put this one in its place with --replace."}
	case errors.Is(err, schedule.ErrRunning):
		return &runningError{name}
	default:
		return err
	}
}

// nearest is the hint after a wrong name: what was meant, or else a sentence.
func nearest(name string, candidates []string, otherwise string) string {
	if near := strict.Nearest(name, candidates); near != "" {
		return fmt.Sprintf("Did you mean %s?", near)
	}
	return otherwise
}

// runningError is a schedule that does not run beside itself.
type runningError struct{ name string }

func (e *runningError) Error() string { return fmt.Sprintf("schedule %s runs already", e.name) }

// zones are the names that the database knows, none where it cannot be asked: they are for a hint.
func (a *App) zones(ctx context.Context) []string {
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return nil
	}
	defer hangUp(conn)
	rows, err := conn.Query(ctx, "select n.name from pg_timezone_names as n where n.name !~ '^(posix|right)/' order by n.name")
	if err != nil {
		return nil
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil
	}
	return names
}

// withSchedules opens the store for one command.
func (a *App) withSchedules(ctx context.Context, name string, do func(*pgx.Conn, *schedule.Store) error) error {
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	return a.scheduleError(ctx, name, do(conn, schedule.NewStore(conn).In(a.apart())))
}

// apart is the name of the chosen environment when it is built beside production, else "".
func (a *App) apart() string {
	if a.settings.environment == "" || a.Dir == "" {
		return ""
	}
	return a.read().apart(a)
}

// ScheduleRemoveCmd is terrace schedule remove.
type ScheduleRemoveCmd struct {
	Name string `arg:"" help:"Name of the schedule."`
}

// Run implements the command.
func (c *ScheduleRemoveCmd) Run(ctx context.Context, a *App) error {
	return a.withSchedules(ctx, c.Name, func(_ *pgx.Conn, store *schedule.Store) error {
		if err := store.Remove(ctx, c.Name); err != nil {
			return err
		}
		fmt.Fprintln(a.Stderr, c.Name+" is removed")
		return nil
	})
}

// SchedulePauseCmd is terrace schedule pause.
type SchedulePauseCmd struct {
	Name   string `arg:"" help:"Name of the schedule."`
	Reason string `placeholder:"TEXT" help:"Why, for those who look."`
	Until  string `placeholder:"TIME" help:"When it goes on by itself: 2026-01-31, or with a time of day."`
}

// Run implements the command.
func (c *SchedulePauseCmd) Run(ctx context.Context, a *App) error {
	return a.withSchedules(ctx, c.Name, func(_ *pgx.Conn, store *schedule.Store) error {
		s, err := store.Get(ctx, c.Name)
		if err != nil {
			return err
		}
		until, err := c.until(ctx, store, s)
		if err != nil {
			return err
		}
		if err := store.Pause(ctx, c.Name, a.redact(c.Reason), until); err != nil {
			return err
		}
		fmt.Fprintf(a.Stderr, "%s is paused; terrace schedule resume %[1]s lets it go on\n", c.Name)
		return nil
	})
}

// until reads --until in the schedule's zone; nil without it.
func (c *SchedulePauseCmd) until(ctx context.Context, store *schedule.Store, s schedule.Schedule) (*time.Time, error) {
	if c.Until == "" {
		return nil, nil
	}
	spec, err := s.Check()
	if err != nil {
		return nil, err
	}
	until, err := instant("--until", c.Until, spec.Zone())
	if err != nil {
		return nil, err
	}
	now, err := store.Now(ctx)
	if err != nil {
		return nil, err
	}
	if !until.After(now) {
		return nil, &inputError{message: "--until is over", hint: "Give a time to come."}
	}
	return &until, nil
}

// ScheduleResumeCmd is terrace schedule resume.
type ScheduleResumeCmd struct {
	Name string `arg:"" help:"Name of the schedule."`
}

// Run implements the command.
func (c *ScheduleResumeCmd) Run(ctx context.Context, a *App) error {
	return a.withSchedules(ctx, c.Name, func(_ *pgx.Conn, store *schedule.Store) error {
		if err := store.Resume(ctx, c.Name); err != nil {
			return err
		}
		fmt.Fprintln(a.Stderr, c.Name+" goes on; times during the pause are not made up for")
		return nil
	})
}
