// Package strict reads YAML into Go structs and reports every mistake at once, each with its place and, where there is
// one, the near legal name. It knows nothing of what the YAML is for.
package strict

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says whether a problem stops the run.
type Severity string

// The severities. An error stops before anything is executed; a warning is printed.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one mistake in one file. It is an error, so that a single one can be returned as such.
type Problem struct {
	File     string   `json:"file"` // path inside the project, with slashes
	Line     int      `json:"line"` // from 1; 0 when the whole file is meant
	Col      int      `json:"column"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"` // what to do next, or ""
}

// Error is "file:line:col: message".
func (p Problem) Error() string {
	switch {
	case p.File == "":
		return p.Message
	case p.Line == 0:
		return fmt.Sprintf("%s: %s", p.File, p.Message)
	default:
		return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Message)
	}
}

// Sort orders problems by place, then by message, and removes repetitions.
func Sort(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(problems)
}

// HasErrors reports whether one of the problems stops the run.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}
