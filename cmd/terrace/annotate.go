package main

import (
	"fmt"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// annotationFlags are those of commands whose findings a code host can show beside the lines they are about.
type annotationFlags struct {
	Annotations string `enum:"auto,github,none" default:"auto" placeholder:"STYLE" help:"Say findings to a code host as well: github, none, or auto, which asks GITHUB_ACTIONS."`
}

// annotation is a finding at a place in a file.
type annotation struct {
	severity  strict.Severity
	file      string
	line, col int
	title     string
	message   string
}

func (a *App) annotating(f annotationFlags) bool {
	if f.Annotations == "auto" {
		running, _ := a.LookupEnv("GITHUB_ACTIONS")
		return running == "true"
	}
	return f.Annotations == "github"
}

// annotate writes findings as workflow commands. They go to standard error, which is read for them too, so that a
// document on standard output stays one.
func (a *App) annotate(f annotationFlags, found []annotation) {
	if !a.annotating(f) {
		return
	}
	for _, n := range found {
		var properties []string
		add := func(key, value string) {
			if value != "" && value != "0" {
				properties = append(properties, key+"="+property.Replace(a.redact(value)))
			}
		}
		add("file", n.file)
		add("line", fmt.Sprint(n.line))
		add("col", fmt.Sprint(n.col))
		add("title", n.title)
		fmt.Fprintf(a.Stderr, "::%s %s::%s\n", n.severity, strings.Join(properties, ","), data.Replace(a.redact(n.message)))
	}
}

// A workflow command is one line, and its properties are parted by commas.
var (
	data     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// annotations are problems as findings.
func annotations(problems []strict.Problem) []annotation {
	out := make([]annotation, len(problems))
	for i, p := range problems {
		message := p.Message
		if p.Hint != "" {
			message += "\n" + p.Hint
		}
		out[i] = annotation{severity: p.Severity, file: p.File, line: p.Line, col: p.Col, message: message}
	}
	return out
}
