package dag

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

var (
	//go:embed sql/partitions.sql
	partitionsSQL string
	//go:embed sql/opaque.sql
	opaqueSQL string
)

// proven is how rows of a dependency tell their groups, as the plan proves it.
func (b *building) proven(ctx context.Context, m *model.Model, plan queryPlan, c pendingChange, changes []pendingChange, n int) ([]lookup, error) {
	relations, err := b.relationsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	lookups, ok := plan.lookups(relations, n)
	if !ok {
		return nil, wholly("no expression gives the group of a row of " + *c.Node)
	}
	for i, l := range lookups {
		if !l.joint() {
			continue
		}
		if slices.ContainsFunc(l.tellers(), driver.movesUnseen) {
			return nil, wholly("what gives the group of a row of " + *c.Node + " moves without a new version")
		}
		if lookups[i].steps, err = b.withThoseBefore(ctx, l.steps, changes); err != nil {
			return nil, err
		}
	}
	if b.collated(m) && slices.ContainsFunc(lookups, func(l lookup) bool { _, plain := l.driver().columns(); return !plain || len(l.steps) > 0 }) {
		return nil, wholly("the group of a row of " + *c.Node + " is computed, and something collated")
	}
	if err := b.transparent(ctx, plan); err != nil {
		return nil, err
	}
	return lookups, b.distinguished(ctx, m, plan, *c.Node, lookups)
}

// withThoseBefore are steps to rows as they are and, of relations that changed, as they were: each group of rows that meet, or
// met, is then found from whichever of them changed.
func (b *building) withThoseBefore(ctx context.Context, steps []lookupStep, changes []pendingChange) ([]lookupStep, error) {
	out := slices.Clone(steps)
	for _, c := range changes {
		changed, err := b.relationsOf(ctx, c)
		if err != nil {
			return nil, err
		}
		before := b.feedRows(c) + "\n    and f._old"
		if c.KeyColumns != nil {
			before = supersededRows(c)
		}
		for i, step := range out {
			if !slices.Contains(changed, step.relation) {
				continue
			}
			quoted := materialize.Quote(step.relation)
			found, err := LoadColumns(ctx, b.conn, []string{quoted})
			if err != nil {
				return nil, err
			}
			columns := make([]string, len(found[quoted]))
			for j, column := range found[quoted] {
				columns[j] = "r." + pgx.Identifier{column.Name}.Sanitize()
			}
			list := strings.Join(columns, ", ")
			out[i].rows = fmt.Sprintf("(\nselect %[1]s from %[2]s as r\nunion all\nselect %[1]s from (\n%[3]s\n) as r\n)", list, quoted, before)
		}
	}
	return out, nil
}

// relationsOf are the names by which a plan calls what is read of nodes.
func (b *building) relationsOf(ctx context.Context, changes ...pendingChange) ([]string, error) {
	var names []string
	for _, c := range changes {
		names = append(names, *c.Node, *c.Node+model.HistorySuffix, *c.Node+model.VersionsSuffix)
	}
	return b.scanned(ctx, names...)
}

// scanned are the names by which a plan calls what is read of relations: their own, and those of their partitions.
func (b *building) scanned(ctx context.Context, relations ...string) ([]string, error) {
	names, err := texts(ctx, b.conn, partitionsSQL, relations)
	return append(names, relations...), wrap("list partitions", err)
}

// collated reports whether a query, or a view that it reads, says how a text is collated: a plan does not tell where.
func (b *building) collated(m *model.Model) bool {
	if collate.MatchString(m.SQL) {
		return true
	}
	seen := map[string]bool{}
	queue := slices.Clone(b.step.node.Deps)
	for len(queue) > 0 {
		n := b.Graph.Node(queue[0])
		queue = queue[1:]
		if n == nil || n.Kind != KindView || seen[n.Name] {
			continue
		}
		if collate.MatchString(n.Model.SQL) {
			return true
		}
		seen[n.Name] = true
		queue = append(queue, n.Deps...)
	}
	return false
}

// collate is the word.
var collate = regexp.MustCompile(`(?i)\bcollate\b`)

// transparent fails with a wholly when the plan calls a function that may read what the plan does not show.
func (b *building) transparent(ctx context.Context, plan queryPlan) error {
	called := plan.calls()
	if len(called) == 0 {
		return nil
	}
	opaque, err := texts(ctx, b.conn, opaqueSQL, called)
	if err == nil && len(opaque) > 0 {
		err = wholly(opaque[0] + "() may read tables: it is not declared immutable")
	}
	return err
}

// groupColumns are the columns of the model's groups, with their types.
func groupColumns(in materialize.Input) ([]materialize.Column, error) {
	if !materialize.Fits(in) {
		return nil, wholly("its columns or its layout changed")
	}
	var by []materialize.Column
	for _, name := range materialize.GroupColumns(in.Model) {
		i := slices.IndexFunc(in.Columns, func(c materialize.Column) bool { return c.Name == name })
		if i < 0 {
			return nil, wholly("its query returns no column " + name)
		}
		if strings.HasSuffix(in.Columns[i].Type, "]") {
			return nil, wholly(name + " is an array")
		}
		by = append(by, in.Columns[i])
	}
	return by, nil
}

// planOf asks how PostgreSQL would compute one group, whose columns are compared by an operator.
func (b *building) planOf(ctx context.Context, m *model.Model, by []materialize.Column, operator string) (queryPlan, error) {
	const name = "terrace_group"
	conditions := make([]string, len(by))
	for i, c := range by {
		conditions[i] = fmt.Sprintf("t.%s %s $%d::%s", pgx.Identifier{c.Name}.Sanitize(), operator, firstParameter+i, comparedAs(c.Type))
	}
	unused := slices.Repeat([]uint32{pgtype.Int4OID}, firstParameter-1) // the server wants to know their types
	nulls := slices.Repeat([]string{"null"}, len(unused)+len(by))
	sql := "select t.*" + conditionsOf(m) + "\nfrom (\n" + m.SQL + "\n) as t\nwhere " + strings.Join(conditions, "\n    and ")
	if _, err := b.conn.PgConn().Prepare(ctx, name, sql, unused); err != nil {
		return queryPlan{}, err
	}
	defer func() { _ = b.conn.PgConn().Deallocate(context.WithoutCancel(ctx), name) }()
	results, err := b.exec(ctx,
		// A plan for any group: one for some value could leave out what others need.
		command("set local plan_cache_mode = force_generic_plan"),
		// Of an upstream that is partitioned by the group, EXPLAIN would leave out what has no part in the one that it is given.
		command("set local enable_partition_pruning = off"),
		command(fmt.Sprintf("explain (format json, verbose, costs off) execute %s (%s)", name, strings.Join(nulls, ", "))),
		command("set local enable_partition_pruning = on"),
		command("set local plan_cache_mode = auto"))
	if err != nil {
		return queryPlan{}, err
	}
	return readPlan(results[2].Rows[0][0])
}

// conditionsOf are the conditions of rejects, as more columns of a query over t: what they read decides which rows there
// are, too.
func conditionsOf(m *model.Model) string {
	var b strings.Builder
	for _, rule := range m.Header.Rejects {
		b.WriteString(", (" + rule.Condition + ")")
	}
	return b.String()
}

// limit is what a type says of the length of its values. Digits may be counted to the left of the point, too.
var limit = regexp.MustCompile(`\(\d+(,-?\d+)?\)`)

// comparedAs is the type of a parameter to which a plan compares values of a type as they stand. A limited one would be cast
// again, and varchar has no equality of its own.
func comparedAs(typ string) string {
	switch bare := limit.ReplaceAllString(typ, ""); bare {
	case "character varying":
		return "text"
	case "character":
		return "bpchar"
	case "bit":
		return typ
	default:
		return bare
	}
}
