package dag

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report says what a run did. Its JSON is a contract: keys are added, not changed.
type Report struct {
	RunID     string       `json:"run_id"`
	Status    Status       `json:"status"`
	StartedAt time.Time    `json:"started_at"`
	Seconds   float64      `json:"seconds"`
	Steps     []StepReport `json:"steps"`
	// Statements is how many SQL statements the steps sent, those of transactions and of the ledger among them.
	Statements int64 `json:"statements,omitempty"`
}

// StepReport is one step of a report.
type StepReport struct {
	Name    string     `json:"name"`
	Kind    NodeKind   `json:"kind"`
	Status  Status     `json:"status"`
	Reason  string     `json:"reason"`
	Rows    Rows       `json:"rows"`
	Seconds float64    `json:"seconds"`
	Error   *StepFault `json:"error,omitempty"`

	begun    float64 // seconds after the run's own start
	err      error
	recorded bool // its own transaction wrote it down
}

// Err is the step's error, for callers that branch on it.
func (s StepReport) Err() error { return s.err }

// Blocked reports whether the step is still to be done: it was skipped because of another one's failure, and not because
// nothing changed for it.
func (s StepReport) Blocked() bool {
	return s.Status == Skipped && slices.ContainsFunc(waits(), func(prefix string) bool {
		return strings.HasPrefix(s.Reason, prefix)
	})
}

// StepFault is an error as a report shows it.
type StepFault struct {
	Message  string `json:"message"`
	SQLState string `json:"sqlstate,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Hint     string `json:"hint,omitempty"`
	// Data says that the data is not as declared: exit code 4.
	Data bool `json:"data,omitempty"`
}

// StepError is why a step failed, with the place in the model's file where that is known.
type StepError struct {
	StepFault
	err error
}

// NewStepError wraps an error of a step with a hint.
func NewStepError(err error, hint string) *StepError {
	return &StepError{StepFault: StepFault{Message: err.Error(), Hint: hint}, err: err}
}

// Error is the message, with its place before it.
func (e *StepError) Error() string {
	if e.File == "" || e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Unwrap returns the error as it came.
func (e *StepError) Unwrap() error { return e.err }

// faultOf shows any error as a report does.
func faultOf(err error) *StepFault {
	if err == nil {
		return nil
	}
	fault := StepFault{Message: err.Error()}
	var step *StepError
	if errors.As(err, &step) {
		fault = step.StepFault
	}
	var data *DataError
	fault.Data = errors.As(err, &data)
	return &fault
}

// report makes the report of a run whose steps have all ended.
func (s *runState) report() Report {
	r := Report{StartedAt: s.started, Seconds: s.runner.Now().Sub(s.started).Seconds(), Steps: make([]StepReport, len(s.steps))}
	for i, step := range s.steps {
		result := s.results[i]
		r.Steps[i] = StepReport{
			Name: step.Name, Kind: step.Kind, Status: result.Status, Reason: result.Reason,
			Rows: result.Rows, Seconds: s.seconds[i], begun: s.begun[i], Error: faultOf(result.Err), err: result.Err, recorded: result.recorded,
		}
		r.Steps[i].locate(step)
	}
	r.Status = overall(r.Steps)
	return r
}

// locate gives a fault of the project's own that has no place the file that the step comes from.
func (s *StepReport) locate(step Step) {
	if s.Error == nil || s.Error.File != "" || s.Status != Failure {
		return
	}
	s.Error.File = step.File
	if n := step.node; n != nil && n.Inline != nil {
		s.Error.Line, s.Error.Column = n.Line, 1
	}
}

// overall is the status of a run: the gravest of its steps'. One in which all ended well, and some left rows out that no
// rule or landing accepted, succeeded in part.
func overall(steps []StepReport) Status {
	grave := []Status{Cancelled, Error, Timeout, Failure, PartialSuccess}
	for _, status := range grave {
		for _, s := range steps {
			if s.Status == status {
				return status
			}
		}
	}
	if slices.ContainsFunc(steps, func(s StepReport) bool { return s.Rows.Rejected > 0 }) {
		return PartialSuccess
	}
	return Success
}

// Count is the number of steps that ended with a status.
func (r Report) Count(status Status) int {
	n := 0
	for _, s := range r.Steps {
		if s.Status == status {
			n++
		}
	}
	return n
}
