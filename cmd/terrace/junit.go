package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// testCase is an assertion or a unit test as other tools take it.
type testCase struct {
	suite   string
	class   string // the model
	name    string
	file    string
	line    int
	col     int
	seconds float64
	// outcome is "" for one that passed, else failure, error, skipped or warning.
	outcome string
	message string
	details string // failing rows
}

// The suites, in their order.
const (
	unitSuite      = "unit tests"
	assertionSuite = "assertions"
)

// cases are the results of a test as other tools take them, with secrets taken out.
func (w *work) cases(out tested) []testCase {
	var cases []testCase
	for _, u := range out.UnitTests {
		t := testCase{suite: unitSuite, class: u.Model, name: u.Name, file: u.File, line: u.line, seconds: u.Seconds}
		if u.Error != nil {
			t.outcome, t.message, t.details = "failure", u.Error.Message, strings.Join(u.Diff, "\n")
			t.file, t.line, t.col = u.Error.File, u.Error.Line, u.Error.Column
		}
		cases = append(cases, t)
	}
	for _, s := range out.Steps {
		if s.Kind == dag.KindAssertion {
			cases = append(cases, w.judged(s, out.judgements[s.Name]))
		}
	}
	for i := range cases {
		cases[i].message, cases[i].details = w.app.redact(cases[i].message), w.app.redact(cases[i].details)
	}
	return cases
}

func (w *work) judged(s dag.StepReport, j dag.Judgement) testCase {
	t := testCase{suite: assertionSuite, name: s.Name, seconds: s.Seconds, message: s.Reason, details: rowsOf(j.Samples)}
	if n := w.project.graph.Node(s.Name); n != nil {
		t.class, t.file, t.line = strings.Join(n.On, ", "), n.File, n.Line
	}
	var data *dag.DataError
	switch {
	case s.Status == dag.Skipped:
		t.outcome = "skipped"
	case s.Status.Bad():
		t.outcome = "error"
		if errors.As(s.Err(), &data) {
			t.outcome = "failure"
		}
		if s.Error != nil {
			t.message = s.Error.Message
			if s.Error.Line > 0 {
				t.file, t.line, t.col = s.Error.File, s.Error.Line, s.Error.Column
			}
		}
	case j.Status == "warn":
		t.outcome = "warning"
	}
	return t
}

// rowsOf gives each element of a JSON array a line.
func rowsOf(array json.RawMessage) string {
	var rows []json.RawMessage
	if json.Unmarshal(array, &rows) != nil {
		return string(array)
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = string(row)
	}
	return strings.Join(lines, "\n")
}

// noteworthy are the cases that somebody should look at.
func noteworthy(cases []testCase) []annotation {
	var out []annotation
	for _, t := range cases {
		severity := strict.Error
		switch t.outcome {
		case "", "skipped":
			continue
		case "warning":
			severity = strict.Warning
		}
		out = append(out, annotation{
			severity: severity, file: t.file, line: t.line, col: t.col, title: t.name,
			message: strings.TrimSpace(t.message + "\n" + t.details),
		})
	}
	return out
}

// The elements of JUnit XML that its readers agree on.
type (
	xmlSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		xmlCounts
		Suites []*xmlSuite `xml:"testsuite"`
	}
	xmlCounts struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Time     string `xml:"time,attr"`

		seconds float64
	}
	xmlSuite struct {
		Name string `xml:"name,attr"`
		xmlCounts
		Cases []xmlCase `xml:"testcase"`
	}
	xmlCase struct {
		Class     string      `xml:"classname,attr"`
		Name      string      `xml:"name,attr"`
		Time      string      `xml:"time,attr"`
		File      string      `xml:"file,attr,omitempty"`
		Line      int         `xml:"line,attr,omitempty"`
		Failure   *xmlOutcome `xml:"failure"`
		Error     *xmlOutcome `xml:"error"`
		Skipped   *xmlOutcome `xml:"skipped"`
		SystemOut string      `xml:"system-out,omitempty"`
	}
	xmlOutcome struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit is the cases as JUnit XML.
func junit(cases []testCase) []byte {
	all := xmlSuites{}
	for _, name := range []string{unitSuite, assertionSuite} {
		suite := &xmlSuite{Name: name}
		for _, t := range cases {
			if t.suite == name {
				suite.add(t)
				all.count(t)
			}
		}
		if len(suite.Cases) > 0 {
			suite.Time = seconds(suite.seconds)
			all.Suites = append(all.Suites, suite)
		}
	}
	all.Time = seconds(all.seconds)
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("encode JUnit XML: %v", err)) // texts and numbers
	}
	return append([]byte(xml.Header), append(text, '\n')...)
}

func (c *xmlCounts) count(t testCase) {
	c.Tests++
	c.seconds += t.seconds
	switch t.outcome {
	case "failure":
		c.Failures++
	case "error":
		c.Errors++
	case "skipped":
		c.Skipped++
	}
}

func (s *xmlSuite) add(t testCase) {
	s.count(t)
	c := xmlCase{Class: t.class, Name: t.name, Time: seconds(t.seconds), File: t.file, Line: t.line}
	outcome := &xmlOutcome{Type: strings.TrimSuffix(s.Name, "s"), Message: t.message, Text: t.details}
	switch t.outcome {
	case "failure":
		c.Failure = outcome
	case "error":
		c.Error = outcome
	case "skipped":
		c.Skipped = &xmlOutcome{Message: t.message}
	case "warning":
		c.SystemOut = t.message + "\n" + t.details
	}
	s.Cases = append(s.Cases, c)
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
