package dag

import (
	"context"
	_ "embed"
	"errors"
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
	//go:embed sql/pending.sql
	pendingSQL string
	//go:embed sql/partitions.sql
	partitionsSQL string
	//go:embed sql/opaque.sql
	opaqueSQL string
)

// maxListed is how many groups are named in a statement, so that an index can be asked for them.
const maxListed = 10_000

// pendingChange is what changed in one dependency since the step's model was built.
type pendingChange struct {
	Trusted               bool
	FileHash, Fingerprint string
	DependsOn             []string
	Node                  *string
	Batches, Transactions []string
	Whole                 *bool
	Rows, Sides           *int64 // changed rows; rows of the feed: an update has two
	KeyColumns            []string
	Newest                *string // see materialize.Input
	Held                  int64   // rows of the dependency, as far as its statistics know; 0 or less when they do not
}

// wholly is the reason for which a model is recomputed in full.
type wholly string

func (w wholly) Error() string { return string(w) }

// mostly is a wholly that says that the change concerns most of the model.
type mostly struct{ error }

func (m mostly) Unwrap() error { return m.error }

// drive limits the build to the groups that changes upstream concern. Where they are not known, or too many, the model is
// recomputed as a whole, which is always right; the step's report says why.
func (b *building) drive(ctx context.Context, in *materialize.Input) error {
	if !b.step.driven || in.Windowed || in.FullRefresh || b.existing == nil || b.existing.Kind != materialize.IsTable || !isDriven(b.step.node) {
		return nil
	}
	if _, err := b.conn.Exec(ctx, "savepoint drive"); err != nil {
		return fmt.Errorf("look at what changed: %w", err)
	}
	groups, told, err := b.groups(ctx, in)
	var why wholly
	switch {
	case err == nil:
		in.Groups, b.told = groups, told
	case errors.As(err, &why):
		b.told, in.Most = "recomputed in full: "+string(why), b.together == nil && errors.As(err, &mostly{})
	case sqlState(err) != "" && !Retryable(err) && ctx.Err() == nil:
		b.told = "recomputed in full: what changed cannot be asked: " + err.Error()
	default:
		return fmt.Errorf("look at what changed: %w", err)
	}
	// The savepoint ends either way: rows of the ledger are known by the transaction's own number.
	end := "release savepoint drive"
	if err != nil {
		end = "rollback to savepoint drive; " + end
	}
	_, err = b.conn.Exec(ctx, end)
	return wrap("look at what changed", err)
}

func (b *building) groupWord() string {
	if b.step.Kind == KindSCD2 {
		return "key"
	}
	return "group"
}

// groups fills pg_temp.affected; told says in words with what.
func (b *building) groups(ctx context.Context, in *materialize.Input) (groups *materialize.Groups, told string, err error) {
	changes, err := b.pending(ctx)
	if err != nil {
		return nil, "", err
	}
	by, err := groupColumns(*in)
	if err != nil {
		return nil, "", err
	}
	plan, err := b.planOf(ctx, in.Model, by, "=")
	if err != nil {
		return nil, "", err
	}
	itself, err := b.scanned(ctx, in.Model.Name)
	if err != nil {
		return nil, "", err
	}
	if plan.reads(itself...) {
		return nil, "", wholly("it reads itself")
	}
	if what := plan.unsteady(in.Model.SQL + " " + conditionsOf(in.Model)); what != "" {
		return nil, "", wholly("it uses " + what)
	}
	if len(changes) > 0 && changes[0].Newest != nil {
		in.Newest = *changes[0].Newest
	}
	if groups, told, err = b.continued(ctx, *in, plan, by, changes); groups != nil || err != nil {
		return groups, told, err
	}
	groups, n, err := b.recomputed(ctx, *in, plan, by, changes)
	return groups, count(n, b.groupWord()) + " recomputed", err
}

// recomputed are the n groups that the changes concern, as far as the plan proves it.
func (b *building) recomputed(ctx context.Context, in materialize.Input, plan queryPlan, by []materialize.Column, changes []pendingChange) (groups *materialize.Groups, n int64, err error) {
	var scopes []scope
	for _, c := range changes {
		found, err := b.scopes(ctx, in.Model, plan, c, changes, len(by))
		if err != nil {
			return nil, 0, err
		}
		scopes = append(scopes, found...)
	}
	unseen, err := b.unseenNulls(ctx, in.Model, by)
	if err != nil {
		return nil, 0, err
	}
	if len(unseen) > 0 {
		groups, n, _, err := b.gather(ctx, in, by, scopes, unseen)
		return groups, n, err
	}
	narrowed, err := b.narrowed(ctx, in.Model, plan, changes, scopes)
	if err != nil {
		return nil, 0, err
	}
	if narrowed != nil {
		scope := scopes[0].Scope
		scope.Collations = in.Collations
		groups, err := b.landedGroups(ctx, in.Model, by, changes[0], scope)
		if err != nil {
			return nil, 0, err
		}
		if groups != nil {
			groups.Source, b.source = narrowed, narrowed
			return groups, groups.Count, nil
		}
		scopes[0].Newest = scopes[0].Alias + "._superseded_at is null"
	}
	groups, n, newest, err := b.gather(ctx, in, by, scopes, nil)
	if err == nil && narrowed != nil && newest == n && len(groups.Open) == 0 {
		groups.Source, b.source = narrowed, narrowed
	}
	return groups, n, err
}

// gather fills pg_temp.affected, and measures it.
func (b *building) gather(ctx context.Context, in materialize.Input, by []materialize.Column, scopes []scope, unseen []string) (groups *materialize.Groups, n, newest int64, err error) {
	parts := make([]materialize.Scope, len(scopes))
	for i, s := range scopes {
		parts[i] = s.Scope
		parts[i].Collations = in.Collations
	}
	if _, err := b.exec(ctx, materialize.Affected(in.Model, by, parts)...); err != nil {
		return nil, 0, 0, err
	}
	return b.measure(ctx, in.Model, by, scopes, unseen)
}

// unseenNulls are the columns of the group that must not be NULL, by the key or the header, and may become so through
// rows whose group has a value: by an outer join, or a total beside its parts. A build of everything fails then; so the
// group NULL is looked at.
func (b *building) unseenNulls(ctx context.Context, m *model.Model, by []materialize.Column) ([]string, error) {
	if !slices.ContainsFunc(by, func(c materialize.Column) bool { return !mayBeNull(m, c.Name) }) {
		return nil, nil
	}
	plan, err := b.planOf(ctx, m, by, "is not distinct from")
	if err != nil {
		return nil, err
	}
	var unseen []string
	for i, c := range by {
		if !mayBeNull(m, c.Name) && !plan.scansOnly(firstParameter+i) {
			unseen = append(unseen, c.Name)
		}
	}
	return unseen, nil
}

// scope is a part of what says which groups a change concerns, with the rows that it says it by.
type scope struct {
	materialize.Scope
	rows changedRows
	// ofKey says that each group is what comes of the record of one key.
	ofKey bool
}

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

// scanned are the names by which a plan calls what is read of relations: their own, and those of their partitions.
func (b *building) scanned(ctx context.Context, relations ...string) ([]string, error) {
	names, err := texts(ctx, b.conn, partitionsSQL, relations)
	return append(names, relations...), wrap("list partitions", err)
}

// pending returns what changed in what the model reads. The plan said so, but only this transaction knows.
func (b *building) pending(ctx context.Context) ([]pendingChange, error) {
	rows, err := b.conn.Query(ctx, pendingSQL, b.step.Name, *b.cluster.Load())
	if err != nil {
		return nil, err
	}
	changes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pendingChange])
	if err != nil {
		return nil, err
	}
	switch {
	case len(changes) == 0:
		return nil, wholly("it was never built")
	case !changes[0].Trusted:
		return nil, wholly("the database was restored")
	case !slices.Equal(changes[0].DependsOn, EffectiveDeps(b.Graph, b.step.node)):
		return nil, wholly("its dependencies changed")
	}
	if changes[0].FileHash != b.Sources(b.step.node) {
		fingerprint, err := b.Fingerprint(b.step.node)
		if err != nil {
			return nil, fmt.Errorf("fingerprint %s: %w", b.step.Name, err)
		}
		if fingerprint != changes[0].Fingerprint {
			return nil, wholly("its definition changed")
		}
	}
	if changes[0].Node == nil {
		return nil, nil
	}
	return changes, nil
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

// conditionsOf are the conditions of rejects, as more columns of a query over t: what they read decides which rows there
// are, too.
func conditionsOf(m *model.Model) string {
	var b strings.Builder
	for _, rule := range m.Header.Rejects {
		b.WriteString(", (" + rule.Condition + ")")
	}
	return b.String()
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
