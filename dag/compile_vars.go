package dag

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

//go:embed sql/functions_vars.sql
var functionsVarsSQL string

// variableNamed is a variable that code reads by a plain text.
var variableNamed = regexp.MustCompile(`(?i)terrace\s*\.\s*var\s*\(\s*'((?:[^']|'')+)'`)

// functionVars warns of models whose functions read variables that the models do not read themselves: such a model is not
// built again when only the variable changes.
func (c *compiler) functionVars(ctx context.Context) error {
	rows, err := c.conn.Query(ctx, functionsVarsSQL)
	if err != nil {
		return fmt.Errorf("look into functions: %w", err)
	}
	reads := map[string][]string{}
	var name, code string
	_, err = pgx.ForEachRow(rows, []any{&name, &code}, func() error {
		for _, found := range variableNamed.FindAllStringSubmatch(code, -1) {
			reads[name] = append(reads[name], strings.ReplaceAll(found[1], "''", "'"))
		}
		return nil
	})
	if err != nil || len(reads) == 0 {
		return wrap("look into functions", err)
	}
	for _, u := range c.order {
		c.unreadVars(u.model, reads)
	}
	return nil
}

func (c *compiler) unreadVars(m *model.Model, reads map[string][]string) {
	if !strings.Contains(m.SQL, "(") {
		return
	}
	calls, err := model.Calls(m.SQL)
	if err != nil {
		return // the check of the files tells
	}
	told := map[string]bool{}
	for _, call := range calls {
		for _, v := range reads[call.Function] {
			if told[v] || m.ReadsVar(v) {
				continue
			}
			told[v] = true
			line, col := place(m.SQL[:call.Offset], m.SQLLine)
			c.problems = append(c.problems, model.Problem{
				File: m.File, Line: line, Col: col, Severity: strict.Warning,
				Message: fmt.Sprintf("%s() reads the variable %q, which the model does not: when only its value changes, %s is not built again", call.Function, v, m.Name),
				Hint:    fmt.Sprintf("Hand it over as an argument, terrace.var('%s'); or build the model when it changes: terrace run --force -s %s", v, m.Name),
			})
		}
	}
}
