package model

import (
	"slices"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v6"
)

// Call is one place at which SQL calls a function that is neither the server's nor terrace's.
type Call struct {
	Function string // with its schema
	Offset   int    // in bytes
}

// Calls lists the places at which SQL calls functions that are written with a schema, in the order of the text.
func Calls(sql string) ([]Call, error) {
	a, err := analyse(sql)
	if err != nil {
		return nil, err
	}
	out := make([]Call, len(a.calls))
	for i, c := range a.calls {
		out[i] = Call{c.name, c.offset}
	}
	return out, nil
}

// CodeWrites lists the relations that code of a procedural language writes in so many words, "schema.name", sorted: what it
// puts together as it runs only the server knows.
func CodeWrites(code string) []string {
	w := &walker{analysis: &analysis{}}
	w.dropsOf(code)
	var out []string
	for _, r := range w.within {
		out = append(out, r.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// dropsWithin notes what a block of code drops in so many words. What it puts together as it runs only the server knows.
func (w *walker) dropsWithin(block *pg_query.DoStmt) {
	for _, arg := range block.Args {
		w.dropsOf(arg.GetDefElem().GetArg().GetString_().GetSval())
	}
}

// dropsOf looks through code for statements that drop something, and for those that it executes as constant strings.
func (w *walker) dropsOf(code string) {
	tokens, err := scanSQL(code)
	if err != nil {
		return
	}
	tokens = slices.DeleteFunc(tokens, isComment)
	w.within = append(w.within, writtenIn(code, tokens)...)
	for i, t := range tokens {
		switch t.Token {
		case pg_query.Token_DROP:
			end := i
			for end+1 < len(tokens) && tokens[end+1].Token != pg_query.Token_ASCII_59 {
				end++
			}
			w.dropsIn(code[t.Start:tokens[end].End])
		case pg_query.Token_EXECUTE:
			w.dropsIn(executed(code, tokens[i+1:]))
		}
	}
}

// dropsIn notes the drops and writes among statements; of what is none it notes nothing.
func (w *walker) dropsIn(sql string) {
	statements, err := parseSQL(sql)
	if err != nil {
		return
	}
	if tokens, err := scanSQL(sql); err == nil {
		w.within = append(w.within, writtenIn(sql, slices.DeleteFunc(tokens, isComment))...)
	}
	for _, s := range statements {
		switch statement := s.GetStmt().GetNode().(type) {
		case *pg_query.Node_DropStmt:
			w.drop(statement.DropStmt)
		case *pg_query.Node_DoStmt:
			w.dropsWithin(statement.DoStmt)
		}
	}
}

// writing are the words before the name of a relation that is written, but for those in between that say nothing.
var writing = [][]pg_query.Token{
	{pg_query.Token_INSERT, pg_query.Token_INTO},
	{pg_query.Token_MERGE, pg_query.Token_INTO},
	{pg_query.Token_DELETE_P, pg_query.Token_FROM},
	{pg_query.Token_UPDATE},
	{pg_query.Token_TRUNCATE},
}

// writtenIn are the relations, named with their schema, that code writes in so many words: it may have statements that are not
// SQL alone, such as returning … into.
func writtenIn(code string, tokens []*pg_query.ScanToken) []Read {
	var out []Read
	for i := range tokens {
		for _, words := range writing {
			if !follow(tokens[i:], words) {
				continue
			}
			at := i + len(words)
			for at < len(tokens) && (tokens[at].Token == pg_query.Token_ONLY || tokens[at].Token == pg_query.Token_TABLE) {
				at++
			}
			if !follow(tokens[min(at+1, len(tokens)):], []pg_query.Token{pg_query.Token_ASCII_46}) || at+2 >= len(tokens) {
				continue
			}
			schema, relation := nameOf(code, tokens[at]), nameOf(code, tokens[at+2])
			out = append(out, Read{Name: schema + "." + relation, Schema: schema, Relation: relation})
		}
	}
	return out
}

// follow reports whether tokens begin with these.
func follow(tokens []*pg_query.ScanToken, words []pg_query.Token) bool {
	return len(tokens) >= len(words) && slices.EqualFunc(tokens[:len(words)], words, func(t *pg_query.ScanToken, w pg_query.Token) bool { return t.Token == w })
}

// nameOf is the name that a token is, as the catalog has it.
func nameOf(code string, t *pg_query.ScanToken) string {
	text := code[t.Start:t.End]
	if unquoted, quoted := strings.CutPrefix(text, `"`); quoted {
		return strings.ReplaceAll(strings.TrimSuffix(unquoted, `"`), `""`, `"`)
	}
	return strings.ToLower(text)
}

// executed is the text that EXECUTE is given, whose operand the tokens begin with, where that is one constant and not a
// part of something computed; else it is "".
func executed(code string, tokens []*pg_query.ScanToken) string {
	if len(tokens) == 0 || tokens[0].Token != pg_query.Token_SCONST {
		return ""
	}
	if len(tokens) > 1 && !slices.Contains(afterExecuted, tokens[1].Token) {
		return ""
	}
	found, err := parseSQL("select " + code[tokens[0].Start:tokens[0].End])
	if err != nil || len(found) != 1 {
		return ""
	}
	return found[0].GetStmt().GetSelectStmt().GetTargetList()[0].GetResTarget().GetVal().GetAConst().GetSval().GetSval()
}

// afterExecuted is what may follow the whole operand of EXECUTE.
var afterExecuted = []pg_query.Token{pg_query.Token_ASCII_59, pg_query.Token_INTO, pg_query.Token_USING}
