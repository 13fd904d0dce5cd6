package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/pgserver"
	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/migrations"
)

func TestExitCode_isThatOfTheKindOfError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		code int
	}{
		"none":                     {nil, exitDone},
		"anything else":            {errors.New("no idea"), exitFailed},
		"a bug":                    {&bugError{cause: "nil map"}, exitFailed},
		"wrong input":              {&inputError{message: "no"}, exitInput},
		"mistakes in files":        {&problemsError{}, exitInput},
		"nothing selected":         {&dag.NothingSelectedError{}, exitInput},
		"a wrong selector":         {&dag.SelectorError{}, exitInput},
		"another run":              {&dag.HeldError{}, exitHeld},
		"a run that goes on":       {&goingOnError{}, exitHeld},
		"wrong data":               {&dag.DataError{}, exitData},
		"surroundings":             {&surroundingsError{err: errors.New("no")}, exitSurroundings},
		"the embedded server":      {&pgserver.Error{}, exitSurroundings},
		"a migration":              {&migrations.Error{Err: errors.New("no")}, exitSurroundings},
		"a newer schema":           {schemaError(migrations.ErrNewer), exitSurroundings},
		"no space":                 {&os.PathError{Err: syscall.ENOSPC}, exitSurroundings},
		"no permission":            {&os.PathError{Err: os.ErrPermission}, exitSurroundings},
		"the network":              {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, exitSurroundings},
		"a wrong password":         {&pgconn.PgError{Code: "28P01"}, exitSurroundings},
		"no such database":         {&pgconn.PgError{Code: "3D000"}, exitSurroundings},
		"a full disk there":        {&pgconn.PgError{Code: "53100"}, exitSurroundings},
		"a right that is missing":  {&pgconn.PgError{Code: "42501"}, exitSurroundings},
		"a server that stops":      {&pgconn.PgError{Code: "57P01"}, exitSurroundings},
		"wrong SQL":                {&pgconn.PgError{Code: "42601"}, exitFailed},
		"an upstream down":         {&extract.Error{Kind: extract.Transport}, exitSurroundings},
		"an upstream that says no": {&extract.Error{Kind: extract.Auth}, exitFailed},
		"an upstream's nonsense":   {&extract.Error{Kind: extract.UnexpectedContent}, exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.code, exitCode(t.Context(), test.err))
			if test.err != nil {
				require.Equal(t, test.code, exitCode(t.Context(), fmt.Errorf("do it: %w", test.err)), "wrapped")
			}
		})
	}
}

func TestExitCode_ofASignalIsTheSignals(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	require.False(t, another(begun, begun), "timeout(1) sends its signal to the process and to its group")
	require.True(t, another(begun, begun.Add(time.Second)))
	for signal, code := range map[os.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(signalled{signal})
		require.Equal(t, code, exitCode(ctx, errors.New("cancelled")))
		require.Equal(t, code, exitCode(ctx, nil))
		require.Equal(t, signalled{signal}, stoppedBy(ctx, &surroundingsError{err: &pgconn.PgError{Code: "57014"}}))
		require.NoError(t, stoppedBy(ctx, &surroundingsError{err: errors.New("the end is not recorded")}), "what did not come of it is told")
	}
	require.NoError(t, stoppedBy(t.Context(), errors.New("another")))
}

func TestExitCode_ofARunIsItsGravest(t *testing.T) {
	t.Parallel()
	steps := func(errs ...error) map[string]error {
		out := map[string]error{}
		for i, err := range errs {
			out[fmt.Sprintf("s.n%d", i)] = err
		}
		return out
	}
	held, data, outside, failed := &dag.HeldError{}, &dag.DataError{}, &net.OpError{Err: syscall.ECONNRESET}, errors.New("no")
	for name, test := range map[string]struct {
		errs map[string]error
		code int
	}{
		"all well":                    {steps(nil, nil), exitDone},
		"one failed":                  {steps(nil, failed), exitFailed},
		"data":                        {steps(data, nil), exitData},
		"held":                        {steps(held), exitHeld},
		"outside":                     {steps(outside), exitSurroundings},
		"held before data":            {steps(data, held), exitHeld},
		"surroundings before held":    {steps(held, outside, data), exitSurroundings},
		"a failure before everything": {steps(data, held, outside, failed), exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := ran(t, test.errs)
			require.Equal(t, test.code, exitCode(t.Context(), &reportError{report}))
		})
	}
}

// ran is the report of a run whose steps ended with these errors.
func ran(t *testing.T, errs map[string]error) dag.Report {
	t.Helper()
	var plan dag.Plan
	for name := range errs {
		plan.Steps = append(plan.Steps, dag.Step{Name: name, Action: dag.Run})
	}
	runner := dag.Runner{Threads: 1, Now: time.Now, Execute: ending(errs)}
	return runner.Run(t.Context(), plan)
}

type ending map[string]error

// Execute implements dag.Executor.
func (e ending) Execute(_ context.Context, step dag.Step) dag.Result {
	if err := e[step.Name]; err != nil {
		return dag.Result{Status: dag.Failure, Err: err}
	}
	return dag.Result{Status: dag.Success}
}

// breaking panics when it is written to.
type breaking struct{}

func (breaking) Write([]byte) (int, error) { panic("index out of range [3] with length 3") }

func TestMain_tellsAPanicInOneLine(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := Main([]string{"version"}, Env{
		Stdout: breaking{}, Stderr: &stderr, Now: time.Now, LookupEnv: func(string) (string, bool) { return "", false },
	})
	require.Equal(t, exitFailed, code)
	require.Equal(t, `error: this is a bug in terrace: index out of range [3] with length 3
  hint: What was committed stands. Please report the command and this line; --log-level debug tells where it happened.
`, stderr.String())
}
