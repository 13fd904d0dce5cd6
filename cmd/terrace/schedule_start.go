package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/terrace-elt/terrace/dag/schedule"
)

// schedulerFlags are those of commands that run schedules.
type schedulerFlags struct {
	Slots int           `default:"4" placeholder:"N" help:"Schedules that run at once (default: 4)."`
	Grace time.Duration `default:"30s" placeholder:"DURATION" help:"How long what runs may take to end when terrace is to stop; then it is killed (default: 30s)."`
}

// ScheduleStartCmd is terrace schedule start.
type ScheduleStartCmd struct {
	schedulerFlags
}

// Run implements the command. It ends with a signal, or with what makes it impossible from the start.
func (c *ScheduleStartCmd) Run(ctx context.Context, a *App) error {
	if err := c.check(); err != nil {
		return err
	}
	p, err := a.load()
	if err != nil {
		return err
	}
	return a.withRetention(ctx, p, func() error {
		return a.withAlerts(ctx, func() error { return a.runSchedules(ctx, c.schedulerFlags, p) })
	})
}

func (f schedulerFlags) check() error {
	switch {
	case f.Slots < 1:
		return &inputError{message: fmt.Sprintf("--slots is %d", f.Slots), hint: "Give a number from 1."}
	case f.Grace <= 0:
		return &inputError{message: fmt.Sprintf("--grace is %s", f.Grace), hint: "Give a length of time such as 30s."}
	}
	return nil
}

// schedulerPoll is how long a scheduler that nobody tells anything waits before it looks.
const schedulerPoll = 5 * time.Second

// runSchedules starts what is due in the chosen environment until the context is over, and waits for what it has started.
func (a *App) runSchedules(ctx context.Context, f schedulerFlags, p *project) error {
	starter := &starter{app: a, grace: f.Grace}
	scheduler := &schedule.Scheduler{Execute: starter.execute, Slots: f.Slots, Poll: schedulerPoll, Keep: p.Config.KeepHistory, Environment: p.apart(a), Log: a.Log}
	defer scheduler.Wait()
	return a.stay(ctx, func(ctx context.Context) (bool, error) {
		conn, err := a.openDatabase(ctx)
		if err != nil {
			return false, err
		}
		defer hangUp(conn)
		fmt.Fprintln(a.Stderr, "scheduling: what is due runs; Ctrl-C ends it")
		return true, scheduler.Serve(ctx, conn)
	})
}

// stay holds a session of a process that stays, and begins another when the connection is lost. A session tells whether it
// ever served: where the first does not, it ends with its error. The context's end is none.
func (a *App) stay(ctx context.Context, session func(context.Context) (served bool, err error)) error {
	begun := false
	for wait := reconnectWait; ; wait = min(2*wait, reconnectMost) {
		served, err := session(ctx)
		switch {
		case ctx.Err() != nil:
			return nil // the signal is the exit code
		case !served && !begun:
			return err
		case served:
			begun, wait = true, reconnectWait
		}
		a.Log.Warn("the connection is lost", "error", a.redact(message(err)), "again in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// starter runs occurrences as processes of this program, so that one that takes all memory, or hangs, harms no other.
type starter struct {
	app   *App
	grace time.Duration
}

// execute implements schedule.Scheduler.
func (s *starter) execute(ctx context.Context, o schedule.Occurrence) {
	log, err := s.log(o)
	if err != nil {
		s.app.Log.Error("an occurrence was not started", "schedule", o.Schedule, "error", err.Error(), "hint", "It is tried again. Is there room on the disk, and may .terrace/logs be written?")
		return
	}
	defer func() { _ = log.Close() }() // the process has written it

	began := time.Now()
	if o.Limit > 0 { // the process ends itself then; this is for one that cannot any more
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Limit+s.grace)
		defer cancel()
	}
	cmd, err := s.command(ctx, o, log)
	if err == nil {
		fmt.Fprintf(s.app.Stderr, "%s: started for %s, log %s\n", o.Schedule, o.ScheduledFor.UTC().Format(time.RFC3339), s.named(log))
		err = cmd.Run()
	}
	if cmd != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind; as a rule nothing
	}
	s.tell(o, log, err, time.Since(began))
}

// command is the process of an occurrence, in a group of its own: the terminal's Ctrl-C does not reach it twice.
func (s *starter) command(ctx context.Context, o schedule.Occurrence, log *os.File) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, "-C", s.app.Dir, "schedule", "execute", strconv.FormatInt(o.ID, 10), "--log", s.named(log))
	cmd.Args[0] = os.Args[0]
	cmd.Dir = s.app.Dir
	cmd.Env = os.Environ()
	for name, value := range map[string]string{"TERRACE_DATABASE_URL": s.app.settings.databaseURL, "TERRACE_ENV": s.app.settings.environment} {
		if value != "" { // given as a flag, perhaps; a password is not to be seen among the arguments
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = s.grace
	return cmd, nil
}

// tell says how an occurrence ended.
func (s *starter) tell(o schedule.Occurrence, log *os.File, err error, took time.Duration) {
	var ended *exec.ExitError
	switch {
	case err == nil:
		fmt.Fprintf(s.app.Stderr, "%s: success\n", o.Schedule)
	case errors.As(err, &ended) && ended.Exited():
		status, reason := outcome(ended.ExitCode())
		if o.Limit > 0 && took >= o.Limit {
			status, reason = schedule.TimedOut, (&limitError{o.Limit}).Error()
		}
		fmt.Fprintf(s.app.Stderr, "%s: %s, %s; the log is %s\n", o.Schedule, status, reason, s.named(log))
	default:
		s.app.Log.Error("an occurrence ended without a word", "schedule", o.Schedule, "error", s.app.redact(err.Error()), "log", s.named(log))
	}
}

// askedLogs is the folder of what was asked for on pages: no schedule can be called that.
const askedLogs = "@asked"

// keptLogs is how many logs of a schedule are kept.
const keptLogs = 50

// log opens the file that an occurrence's output goes to, and removes those that are too many.
func (s *starter) log(o schedule.Occurrence) (*os.File, error) {
	folder := filepath.Join(s.app.Dir, ".terrace", "logs", o.Schedule)
	if o.IsAsked() {
		folder = filepath.Join(s.app.Dir, ".terrace", "logs", askedLogs)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names) // by time
	for _, name := range names[:max(0, len(names)-keptLogs+1)] {
		_ = os.Remove(filepath.Join(folder, name)) // one too many harms nobody
	}
	name := fmt.Sprintf("%s-%d.log", o.ScheduledFor.UTC().Format("20060102T150405Z"), o.ID)
	return os.OpenFile(filepath.Join(folder, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// named is the log's name within the project.
func (s *starter) named(log *os.File) string {
	name, err := filepath.Rel(s.app.Dir, log.Name())
	if err != nil {
		return log.Name()
	}
	return name
}
