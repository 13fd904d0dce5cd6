package materialize

import (
	"maps"
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
