package model

import (
	"fmt"
	"regexp"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// assertionFile is the header of a file under tests/.
type assertionFile struct {
	On          []strict.String `yaml:"on,required"`
	Severity    string          `yaml:"severity" enum:"error,warn"`
	ErrorIf     strict.String   `yaml:"error_if"`
	WarnIf      strict.String   `yaml:"warn_if"`
	Description string          `yaml:"description"`
	Tags        []string        `yaml:"tags"`
}

const anyRow = "> 0"

var rowCondition = regexp.MustCompile(`^(>|>=|<|<=|=|!=|<>) ?\d{1,18}$`)

// parseAssertion reads one file under tests/.
func parseAssertion(file string, src []byte) (*Assertion, []Problem) {
	f, problems := openSQLFile(file, src, strict.Keys(assertionFile{}))
	var w assertionFile
	problems = append(problems, f.decode(&w)...)
	a := &Assertion{
		File:        file,
		On:          refs(w.On),
		Severity:    Severity(or(w.Severity, string(SeverityError))),
		ErrorIf:     or(w.ErrorIf.Value, anyRow),
		WarnIf:      or(w.WarnIf.Value, anyRow),
		Description: w.Description,
		Tags:        w.Tags,
		SQL:         f.sql,
		SQLLine:     f.line,
		FileHash:    f.hash,
	}
	if strict.HasErrors(problems) {
		return a, problems
	}
	for _, condition := range []strict.String{w.ErrorIf, w.WarnIf} {
		if !condition.IsZero() && !rowCondition.MatchString(condition.Value) {
			problems = append(problems, place{file, condition.Line, condition.Col}.problem(
				fmt.Sprintf("%q is no condition on the number of failing rows", condition.Value), `write "> 0", ">= 10", "!= 1"`))
		}
	}
	if len(w.On) == 0 {
		problems = append(problems, place{file, 1, 1}.problem("on names no model", "list the models that the query judges: on: [schema.model]"))
	}
	if a.SQL == "" {
		problems = append(problems, place{file, f.line, 1}.problem("there is no SQL after the header", "write a select that returns the failing rows"))
	}
	return a, problems
}
