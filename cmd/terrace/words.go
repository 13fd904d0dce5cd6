package main

import (
	"slices"
	"strings"
)

// otherWords are commands and flags that people know from other tools, with what to type here.
var otherWords = map[string]string{
	"build":   "terrace run builds models and judges them; terrace update reads the sources before.",
	"compile": "terrace show NODE has the SQL that would be executed, terrace check compares the project with the database.",
	"parse":   "terrace check --offline reads the files.",
	"seed":    "terrace run builds seeds as well: terrace run kind:seed.", "snapshot": "terrace run builds dimensions as well: terrace run kind:scd2.",
	"source": "terrace status says how fresh streams are.", "freshness": "terrace status says how fresh streams are.",
	"debug": "terrace doctor checks the surroundings.", "list": "terrace ls lists nodes.",
	"logs": "terrace runs RUN has what a run said; --log-file keeps the log.", "log": "terrace runs RUN has what a run said; --log-file keeps the log.",
	"history": "terrace runs lists what ran.", "deps": "There are no packages. terrace lineage NODE shows what a node is made from.",
	"start": "terrace serve stays and runs what is due; terrace db start starts the embedded server.",
	"stop":  "terrace db stop stops the embedded server.", "psql": "terrace db psql opens psql.",
	"validate": "terrace check looks for mistakes.", "lint": "terrace check looks for mistakes.",
	"graph": "terrace lineage NODE shows what a node is made from.", "dag": "terrace lineage NODE shows what a node is made from.",
	"--models": "Name nodes as arguments, or with --select.", "-m": "Name nodes as arguments, or with --select.",
	"--target": "Name an environment of terrace.yml with --env.", "-t": "Name an environment of terrace.yml with --env.",
	"--vars":        "Write --var name=value, once for each.",
	"--project-dir": "Name the project's folder with -C.", "--profiles-dir": "The database is named in terrace.yml or by --database-url.",
	"--fail": "Write --fail-fast.", "-x": "Write --fail-fast.", "--selector": "Write selector:NAME as a selector.",
	"--output": "Write --json for a document.", "--format": "Write --json for a document.",
}

// knownElsewhere is the hint for an error of the command line that names a word of another tool, or "".
func knownElsewhere(message string) string {
	for _, prefix := range []string{"unexpected argument ", "unknown flag "} {
		if rest, ok := strings.CutPrefix(message, prefix); ok {
			word, _, _ := strings.Cut(rest, ",")
			return otherWords[word]
		}
	}
	return ""
}

// asTyped turns what people type by habit into what the command line takes: help as a command, --version as a flag, and
// psql's own flags behind db psql, which are psql's alone.
func asTyped(args []string) []string {
	switch {
	case len(args) > 0 && args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && args[0] == "--version":
		return []string{"version"}
	}
	for i := range len(args) - 1 {
		if args[i] == "db" && args[i+1] == "psql" {
			return withoutParsing(args, i+2)
		}
	}
	return args
}

// withoutParsing puts -- before the first argument from a place on that is not one of terrace's own: the parser takes the
// short flags of psql apart.
func withoutParsing(args []string, from int) []string {
	for i := from; i < len(args); i++ {
		flag, _, joined := strings.Cut(args[i], "=")
		switch {
		case args[i] == "--", args[i] == "--help":
			return args
		case !slices.Contains([]string{"-C", "--project", "--database-url", "--env"}, flag):
			return slices.Insert(slices.Clone(args), i, "--")
		case !joined:
			i++
		}
	}
	return args
}
