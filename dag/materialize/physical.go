package materialize

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// describe puts the header's descriptions into the catalog, where every client of the database shows them, and gives
// the declared grants. word is the one of COMMENT ON.
func describe(m *model.Model, word string) []Statement {
	var out []Statement
	if m.Header.Description != "" {
		out = append(out, statement("comment on %s %s is %s", word, Quote(m.Name), Literal(m.Header.Description)))
	}
	for _, c := range m.Header.Columns {
		if c.Description != "" {
			out = append(out, statement("comment on column %s.%s is %s",
				Quote(m.Name), pgx.Identifier{c.Name}.Sanitize(), Literal(c.Description)))
		}
	}
	for _, privilege := range slices.Sorted(maps.Keys(m.Header.Grants)) {
		out = append(out, statement("grant %s on %s to %s", privilege, Quote(m.Name), roles(m.Header.Grants[privilege])))
	}
	return out
}

// roles leaves the word public alone: quoted it would be a role's name.
func roles(names []string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = name
		if name != "public" {
			parts[i] = pgx.Identifier{name}.Sanitize()
		}
	}
	return strings.Join(parts, ", ")
}

// indexesOf are the indexes of a model's relation: first the unique one of its key, so that a second row of one key is
// impossible and not merely checked.
func indexesOf(m *model.Model) []model.Index {
	if len(m.Header.Key) == 0 || m.Header.Kind == model.SCD2 {
		return m.Header.Indexes
	}
	key := model.Index{Unique: true}
	for _, column := range m.Header.Key {
		key.Columns = append(key.Columns, pgx.Identifier{column}.Sanitize())
	}
	out := []model.Index{key}
	if group := groupIndex(m); len(group.Columns) > 0 {
		out = append(out, group)
	}
	return append(out, m.Header.Indexes...)
}

// groupIndex finds the rows of an incremental model's groups, where neither the key nor a declared index does.
func groupIndex(m *model.Model) model.Index {
	if m.Header.Kind != model.Incremental {
		return model.Index{}
	}
	var index model.Index
	by := GroupColumns(m)
	for _, column := range by {
		index.Columns = append(index.Columns, pgx.Identifier{column}.Sanitize())
	}
	begins := func(columns []string) bool {
		return len(columns) >= len(by) && !slices.ContainsFunc(columns[:len(by)], func(c string) bool {
			return !slices.Contains(by, c) && !slices.Contains(index.Columns, c)
		})
	}
	declared := func(i model.Index) bool { return i.Where == "" && i.Method == "" && begins(i.Columns) }
	if begins(m.Header.Key) || slices.ContainsFunc(m.Header.Indexes, declared) {
		return model.Index{}
	}
	return index
}

// newIndexes creates, under the model's name, the indexes that are not there yet.
func newIndexes(m *model.Model, have []string) []Statement {
	var out []Statement
	for _, index := range indexesOf(m) {
		if name := IndexName(m.Relation, index); !slices.Contains(have, name) {
			out = append(out, statement("%s", createIndex(name, Quote(m.Name), index)))
		}
	}
	return out
}

// IndexName is the name of a declared index: derived from what it says, so that a changed one has another name.
func IndexName(relation string, index model.Index) string {
	words := strings.FieldsFunc(strings.Join(index.Columns, " "), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_'
	})
	name := relation + "_" + strings.Join(words, "_")
	if index.Unique {
		name += "_unique"
	}
	return Short(fmt.Sprintf("%s_%s", name, shortHash(fmt.Sprint(index))))
}

func createIndex(name, on string, index model.Index) string {
	var b strings.Builder
	b.WriteString("create ")
	if index.Unique {
		b.WriteString("unique ")
	}
	fmt.Fprintf(&b, "index %s on %s", pgx.Identifier{name}.Sanitize(), on)
	if index.Method != "" {
		fmt.Fprintf(&b, " using %s", index.Method)
	}
	fmt.Fprintf(&b, " (%s)", strings.Join(indexed(index.Columns), ", "))
	if len(index.Include) > 0 {
		fmt.Fprintf(&b, " include (%s)", columnList(index.Include))
	}
	if index.Where != "" {
		fmt.Fprintf(&b, " where %s", index.Where)
	}
	return b.String()
}

var (
	// plainColumn is what CREATE INDEX takes without parentheses.
	plainColumn = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_$]*|"([^"]|"")+"|\(.*\))$`)
	// ordering is what may follow an indexed expression.
	ordering = regexp.MustCompile(`(?i)(\s+collate\s+\S+)?(\s+\w+_ops)?(\s+(asc|desc))?(\s+nulls\s+(first|last))?$`)
)

// indexed puts expressions into parentheses, as CREATE INDEX wants them.
func indexed(columns []string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		end := ordering.FindStringIndex(c)[0]
		expression, rest := c[:end], c[end:]
		if !plainColumn.MatchString(expression) {
			expression = "(" + expression + ")"
		}
		out[i] = expression + rest
	}
	return out
}
