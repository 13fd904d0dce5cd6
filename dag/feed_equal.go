package dag

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// Equal values need not be the same: 1.0 and 1.00, a month and 30 days, A and a in a collation that takes them for one. The
// server moves a condition on what is computed of a value below GROUP BY, DISTINCT, UNION and PARTITION BY that value, although
// it may have another outcome for each of those that are one there. So such a condition is no proof: a row is part of a group
// that its own value does not give.

var (
	//go:embed sql/inexact.sql
	inexactSQL string
	//go:embed sql/equal_texts.sql
	equalTextsSQL string
)

// taken is a value of which a node of a plan takes equal ones for one, as an expression over a scan; "" when the plan does not
// tell it in these words.
type taken string

// takenOf are the values of which equal ones are taken for one on the way from scans of an alias to the result.
func (p queryPlan) takenOf(alias string) []taken {
	var out []taken
	var walk func(path []planNode)
	walk = func(path []planNode) {
		n := path[len(path)-1]
		if n.isScan(alias) {
			for i := range path {
				out = append(out, takenAt(path[i:])...)
			}
			out = append(out, n.compared()...)
		}
		for _, child := range n.Plans {
			walk(append(slices.Clip(path), child))
		}
	}
	for _, root := range p.roots {
		walk([]planNode{root})
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// compared are the values of a scan's rows that have to equal another. That may be one for all rows: a plan does not say that
// they are grouped, or sorted, by it.
func (n planNode) compared() []taken {
	var out []taken
	for _, cond := range n.conds() {
		if left, right, ok := sidesOf(cond); ok {
			for _, side := range []string{left, right} {
				if isOver(side, n.Alias) {
					out = append(out, taken(side))
				}
			}
		}
	}
	return out
}

// takenAt is what the first node of a path takes for one, in the words of the last.
func takenAt(path []planNode) []taken {
	var out []taken
	for _, key := range path[0].takes(path[1:]) {
		out = append(out, taken(key))
	}
	for i, n := range path[:len(path)-1] {
		var below []taken
		for _, key := range out {
			below = append(below, n.below(key, path[i+1])...)
		}
		out = below
	}
	return out
}

// takes are the values that a node takes for one where they are equal, or more than these.
func (n planNode) takes(path []planNode) []string {
	switch n.Type {
	case "Aggregate", "Group":
		return append(slices.Clone(n.GroupKey), stringsIn(n.Sets)...)
	case "WindowAgg", "Unique":
		if keys := sortedBy(path); keys != nil {
			return keys
		}
		return n.given()
	case "Limit": // since version 16 it may do for what is distinct, where all that this goes by is compared with a value
		return n.given()
	case "SetOp", "Recursive Union":
		return n.Output
	}
	return nil
}

// given are the columns of the rows that a node takes.
func (n planNode) given() []string {
	if child := n.child("Outer"); child != nil {
		return child.Output
	}
	return nil
}

// sortedBy is what the rows that a node takes are sorted by for it, nil when that is not known. Below a join the server may
// sort by what is equal instead.
func sortedBy(path []planNode) []string {
	if slices.ContainsFunc(path, func(n planNode) bool { return slices.Contains(joins, n.Type) }) {
		return nil
	}
	for _, n := range path {
		switch n.Type {
		case "WindowAgg":
		case "Sort", "Incremental Sort":
			keys := make([]string, len(n.SortKey))
			for i, key := range n.SortKey {
				keys[i] = sortOrder.ReplaceAllString(key, "")
			}
			return keys
		default:
			return nil
		}
	}
	return nil
}

// sortOrder is what a plan says of a key beside its value.
var sortOrder = regexp.MustCompile(`( COLLATE ("(?:[^"]|"")+"|[\w.]+))?( DESC| USING \S+)?( NULLS (FIRST|LAST))?$`)

// stringsIn are all texts in a JSON value.
func stringsIn(value json.RawMessage) (out []string) {
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	var v any
	if json.Unmarshal(value, &v) == nil {
		walk(v)
	}
	return out
}

// below is a value of the node in words of a child, where these are others: an append has those of its first part, a subquery its
// own.
func (n planNode) below(key taken, child planNode) []taken {
	switch n.Type {
	case "Append", "Merge Append":
		return []taken{n.inPart(key, child)}
	case "Subquery Scan":
		columns := regexp.MustCompile(`(^|\W)`+regexp.QuoteMeta(n.Alias)+`"?\.`).FindAllString(string(key), -1)
		switch {
		case len(columns) == 0:
		case !oneColumn.MatchString(trimmed(string(key))):
			return []taken{""}
		default: // it is one of what the subquery returns
			out := make([]taken, len(child.Output))
			for i, o := range child.Output {
				out[i] = taken(o)
			}
			return out
		}
	}
	return []taken{key}
}

// oneColumn is a column as a plan writes it.
var oneColumn = regexp.MustCompile(`^(\w+|"(?:[^"]|"")+")\.(\w+|"(?:[^"]|"")+")$`)

func (n planNode) inPart(key taken, part planNode) taken {
	first := n.child("Member")
	if first == nil || len(first.Output) != len(part.Output) {
		return ""
	}
	var pairs [][2]string
	for i, o := range first.Output {
		if o = trimmed(o); strings.Contains(o, ".") && strings.Contains(string(key), o) {
			pairs = append(pairs, [2]string{o, part.Output[i]})
		}
	}
	if len(pairs) == 0 {
		return ""
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return len(b[0]) - len(a[0]) }) // o.v2 is not o.v and a 2
	var flat []string
	for _, p := range pairs {
		flat = append(flat, p[0], p[1])
	}
	return taken(strings.NewReplacer(flat...).Replace(string(key)))
}

// trimmed is a text without the parentheses around all of it.
func trimmed(text string) string {
	for {
		inner, ok := unwrap(text)
		if !ok {
			return text
		}
		text = inner
	}
}

var (
	// grouping is what the same expression may have more or less of in another place of a plan.
	grouping = regexp.MustCompile(`[()\s]`)
	// lastCasts are what an expression without its grouping is cast to.
	lastCasts = regexp.MustCompile(`(::[\w.,\[\]"]+|COLLATE[\w."-]+)+$`)
)

// tells reports whether an expression may tell apart what is equal to the value: one that is computed of it. The value itself is
// compared by the equality that takes it for one.
func (t taken) tells(expression string) bool {
	if t == "" {
		return !oneColumn.MatchString(expression)
	}
	whole, of := grouping.ReplaceAllString(expression, ""), grouping.ReplaceAllString(string(t), "")
	return whole != of && strings.Contains(whole, lastCasts.ReplaceAllString(of, ""))
}

// distinguished fails with a wholly where a lookup tells apart what the query takes for one.
func (b *building) distinguished(ctx context.Context, m *model.Model, plan queryPlan, node string, lookups []lookup) error {
	if !plan.unites() {
		return nil
	}
	blind, err := b.collatesBlindly(ctx, m)
	if err != nil {
		return err
	}
	if blind {
		return wholly("texts that differ may be equal to the query, and it takes equal values for one")
	}
	for _, l := range lookups {
		for _, t := range l.tellers() {
			apart, err := b.tellsApart(ctx, plan, t)
			if err != nil {
				return err
			}
			if apart {
				return wholly("the group of a row of " + node + " is computed of a value that others equal, and the query takes equal values for one")
			}
		}
	}
	return nil
}

// tellsApart reports whether expressions over a scan are computed of a value that the plan takes for one with others which are
// equal and not the same, as far as it can be told.
func (b *building) tellsApart(ctx context.Context, plan queryPlan, d driver) (bool, error) {
	var of []string
	for _, t := range plan.takenOf(d.alias) {
		if !slices.ContainsFunc(d.expressions, t.tells) {
			continue
		}
		if t == "" {
			return true, nil
		}
		of = append(of, string(t))
	}
	if len(of) == 0 {
		return false, nil
	}
	for _, s := range plan.scans {
		if s.alias != d.alias {
			continue
		}
		if inexact, err := b.inexact(ctx, fmt.Sprintf("select %s\nfrom %s as %s", strings.Join(of, ", "), materialize.Quote(s.relation), pgx.Identifier{s.alias}.Sanitize())); inexact || err != nil {
			return true, err
		}
	}
	return false, nil
}

// ofScale is a number of which equal values have the same digits.
var ofScale = regexp.MustCompile(`^numeric\(`)

// inexact reports whether a column of a query may have values that are equal and not the same. It may when the server does not
// take the query.
func (b *building) inexact(ctx context.Context, sql string) (bool, error) {
	if _, ok, err := b.takes(ctx, sql); !ok || err != nil {
		return true, err
	}
	columns, err := describeSQL(ctx, b.conn, &b.types, sql)
	if err != nil {
		return false, err
	}
	var types []string
	for i := range columns {
		columns[i].Name = fmt.Sprint(i)
		if t := columns[i].Type; !ofScale.MatchString(t) {
			types = append(types, limit.ReplaceAllString(t, ""))
		}
	}
	if found, err := texts(ctx, b.conn, inexactSQL, types); len(found) > 0 || err != nil {
		return true, wrap("look at types", err)
	}
	collations, err := b.collationsOf(ctx, sql, columns)
	return len(collations) > 0, err
}

// collatesBlindly reports whether a collation may be at work that takes texts for equal which are not the same, and of which a
// plan does not tell where.
func (b *building) collatesBlindly(ctx context.Context, m *model.Model) (bool, error) {
	var exists, hidden bool
	if err := b.conn.QueryRow(ctx, equalTextsSQL).Scan(&exists, &hidden); err != nil {
		return false, fmt.Errorf("look for collations: %w", err)
	}
	return hidden || exists && b.collated(m), nil
}
