package dag

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// A dimension whose query makes each of its rows of one version, and of nothing else, reads only the versions that came.
// Timelines to whose end they come are continued; only the others are replayed.

// continued limits the build to the keys of the versions that came, whose versions are in pg_temp.stage. It is nil, and nothing
// is there, where the versions that came are not all that is to be known.
func (b *building) continued(ctx context.Context, in materialize.Input, plan queryPlan, by []materialize.Column, changes []pendingChange) (groups *materialize.Groups, told string, err error) {
	if !b.ofVersions(in, changes) {
		return nil, "", nil
	}
	change := changes[0]
	versions := *change.Node + model.VersionsSuffix
	relations, err := b.scanned(ctx, *change.Node, *change.Node+model.HistorySuffix, versions)
	if err != nil || !plan.rowByRow(relations) {
		return nil, "", err
	}
	if err := b.transparent(ctx, plan); err != nil {
		return nil, "", err
	}
	source, err := b.landedOnly(ctx, in, change)
	if source == nil || err != nil {
		return nil, "", err
	}
	in.Groups = &materialize.Groups{By: by, Continued: true}
	how, err := materialize.Continue(in, source)
	if err != nil {
		return nil, "", err
	}
	if _, err := b.exec(ctx, append([]materialize.Statement{command("savepoint continued")}, how.Stage...)...); err != nil {
		return nil, "", err
	}
	told, err = b.measureContinued(ctx, in, how, plan, change)
	if err != nil {
		return nil, "", err
	}
	end := "release savepoint continued"
	if groups = in.Groups; groups.HasLate && groups.Values == nil { // they are too many
		groups, end = nil, "rollback to savepoint continued; "+end
	}
	_, err = b.conn.Exec(ctx, end)
	return groups, told, err
}

// ofVersions reports whether the model is a dimension that reads the versions of one stream and nothing else, of which it is
// known how far they were replayed.
func (b *building) ofVersions(in materialize.Input, changes []pendingChange) bool {
	m := in.Model
	return b.step.Kind == KindSCD2 && m.Header.Replays() && len(m.Header.Rejects) == 0 && len(m.Header.DependsOn) == 1 &&
		len(changes) == 1 && changes[0].KeyColumns != nil && changes[0].Newest != nil &&
		m.Header.DependsOn[0].Name == *changes[0].Node+model.VersionsSuffix
}

// landedOnly is the model reading only the versions that batches brought, nil where its rows depend on what became of a
// version, which is no property of the version. A query that takes whole rows does not tell.
func (b *building) landedOnly(ctx context.Context, in materialize.Input, c pendingChange) (*model.Model, error) {
	versions := *c.Node + model.VersionsSuffix
	quoted := materialize.Quote(versions)
	found, err := LoadColumns(ctx, b.conn, []string{quoted})
	if err != nil {
		return nil, err
	}
	var columns []string
	for _, column := range found[quoted] {
		if column.Name != "_superseded_at" {
			columns = append(columns, "v."+pgx.Identifier{column.Name}.Sanitize())
		}
	}
	source, err := in.Model.Repointed(map[string]string{versions: fmt.Sprintf("(select %s from %s as v where v._batch_id = any ('{%s}'::bigint[]))",
		strings.Join(columns, ", "), quoted, strings.Join(c.Batches, ","))})
	if err != nil || source == in.Model {
		return nil, err
	}
	n, ok, err := b.takes(ctx, source.SQL)
	if err != nil || !ok || n != len(in.Columns) {
		return nil, err
	}
	return source, nil
}

// measureContinued finds out whether the versions that came are all there, and which keys are late; told says it.
func (b *building) measureContinued(ctx context.Context, in materialize.Input, how materialize.Continuation, plan queryPlan, c pendingChange) (told string, err error) {
	results, err := b.exec(ctx, command(how.Look), command("select "+materialize.Held(in.Model.Name)))
	if err != nil {
		return "", err
	}
	look, held := results[0].Rows[0], number(results[1].Rows[0][0])
	if number(look[0]) < *c.Rows || plan.readsTwice() { // what the query leaves out is there, perhaps
		landed, err := b.exec(ctx, command("select count(*) from ("+landedRows(c)+") as v"))
		if err != nil {
			return "", err
		}
		if number(landed[0].Rows[0][0]) < *c.Rows {
			return "", wholly("versions of " + *c.Node + " are missing")
		}
	}
	groups := in.Groups
	rows, keys, late := number(look[0]), number(look[1]), int64(0)
	if groups.Single = rows == keys && !isTrue(look[2]); !groups.Single {
		if late, err = b.lateKeys(ctx, groups, how); err != nil {
			return "", err
		}
	}
	groups.Count = keys
	b.measured(groups, keys, held)
	return continuedKeys(keys-late, late), nil
}

// lateKeys fills pg_temp.affected, and counts the late keys in it; where they are not too many, it tells them.
func (b *building) lateKeys(ctx context.Context, groups *materialize.Groups, how materialize.Continuation) (late int64, err error) {
	columns := []string{"count(*)"}
	for _, column := range groups.By {
		columns = append(columns, fmt.Sprintf("array_agg(distinct a.%s)::text", pgx.Identifier{column.Name}.Sanitize()))
	}
	results, err := b.exec(ctx, append(how.Keys,
		command("select "+strings.Join(columns, ", ")+"\nfrom pg_temp.\"affected\" as a\nwhere "+materialize.LateKeys))...)
	if err != nil {
		return 0, err
	}
	row := results[len(results)-1].Rows[0]
	late = number(row[0])
	if groups.HasLate = late > 0; late > 0 && late <= cmp.Or(b.LateKeys, maxListed) {
		for _, values := range row[1:] {
			groups.Values = append(groups.Values, string(values))
		}
	}
	return late, nil
}

// continuedKeys says how many timelines were continued and how many replayed.
func continuedKeys(continued, replayed int64) string {
	switch {
	case replayed == 0:
		return count(continued, "key") + " continued"
	case continued == 0:
		return count(replayed, "key") + " recomputed"
	default:
		return fmt.Sprintf("%s continued, %d recomputed", count(continued, "key"), replayed)
	}
}

// readsTwice reports whether a relation is read in several places, so that a row of it may give several of the result.
func (p queryPlan) readsTwice() bool {
	seen := map[string]bool{}
	for _, s := range p.scans {
		if seen[s.relation] {
			return true
		}
		seen[s.relation] = true
	}
	return false
}

// rowByRow reports whether each row of the result comes of one row of the relations, and of nothing else that is stored.
func (p queryPlan) rowByRow(relations []string) bool {
	whole := strings.Contains(p.text, ".*") || strings.Contains(p.text, "ROW(")
	return len(p.roots) == 1 && !p.pruned && !whole && p.roots[0].rowByRow(relations)
}

func (n planNode) rowByRow(relations []string) bool {
	if n.computesWith("Outer", "Member", "Subquery") {
		return false
	}
	switch n.Type {
	case "Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan":
		return slices.Contains(relations, n.Schema+"."+n.Relation)
	case "Append", "Result", "Subquery Scan", "Gather":
		return len(n.Plans) > 0 && !slices.ContainsFunc(n.Plans, func(child planNode) bool { return !child.rowByRow(relations) })
	default:
		return false
	}
}
