package dag

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

//go:embed sql/rights.sql
var rightsSQL string

// rights warns of what the role may not do and a run would have to: read what models read, make relations where they
// belong, and change those that are there. To understand a query the server asks for no right on relations. It is no mistake of the project, and another role
// may be the one that runs it.
func (c *compiler) rights(ctx context.Context) error {
	readers, makers, owners := map[string]model.Problem{}, map[string]model.Problem{}, map[string]model.Problem{}
	note := func(at map[string]model.Problem, name string, place model.Problem) {
		if _, noted := at[name]; !noted {
			at[name] = place
		}
	}
	for _, u := range c.order {
		m := u.model
		for _, name := range u.reads {
			at := m.Place("depends_on", name)
			note(readers, name, model.Problem{File: m.File, Line: at.Line, Col: at.Col})
		}
		if u.changed && u.node.Kind != KindSQL {
			note(makers, m.Schema, model.Problem{File: m.File, Line: 1, Col: 1})
		}
		if name := u.node.relation(); name != "" && c.there[name] != nil && !c.isForeign(u.node) {
			note(owners, name, model.Problem{File: m.File, Line: 1, Col: 1})
		}
	}
	rows, err := c.conn.Query(ctx, rightsSQL, sortedKeys(readers), sortedKeys(makers), sortedKeys(owners))
	if err != nil {
		return fmt.Errorf("look for rights: %w", err)
	}
	var role, name, lacks, database, owner string
	_, err = pgx.ForEachRow(rows, []any{&role, &database, &lacks, &name, &owner}, func() error {
		at := makers[name]
		switch lacks {
		case "select":
			at = readers[name]
		case "own":
			c.problems = append(c.problems, disowned(owners[name], role, owner, name))
			return nil
		}
		if !c.toldOf(at.File, at.Line) {
			c.problems = append(c.problems, denial(at, role, database, lacks, name))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for rights: %w", err)
	}
	hidden, err := HiddenRows(ctx, c.conn, sortedKeys(readers))
	for _, name := range hidden {
		c.problems = append(c.problems, HiddenRowsProblem(name, readers[name]))
	}
	return err
}

// disowned is the warning that the relation of a model belongs to another role.
func disowned(at model.Problem, role, owner, name string) model.Problem {
	at.Severity = strict.Warning
	at.Message = fmt.Sprintf("%s belongs to role %s: a run as role %s that replaces it, or changes its columns or indexes, would fail", name, owner, role)
	at.Hint = fmt.Sprintf("grant %s to %s; or let a role run it that is a member of %s", pgx.Identifier{owner}.Sanitize(), pgx.Identifier{role}.Sanitize(), owner)
	return at
}

// denial is the warning that a role lacks a right on something.
func denial(at model.Problem, role, database, lacks, name string) model.Problem {
	at.Severity = strict.Warning
	to := pgx.Identifier{role}.Sanitize()
	quoted := pgx.Identifier(strings.SplitN(name, ".", 2)).Sanitize()
	switch lacks {
	case "create":
		at.Message = fmt.Sprintf("role %s may not create anything in schema %s: a run as it would fail", role, name)
		at.Hint = fmt.Sprintf("grant usage, create on schema %s to %s;", quoted, to)
	case "schema":
		at.Message = fmt.Sprintf("role %s may not create schema %s: a run as it would fail", role, name)
		at.Hint = fmt.Sprintf("grant create on database %s to %s;", pgx.Identifier{database}.Sanitize(), to)
	default:
		at.Message = fmt.Sprintf("role %s may not read %s: a run as it would fail", role, name)
		at.Hint = fmt.Sprintf("grant select on %s to %s;", quoted, to)
	}
	at.Hint += " or let a role run it that may: terrace migrate --roles makes one"
	return at
}
