package materialize

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// maxName is the longest identifier that PostgreSQL keeps, in bytes; it cuts longer ones silently.
const maxName = 63

// Quote quotes "schema.relation", or a bare name, as an identifier.
func Quote(name string) string {
	return pgx.Identifier(strings.SplitN(name, ".", 2)).Sanitize()
}

// Literal quotes text as an SQL literal, for statements that take no parameters (comments, checks in DDL).
func Literal(text string) string {
	quoted := strings.ReplaceAll(text, "'", "''")
	if strings.Contains(quoted, `\`) {
		return "E'" + strings.ReplaceAll(quoted, `\`, `\\`) + "'"
	}
	return "'" + quoted + "'"
}

// Short returns name, cut to what PostgreSQL keeps: a long one ends in a hash of the whole, so that two names that
// share their first bytes stay two.
func Short(name string) string {
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	tail := "_" + hex.EncodeToString(sum[:5])
	return cut(name, maxName-len(tail)) + tail
}

// cut returns the first characters of name that fit into length bytes.
func cut(name string, length int) string {
	if len(name) <= length {
		return name
	}
	for !utf8.RuneStart(name[length]) {
		length--
	}
	return name[:length]
}

// StageOf is the relation, quoted, in which a model's content is built when it takes the place of another one.
func StageOf(relation string) string {
	return pgx.Identifier{"terrace_stage", Short(relation)}.Sanitize()
}

// shortHash is a few hexadecimal digits that differ when the text does.
func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:3])
}

// list renders names as a column list, each through render, in lines of a statement.
func list(names []string, separator string, render func(quoted string) string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = render(pgx.Identifier{name}.Sanitize())
	}
	return strings.Join(parts, separator)
}

func columnList(names []string) string {
	return list(names, ", ", func(quoted string) string { return quoted })
}

// equal renders "a.k = b.k and …" for columns that are never null.
func equal(names []string, a, b string) string {
	return list(names, " and ", func(q string) string { return fmt.Sprintf("%s.%s = %s.%s", a, q, b, q) })
}

// differ renders a condition that holds when one of the columns has another content in a than in b. Contents are
// compared byte by byte, as they are stored: that works for types without equality, tells 1.0 from 1.00, and takes NULL
// for a content.
func differ(columns []string, a, b string) string {
	return fmt.Sprintf("%s *<> %s", record(columns, a), record(columns, b))
}

// differ compares as the function of that name does, columns of the model's table with columns of its query. Where one of
// them is of a domain and the other is not, or not of that one, what the domains are over is compared.
func (in Input) differ(columns []string, a, b string) string {
	in.Columns = slices.DeleteFunc(slices.Clone(in.Columns), func(c Column) bool {
		return in.Existing == nil || in.Domains[c.Name] == in.Existing.Domains[c.Name]
	})
	if len(in.Columns) == 0 {
		return differ(columns, a, b)
	}
	over := func(alias string) string {
		parts := make([]string, len(columns))
		for i, name := range columns {
			parts[i] = alias + "." + pgx.Identifier{name}.Sanitize()
			if c, mixed := find(in.Columns, name); mixed {
				parts[i] += "::" + c.Type
			}
		}
		return "row(" + strings.Join(parts, ", ") + ")::record"
	}
	return fmt.Sprintf("%s *<> %s", over(a), over(b))
}

// differs is differ for the model's columns of a row t of its table and a row s of stage. Most types have an equality that
// finds the same, and are asked first, since that costs half as much; a key has been compared.
func (in Input) differs() string {
	var was, is, rest []string
	for _, c := range in.Columns {
		q, collation := pgx.Identifier{c.Name}.Sanitize(), ""
		switch {
		case isText(c.Type):
			collation = ` collate "C"`
		case !isExact(c.Type):
			rest = append(rest, c.Name)
			continue
		case slices.Contains(in.Model.Header.Key, c.Name):
			continue
		}
		was, is = append(was, "t."+q+collation), append(is, "s."+q+collation)
	}
	var parts []string
	if len(was) > 0 {
		parts = append(parts, fmt.Sprintf("(%s) is distinct from (%s)", strings.Join(was, ", "), strings.Join(is, ", ")))
	}
	if len(rest) > 0 {
		parts = append(parts, in.differ(rest, "t", "s"))
	}
	if len(parts) == 0 {
		return "false"
	}
	return strings.Join(parts, "\n    or ")
}

// exact are types, without what stands in parentheses, of which values that are equal are the same bytes.
var exact = []string{
	"smallint", "integer", "bigint", "boolean", "date", "uuid", "timestamp without time zone", "timestamp with time zone", "time without time zone",
}

// size is what a type may have in parentheses.
var size = regexp.MustCompile(`\([\d,]+\)`)

func isExact(name string) bool { return slices.Contains(exact, size.ReplaceAllString(name, "")) }

// isText reports whether values of a type are the same bytes if they are equal in the collation "C".
func isText(name string) bool {
	return name == "text" || size.ReplaceAllString(name, "") == "character varying"
}

// isShort reports whether the values of a type are as a rule no longer than a line.
func isShort(name string) bool {
	return isExact(name) || isText(name) || slices.Contains([]string{"numeric", "double precision", "real", "character"}, size.ReplaceAllString(name, ""))
}

// record renders the columns of an alias as one value.
func record(columns []string, alias string) string {
	return fmt.Sprintf("row(%s)::record", qualified(columns, alias))
}

// qualified renders "a.x, a.y".
func qualified(columns []string, alias string) string {
	return list(columns, ", ", func(q string) string { return alias + "." + q })
}

func names(columns []Column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Name
	}
	return out
}

func without(columns []Column, drop ...string) []Column {
	var out []Column
	for _, c := range columns {
		if !slices.Contains(drop, c.Name) {
			out = append(out, c)
		}
	}
	return out
}

func find(columns []Column, name string) (Column, bool) {
	i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return columns[i], true
}
