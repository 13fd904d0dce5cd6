package main

import (
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scrubber takes out of a text what changes from run to run.
type scrubber struct {
	names    *strings.Replacer
	patterns []pattern
}

// pattern is what changes and what it becomes. Where spaces that belong to it make it a cell of a table, it keeps its width.
type pattern struct {
	find    *regexp.Regexp
	replace string
}

func (p pattern) text(text string) string {
	return p.find.ReplaceAllStringFunc(text, func(found string) string {
		became := p.find.ReplaceAllString(found, p.replace)
		switch spaces := len(found) - len(strings.TrimRight(found, " ")); {
		case spaces == len(found):
			return became
		case spaces > 1:
			return became + strings.Repeat(" ", max(0, len(found)-len(became)))
		default:
			return became + strings.Repeat(" ", spaces)
		}
	})
}

func newScrubber(ts *testscript.TestScript) scrubber {
	// The day in UTC, and what it is elsewhere, or was when the script began.
	today := time.Now().UTC()
	yesterday, tomorrow := today.AddDate(0, 0, -1), today.AddDate(0, 0, 1)
	const status = `(?:success|failure|error|skip|timeout|cancelled|partial_success|running)`
	return scrubber{
		names: strings.NewReplacer(ts.Getenv("WORK"), "$WORK", ts.Getenv("API"), "$API", ts.Getenv("ADDRESS"), "$ADDRESS", ts.Getenv("NOWHERE"), "$NOWHERE", strings.TrimPrefix(ts.Getenv("NOWHERE"), "http://"), "$CLOSED", ts.Getenv("LOCKED_ADDRESS"), "$LOCKED"),
		patterns: []pattern{
			// Times of this run, not those of the data.
			{regexp.MustCompile(`(?:` + today.Format(time.DateOnly) + `|` + yesterday.Format(time.DateOnly) + `|` + tomorrow.Format(time.DateOnly) + `)[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::\d\d)?)?`), "NOW"},
			{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`), "RUN"},
			{regexp.MustCompile(`\(\d+\.\d\d s`), "(0.00 s"},
			{regexp.MustCompile(`(` + status + `(?:[ ]+[-+~=!]\d+)*[ ]+)\d+\.\d\d\b *`), "${1}0.00"},
			{regexp.MustCompile(`(` + status + `[ ]+\d+[ ]+\d+[ ]+)\d+\.\d\d\b *`), "${1}0.00"},
			{regexp.MustCompile(`"seconds": [0-9.e-]+`), `"seconds": 0`},
			{regexp.MustCompile(`process \d+, since [^)]*`), "process PID, since NOW"},
			{regexp.MustCompile(`pg_terminate_backend\(\d+\)`), "pg_terminate_backend(PID)"},
			{regexp.MustCompile(`\b\d+ (?:s|min) ago *`), "0 s ago"},
			{regexp.MustCompile(`PostgreSQL \d+\.\d+(?: \([^)]*\))?`), "PostgreSQL VERSION"},
			{regexp.MustCompile(`(names database )\S+( on )\S+( as )\S+`), "${1}DATABASE${2}HOST${3}USER"},
			{regexp.MustCompile(`terrace_test_[0-9a-f]+_\d+`), "DATABASE"},
			{regexp.MustCompile(`((?:schema terrace is at version|this terrace knows) )\d+`), "${1}N"},
			{regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d WRN\b`), "TIME WRN"},
			{regexp.MustCompile(`(?m)[ \t]+$`), ""},
		},
	}
}

func (s scrubber) text(text string) string {
	text = s.names.Replace(text)
	for _, p := range s.patterns {
		text = p.text(text)
	}
	return text
}
