package dag

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
)

// feed has the script tell others which rows of the step's relation change, if somebody is driven by them and the
// relation is not new. Of one that has columns of a feed's names others know only that it changed.
func (b *building) feed(ctx context.Context, in *materialize.Input) error {
	if in.Existing == nil || b.step.Kind == KindView || b.step.Kind == KindMaterializedView {
		return nil
	}
	if !materialize.Feedable(slices.Concat(in.Columns, in.Existing.Columns)) {
		return nil
	}
	consumers := drivenBy(b.Graph, b.step.Name)
	others, err := b.followers(ctx)
	if err != nil {
		return err
	}
	if consumers = sortedSet(append(consumers, others[b.step.Name]...)); len(consumers) == 0 {
		return nil
	}
	b.feeding = true
	in.Feed = &materialize.Feed{Consumers: consumers}
	there, _, err := inspect(ctx, b.conn, feedSchema, materialize.FeedName(b.step.Name))
	if there != nil {
		in.Feed.Columns, in.Feed.Collations = there.Columns, there.Collations
	}
	return err
}

const feedSchema = "terrace_changes"

// followed is how long other environments' models are told of rows after they were built: one that is done with is not
// always dropped.
const followed = "7 days"

// followers are the models of other environments, by what they were built from, that can be brought up to date by the rows
// that change there. They are asked for once in a run. One that is built later finds no rows, and is recomputed in full.
func (b *building) followers(ctx context.Context) (map[string][]string, error) {
	b.elsewhere.Lock()
	defer b.elsewhere.Unlock()
	if b.elsewhere.followers != nil {
		return b.elsewhere.followers, nil
	}
	rows, err := b.conn.Query(ctx, `select s.node, s.depends_on
from terrace.node_state as s
where s.kind = 'incremental'
    and s.environment <> $1
    and s.built_at > now() - $2::interval`, b.Environment, followed)
	if err != nil {
		return nil, fmt.Errorf("list models of other environments: %w", err)
	}
	found := map[string][]string{}
	var node string
	var deps []string
	_, err = pgx.ForEachRow(rows, []any{&node, &deps}, func() error {
		for _, d := range deps {
			found[d] = append(found[d], node)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list models of other environments: %w", err)
	}
	b.elsewhere.followers = found
	return found, nil
}

// fed reports whether the feed has every row that the step changed.
func (b *building) fed() bool {
	r := b.result.Rows
	return b.feeding && !b.replaced && b.besides.fed == r.Inserted+r.Deleted+2*r.Updated
}

// drivenBy returns the models that can be brought up to date by the rows that change in a node, sorted. They read it
// themselves or through views.
func drivenBy(g *Graph, name string) []string {
	var out []string
	seen := map[string]bool{}
	queue := []string{name}
	for len(queue) > 0 {
		name, queue = queue[0], queue[1:]
		for _, child := range g.Children(name) {
			n := g.Node(child)
			switch {
			case seen[child]:
			case n.Kind == KindView:
				queue = append(queue, child)
			case isDriven(n):
				out = append(out, child)
			}
			seen[child] = true
		}
	}
	slices.Sort(out)
	return out
}

// isDriven reports whether a node's rows can be recomputed in part: those of an incremental model, and of a dimension
// that replays versions.
func isDriven(n *Node) bool {
	switch n.Kind {
	case KindIncremental:
		return true
	case KindSCD2:
		return n.Model.Header.Replays()
	default:
		return false
	}
}
