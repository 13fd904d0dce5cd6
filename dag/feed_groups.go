package dag

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// maxListed is how many groups are named in a statement, so that an index can be asked for them.
const maxListed = 10_000

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
