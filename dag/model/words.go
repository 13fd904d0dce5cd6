package model

import (
	"fmt"
	"regexp"
	"strings"
)

// Words that people bring from other tools, with what to do here. They are near nothing by their letters.
const (
	namedByPath = "folders and file name the relation: models/shop/dwd/fact_order.sql makes shop_dwd.fact_order"
	ruleOfItem  = "rules of rows are written as items of assert, or beside a column's name: not_null, unique, values, references"
)

// otherKeys are keys of a header, of a column and of an item of assert.
var otherKeys = map[string]string{
	"materialized": "write kind", "materialization": "write kind", "type": "write kind",
	"unique_key": "write key", "primary_key": "write key",
	"refs": "write depends_on", "ref": "write depends_on", "sources": "write depends_on", "inputs": "write depends_on",
	"config": "its keys stand in the header by themselves: kind: table",
	"alias":  namedByPath, "schema": namedByPath, "name": namedByPath, "database": namedByPath,
	"tests": ruleOfItem, "data_tests": ruleOfItem, "checks": ruleOfItem, "constraints": ruleOfItem,
	"contract":             "a type beside a column's name makes a contract: columns: {id: bigint}",
	"data_type":            "write type",
	"incremental_strategy": "none is needed: what changed upstream is found; see incremental: {by: …}",
	"updated_at":           "the effective time of versions is scd2: {valid_from: updated_at}",
	"strategy":             "versions are made of what changed: scd2: {track: [column]}",
	"pre_hook":             "statements to run are a model of kind sql", "post_hook": "statements to run are a model of kind sql; grants and indexes have keys of their own",
	"accepted_values": "write values: {column: state, in: [open, paid]}",
	"relationships":   "write references: {column: id, to: schema.relation.column}",
	"recency":         "write freshness: {column: paid_at, max_age: P2D}",
	"accepted_range":  "write expression: amount between 0 and 100", "expression_is_true": "write expression", "check": "write expression",
	"unique_combination_of_columns": "write unique: [a, b]", "equal_rowcount": "write reconcile: {with: schema.relation, count: true}",
}

// otherKinds are values of kind.
var otherKinds = map[string]string{
	"ephemeral": "write view: nothing is stored of it", "snapshot": "write scd2, which keeps every version",
	"matview": "write materialized_view", "seed": "a seed is a CSV file under models/, without a header",
	"test": "an assertion is a file under tests/, with the header key on", "assertion": "an assertion is a file under tests/, with the header key on",
}

// inOurWords gives problems with a word of another tool the hint what stands for it here.
func inOurWords(problems []Problem) []Problem {
	for i, p := range problems {
		if match := unknownWord.FindStringSubmatch(p.Message); match != nil {
			problems[i].Hint = or(otherKeys[match[1]], or(otherKinds[match[2]], p.Hint))
		}
	}
	return problems
}

var unknownWord = regexp.MustCompile(`^unknown key "([a-z_]+)"$|^"kind" cannot be "([a-z_]+)"$`)

// template finds what a template language would fill in.
var template = regexp.MustCompile(`\{\{.*?(\}\}|\n|$)|\{%.*?(%\}|\n|$)|\{#.*?(#\}|\n|$)`)

// templated is the problem of SQL that is a template, where it is one.
func (s sqlText) templated() (Problem, bool) {
	at := template.FindStringIndex(s.sql)
	if at == nil {
		return Problem{}, false
	}
	return s.place(at[0]).problem(fmt.Sprintf("%s is a template; a model is plain SQL", trimEnd(s.sql[at[0]:at[1]])),
		"write schema.relation for ref() and source(), terrace.var('name') for var(), and what config() says into the header"), true
}

// placeholder is what psql or a program would fill in, or a command of psql's.
var placeholder = regexp.MustCompile(`^(:['"]?[A-Za-z_]\w*['"]?|%\([A-Za-z_]\w*\)s|%s|\$\{[^}\n]*\}|\\[a-z]\w*)`)

// placeholder is the problem of a place at which somebody is to fill something in, where the parser stopped at one.
func (s sqlText) placeholder(offset int) (Problem, bool) {
	if offset < 0 || offset >= len(s.sql) {
		return Problem{}, false
	}
	found := placeholder.FindString(s.sql[offset:])
	switch {
	case found == "":
		return Problem{}, false
	case strings.HasPrefix(found, `\`):
		return s.place(offset).problem(found+" is a command of psql, no SQL", "remove the line; a value that models share is terrace.var('name')"), true
	default:
		return s.place(offset).problem("nobody fills in "+found, "write terrace.var('name') for a value of terrace.yml or --var"), true
	}
}
