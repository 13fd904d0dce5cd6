package model

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v6"
)

// This file has what to write instead of what people bring from other tools and other databases.

// template finds what a template language would fill in.
var template = regexp.MustCompile(`\{\{.*?(\}\}|\n|$)|\{%.*?(%\}|\n|$)|\{#.*?(#\}|\n|$)`)

// templates are the problems of SQL that is a template, one for each different piece of it; none where it is none.
func (s sqlText) templates() []Problem {
	var problems []Problem
	told := map[string]bool{}
	for _, at := range template.FindAllStringIndex(s.sql, -1) {
		written := trimEnd(s.sql[at[0]:at[1]])
		inside := strings.Trim(written, "{}%#- \t\n")
		if told[inside] || closesBlock.MatchString(inside) && len(told) > 0 {
			continue
		}
		told[inside] = true
		hint := s.insteadOf(inside)
		if strings.HasPrefix(written, "{#") {
			hint = "a comment begins with --, or stands between /* and */"
		}
		problems = append(problems, s.place(at[0]).problem(written+" is a template; a model is plain SQL", hint))
	}
	return problems
}

// What templates say.
var (
	closesBlock = regexp.MustCompile(`^(end\w+|else|elif\b.*)$`)
	refCall     = regexp.MustCompile(`^ref\(\s*(?:['"]\w+['"]\s*,\s*)?['"](\w+)['"]`)
	sourceCall  = regexp.MustCompile(`^source\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]`)
	varCall     = regexp.MustCompile(`^(?:var|env_var)\(\s*['"](\w+)['"]`)
	configCall  = regexp.MustCompile(`^config\(`)
	configPair  = regexp.MustCompile(`(\w+)\s*=\s*(\[[^\]]*\]|['"][^'"]*['"]|\w+)`)
	increments  = regexp.MustCompile(`\bis_incremental\b`)
	thisName    = regexp.MustCompile(`^this\b`)
	snapshot    = regexp.MustCompile(`^snapshot\b`)
)

// insteadOf is what to write for a piece of a template.
func (s sqlText) insteadOf(inside string) string {
	if found := refCall.FindStringSubmatch(inside); found != nil {
		return "write " + s.full("schema", found[1])
	}
	if found := sourceCall.FindStringSubmatch(inside); found != nil {
		return "write " + s.full(found[1]+"_ods", found[2]) + ", the stream under its schema"
	}
	if found := varCall.FindStringSubmatch(inside); found != nil {
		return fmt.Sprintf("write terrace.var('%s'), a text, and cast it; its value stands under vars: in terrace.yml", found[1])
	}
	switch {
	case configCall.MatchString(inside):
		return "write into the header: " + headerOf(inside)
	case increments.MatchString(inside):
		return "write kind: incremental in the header and the query for all rows, without the block: only groups of rows that changed are computed"
	case thisName.MatchString(inside):
		return "write the model's own schema.relation; kind incremental finds by itself what is new"
	case snapshot.MatchString(inside):
		return "write kind: scd2 in the header: it keeps every version"
	default:
		return "write schema.relation for ref() and source(), terrace.var('name') for var(), what config() says into the header, and an SQL function for a macro"
	}
}

// templateReads are the relations that a template names, as far as it says their schemas.
func templateReads(sql string) []string {
	var names []string
	for _, written := range template.FindAllString(sql, -1) {
		inside := strings.Trim(written, "{}%#- \t\n")
		if found := refCall.FindStringSubmatch(inside); found != nil {
			names = append(names, "schema."+found[1])
		} else if found := sourceCall.FindStringSubmatch(inside); found != nil {
			names = append(names, found[1]+"_ods."+found[2])
		}
	}
	return names
}

// full is the relation of the project that has a name; else the name with a schema before it.
func (s sqlText) full(schema, name string) string {
	if s.catalog != nil {
		ends := func(full string) bool { return strings.HasSuffix(full, "."+name) }
		if slices.Contains(s.catalog.names, schema+"."+name) {
			return schema + "." + name
		}
		if i := slices.IndexFunc(s.catalog.names, ends); i >= 0 {
			return s.catalog.names[i]
		}
	}
	return schema + "." + name
}

// headerOf is what a call of config() says, as lines of a header.
func headerOf(call string) string {
	var lines []string
	for _, pair := range configPair.FindAllStringSubmatch(call, -1) {
		value := strings.NewReplacer("'", "", `"`, "").Replace(pair[2])
		switch pair[1] {
		case "materialized":
			if value == "ephemeral" {
				value = string(View)
			}
			lines = append(lines, marker+"kind: "+value)
		case "unique_key":
			lines = append(lines, marker+"key: "+value)
		case "tags", "enabled":
			lines = append(lines, marker+pair[1]+": "+value)
		}
	}
	if lines == nil {
		return marker + "kind: table"
	}
	return strings.Join(lines, ", ")
}

// otherTools are functions of other tools, which are there without a schema and in no database.
var otherTools = []string{"ref", "source", "is_incremental", "config", "env_var"}

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

// typographic are signs that editors and input methods write for those of SQL and YAML, with what is meant. To PostgreSQL
// most of them are letters.
var typographic = []struct{ sign, name, instead string }{
	{"，", "a full-width comma", ","},
	{"、", "an enumeration comma", ","},
	{"：", "a full-width colon", ":"},
	{"；", "a full-width semicolon", ";"},
	{"（", "a full-width parenthesis", "("},
	{"）", "a full-width parenthesis", ")"},
	{"［", "a full-width bracket", "["},
	{"］", "a full-width bracket", "]"},
	{"‘", "a typographic quotation mark", "'"},
	{"’", "a typographic quotation mark", "'"},
	{"“", "a typographic quotation mark", `'`},
	{"”", "a typographic quotation mark", `'`},
	{"＝", "a full-width equals sign", "="},
	{"－", "a full-width minus", "-"},
	{"—", "a dash", "-"},
	{"\u00a0", "a space that does not break", "a plain space"},
	{"\u3000", "a full-width space", "a plain space"},
	{"\u200b", "a space without width, which nobody sees", "nothing"},
	{"\ufeff", "a byte order mark, which nobody sees", "nothing"},
}

// Typographic is what to write for the first sign in a text that only looks like one of SQL's or YAML's, or "".
func Typographic(text string) string {
	first, hint := len(text), ""
	for _, t := range typographic {
		if at := strings.Index(text, t.sign); at >= 0 && at < first {
			first, hint = at, fmt.Sprintf("%q is %s: write %s", t.sign, t.name, t.instead)
		}
	}
	return hint
}

// otherSyntax is what stands in PostgreSQL for words of other databases that its grammar does not have.
var otherSyntax = map[string]string{
	"top":     "write limit 10 at the end of the query",
	"qualify": "filter in a query around this one: select … from (select …, row_number() over (…) as n …) as t where t.n = 1",
	"pivot":   "write an aggregate with a filter for each column: sum(x) filter (where …)",
	"unpivot": "write cross join lateral (values (…), (…))",
	"rlike":   "write ~ for a regular expression", "regexp": "write ~ for a regular expression",
	"interval": "write the length as a text: interval '1 day'",
	"sample":   "write tablesample after the relation",
}

// syntaxHint says what is probably wrong where the parser stopped, as far as the words around tell.
func syntaxHint(sql string, offset int) string {
	tokens, err := scanSQL(sql)
	if err != nil {
		return Typographic(sql) // no word of it can be told from the next
	}
	tokens = slices.DeleteFunc(tokens, isComment)
	word := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return strings.ToLower(sql[tokens[i].Start:tokens[i].End])
	}
	reserved := func(i int) bool {
		return i >= 0 && i < len(tokens) && tokens[i].KeywordKind == pg_query.KeywordKind_RESERVED_KEYWORD
	}
	for i := range tokens {
		if text := word(i); text == "`" || tokens[i].Token == pg_query.Token_IDENT && !strings.HasPrefix(text, `"`) && Typographic(text) != "" {
			if text == "`" {
				return "names stand in double quotes in PostgreSQL, not in backticks, and most of them in none"
			}
			return Typographic(text)
		}
	}
	at := slices.IndexFunc(tokens, func(t *pg_query.ScanToken) bool { return int(t.End) > offset })
	if at < 0 {
		at = len(tokens)
	}
	switch {
	case word(at-1) == "," && (reserved(at) || word(at) == ")" || at == len(tokens)):
		return "remove the comma before it"
	case word(at) == "." && reserved(at-1):
		return fmt.Sprintf("%s is a word of SQL's own: give the relation another name with as", word(at-1))
	case word(at-1) == "as" && reserved(at):
		return fmt.Sprintf("%s is a word of SQL's own: choose another name, or write %q with its quotes", word(at), word(at))
	}
	for _, i := range []int{at, at - 1, at - 2} {
		if hint := otherSyntax[word(i)]; hint != "" {
			return hint
		}
	}
	return unbalanced(tokens, word)
}

// unbalanced tells of parentheses that are not closed, or not opened.
func unbalanced(tokens []*pg_query.ScanToken, word func(int) string) string {
	open := 0
	for i := range tokens {
		switch word(i) {
		case "(":
			open++
		case ")":
			open--
		}
	}
	switch {
	case open > 0:
		return fmt.Sprintf("parentheses do not match: ( stands %s more often than )", times(open))
	case open < 0:
		return fmt.Sprintf("parentheses do not match: ) stands %s more often than (", times(-open))
	default:
		return ""
	}
}

func times(n int) string {
	if n == 1 {
		return "1 time"
	}
	return fmt.Sprintf("%d times", n)
}
