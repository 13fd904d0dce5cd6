package dag

import (
	"context"
	"fmt"
	"slices"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// narrowed is the model reading only the records of a stream that changed, nil where this is not known to give the groups.
// It is where each group is what comes of one record and of nothing else that is stored, and nothing else changed. A query
// may be one that reads tables alone, for a system column or a key by which it groups: then it is left as it is.
func (b *building) narrowed(ctx context.Context, m *model.Model, plan queryPlan, changes []pendingChange, scopes []scope) (*model.Model, error) {
	if b.step.Kind != KindIncremental || len(changes) != 1 || len(scopes) != 1 || !scopes[0].ofKey || *changes[0].Rows < b.many()/10 || !plan.madeOf(*changes[0].Node) {
		return nil, nil
	}
	if blind, err := b.collatesBlindly(ctx, m); blind || err != nil { // keys that differ may be of one group
		return nil, err
	}
	out, err := m.Repointed(map[string]string{*changes[0].Node: landedNow(changes[0])})
	if err != nil || out == m {
		return nil, err
	}
	if _, ok, err := b.takes(ctx, out.SQL); !ok || err != nil {
		return nil, err
	}
	return out, nil
}

// takes reports whether the server takes a query, and how many columns that returns.
func (b *building) takes(ctx context.Context, sql string) (columns int, ok bool, err error) {
	if _, err := b.conn.Exec(ctx, "savepoint taken"); err != nil {
		return 0, false, err
	}
	end := "release savepoint taken"
	prepared, err := b.conn.PgConn().Prepare(ctx, "", sql, nil)
	switch {
	case err == nil:
		columns, ok = len(prepared.Fields), true
	case sqlState(err) == "" || ctx.Err() != nil:
		return 0, false, err
	default:
		end = "rollback to savepoint taken; " + end
	}
	_, err = b.conn.Exec(ctx, end)
	return columns, ok, err
}

// landedGroups are the groups of the records that batches brought, if each version that they brought is its record's
// current one: then no version is missing, each record has a group of its own, and nobody has to write them down. It is
// nil where they are not known to be so.
func (b *building) landedGroups(ctx context.Context, m *model.Model, by []materialize.Column, c pendingChange, s materialize.Scope) (*materialize.Groups, error) {
	s.Rows = "select s.* from " + landedNow(c) + " as s"
	groups := &materialize.Groups{By: by}
	if !groups.Keys(m) || slices.ContainsFunc(by, func(c materialize.Column) bool { return mayBeNull(m, c.Name) }) {
		return nil, nil
	}
	results, err := b.exec(ctx, command(fmt.Sprintf("select count(*), %s\nfrom %s as s", materialize.Held(m.Name), landedNow(c))))
	if err != nil {
		return nil, err
	}
	row := results[0].Rows[0]
	if groups.Count = number(row[0]); groups.Count != *c.Rows {
		return nil, nil
	}
	groups.Query = s.Groups(by)
	return groups, b.worthwhile(ctx, m, groups, groups.Count, number(row[1]))
}
