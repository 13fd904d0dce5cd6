package dag

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// missingColumn is how the server names a column that is not there: with the alias of its relation, or without one in quotes.
var missingColumn = regexp.MustCompile(`^column (?:"(.+)"|(\w+)\.(.+)) (?:does not exist|specified in USING clause does not exist in (?:left|right) table)$`)

// At most so many relations, and columns of each, are told.
const (
	toldRelations = 3
	toldColumns   = 12
)

// columnsByName are the columns of relations, by the relation's name.
type columnsByName map[string][]materialize.Column

// columnHint is the next step after a column that is not there: the name of one that is near, with its relation, or the
// columns that there are. Of what the server names itself, and of other errors, it says nothing.
func (known columnsByName) columnHint(server *pgconn.PgError, sql string) string {
	name, alias := missingIn(server)
	q, err := model.ParseQuery(sql)
	if name == "" || err != nil {
		return ""
	}
	relations := known.readAs(q, alias)
	within := slices.ContainsFunc(relations, func(r string) bool { return columnNamed(known[r], name) >= 0 })
	switch {
	case alias == "" && within:
		return "A query inside this one reads a relation that has it: what it does not return itself is not known outside of it."
	case alias != "" && (len(relations) == 0 || within): // the alias stands for something else where it is written
		return fmt.Sprintf("%s is a query inside this one: it returns what its own select names.", alias)
	case alias == "" && givenIn(q.SQL, name):
		return "A name that select gives is not known in where, having and on: write the expression again there, or read it from a query around this one."
	}
	return known.columnsOf(relations, name)
}

// missingIn is the name of the column that is not there, and the alias before it; "" where the server says something else, or
// names another itself.
func missingIn(server *pgconn.PgError) (name, alias string) {
	found := missingColumn.FindStringSubmatch(server.Message)
	if server.Code != "42703" || server.Hint != "" || found == nil {
		return "", ""
	}
	return found[1] + found[3], found[2]
}

// readAs are the relations that a query reads under an alias, or all where it is "", of which the columns are known.
func (known columnsByName) readAs(q model.Query, alias string) []string {
	var out []string
	for _, r := range q.Reads {
		if alias != "" && alias != r.Relation && alias != aliasBehind(q.SQL[r.Offset+r.Length:]) {
			continue
		}
		if len(known[r.Name]) > 0 && !slices.Contains(out, r.Name) {
			out = append(out, r.Name)
		}
	}
	return out
}

var (
	aliased   = regexp.MustCompile(`(?i)^\s+(?:as\s+)?"?(\w+)`)
	givenName = regexp.MustCompile(`(?i)\bas\s+("(?:[^"]|"")+"|\w+)`)
)

// aliasBehind is the name that stands behind that of a relation, a word of the language where there is none.
func aliasBehind(sql string) string {
	if found := aliased.FindStringSubmatch(sql); found != nil {
		return found[1]
	}
	return ""
}

// givenIn reports whether a query gives something the name.
func givenIn(sql, name string) bool {
	return slices.ContainsFunc(givenName.FindAllStringSubmatch(sql, -1), func(found []string) bool {
		return strings.Trim(found[1], `"`) == name || strings.ToLower(found[1]) == name
	})
}

// columnsOf tells which column of the relations may have been meant, and if none is near, which they have.
func (known columnsByName) columnsOf(relations []string, name string) string {
	var told []string
	for _, relation := range relations {
		columns := known[relation]
		if near := strict.Nearest(name, namesOfColumns(columns)); near != "" {
			return fmt.Sprintf("Did you mean %s of %s?", asColumn(near), relation)
		}
		told = append(told, fmt.Sprintf("%s has %s", relation, someColumns(columns)))
	}
	if len(told) == 0 {
		return ""
	}
	out := strings.Join(told[:min(len(told), toldRelations)], "; ") + "."
	for _, relation := range relations {
		if slices.Contains(known[relation], materialize.Column{Name: "payload", Type: "jsonb"}) {
			return out + fmt.Sprintf(" A field of its record is payload ->> '%s'.", name)
		}
	}
	return out
}

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// asColumn is a column as SQL has to write it.
func asColumn(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func someColumns(columns []materialize.Column) string {
	names := namesOfColumns(columns[:min(len(columns), toldColumns)])
	for i, name := range names {
		names[i] = asColumn(name)
	}
	out := strings.Join(names, ", ")
	if more := len(columns) - len(names); more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

func namesOfColumns(columns []materialize.Column) []string {
	out := make([]string, len(columns))
	for i, column := range columns {
		out[i] = column.Name
	}
	return out
}
