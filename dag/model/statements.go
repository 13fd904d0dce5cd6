package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v6"
)

// sqlText is a piece of SQL, where it stands, and the rules for it.
type sqlText struct {
	file string
	line int // on which sql begins
	sql  string
	many bool // several statements of any kind, not one select
	// catalog has the relations that messages may suggest; nil for none.
	catalog *catalog
}

func (s sqlText) place(offset int) place { return placeIn(s.file, s.line, s.sql, offset) }

// analyse parses the text and applies the rules about statements. Without an analysis there is nothing more to check.
func (s sqlText) analyse() (*analysis, []Problem) {
	if strings.TrimSpace(s.sql) == "" {
		return nil, nil // the reader of the file tells
	}
	a, err := analyse(s.sql)
	if err != nil {
		return nil, s.refused(err)
	}
	if len(a.statements) == 0 {
		return nil, []Problem{s.place(0).problem("there is no statement, only comments", "write the select that makes the relation")}
	}
	if s.many {
		return a, s.checkScript(a.statements)
	}
	return a, s.checkSelect(a)
}

// refused are the problems of text that the parser does not take. Syntax that is newer than the parser is only warned
// of: the server will judge.
func (s sqlText) refused(err error) []Problem {
	var syntax *syntaxError
	if !errors.As(err, &syntax) {
		return []Problem{s.place(0).problem("the SQL cannot be parsed: "+err.Error(), "split the query: it is too deep for the parser")}
	}
	at := s.place(max(syntax.offset, 0))
	if newer := newerSyntax(s.sql); newer != "" {
		return []Problem{at.warning(fmt.Sprintf("the SQL is not checked: %s is newer than terrace's parser", newer), "the server will judge; depends_on is taken as it stands")}
	}
	if problems := s.templates(); problems != nil {
		return problems
	}
	if p, found := s.placeholder(syntax.offset); found {
		return []Problem{p}
	}
	return []Problem{at.problem(syntax.message, or(syntaxHint(s.sql, max(syntax.offset, 0)), "correct the SQL; psql shows the same error"))}
}

// newer are pieces of syntax that came after the grammar of PostgreSQL 17, as runs of tokens.
var newer = [][]string{
	{"returning", "with", "("},
	{"without", "overlaps"},
	{"virtual"},
	{"not", "enforced"},
	{"group", "by", "all"},
	{"ignore", "nulls"},
	{"respect", "nulls"},
	{"graph_table"},
}

// newerSyntax is the first such run in the text, or "".
func newerSyntax(sql string) string {
	words, err := tokenTexts(sql)
	if err != nil {
		return ""
	}
	for _, run := range newer {
		for i := range words {
			if i+len(run) <= len(words) && slices.Equal(words[i:i+len(run)], run) {
				return strings.Join(run, " ")
			}
		}
	}
	return ""
}

func (s sqlText) checkSelect(a *analysis) []Problem {
	first := a.statements[0].Stmt
	query := first.GetSelectStmt()
	switch {
	case len(a.statements) > 1:
		return []Problem{s.place(s.start(a.statements[1])).problem(
			fmt.Sprintf("there are %d statements, a model is one select", len(a.statements)), "keep one; with kind: sql a file may hold several")}
	case query == nil:
		return []Problem{s.place(s.start(a.statements[0])).problem("this is no select", "a file that writes by itself has kind: sql and a target")}
	case len(a.writes) > 0:
		return []Problem{s.place(a.writes[0].Offset).problem(fmt.Sprintf("a select must not write, this writes %s", a.writes[0].Name),
			"a file that writes by itself has kind: sql and a target")}
	case len(query.LockingClause) > 0:
		return []Problem{s.place(0).problem("a select for update cannot make a relation", "remove the locking clause")}
	case len(a.parameters) > 0:
		p := a.parameters[0]
		return []Problem{s.place(p.offset).problem("nobody gives "+p.name+" a value", "write the value, or terrace.var('name') for one of terrace.yml or --var")}
	default:
		return nil
	}
}

// selects reports whether there is one select, which writes nothing.
func (a *analysis) selects() bool {
	return len(a.statements) == 1 && a.statements[0].Stmt.GetSelectStmt() != nil && len(a.writes) == 0
}

func (s sqlText) checkScript(statements []*pg_query.RawStmt) []Problem {
	var problems []Problem
	for _, raw := range statements {
		if message, hint := refusedStatement(raw.Stmt); message != "" {
			problems = append(problems, s.place(s.start(raw)).problem(message, hint))
		}
	}
	return problems
}

// refusedStatement says why a statement cannot be part of a step: a step is one transaction, which terrace begins and
// ends, on a connection that others use after it.
func refusedStatement(n *pg_query.Node) (message, hint string) {
	const own = "terrace runs the file in one transaction of its own; remove it"
	switch statement := n.Node.(type) {
	case *pg_query.Node_TransactionStmt:
		return "transaction control is not allowed", own
	case *pg_query.Node_VacuumStmt:
		if statement.VacuumStmt.IsVacuumcmd {
			return "vacuum cannot run in a transaction", "leave it to autovacuum, or run it elsewhere; analyze is allowed"
		}
	case *pg_query.Node_IndexStmt:
		if statement.IndexStmt.Concurrent {
			return "create index concurrently cannot run in a transaction", "create it without concurrently"
		}
	case *pg_query.Node_VariableSetStmt:
		if !statement.VariableSetStmt.IsLocal {
			return "set outlives the step", "write set local"
		}
	case *pg_query.Node_CreatedbStmt, *pg_query.Node_DropdbStmt, *pg_query.Node_AlterSystemStmt,
		*pg_query.Node_CreateTableSpaceStmt, *pg_query.Node_DropTableSpaceStmt, *pg_query.Node_DiscardStmt:
		return "this statement cannot run in a transaction", "run it elsewhere"
	case *pg_query.Node_ListenStmt, *pg_query.Node_UnlistenStmt, *pg_query.Node_PrepareStmt:
		return "this statement outlives the step", "remove it"
	case *pg_query.Node_CopyStmt:
		if statement.CopyStmt.Filename == "" && !statement.CopyStmt.IsProgram {
			return "copy from stdin and to stdout have no other end here", "land files as a stream of type files"
		}
	}
	return "", ""
}

// start is where a statement's first word begins; the parser counts what stands before it as part of it.
func (s sqlText) start(raw *pg_query.RawStmt) int { return s.firstWord(int(raw.StmtLocation)) }

// firstWord is where the first word at or after an offset begins.
func (s sqlText) firstWord(offset int) int {
	tokens, err := scanSQL(s.sql)
	if err != nil {
		return offset
	}
	for _, t := range tokens {
		if int(t.Start) >= offset && !isComment(t) && s.sql[t.Start:t.End] != ";" {
			return int(t.Start)
		}
	}
	return offset
}

// tokenTexts are the words of SQL without comments, what PostgreSQL folds in lower case.
func tokenTexts(sql string) ([]string, error) {
	tokens, err := scanSQL(sql)
	if err != nil {
		return nil, err
	}
	words := make([]string, 0, len(tokens))
	for _, t := range tokens {
		if isComment(t) {
			continue
		}
		word := sql[t.Start:t.End]
		if t.KeywordKind != pg_query.KeywordKind_NO_KEYWORD || t.Token == pg_query.Token_IDENT && !strings.HasPrefix(word, `"`) {
			word = strings.ToLower(word)
		}
		words = append(words, word)
	}
	return words, nil
}
