package dag

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// noSuchFunction is the SQLSTATE of a function, or an operator, that is not there with such arguments.
const noSuchFunction = "42883"

// unknownFunction is a problem, by its place in the list of them, about a function that is not there with such arguments.
type unknownFunction struct {
	problem int
	message string
}

// noFunction is how the server names one: its schema, if it was written, its name, the types of its arguments.
var noFunction = regexp.MustCompile(`^(?:function|procedure|aggregate) (?:(\w+)\.)?(\w+)\(`)

//go:embed sql/functions_named.sql
var functionsNamedSQL string

// functionHints says what to do about the functions that are not there: there may be some of the name that take other
// arguments, or one in another schema, or of a name that is near.
func (c *compiler) functionHints(ctx context.Context) error {
	var names []string
	for _, u := range c.functions {
		if found := noFunction.FindStringSubmatch(u.message); found != nil {
			names = append(names, found[2])
		}
	}
	if len(names) == 0 {
		return nil
	}
	known, err := functionsNamed(ctx, c.conn, sortedSet(names))
	if err != nil {
		return err
	}
	for _, u := range c.functions {
		if found := noFunction.FindStringSubmatch(u.message); found != nil {
			c.problems[u.problem].Hint = functionHint(found[1], found[2], known)
		}
	}
	return nil
}

// functionsNamed are the functions of these names, and the names of all others.
func functionsNamed(ctx context.Context, db Database, names []string) ([]knownFunction, error) {
	rows, err := db.Query(ctx, functionsNamedSQL, names)
	if err != nil {
		return nil, fmt.Errorf("look for functions: %w", err)
	}
	known, err := pgx.CollectRows(rows, pgx.RowToStructByPos[knownFunction])
	return known, wrap("look for functions", err)
}

//go:embed sql/functions_code.sql
var functionsCodeSQL string

// functionWrites warns of models of kind sql whose functions write what another file makes. Which of several functions of
// one name is called is not known.
func (c *compiler) functionWrites(ctx context.Context) error {
	type called struct {
		unit *unit
		call model.Call
	}
	callers := map[string][]called{}
	for _, u := range c.order {
		if u.node.Kind != KindSQL {
			continue
		}
		calls, err := model.Calls(u.model.SQL)
		if err != nil {
			continue // the check of the files tells
		}
		for _, call := range calls {
			callers[call.Function] = append(callers[call.Function], called{u, call})
		}
	}
	if len(callers) == 0 {
		return nil
	}
	rows, err := c.conn.Query(ctx, functionsCodeSQL, sortedKeys(callers))
	if err != nil {
		return fmt.Errorf("look into functions: %w", err)
	}
	var name, code string
	_, err = pgx.ForEachRow(rows, []any{&name, &code}, func() error {
		for _, relation := range model.CodeWrites(code) {
			for _, by := range callers[name] {
				if made := c.graph.Resolve(relation); made != nil && made != by.unit.node {
					c.problems = append(c.problems, overstepping(by.unit.model, by.call, relation, made.Name))
				}
			}
		}
		return nil
	})
	return wrap("look into functions", err)
}

// overstepping is the warning that a function which a model calls writes what another file makes.
func overstepping(m *model.Model, call model.Call, relation, maker string) model.Problem {
	line, col := place(m.SQL[:call.Offset], m.SQLLine)
	return model.Problem{
		File: m.File, Line: line, Col: col, Severity: strict.Warning,
		Message: fmt.Sprintf("%s() writes %s, which %s makes", call.Function, relation, maker),
		Hint:    "Write only the target: the next build of the other takes out what the function wrote.",
	}
}

// knownFunction is a function that the server has. Arguments are known only of those that were asked for by name.
type knownFunction struct{ Schema, Name, Arguments string }

// usual reports whether the function is called without a schema.
func (f knownFunction) usual() bool { return f.Schema == "pg_catalog" }

// functionHint is the next step after a function that is not there.
func functionHint(schema, name string, known []knownFunction) string {
	if instead := otherFunctions[name]; instead != "" && schema == "" {
		return upper(instead) + "."
	}
	var takes, elsewhere, near []string
	for _, f := range known {
		called := f.Schema + "." + f.Name
		if f.usual() {
			called = f.Name
		}
		switch {
		case f.Name == name && (f.Schema == schema || schema == "" && f.usual()):
			takes = append(takes, "("+f.Arguments+")")
		case f.Name == name:
			elsewhere = append(elsewhere, called+"("+f.Arguments+")")
		case f.Schema == schema || schema == "" && f.usual() || f.Schema == "terrace":
			near = append(near, called)
		}
	}
	const told = 6
	switch {
	case len(takes) > told:
		return fmt.Sprintf("%s takes other arguments: %s and %d more. Cast them.", name, strings.Join(takes[:told], ", "), len(takes)-told)
	case len(takes) > 0:
		return fmt.Sprintf("%s takes other arguments: %s. Cast them.", name, strings.Join(takes, ", "))
	case len(elsewhere) > 0:
		return fmt.Sprintf("Write its schema, since search_path is empty: %s.", strings.Join(elsewhere[:min(told, len(elsewhere))], ", "))
	}
	if schema != "" {
		name = schema + "." + name
	}
	if meant := strict.Nearest(name, slices.Compact(near)); meant != "" {
		return fmt.Sprintf("Did you mean %s?", meant)
	}
	return fmt.Sprintf("No schema has a function %s: make it, or the extension that brings it. In the model it stands with its schema, public.%[1]s(…).", name[strings.LastIndexByte(name, '.')+1:])
}
