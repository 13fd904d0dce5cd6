package dag

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
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
				l.steps = append(l.steps, lookupStep{met[at].alias, s.relation, s.alias, equal})
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
// changed are not found: neither meets the other as it was.
func (l lookup) joint() bool {
	return slices.ContainsFunc(l.by, func(e groupExpression) bool { return e.alias != l.by[0].alias })
}

// unmistakable reports whether a name in a condition can only mean the scan.
func (p queryPlan) unmistakable(s scan) bool {
	count := 0
	for _, o := range p.scans {
		if o.alias == s.alias {
			count++
		}
	}
	return count == 1 && plainName.MatchString(s.alias)
}

// meeting returns what a row of the scan from has in common with one of the scan to, or counts for nothing.
func (p queryPlan) meeting(from, to string) []equality {
	var conds []condition
	for _, root := range p.roots {
		root.meeting(from, to, &conds)
	}
	var out []equality
	for _, c := range conds {
		e, ok := equalityOf(c.text, from, to)
		if ok && (!c.strict || nullOfNull(e.from) && nullOfNull(e.to)) && !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// condition is one that compares rows of two scans. It is strict where there may be NULL in place of one of these: then it is
// about rows alone only if NULL does not meet it.
type condition struct {
	text   string
	strict bool
}

func (n planNode) meeting(from, to string, conds *[]condition) {
	outer, inner := n.child("Outer"), n.child("Inner")
	if outer != nil && inner != nil {
		on := slices.Concat(conjuncts(n.Hash), conjuncts(n.Merge), conjuncts(n.On))
		switch {
		case outer.carries(from) && inner.hands(to) && slices.Contains([]string{"Inner", "Semi", "Right", "Right Semi", "Right Anti"}, n.Join):
			compare(conds, on, outer.lacks(from) || inner.lacks(to))
		case inner.carries(from) && outer.hands(to) && slices.Contains([]string{"Inner", "Semi", "Right Semi", "Left", "Anti"}, n.Join):
			compare(conds, on, inner.lacks(from) || outer.lacks(to))
		}
		if s := inner.simple(); n.Type == "Nested Loop" && s.Alias == to && outer.carries(from) && (n.Join == "Inner" || n.Join == "Semi") {
			compare(conds, s.conds(), outer.lacks(from))
		}
	}
	for _, child := range n.Plans {
		// What the rows of to parameterize is computed once for each of them: the scan leaves out what does not meet it.
		if child.Role != "Outer" && child.Role != "InitPlan" && (n.isScan(to) || outer != nil && outer.hands(to)) {
			compare(conds, child.conditionsOf(from), n.lacks(to))
		}
		child.meeting(from, to, conds)
	}
}

func compare(conds *[]condition, texts []string, strict bool) {
	for _, text := range texts {
		*conds = append(*conds, condition{text, strict})
	}
}

// conditionsOf are the conditions of the scan of an alias.
func (n planNode) conditionsOf(alias string) []string {
	if n.isScan(alias) {
		return n.conds()
	}
	for _, child := range n.Plans {
		if conds := child.conditionsOf(alias); len(conds) > 0 {
			return conds
		}
	}
	return nil
}

// lacks reports whether there may be NULL in rows of the node in place of columns that an alias hands on: where an outer join
// finds no row of it, and in grouping sets without them.
func (n planNode) lacks(alias string) bool {
	outer, inner := n.child("Outer"), n.child("Inner")
	switch {
	case n.Relation != "":
		return false
	case n.Type == "Aggregate":
		return true
	case inner != nil && inner.hands(alias):
		return !slices.Contains([]string{"Inner", "Right", "Right Semi", "Right Anti"}, n.Join) || inner.lacks(alias)
	case inner != nil && !slices.Contains([]string{"Inner", "Left", "Semi", "Anti"}, n.Join):
		return true
	default:
		return outer != nil && outer.lacks(alias)
	}
}

func (n planNode) isScan(alias string) bool { return n.Relation != "" && n.Alias == alias }

func (n planNode) child(role string) *planNode {
	for i := range n.Plans {
		if n.Plans[i].Role == role {
			return &n.Plans[i]
		}
	}
	return nil
}

// passing are nodes that hand on the rows that they are given, and no others.
var passing = []string{"Hash", "Sort", "Incremental Sort", "Materialize", "Memoize", "Gather", "Gather Merge"}

// simple is the scan whose rows, and no others, the node hands on, or the node itself.
func (n planNode) simple() planNode {
	if child := n.child("Outer"); n.Relation == "" && child != nil && slices.Contains(passing, n.Type) {
		return child.simple()
	}
	return n
}

var joins = []string{"Nested Loop", "Hash Join", "Merge Join"}

// carries reports whether each row of the scan of an alias shows in rows of the node that have its columns, and in no others
// but in place of NULL (see lacks).
func (n planNode) carries(alias string) bool { return n.has(alias, passing) }

// hands reports whether columns of an alias, in rows of the node, are those of rows of its scan, or NULL (see lacks). A plan
// calls those of an append by the first of its parts.
func (n planNode) hands(alias string) bool {
	return n.has(alias, append([]string{"Aggregate", "Group", "Unique", "WindowAgg", "Limit"}, passing...))
}

func (n planNode) has(alias string, through []string) bool {
	if n.Relation != "" {
		return n.Alias == alias
	}
	if !slices.Contains(joins, n.Type) && !slices.Contains(through, n.Type) {
		return false
	}
	outer, inner := n.child("Outer"), n.child("Inner")
	return outer != nil && outer.has(alias, through) || inner != nil && inner.has(alias, through)
}

var (
	// quotedText is a literal in a condition.
	quotedText = regexp.MustCompile(`'(?:[^']|'')*'`)
	// qualified is a name with another before it: a column of an alias, or a function of a schema.
	qualified = regexp.MustCompile(`([a-z_][a-z0-9_]*)\.[a-z_][a-z0-9_]*(\(?)`)
	// lenient is what may make a value of NULL: a function, a keyword, an operator that joins arrays. Other operators of the
	// server's, and casts, do not.
	lenient = regexp.MustCompile(`[A-Z]|\|\||\w\(`)
	// quantified is what is compared with each value of an array: several values that one may equal, or all.
	quantified = regexp.MustCompile(`^(?:ANY|ALL) \(`)
)

// nullOfNull reports whether an expression over columns is NULL where these are.
func nullOfNull(expression string) bool {
	return !lenient.MatchString(quotedText.ReplaceAllString(expression, "''"))
}

// equalityOf reads a condition that compares an expression over one alias with one over another.
func equalityOf(cond, from, to string) (equality, bool) {
	const operator = " = "
	at := -1
	several := false
	eachOutside(cond, func(i int) {
		if strings.HasPrefix(cond[i:], operator) {
			several, at = several || at >= 0, i
		}
	})
	if at < 0 || several {
		return equality{}, false
	}
	left, right := cond[:at], cond[at+len(operator):]
	switch {
	case isOver(left, from) && isOver(right, to):
		return equality{left, right}, true
	case isOver(left, to) && isOver(right, from) && !quantified.MatchString(right): // that has no value of its own
		return equality{right, left}, true
	default:
		return equality{}, false
	}
}

// isOver reports whether an expression has columns of an alias, and nothing else that means something in the plan alone.
func isOver(expression, alias string) bool {
	bare := quotedText.ReplaceAllString(expression, "''")
	if strings.ContainsAny(bare, `"$`) || ofSubplan(bare) || strings.Contains(bare, "ROW(") || strings.Contains(bare, ".*") {
		return false
	}
	columns := 0
	for _, m := range qualified.FindAllStringSubmatch(bare, -1) {
		if m[2] == "(" {
			continue
		}
		if m[1] != alias {
			return false
		}
		columns++
	}
	return columns > 0
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
		fmt.Fprintf(&from, "\njoin %s as %s\n    on %s", materialize.Quote(step.relation), step.alias, strings.Join(conditions, " and "))
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
	if slices.ContainsFunc(lookups, lookup.joint) {
		changed, err := b.relationsOf(ctx, changes...)
		if err != nil {
			return nil, err
		}
		for _, l := range lookups {
			if l.joint() && slices.ContainsFunc(l.steps, func(s lookupStep) bool { return slices.Contains(changed, s.relation) }) {
				return nil, wholly("what gives the group of a row of " + *c.Node + " changed, too")
			}
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

// relationsOf are the names by which a plan calls what is read of nodes.
func (b *building) relationsOf(ctx context.Context, changes ...pendingChange) ([]string, error) {
	var names []string
	for _, c := range changes {
		names = append(names, *c.Node, *c.Node+model.HistorySuffix, *c.Node+model.VersionsSuffix)
	}
	return b.scanned(ctx, names...)
}

// present fails with a wholly when rows that changed are missing.
func (b *building) present(ctx context.Context, rows changedRows) error {
	results, err := b.exec(ctx, command("select count(*) from ("+rows.query+") as r"))
	if err == nil && number(results[0].Rows[0][0]) < rows.counted {
		err = wholly(rows.missing)
	}
	return err
}
