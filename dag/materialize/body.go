package materialize

import (
	"fmt"
	"unicode/utf8"

	"github.com/terrace-elt/terrace/dag/model"
)

// withBody renders "-- model\nbefore\n<the model's SQL>\nafter" and remembers where the model's own text begins, so
// that an error of the server can be shown at its line of the model file.
func withBody(m *model.Model, counts Counter, before, after string) Statement {
	head := fmt.Sprintf("-- %s\n%s\n", m.Name, before)
	return Statement{SQL: head + m.SQL + "\n" + after, Counts: counts, Body: utf8.RuneCountInString(head)}
}

// plain renders a statement of our own for the model.
func plain(m *model.Model, counts Counter, format string, args ...any) Statement {
	return Statement{SQL: fmt.Sprintf("-- %s\n", m.Name) + fmt.Sprintf(format, args...), Counts: counts, Body: -1}
}

// statement is one without the model's name before it: a line among others.
func statement(format string, args ...any) Statement {
	return Statement{SQL: fmt.Sprintf(format, args...), Body: -1}
}
