package model

import (
	"fmt"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// columnFile is one entry of columns: a mapping, or the type alone, or nothing.
type columnFile struct {
	Type        string        `yaml:"type"`
	Description string        `yaml:"description"`
	NotNull     bool          `yaml:"not_null"`
	Unique      bool          `yaml:"unique"`
	Values      []string      `yaml:"values"`
	References  strict.String `yaml:"references"`
}

// UnmarshalNode reads a mapping, or a type as the short form.
func (c *columnFile) UnmarshalNode(n strict.Node) []Problem {
	if n.Kind() == strict.Scalar {
		return n.Decode(&c.Type)
	}
	type plain columnFile
	return n.Decode((*plain)(c))
}

func columns(written strict.Map[columnFile]) []Column {
	var out []Column
	for _, w := range written {
		out = append(out, Column{
			Name:        w.Key,
			Type:        w.Value.Type,
			Description: w.Value.Description,
			NotNull:     w.Value.NotNull,
			Unique:      w.Value.Unique,
			Values:      w.Value.Values,
			References:  w.Value.References.Value,
			Line:        w.Line,
		})
	}
	return out
}

// inlines are the assertions that a column's flags stand for.
func (c Column) inlines() []Inline {
	var out []Inline
	add := func(given bool, i Inline) {
		if given {
			i.Columns, i.Severity, i.Line = []string{c.Name}, SeverityError, c.Line
			out = append(out, i)
		}
	}
	relation, column := splitColumn(c.References)
	add(c.NotNull, Inline{Kind: NotNull})
	add(c.Unique, Inline{Kind: Unique})
	add(len(c.Values) > 0, Inline{Kind: Values, Values: c.Values})
	add(c.References != "", Inline{Kind: References, To: relation, ToColumn: column})
	return out
}

// splitColumn cuts "schema.relation.column" before the column.
func splitColumn(s string) (relation, column string) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}

// checkColumnName refuses what is no "schema.relation.column".
func checkColumnName(s string) string {
	if strings.Count(s, ".") == 2 && !strings.Contains("."+s+".", "..") {
		return ""
	}
	return fmt.Sprintf("%q is no column: write schema.relation.column", s)
}
