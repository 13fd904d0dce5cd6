package dag

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// scope is a part of what says which groups a change concerns, with the rows that it says it by.
type scope struct {
	materialize.Scope
	rows changedRows
	// ofKey says that each group is what comes of the record of one key.
	ofKey bool
}

// scopes says which groups the changes in one dependency, of all, concern. What the header declares is taken; else the plan
// must prove it.
func (b *building) scopes(ctx context.Context, m *model.Model, plan queryPlan, c pendingChange, changes []pendingChange, n int) ([]scope, error) {
	if rejects := *c.Node + model.RejectsSuffix; plan.reads(rejects) {
		return nil, wholly("it reads " + rejects)
	}
	rows, err := b.changed(m, c)
	if err != nil {
		return nil, err
	}
	lookups := declaredLookups(m, *c.Node)
	declared := lookups != nil
	if !declared {
		if lookups, err = b.proven(ctx, m, plan, c, changes, n); err != nil {
			return nil, err
		}
	}
	if c.KeyColumns != nil && slices.ContainsFunc(lookups, func(l lookup) bool { return l.driver().movesUnseen() }) {
		return nil, wholly("groups of " + *c.Node + " move without a new version")
	}
	meets := slices.ContainsFunc(lookups, func(l lookup) bool { return len(l.steps) > 0 })
	if meets { // what changed is not to be counted among what it meets
		if err := b.present(ctx, rows); err != nil {
			return nil, err
		}
	}
	var scopes []scope
	for _, l := range lookups {
		for _, s := range scopesOf(c, rows, l.driver().alike(), declared) {
			s.Scope, s.ofKey = l.follow(s.Scope), s.ofKey && len(l.steps) == 0
			if !slices.ContainsFunc(scopes, s.same) {
				s.Counted = !meets && len(scopes) == 0 // the first reads just the rows that have to be there
				scopes = append(scopes, s)
			}
		}
	}
	return scopes, nil
}

// present fails with a wholly when rows that changed are missing.
func (b *building) present(ctx context.Context, rows changedRows) error {
	results, err := b.exec(ctx, command("select count(*) from ("+rows.query+") as r"))
	if err == nil && number(results[0].Rows[0][0]) < rows.counted {
		err = wholly(rows.missing)
	}
	return err
}

func (s scope) same(o scope) bool {
	return s.Rows == o.Rows && s.Alias == o.Alias && slices.Equal(s.Expressions, o.Expressions)
}

// scopesOf adds what the changed rows of a stream were before, unless they tell their group by the key alone: that is the
// same in all versions of a record. A declared expression is not trusted so far: its value may be cast to a type in which
// equal keys differ.
func scopesOf(c pendingChange, rows changedRows, d driver, declared bool) []scope {
	const alias = "v"
	switch key, ok := d.columns(); {
	case c.KeyColumns == nil:
	case !declared && ok && !slices.ContainsFunc(key, func(name string) bool { return !slices.Contains(c.KeyColumns, name) }):
		names := slices.Clone(key)
		for i, name := range names {
			key[i] = alias + "." + pgx.Identifier{name}.Sanitize()
		}
		ofKey := !slices.ContainsFunc(c.KeyColumns, func(name string) bool { return !slices.Contains(names, name) })
		return []scope{{materialize.Scope{Rows: rows.query, Alias: alias, Expressions: key}, rows, ofKey}}
	default:
		return []scope{
			{materialize.Scope{Rows: rows.query, Alias: d.alias, Expressions: d.expressions}, rows, false},
			{materialize.Scope{Rows: supersededRows(c), Alias: d.alias, Expressions: d.expressions}, rows, false},
		}
	}
	return []scope{{materialize.Scope{Rows: rows.query, Alias: d.alias, Expressions: d.expressions}, rows, false}}
}

// declaredLookups are what incremental.changed says of a node, nil unless it speaks of every relation of the node that
// the model names.
func declaredLookups(m *model.Model, node string) []lookup {
	if m.Header.Incremental == nil {
		return nil
	}
	var out []lookup
	for _, ref := range m.Header.DependsOn {
		if ref.Node != node {
			continue
		}
		expressions, ok := m.Header.Incremental.Changed[ref.Name]
		if !ok {
			return nil
		}
		_, alias, _ := strings.Cut(ref.Name, ".")
		l := lookup{alias: alias}
		for _, e := range expressions {
			l.by = append(l.by, groupExpression{alias, e})
		}
		out = append(out, l)
	}
	return out
}
