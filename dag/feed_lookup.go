package dag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
)

// Rows that are joined to others have a part in the groups of those alone that they meet: a customer in those of his orders.
// Where a plan shows that a row counts for nothing unless a column of it equals one of another relation's, what the rows there
// tell of the group is looked up among them as they are now. Of a row that changed itself that is known as it was and as it is.

// lookup is how the rows of one scan tell their groups: themselves, or through the rows of others that they meet.
type lookup struct {
	alias string // of the scan
	steps []lookupStep
	by    []groupExpression
}

// lookupStep goes from rows of one alias to those of a relation that they meet.
type lookupStep struct {
	from            string
	relation, alias string
	equal           []equality
	// rows are what is met, in place of the relation's name; "" when that is the relation.
	rows string
}

// equality is what a row that has a part must have in common with one of another scan: expressions over the alias of each.
type equality struct{ from, to string }

// groupExpression gives one column of a group from rows of an alias.
type groupExpression struct{ alias, expression string }

// lookups returns how the rows of each scan of the relations tell the n columns of their groups. It is not ok when one does not
// tell it, or when there is none: what a function reads is in no plan.
func (p queryPlan) lookups(relations []string, n int) (found []lookup, ok bool) {
	if p.pruned {
		return nil, false
	}
	for _, s := range p.scans {
		if !slices.Contains(relations, s.relation) {
			continue
		}
		l, ok := p.lookup(s, n)
		if !ok {
			return nil, false
		}
		found = append(found, l)
	}
	return found, len(found) > 0
}

// lookup finds the group in the scan, or in the nearest of those that its rows meet, or in several of these.
func (p queryPlan) lookup(start scan, n int) (lookup, bool) {
	l := lookup{alias: start.alias}
	met := []scan{start}
	for at := 0; at < len(met); at++ {
		if by := met[at].group(n); !slices.ContainsFunc(by, groupExpression.unknown) {
			return l.to(by), true
		}
		if !p.unmistakable(met[at]) {
			continue
		}
		for _, s := range p.scans {
			if !p.unmistakable(s) || slices.ContainsFunc(met, func(m scan) bool { return m.alias == s.alias }) {
				continue
			}
			if equal := p.meeting(met[at].alias, s.alias); len(equal) > 0 {
				met = append(met, s)
				l.steps = append(l.steps, lookupStep{from: met[at].alias, relation: s.relation, alias: s.alias, equal: equal})
			}
		}
	}
	by := make([]groupExpression, n)
	for _, s := range met {
		for i, e := range s.group(n) {
			if by[i].unknown() {
				by[i] = e
			}
		}
	}
	return l.to(by), !slices.ContainsFunc(by, groupExpression.unknown)
}

// group is what a scan has of the columns of the group.
func (s scan) group(n int) []groupExpression {
	by := make([]groupExpression, n)
	for i := range by {
		by[i] = groupExpression{s.alias, s.comparedWith(firstParameter + i)}
	}
	return by
}

func (e groupExpression) unknown() bool { return e.expression == "" }

// to is the lookup of a group, without the steps that lead to nothing of it.
func (l lookup) to(by []groupExpression) lookup {
	l.by = by
	for i := len(l.steps) - 1; i >= 0; i-- {
		alias := l.steps[i].alias
		if !slices.ContainsFunc(by, func(e groupExpression) bool { return e.alias == alias }) &&
			!slices.ContainsFunc(l.steps, func(s lookupStep) bool { return s.from == alias }) {
			l.steps = slices.Delete(l.steps, i, i+1)
		}
	}
	return l
}

// joint reports whether the group is that of rows which meet, each of which tells a part of it. Rows that met and then both
// changed are found only where those are met that were there before, too.
func (l lookup) joint() bool {
	return slices.ContainsFunc(l.by, func(e groupExpression) bool { return e.alias != l.by[0].alias })
}

// driver is what the rows of the scan tell of themselves: their group, or what looking it up takes.
func (l lookup) driver() driver {
	d := driver{alias: l.alias}
	for _, step := range l.steps {
		if step.from == l.alias {
			for _, e := range step.equal {
				d.expressions = append(d.expressions, e.from)
			}
		}
	}
	for _, e := range l.by {
		if e.alias == l.alias {
			d.expressions = append(d.expressions, e.expression)
		}
	}
	return d
}

// tellers are what a lookup takes of the rows of each scan that it reads.
func (l lookup) tellers() []driver {
	out := []driver{l.driver()}
	for i, step := range l.steps {
		d := lookup{alias: step.alias, steps: l.steps[i+1:], by: l.by}.driver()
		for _, e := range step.equal {
			d.expressions = append(d.expressions, e.to)
		}
		out = append(out, d)
	}
	return out
}

// follow is the scope of the groups that are looked up for a scope of the driver.
func (l lookup) follow(s materialize.Scope) materialize.Scope {
	if len(l.steps) == 0 {
		return s
	}
	const changed, found = "terrace_changed", "terrace_found"
	told := 0 // of the driver's expressions, in the order in which it has them
	next := func() string { told++; return fmt.Sprintf("%s._%d", changed, told) }
	columns := make([]string, len(s.Expressions))
	for i, e := range s.Expressions {
		columns[i] = fmt.Sprintf("%s as _%d", e, i+1)
	}
	var from, group strings.Builder
	for _, step := range l.steps {
		conditions := make([]string, len(step.equal))
		for i, e := range step.equal {
			if step.from == l.alias {
				e.from = next()
			}
			conditions[i] = e.from + " = " + e.to
		}
		fmt.Fprintf(&from, "\njoin %s as %s\n    on %s", cmp.Or(step.rows, materialize.Quote(step.relation)), step.alias, strings.Join(conditions, " and "))
	}
	out := materialize.Scope{Alias: found}
	for i, e := range l.by {
		if e.alias == l.alias {
			e.expression = next()
		}
		fmt.Fprintf(&group, "%s as _%d, ", e.expression, i+1)
		out.Expressions = append(out.Expressions, fmt.Sprintf("%s._%d", found, i+1))
	}
	out.Rows = fmt.Sprintf("select %s\nfrom (\nselect distinct %s\nfrom (\n%s\n) as %s\n) as %s%s", strings.TrimSuffix(group.String(), ", "),
		strings.Join(columns, ", "), s.Rows, pgx.Identifier{s.Alias}.Sanitize(), changed, from.String())
	return out
}
