// Command terrace extracts raw records into PostgreSQL and runs the SQL models that build on them. This package parses
// flags, wires the packages together, forwards signals, prints, and turns errors into exit codes. It decides nothing
// about data.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
	_ "time/tzdata" // a machine without tables of zones has the same schedules

	"github.com/alecthomas/kong"

	"github.com/terrace-elt/terrace/extract"
)

func main() {
	log.SetOutput(io.Discard) // net/http writes there what sources send unasked: records, in the midst of the talk
	os.Exit(Main(os.Args[1:], Env{
		Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv, Now: time.Now,
	}))
}

// Env is what the outside gives to a run of the program, so that tests can give something else.
type Env struct {
	Stdout, Stderr io.Writer
	LookupEnv      func(string) (string, bool)
	Now            func() time.Time
	// Retry bounds how often requests to sources are repeated; zero means the defaults.
	Retry extract.Retry
	// Occurrence is the one of a schedule that this is; nil where nobody scheduled it.
	Occurrence *occurrence
}

// signalled is the cause of a context that a signal ended.
type signalled struct{ os.Signal }

func (s signalled) Error() string { return "stopped by signal: " + s.String() }

// Main runs the program and returns its exit code.
func Main(args []string, env Env) int {
	ctx, stop := withSignals(context.Background())
	defer stop()
	return execute(ctx, args, env)
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, env Env) (code int) {
	var cli CLI
	out := &output{Writer: env.Stdout}
	env.Stdout = out
	app := &App{Env: env, Globals: &cli.Globals}
	defer func() {
		if cause := recover(); cause != nil {
			code = app.fail(ctx, &bugError{cause: cause, stack: debug.Stack()})
		}
	}()
	parser, err := kong.New(&cli, kongOptions(app)...)
	if err != nil {
		panic(err) // the command line's own declaration is wrong
	}
	if completed(parser, app) {
		return exitDone
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(asTyped(args))
	if app.exited { // help was asked for and printed; what else there is on the line does not matter
		return exitDone
	}
	if err != nil {
		return app.fail(ctx, usage(err))
	}
	err = app.open(command.Command())
	if err == nil {
		command.BindTo(ctx, (*context.Context)(nil))
		err = command.Run(app)
	}
	app.close()
	if err == nil && out.err != nil {
		err = &surroundingsError{err: fmt.Errorf("write the result: %w", out.err), hint: "What was done stands; terrace runs has the report."}
	}
	return app.fail(ctx, err)
}

// output is where results go. It remembers that one could not be written: nobody who prints a line asks.
type output struct {
	io.Writer
	err error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// withSignals ends the context at the first INT or TERM, so that statements are cancelled and the end of the run is
// recorded. At another the process ends at once: the server rolls back what was open.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			cancel(signalled{s})
		case <-done:
			return
		}
		for first := time.Now(); ; {
			select {
			case s := <-signals:
				if another(first, time.Now()) {
					os.Exit(signalCode(s))
				}
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// another reports whether a signal was sent by somebody who saw that the first was not enough. timeout(1), and supervisors
// that signal a group of processes, send theirs twice at once.
func another(first, now time.Time) bool { return now.Sub(first) > 500*time.Millisecond }

// usage gives an error of the command line its exit code and a next step.
func usage(err error) error {
	var parse *kong.ParseError
	hint := "terrace --help lists the commands."
	if errors.As(err, &parse) && parse.Context != nil {
		if command := parse.Context.Command(); command != "" {
			hint = "terrace " + firstWord(command) + " --help shows how it is used."
		}
	}
	if known := knownElsewhere(err.Error()); known != "" {
		hint = known
	}
	return &inputError{message: err.Error(), hint: hint}
}
