package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/cmd/pgserver"
	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/migrations"
	"github.com/terrace-elt/terrace/ods"
)

// The exit codes, a contract.
const (
	exitDone         = 0
	exitFailed       = 1   // a step failed
	exitInput        = 2   // usage, configuration, project: nothing was executed
	exitSurroundings = 3   // database, network, disk
	exitData         = 4   // data quality
	exitHeld         = 5   // another run holds it
	exitInterrupted  = 130 // SIGINT
	exitTerminated   = 143 // SIGTERM
)

// inputError is a mistake in what the user gave.
type inputError struct{ message, hint string }

func (e *inputError) Error() string { return e.message }

// problemsError are mistakes in the project's files.
type problemsError struct {
	problems []strict.Problem
	printed  bool
}

func (e *problemsError) Error() string {
	n := 0
	for _, p := range e.problems {
		if p.Severity == strict.Error {
			n++
		}
	}
	if n == 1 {
		return "1 mistake in the project"
	}
	return fmt.Sprintf("%d mistakes in the project", n)
}

// surroundingsError is something outside the project that is not as it must be.
type surroundingsError struct {
	err  error
	hint string
}

func (e *surroundingsError) Error() string { return e.err.Error() }
func (e *surroundingsError) Unwrap() error { return e.err }

// toldError is a failure that has been told already, with the exit code that it asks for.
type toldError struct{ code int }

func (e *toldError) Error() string { return fmt.Sprintf("it ended with exit code %d", e.code) }

// reportError is a run that did not end well. Its report has been printed.
type reportError struct{ report dag.Report }

func (e *reportError) Error() string { return "the run ended with status " + string(e.report.Status) }

// bugError is a panic: our own mistake, whatever the user gave.
type bugError struct {
	cause any
	stack []byte // for the log at level debug; people who use terrace can do nothing with it
}

func (e *bugError) Error() string { return fmt.Sprintf("this is a bug in terrace: %v", e.cause) }

// exitCode is the one place that decides.
func exitCode(ctx context.Context, err error) int {
	var stopped signalled
	if errors.As(context.Cause(ctx), &stopped) {
		return signalCode(stopped.Signal)
	}
	var (
		input    *inputError
		problems *problemsError
		nothing  *dag.NothingSelectedError
		selector *dag.SelectorError
		apart    *dag.EnvironmentError
		run      *reportError
		held     *dag.HeldError
		goingOn  *goingOnError
		data     *dag.DataError
		outside  *surroundingsError
		server   *pgserver.Error
		schema   *migrations.Error
		told     *toldError
		running  *runningError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &told):
		return told.code
	case errors.As(err, &run):
		return reportCode(run.report)
	case errors.As(err, &input), errors.As(err, &problems), errors.As(err, &nothing), errors.As(err, &selector), errors.As(err, &apart):
		return exitInput
	case errors.As(err, &held), errors.As(err, &goingOn), errors.As(err, &running):
		return exitHeld
	case errors.As(err, &data):
		return exitData
	case errors.As(err, &outside), errors.As(err, &server), errors.As(err, &schema), fromOutside(err):
		return exitSurroundings
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, os.ErrPermission):
		return exitSurroundings
	default:
		return exitFailed
	}
}

// reportCode is the gravest of the steps': a step's own failure, then the surroundings, another run, the data.
func reportCode(r dag.Report) int {
	found := map[int]bool{}
	for _, s := range r.Steps {
		if s.Status.Bad() {
			found[stepCode(s)] = true
		}
	}
	for _, code := range []int{exitFailed, exitSurroundings, exitHeld, exitData} {
		if found[code] {
			return code
		}
	}
	return exitDone
}

func stepCode(s dag.StepReport) int {
	var held *dag.HeldError
	var data *dag.DataError
	switch {
	case errors.As(s.Err(), &held):
		return exitHeld
	case errors.As(s.Err(), &data):
		return exitData
	case s.Kind == dag.KindAssertion && s.Status == dag.Failure:
		return exitFailed
	case fromOutside(s.Err()):
		return exitSurroundings
	default:
		return exitFailed
	}
}

// fromOutside reports whether an error is the database's, the network's or the disk's: nothing that the project says
// would have prevented it.
func fromOutside(err error) bool {
	var source *extract.Error
	if errors.As(err, &source) {
		return source.Kind == extract.Transport || source.Kind == extract.Unavailable || source.Kind == extract.Throttled
	}
	return dag.Surroundings(err)
}

func signalCode(s os.Signal) int {
	if s == syscall.SIGTERM {
		return exitTerminated
	}
	return exitInterrupted
}

// fail prints an error for people and returns its exit code. Everything printed has its secrets taken out.
func (a *App) fail(ctx context.Context, err error) int {
	code := exitCode(ctx, err)
	var run *reportError
	var told *toldError
	if err == nil || errors.As(err, &run) || errors.As(err, &told) {
		return code
	}
	var bug *bugError
	if errors.As(err, &bug) && a.Log != nil {
		a.Log.Debug(bug.Error(), "stack", string(bug.stack))
	}
	if stopped := stoppedBy(ctx, err); stopped != nil {
		if a.Log != nil {
			a.Log.Debug("stopped", "error", a.redact(err.Error()))
		}
		err = stopped
	}
	var problems *problemsError
	if errors.As(err, &problems) && !problems.printed {
		a.printProblems(problems.problems)
	}
	fmt.Fprintf(a.Stderr, "%s %s\n", a.paint(red, "error:"), a.redact(message(err)))
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(a.Stderr, "  %s %s\n", a.paint(cyan, "hint:"), a.redact(hint))
	}
	return code
}

// stoppedBy is the signal that an error comes of: what was under way when it came says only that it was cancelled, in many
// ways, and nothing is to be done about it. It is nil where there was none, or where the error says what did not come of it.
func stoppedBy(ctx context.Context, err error) error {
	var stopped signalled
	var outside *surroundingsError
	if !errors.As(context.Cause(ctx), &stopped) || errors.As(err, &outside) && !cancelled(err) {
		return nil
	}
	return stopped
}

// cancelled reports whether an error says that what was under way was ended from here.
func cancelled(err error) bool {
	var pg *pgconn.PgError
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &pg) && pg.Code == "57014"
}

// message is the error without what the driver adds for itself, and with the detail that it leaves out.
func message(err error) string {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return "connect to the database: " + lastCause(connect)
	}
	text := err.Error()
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return text
	}
	detail := strings.ReplaceAll(server.Detail, "\n", "; ")
	if detail == "" || strings.Contains(text, detail) { // the errors of steps have it
		return text
	}
	return text + " (" + detail + ")"
}

// lastCause is the innermost error of a failed connect: each address that was tried repeats the rest.
func lastCause(err *pgconn.ConnectError) string {
	text := err.Error()
	if cause := errors.Unwrap(err); cause != nil {
		text = cause.Error()
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// heldHint is what to do about a node that another run holds. A process that was stopped says nothing and ends nothing: whoever
// is kept by it has to.
func heldHint(held *dag.HeldError) string {
	if held.Session == 0 {
		return "Wait for it with --wait, or look at terrace runs."
	}
	return fmt.Sprintf("Wait for it with --wait. If its process hangs or was stopped, end it there, or its session here: select pg_terminate_backend(%d); "+
		"what it has not committed is undone.", held.Session)
}

// hintOf is the next step that an error brings, or one that follows from what it is.
func hintOf(err error) string {
	var (
		input   *inputError
		apart   *dag.EnvironmentError
		outside *surroundingsError
		server  *pgserver.Error
		step    *dag.StepError
		pg      *pgconn.PgError
		connect *pgconn.ConnectError
		held    *dag.HeldError
		goingOn *goingOnError
		source  *extract.Error
		lost    *ods.LostTableError
		rekeyed *ods.KeyChangedError
		bug     *bugError
		running *runningError
		kept    *undroppedError
	)
	switch {
	case errors.As(err, &kept):
		return kept.hint()
	case errors.As(err, &running):
		return "Wait until it has ended; terrace schedule list shows when it has."
	case errors.As(err, &lost):
		return fmt.Sprintf("Put it back from a backup. Or drop all that was built from it, kept histories too, and read the stream "+
			"anew: terrace clean %s+ says what would go", lost.Stream)
	case errors.As(err, &rekeyed):
		return fmt.Sprintf("Put the old key back. Or drop what landed under it and all that was built from it, and read the stream anew: "+
			"terrace clean %[1]s+ says what would go, terrace update %[1]s+ reads and builds it again", rekeyed.Stream)
	case errors.As(err, &bug):
		return "What was committed stands. Please report the command and this line; --log-level debug tells where it happened."
	case errors.As(err, &input):
		return input.hint
	case errors.As(err, &apart):
		return apart.Hint
	case errors.As(err, &outside) && outside.hint != "":
		return outside.hint
	case errors.As(err, &server):
		return server.Hint
	case errors.As(err, &step):
		return step.Hint
	case errors.As(err, &source) && source.Hint == "" && source.Kind == extract.Transport:
		return "Is the source up, and is its base_url right? What was landed stands; the next run goes on from there."
	case errors.As(err, &source):
		return source.Hint
	case errors.As(err, &held):
		return heldHint(held)
	case errors.As(err, &goingOn):
		return goingOn.hint()
	case errors.As(err, &pg) && strings.HasPrefix(pg.Code, "28"):
		return "Check user and password in the database URL (TERRACE_DATABASE_URL, or PGPASSWORD)."
	case errors.As(err, &pg) && pg.Code == "3D000":
		return "Create the database, or name another one in the database URL."
	case errors.As(err, &connect):
		return "Is the server up, and are host and port right? terrace doctor looks; without any setting terrace uses its embedded server."
	case errors.As(err, &pg):
		return dag.HintOf(pg)
	}
	return ""
}
