package dag

import (
	"fmt"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// figures finds what the figures of a header cannot show of the columns that the relation has.
func (c *compiler) figures(m *model.Model, columns []materialize.Column) {
	for _, f := range m.Header.Dashboard {
		sound := true
		for _, name := range f.Columns() {
			if columnNamed(columns, name) < 0 {
				c.fault(m.File, f.Line, fmt.Sprintf("figure %q names column %q, which %s does not have", f.Title, name, m.Name),
					"It has "+listColumns(columns)+".")
				sound = false
			}
		}
		if sound {
			c.figureTypes(m, f, columns)
		}
	}
}

func (c *compiler) figureTypes(m *model.Model, f model.Figure, columns []materialize.Column) {
	typeOf := func(name string) string { return columns[columnNamed(columns, name)].Type }
	if f.Chart != model.ChartTable {
		for _, y := range f.Y {
			if !isNumber(typeOf(y.Column)) {
				c.fault(m.File, f.Line, fmt.Sprintf("figure %q draws column %q, which is %s", f.Title, y.Column, typeOf(y.Column)),
					"A number, a line and bars are drawn of numbers; chart: table shows anything.")
			}
		}
	}
	if f.OK != "" && typeOf(f.OK) != "boolean" {
		c.fault(m.File, f.Line, fmt.Sprintf("figure %q marks rows by column %q, which is %s", f.Title, f.OK, typeOf(f.OK)),
			"ok is a boolean: rows for which it is not true are marked.")
	}
}

func isNumber(typeName string) bool {
	name, _, _ := strings.Cut(typeName, "(")
	return slices.Contains([]string{"smallint", "integer", "bigint", "numeric", "real", "double precision"}, name)
}
