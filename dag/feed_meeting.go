package dag

import (
	"regexp"
	"slices"
	"strings"
)

// Which rows meet is read from what the joins of a plan compare, and from the scans that other rows parameterize.

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

// sidesOf reads a condition that compares by =.
func sidesOf(cond string) (left, right string, ok bool) {
	const operator = " = "
	at := -1
	several := false
	eachOutside(cond, func(i int) {
		if strings.HasPrefix(cond[i:], operator) {
			several, at = several || at >= 0, i
		}
	})
	if at < 0 || several {
		return "", "", false
	}
	return cond[:at], cond[at+len(operator):], true
}

// equalityOf reads a condition that compares an expression over one alias with one over another.
func equalityOf(cond, from, to string) (equality, bool) {
	left, right, ok := sidesOf(cond)
	switch {
	case !ok:
		return equality{}, false
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
