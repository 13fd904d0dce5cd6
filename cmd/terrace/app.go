package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"
)

// App is what commands share: the outside, the flags, and what follows from both.
type App struct {
	Env
	*Globals

	// Dir is the project's folder, absolute; "" when there is none.
	Dir      string
	Log      *slog.Logger
	settings settings
	// databaseName, when set, takes the place of the database that the URL names.
	databaseName string
	secrets      *redactor
	logFile      *os.File
	exited       bool
	// zone is where times are shown, found when the first one is.
	zone struct {
		sync.Once
		*time.Location
	}
}

// open finds the project and reads the settings that every command needs. Where there is no project, commands that
// need one say so. The command's name is for the log.
func (a *App) open(command string) error {
	a.secrets = newRedactor(os.Environ())
	dir, err := a.findProject()
	if err != nil {
		return err
	}
	a.Dir = dir
	dotenv, err := readDotEnv(dir)
	if err != nil {
		return err
	}
	process := a.LookupEnv
	a.LookupEnv = func(name string) (string, bool) {
		if value, ok := process(name); ok {
			return value, true
		}
		value, ok := dotenv[name]
		return value, ok
	}
	for name, value := range dotenv {
		a.secrets.add(name, value)
	}
	if a.settings, err = readSettings(a.Globals, a.LookupEnv); err != nil {
		return err
	}
	a.secrets.addURL(a.settings.databaseURL)
	return a.openLog(firstWord(command))
}

// findProject takes the folder that -C or TERRACE_PROJECT names, else the nearest one upwards that has a terrace.yml.
func (a *App) findProject() (string, error) {
	named := a.Project
	if named == "" {
		named, _ = a.LookupEnv("TERRACE_PROJECT")
	}
	if named != "" {
		dir, err := filepath.Abs(named)
		if err != nil {
			return "", fmt.Errorf("find project: %w", err)
		}
		info, err := os.Stat(dir)
		switch {
		case err != nil:
			return "", &inputError{
				message: fmt.Sprintf("no folder %s", named),
				hint:    "Name an existing folder with -C, or make a project with terrace init " + quoted(named) + ".",
			}
		case !info.IsDir():
			return "", &inputError{message: named + " is no folder", hint: "Name the folder that terrace.yml is in."}
		}
		return dir, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find project: %w", err)
	}
	return upwards(dir), nil
}

// upwards is the nearest folder that has a terrace.yml, the one given or above it, or "".
func upwards(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "terrace.yml")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// needProject is for commands that work on a project.
func (a *App) needProject() error {
	if a.Dir == "" {
		return &inputError{
			message: "no project here: neither this folder nor one above it has a terrace.yml",
			hint:    "Go to a project, name one with -C DIR, or make one: terrace init DIR.",
		}
	}
	if _, err := os.Stat(filepath.Join(a.Dir, "terrace.yml")); err != nil {
		hint := "Make one there: terrace init " + quoted(a.Dir) + "."
		if above := upwards(a.Dir); above != "" {
			hint = "It is in the project " + above + ": name that one, or run terrace there without -C."
		}
		return &inputError{message: "no project in " + a.Dir + ": it has no terrace.yml", hint: hint}
	}
	return nil
}

// openLog sends the log to standard error, and to a file where one is asked for. The log is talk about the work; what
// the user asked for is printed, not logged.
func (a *App) openLog(command string) error {
	level := a.settings.logLevel
	console := level
	if a.Quiet {
		console = max(console, slog.LevelError)
	}
	var handler slog.Handler
	switch {
	case a.settings.logFormat == "json":
		handler = slog.NewJSONHandler(a.Stderr, &slog.HandlerOptions{Level: console})
	default:
		handler = tint.NewTextHandler(a.Stderr, &tint.Options{Level: console, TimeFormat: time.TimeOnly, NoColor: !a.colours()})
	}
	if path := a.settings.logFile; path != "" {
		file, err := a.openLogFile(path, command)
		if err != nil {
			return &surroundingsError{err: fmt.Errorf("open log file: %w", err), hint: "Name a file, or a folder, that can be written with --log-file."}
		}
		a.logFile = file
		handler = both{handler, slog.NewJSONHandler(file, &slog.HandlerOptions{Level: min(level, slog.LevelInfo)})}
	}
	a.Log = slog.New(a.secrets.handler(handler))
	return nil
}

// openLogFile appends to a file. In a folder it makes one for this command, named by time (UTC), command and process.
func (a *App) openLogFile(path, command string) (*os.File, error) {
	info, err := os.Stat(path)
	if strings.HasSuffix(path, "/") || err == nil && info.IsDir() {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, err
		}
		name := fmt.Sprintf("%s-%s-%d.log", a.Now().UTC().Format("20060102T150405Z"), command, os.Getpid())
		path = filepath.Join(path, name)
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

func (a *App) close() {
	if a.logFile != nil {
		_ = a.logFile.Close() // it was only appended to; nobody waits for it
	}
}

// both writes each record to two handlers.
type both struct{ first, second slog.Handler }

func (b both) Enabled(ctx context.Context, level slog.Level) bool {
	return b.first.Enabled(ctx, level) || b.second.Enabled(ctx, level)
}

func (b both) Handle(ctx context.Context, r slog.Record) error {
	var errs []error
	for _, h := range []slog.Handler{b.first, b.second} {
		if h.Enabled(ctx, r.Level) {
			errs = append(errs, h.Handle(ctx, r.Clone()))
		}
	}
	return errors.Join(errs...)
}

func (b both) WithAttrs(attrs []slog.Attr) slog.Handler {
	return both{b.first.WithAttrs(attrs), b.second.WithAttrs(attrs)}
}

func (b both) WithGroup(name string) slog.Handler {
	return both{b.first.WithGroup(name), b.second.WithGroup(name)}
}

// The colours that terrace uses.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	grey   = "90"
)

// paint colours a word where colours are wanted.
func (a *App) paint(colour, text string) string {
	if !a.colours() {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (a *App) colours() bool {
	if a.NoColor {
		return false
	}
	if value, set := a.LookupEnv("NO_COLOR"); set && value != "" {
		return false
	}
	return terminal(a.Stderr)
}

func terminal(w io.Writer) bool {
	if out, ok := w.(*output); ok {
		w = out.Writer
	}
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}
