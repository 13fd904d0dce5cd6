package model

import (
	"regexp"
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

// keyExamples show the form of values that people write in another one.
var keyExamples = map[string]string{
	"kind": "kind: table", "depends_on": "depends_on: [schema.relation]", "key": "key: [site_id, business_date]",
	"incremental": "incremental: {by: [business_date]}", "scd2": "scd2: {valid_from: changed_at}",
	"columns": "columns: {id: bigint, state: {not_null: true}}", "rejects": "rejects: {negative: amount < 0}",
	"assert": "assert: [{not_null: id}]", "indexes": "indexes: [[site_id], {columns: [id], unique: true}]",
	"partition_by": "partition_by: {range: business_date, step: 1 month}", "distribute": "distribute: {by: site_id}",
	"grants": "grants: {select: [analyst]}", "description": `description: "…", with quotes around a text of several parts`,
	"changed": "changed: {schema.relation: [id]}", "names": "names: {valid_from: since}", "meta": "meta: {team: sales}",
	"values": "values: {column: state, in: [open, paid]}, or beside a column's name values: [open, paid]",
	"given":  "given: {schema.relation: [{id: 1}]}", "given_then": "given_then: {schema.relation: [{id: 1}]}",
	"expect": "expect: [{id: 1}]", "expect_then": "expect_then: [{id: 1}]",
}

// inOurWords gives problems with a word of another tool the hint what stands for it here, and those of a value in a wrong
// form an example.
func inOurWords(problems []Problem) []Problem {
	for i, p := range withExamples(problems) {
		if match := unknownWord.FindStringSubmatch(p.Message); match != nil {
			problems[i].Hint = or(otherKeys[match[1]], or(otherKinds[match[2]], p.Hint))
		}
		if prose.MatchString(p.Message) {
			problems[i].Hint = "the first comment is the header, key: value in each line; put other text under description:, or behind an empty line after it"
		}
	}
	return problems
}

func withExamples(problems []Problem) []Problem {
	for i, p := range problems {
		if match := wrongForm.FindStringSubmatch(p.Message); match != nil && p.Hint == "" && keyExamples[match[1]] != "" {
			problems[i].Hint = "write " + keyExamples[match[1]]
		}
	}
	return problems
}

var (
	unknownWord = regexp.MustCompile(`^unknown key "([a-z_]+)"$|^"kind" cannot be "([a-z_]+)"$`)
	prose       = regexp.MustCompile(`^unknown key ".* .*"$`)
	wrongForm   = regexp.MustCompile(`^"([a-z_]+)" wants `)
	// wideColon matches a line whose key ends with the colon of a Chinese keyboard.
	wideColon = regexp.MustCompile(`^\s*(- )?[\w.]+：`)
)
