package dag

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// changedRows are what a change in a dependency can be followed by.
type changedRows struct {
	// query returns the rows as they are, of those that changed, and, but for a stream, as they were.
	query string
	// counted is how many they have to be: rows may have been taken out, and a batch may have written none. Missing says
	// so in words when they are fewer.
	counted int64
	missing string
}

// changed finds the rows that changed in a dependency. Whether they are all there is counted when they are read.
func (b *building) changed(m *model.Model, c pendingChange) (changedRows, error) {
	for _, ref := range m.Header.DependsOn {
		if ref.Node == *c.Node && ref.Name != *c.Node && ref.Name != *c.Node+model.VersionsSuffix {
			return changedRows{}, wholly("it reads " + ref.Name)
		}
	}
	rows := changedRows{b.feedRows(c), *c.Sides, "the change of " + *c.Node + " is in no feed"}
	if n := b.Graph.Node(*c.Node); n != nil && n.Kind == KindStream {
		if c.KeyColumns == nil {
			return rows, wholly(*c.Node + " keeps no versions")
		}
		rows = changedRows{landedRows(c), *c.Rows, "versions of " + *c.Node + " are missing"}
	} else if *c.Whole {
		return rows, wholly(rows.missing)
	}
	if c.Held > 0 && b.most(*c.Rows, c.Held) { // to find their groups would cost as much again
		return rows, mostly{wholly(fmt.Sprintf("%s of about %d in %s changed", count(*c.Rows, "row"), c.Held, *c.Node))}
	}
	return rows, nil
}

// feedRows reads a relation's feed.
func (b *building) feedRows(c pendingChange) string {
	return fmt.Sprintf("select f.*\nfrom %s as f\nwhere f._xid = any ('{%s}'::xid8[])",
		materialize.FeedOf(*c.Node), strings.Join(c.Transactions, ","))
}

// landedRows are the versions of a stream that batches brought.
func landedRows(c pendingChange) string {
	return fmt.Sprintf("select v.*\nfrom %s as v\nwhere v._batch_id = any ('{%s}'::bigint[])",
		materialize.Quote(*c.Node+model.VersionsSuffix), strings.Join(c.Batches, ","))
}

// landedNow are the records of a stream whose current version batches brought, in place of the stream's name in a query.
func landedNow(c pendingChange) string {
	return fmt.Sprintf("(select s.* from %s as s where s._batch_id = any ('{%s}'::bigint[]))",
		materialize.Quote(*c.Node), strings.Join(c.Batches, ","))
}

// supersededRows are, of the records whose versions landed, what was the current version before: the newest that landed.
// One that landed late, for a record that had a newer one by its own count, was superseded when it came and was never
// current, although its number is greater; so it hides none behind it. Pages may also be fetched at one moment: then a
// version that was current looks as one that was not, and is taken too.
func supersededRows(c pendingChange) string {
	key := c.KeyColumns
	if len(key) == 0 {
		key = []string{"_hash"}
	}
	columns := make([]string, len(key))
	for i, name := range key {
		columns[i] = "v." + pgx.Identifier{name}.Sanitize()
	}
	list := strings.Join(columns, ", ")
	return fmt.Sprintf(`(
select distinct on (%[1]s, case when v._superseded_at = v._seen_at then v._version end) v.*
from %[2]s as v
where (%[1]s) in (
        select %[1]s
        from %[2]s as v
        where v._batch_id = any ('{%[3]s}'::bigint[])
    )
    and v._batch_id <> all ('{%[3]s}'::bigint[])
order by %[1]s, case when v._superseded_at = v._seen_at then v._version end, v._version desc
)`, list, materialize.Quote(*c.Node+model.VersionsSuffix), strings.Join(c.Batches, ","))
}

// movesUnseen reports whether the group of a version depends on what the next one changes in it.
func (d driver) movesUnseen() bool {
	return slices.ContainsFunc(d.expressions, func(e string) bool { return strings.Contains(e, "_superseded_at") })
}

// number reads a count.
func number(text []byte) int64 {
	n, _ := strconv.ParseInt(string(text), 10, 64) // the server wrote it
	return n
}

// measure counts the groups in pg_temp.affected, the rows that they have, and the rows of them that are the newest. It fails
// with a wholly when rows that changed are missing there, or when the groups are most of the model. Of the columns that are
// unseen NULL is a group as well.
func (b *building) measure(ctx context.Context, m *model.Model, by []materialize.Column, scopes []scope, unseen []string) (groups *materialize.Groups, n, newest int64, err error) {
	columns := []string{"count(*)", materialize.Held(m.Name)}
	distinct := ""
	if len(by) > 1 { // of one column each group has its own
		distinct = "distinct "
	}
	for _, c := range by {
		q := "a." + pgx.Identifier{c.Name}.Sanitize()
		columns = append(columns, fmt.Sprintf("count(*) filter (where %s is null)", q),
			fmt.Sprintf("case when count(*) <= %d then coalesce(array_agg(%s%[3]s) filter (where %[3]s is not null), '{}')::text end", maxListed, distinct, q))
	}
	for i, s := range scopes {
		if s.Counted {
			columns = append(columns, "coalesce(sum("+materialize.CountOf(i)+"), 0)")
		}
	}
	if slices.ContainsFunc(scopes, func(s scope) bool { return s.Newest != "" }) {
		columns = append(columns, "coalesce(sum("+materialize.NewestCount+"), 0)")
	}
	results, err := b.exec(ctx, command("select "+strings.Join(columns, ", ")+"\nfrom pg_temp.\"affected\" as a"))
	if err != nil {
		return nil, 0, 0, err
	}
	row := results[0].Rows[0]
	n = number(row[0])
	all, row := number(row[1]), row[2:]
	groups = &materialize.Groups{By: by, Count: n}
	for _, c := range by {
		if nulls := number(row[0]); nulls > 0 || mayBeNull(m, c.Name) || slices.Contains(unseen, c.Name) {
			groups.Open = append(groups.Open, c.Name)
		}
		if n <= maxListed {
			groups.Values = append(groups.Values, string(row[1]))
		}
		row = row[2:]
	}
	for _, s := range scopes {
		if !s.Counted {
			continue
		}
		if number(row[0]) < s.rows.counted {
			return nil, 0, 0, wholly(s.rows.missing)
		}
		row = row[1:]
	}
	if len(row) > 0 {
		newest = number(row[0])
	}
	return groups, n, newest, b.worthwhile(ctx, m, groups, n, all)
}

// mayBeNull reports whether a column of the model's result can be NULL. How a row gives its group is about groups that
// have a value: what an outer join leaves without one, or a total beside its parts, is in the group NULL for another reason.
func mayBeNull(m *model.Model, name string) bool {
	return len(m.Header.Rejects) > 0 || // whose rows may have NULL where the model's have none
		!slices.Contains(m.Header.Key, name) &&
			!slices.ContainsFunc(m.Header.Columns, func(c model.Column) bool { return c.Name == name && c.NotNull })
}

// worthwhile compares the rows of n groups with all of the relation, as far as its statistics know: from a third on, to
// recompute all of them costs less. In a small relation it makes no difference. A twentieth of a large one are few, and an
// eighth, if to fetch each from a page of its own would still take no more than seconds.
func (b *building) worthwhile(ctx context.Context, m *model.Model, groups *materialize.Groups, n, all int64) error {
	rows := n // of keys no more than these can be there
	if !groups.Keys(m) {
		results, err := b.exec(ctx, command(fmt.Sprintf("select count(*) from %s as t where %s", materialize.Quote(m.Name), groups.Stored("t"))))
		if err != nil {
			return err
		}
		rows = number(results[0].Rows[0][0])
	}
	if b.most(rows, all) {
		return mostly{wholly(fmt.Sprintf("%s of about %d are concerned", count(rows, "row"), all))}
	}
	b.measured(groups, rows, all)
	return nil
}

// measured says of groups that they have so many rows, of about so many in all.
func (b *building) measured(groups *materialize.Groups, rows, all int64) {
	const pages, list = 100_000, 1_000_000 // places in a list take some 30 bytes each
	b.held = max(all, 0)
	large := all >= b.many()
	groups.Few = large && (20*rows <= all || rows <= pages && 8*rows <= all)
	groups.Listed = large && rows <= list
	groups.Most = 3*rows > all
}

// most reports whether so many rows are concerned that recomputing all of them costs less.
func (b *building) most(rows, all int64) bool {
	const few = 1000
	return rows > cmp.Or(b.FewRows, few) && 3*rows > all
}
