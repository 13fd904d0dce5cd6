package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	pg_query "github.com/pganalyze/pg_query_go/v6"
)

// Query is parsed SQL: what it reads, and where.
type Query struct {
	SQL   string
	Reads []Read
	// qualified are the places outside of FROM at which a column is named with schema and relation.
	qualified []Read
	// tables are the places of TABLE where it stands for SELECT * FROM, by that of the relation behind it.
	tables map[int]int
	// selects says that it is what a model or an assertion may be.
	selects bool
}

// Selects reports whether the SQL is one select that writes nothing.
func (q Query) Selects() bool { return q.selects }

// ParseQuery parses SQL for Exchange.
func ParseQuery(sql string) (Query, error) {
	a, err := analyse(sql)
	if err != nil {
		return Query{}, err
	}
	tokens, err := scanSQL(sql)
	if err != nil {
		return Query{}, err
	}
	tokens = slices.DeleteFunc(tokens, isComment)
	q := Query{SQL: sql, Reads: a.reads, selects: a.selects()}
	for i := range q.Reads {
		r := &q.Reads[i]
		r.Length = nameEnd(tokens, r.Offset, a.parts[r.Offset]) - r.Offset
	}
	q.findTables(tokens)
	q.findQualified(tokens)
	return q, nil
}

// ParseQueries parses several, as many at once as there are processors. The one that is no SQL has an error.
func ParseQueries(texts []string) ([]Query, []error) {
	queries, errs := make([]Query, len(texts)), make([]error, len(texts))
	inParallel(len(texts), func(i int) { queries[i], errs[i] = ParseQuery(texts[i]) })
	return queries, errs
}

// findTables looks for TABLE schema.relation, which takes no other thing than a relation's name.
func (q *Query) findTables(tokens []*pg_query.ScanToken) {
	for i := 1; i < len(tokens); i++ {
		reads := func(r Read) bool { return r.Offset == int(tokens[i].Start) }
		if tokens[i-1].Token != pg_query.Token_TABLE || !slices.ContainsFunc(q.Reads, reads) {
			continue
		}
		if q.tables == nil {
			q.tables = map[int]int{}
		}
		q.tables[int(tokens[i].Start)] = int(tokens[i-1].Start)
	}
}

// findQualified looks for schema.relation.column, where schema.relation is read.
func (q *Query) findQualified(tokens []*pg_query.ScanToken) {
	read := map[string]Read{}
	for _, r := range q.Reads {
		read[r.Name] = r
	}
	for i := range tokens {
		if i+4 >= len(tokens) || tokens[i+1].Token != pg_query.Token_ASCII_46 || tokens[i+3].Token != pg_query.Token_ASCII_46 {
			continue
		}
		r, ok := read[identifier(q.SQL, tokens[i])+"."+identifier(q.SQL, tokens[i+2])]
		if !ok || i > 0 && tokens[i-1].Token == pg_query.Token_ASCII_46 {
			continue
		}
		r.Offset = int(tokens[i].Start)
		r.Length = int(tokens[i+2].End) - r.Offset
		q.qualified = append(q.qualified, r)
	}
}

// identifier is the name that a token is, as the catalog has it.
func identifier(sql string, t *pg_query.ScanToken) string {
	text := sql[t.Start:t.End]
	if inner, quoted := strings.CutPrefix(text, `"`); quoted {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	return strings.ToLower(text)
}

// Exchanged is SQL in which relations have other names, and the way back to the places of the original.
type Exchanged struct {
	SQL      string
	original string
	cuts     []cut
	// of is set when the original is itself the result of an exchange.
	of *Exchanged
}

// cut is one exchange: was bytes of the original at an offset became now bytes.
type cut struct{ offset, was, now int }

// Exchange lets the query read other relations: names gives, for relations as Read.Name has them, what to write
// instead, quoted. Columns may go on being qualified by the relation's own name.
func (q Query) Exchange(names map[string]string) Exchanged {
	type change struct {
		Read
		text string
	}
	var changes []change
	for _, r := range q.Reads {
		name, ok := names[r.Name]
		if !ok {
			continue
		}
		if !r.Aliased {
			name += " as " + quoteName(r.Relation)
		}
		if begin, bare := q.tables[r.Offset]; bare {
			r.Offset, r.Length, name = begin, r.Length+r.Offset-begin, "select * from "+name
		}
		changes = append(changes, change{r, name})
	}
	if len(changes) == 0 {
		return Exchanged{SQL: q.SQL, original: q.SQL}
	}
	for _, r := range q.qualified {
		if _, ok := names[r.Name]; ok {
			changes = append(changes, change{r, quoteName(r.Relation)})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.Offset, b.Offset) })
	out := Exchanged{original: q.SQL}
	var sql strings.Builder
	last := 0
	for _, c := range changes {
		sql.WriteString(q.SQL[last:c.Offset])
		sql.WriteString(c.text)
		out.cuts = append(out.cuts, cut{c.Offset, c.Length, len(c.text)})
		last = c.Offset + c.Length
	}
	sql.WriteString(q.SQL[last:])
	out.SQL = sql.String()
	return out
}

// Repointed is the model with its SQL reading other relations: names gives, for relations as Read.Name has them, what to
// write instead, quoted. It is the model itself where none of them is read.
func (m *Model) Repointed(names map[string]string) (*Model, error) {
	if len(names) == 0 {
		return m, nil
	}
	q, err := ParseQuery(m.SQL)
	if err != nil {
		return nil, fmt.Errorf("re-point %s: %w", m.Name, err)
	}
	sent := q.Exchange(names)
	rules, changed, err := m.Header.RulesOver(names)
	if err != nil {
		return nil, fmt.Errorf("re-point the rules of %s: %w", m.Name, err)
	}
	if len(sent.cuts) == 0 && !changed {
		return m, nil
	}
	sent.of = m.Exchanged
	out := *m
	out.SQL, out.Exchanged, out.Header.Rejects = sent.SQL, &sent, rules
	return &out, nil
}

// RulesOver are the rules of rejects with conditions that read other relations in place of some, and whether one does.
// Their messages stay.
func (h Header) RulesOver(names map[string]string) (rules []RejectRule, changed bool, err error) {
	const head = "select "
	rules = slices.Clone(h.Rejects)
	for i, rule := range rules {
		q, err := ParseQuery(head + "(" + rule.Condition + ")")
		if err != nil {
			return nil, false, err
		}
		sent := q.Exchange(names)
		if len(sent.cuts) == 0 {
			continue
		}
		changed = true
		rules[i].Condition = strings.TrimPrefix(sent.SQL, head)
		rules[i].Message = or(rule.Message, rule.Condition)
	}
	return rules, changed, nil
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Before is the original text that stands before a character of SQL, counted from 0. What stands inside a name that was
// exchanged is at the name.
func (e Exchanged) Before(character int) string {
	text := e.before(character)
	if e.of != nil {
		return e.of.Before(utf8.RuneCountInString(text))
	}
	return text
}

func (e Exchanged) before(character int) string {
	at := byteOffset(e.SQL, character)
	shift := 0
	for _, c := range e.cuts {
		begin := c.offset + shift
		switch {
		case at < begin:
			return e.original[:at-shift]
		case at < begin+c.now:
			return e.original[:c.offset]
		}
		shift += c.now - c.was
	}
	return e.original[:at-shift]
}

// Statement is one of several in a file, and where it begins.
type Statement struct {
	SQL    string
	Offset int // in bytes
}

// DataStatements are those of the statements that read or change rows, which a server can describe without executing
// them.
func DataStatements(sql string) ([]Statement, error) {
	statements, err := parseSQL(sql)
	if err != nil {
		return nil, err
	}
	var out []Statement
	for _, raw := range statements {
		switch raw.Stmt.Node.(type) {
		case *pg_query.Node_SelectStmt, *pg_query.Node_InsertStmt, *pg_query.Node_UpdateStmt,
			*pg_query.Node_DeleteStmt, *pg_query.Node_MergeStmt:
		default:
			continue
		}
		begin, end := int(raw.StmtLocation), len(sql)
		if raw.StmtLen > 0 {
			end = begin + int(raw.StmtLen)
		}
		out = append(out, Statement{SQL: sql[begin:end], Offset: begin})
	}
	return out, nil
}
