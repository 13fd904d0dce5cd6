package extract

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// query is the SQL of a stream of type postgres. Its :start, :end and :name, of each, are parameters of the statement, never
// text in it.
type query struct {
	text   string // without a semicolon at its end
	places []bound
	needs  map[string]string // the columns that every record is asked for, and what asks
}

// bound is where a parameter stands in a query.
type bound struct {
	name   string
	at, to int
}

// parseQuery finds the parameters of one statement that gives rows. Whether the rest is SQL is for the server to say.
func parseQuery(text string) (query, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return query{}, errors.New("the query has a NUL byte")
	}
	q := query{text: text}
	l := sqlLexer{text: text}
	first, brackets, ended := "", 0, -1
	for {
		kind, at := l.next()
		if kind == sqlEnd {
			break
		}
		switch {
		case l.err != nil:
			return q, l.err
		case ended >= 0:
			return q, &nameError{message: "the query is more than one statement", hint: "write one select; each query is a stream of its own"}
		case kind == ';':
			ended = at
			continue
		case kind == '[':
			brackets++
		case kind == ']':
			brackets--
		case kind == sqlParameter && brackets == 0: // a colon within brackets divides the ends of an array's part
			q.places = append(q.places, bound{text[at+1 : l.at], at, l.at})
		}
		if first == "" {
			first = strings.ToLower(text[at:l.at])
		}
	}
	if ended >= 0 {
		q.text = text[:ended]
	}
	q.text = strings.TrimRight(q.text, " \t\r\n")
	if !slices.Contains([]string{"select", "with", "values", "table", "("}, first) {
		return q, &nameError{message: "the query gives no rows", hint: "write a select"}
	}
	return q, l.err
}

// uses reports whether the query asks for an end of its slice.
func (q query) uses(name string) bool {
	return slices.ContainsFunc(q.places, func(b bound) bool { return b.name == name })
}

// statement is the query with numbered parameters, and what they are numbered for.
func (q query) statement() (sql string, names []string) {
	sql = q.with(func(name string) string {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		return fmt.Sprintf("$%d", slices.Index(names, name)+1)
	})
	return sql, names
}

func (q query) with(replace func(name string) string) string {
	var b strings.Builder
	from := 0
	for _, p := range q.places {
		b.WriteString(q.text[from:p.at] + replace(p.name))
		from = p.to
	}
	b.WriteString(q.text[from:])
	return b.String()
}

// The kinds of what the lexer finds, beside single characters.
const (
	sqlEnd rune = -1 - iota
	sqlWord
	sqlQuoted
	sqlParameter
	sqlCast
)

// sqlLexer finds where texts, quoted names and comments of SQL end: what looks like a parameter in them is none.
type sqlLexer struct {
	text string
	at   int
	err  error
}

var (
	sqlBlank    = regexp.MustCompile(`^(?:[ \t\r\n\f\v]+|--[^\r\n]*)`)
	sqlName     = regexp.MustCompile(`^[A-Za-z_[:^ascii:]][A-Za-z_0-9$[:^ascii:]]*`)
	sqlNumber   = regexp.MustCompile(`^[0-9][A-Za-z_0-9.]*`)
	sqlDollar   = regexp.MustCompile(`^\$(?:[A-Za-z_[:^ascii:]][A-Za-z_0-9[:^ascii:]]*)?\$`)
	sqlPlain    = regexp.MustCompile(`^'(?:[^']|'')*'`)
	sqlEscaped  = regexp.MustCompile(`^[eE]'(?:[^'\\]|\\[\s\S]|'')*'`)
	sqlIdentity = regexp.MustCompile(`^"(?:[^"]|"")*"`)
)

// next gives the next token and where it begins; it ends at l.at.
func (l *sqlLexer) next() (kind rune, at int) {
	l.blank()
	rest, at := l.text[l.at:], l.at
	take := func(kind rune, n int) (rune, int) {
		l.at += n
		return kind, at
	}
	switch {
	case rest == "":
		return sqlEnd, at
	case sqlEscaped.MatchString(rest):
		return take(sqlQuoted, len(sqlEscaped.FindString(rest)))
	case sqlName.MatchString(rest):
		return take(sqlWord, len(sqlName.FindString(rest)))
	case sqlNumber.MatchString(rest):
		return take(sqlWord, len(sqlNumber.FindString(rest)))
	case rest[0] == '\'':
		return take(sqlQuoted, l.closed(sqlPlain.FindString(rest), "a text"))
	case rest[0] == '"':
		return take(sqlQuoted, l.closed(sqlIdentity.FindString(rest), "a quoted name"))
	case sqlDollar.MatchString(rest):
		tag := sqlDollar.FindString(rest)
		_, after, found := strings.Cut(rest[len(tag):], tag)
		if !found {
			return take(sqlQuoted, l.closed("", "a text"))
		}
		return take(sqlQuoted, len(rest)-len(after))
	case strings.HasPrefix(rest, "::"), strings.HasPrefix(rest, ":="):
		return take(sqlCast, 2)
	case rest[0] == ':' && sqlName.MatchString(rest[1:]):
		return take(sqlParameter, 1+len(sqlName.FindString(rest[1:])))
	default:
		return take(rune(rest[0]), 1)
	}
}

// blank passes over space and comments, which nest when they are of the long kind.
func (l *sqlLexer) blank() {
	for {
		rest := l.text[l.at:]
		if n := len(sqlBlank.FindString(rest)); n > 0 {
			l.at += n
			continue
		}
		if !strings.HasPrefix(rest, "/*") {
			return
		}
		depth, i := 1, 2
		for ; depth > 0 && i < len(rest); i++ {
			switch {
			case strings.HasPrefix(rest[i:], "/*"):
				depth++
				i++
			case strings.HasPrefix(rest[i:], "*/"):
				depth--
				i++
			}
		}
		if depth > 0 {
			l.fail("a comment")
			l.at = len(l.text)
			return
		}
		l.at += i
	}
}

// closed is the length of what was found, or of all that is left when its end is missing.
func (l *sqlLexer) closed(found, what string) int {
	if found == "" {
		l.fail(what)
		return len(l.text) - l.at
	}
	return len(found)
}

func (l *sqlLexer) fail(what string) {
	if l.err == nil {
		l.err = fmt.Errorf("%s in the query does not end", what)
	}
}
