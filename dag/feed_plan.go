package dag

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// queryPlan is what EXPLAIN says of a model's query to which the condition "by = parameters" was added.
//
// It is a proof. Where PostgreSQL moves the condition down to the scan of a relation, the rows of that relation for
// which it does not hold cannot have a part in the group, whatever the query does above the scan; and what it compares
// with the parameter there gives the group of a changed row. Where the condition stays above (a window over other
// columns, a join on others, a sum over everything) nothing is known, and nothing is assumed.
type queryPlan struct {
	text  string
	scans []scan
	roots []planNode
	// pruned says that the plan has parts that EXPLAIN does not show.
	pruned bool
}

// scan is one place in which a plan reads a relation.
type scan struct {
	relation string // "schema.name"
	alias    string
	conds    []string
}

type planNode struct {
	Type     string   `json:"Node Type"`
	Role     string   `json:"Parent Relationship"`
	Join     string   `json:"Join Type"`
	Relation string   `json:"Relation Name"`
	Schema   string   `json:"Schema"`
	Alias    string   `json:"Alias"`
	Filter   string   `json:"Filter"`
	Index    string   `json:"Index Cond"`
	Recheck  string   `json:"Recheck Cond"`
	Hash     string   `json:"Hash Cond"`
	Merge    string   `json:"Merge Cond"`
	On       string   `json:"Join Filter"`
	Output   []string `json:"Output"`
	SortKey  []string `json:"Sort Key"`
	GroupKey []string `json:"Group Key"`
	// Sets are grouping sets, each of which has keys.
	Sets    json.RawMessage `json:"Grouping Sets"`
	Removed int             `json:"Subplans Removed"`
	Plans   []planNode      `json:"Plans"`
}

// readPlan reads the answer of EXPLAIN (FORMAT JSON, VERBOSE).
func readPlan(answer []byte) (queryPlan, error) {
	var roots []struct{ Plan planNode }
	if err := json.Unmarshal(answer, &roots); err != nil {
		return queryPlan{}, fmt.Errorf("read the plan: %w", err)
	}
	p := queryPlan{text: string(answer)}
	for _, root := range roots {
		p.roots = append(p.roots, root.Plan)
		p.add(root.Plan)
	}
	return p, nil
}

func (p *queryPlan) add(n planNode) {
	p.pruned = p.pruned || n.Removed > 0
	if n.Relation != "" {
		p.scans = append(p.scans, scan{n.Schema + "." + n.Relation, n.Alias, n.conds()})
	}
	for _, child := range n.Plans {
		p.add(child)
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

// conds are the conditions that the rows of a scan have to meet.
func (n planNode) conds() []string {
	return slices.Concat(conjuncts(n.Filter), conjuncts(n.Index), conjuncts(n.Recheck))
}

// reads reports whether the query reads one of the relations.
func (p queryPlan) reads(relations ...string) bool {
	return slices.ContainsFunc(p.scans, func(s scan) bool { return slices.Contains(relations, s.relation) })
}

// scansOnly reports whether a parameter is met by nothing but scans of relations: what was compared with it is, in each row
// of the result, what a row of these relations says, and is NULL for no other reason. The condition must be one that NULL
// may meet, since the server takes an outer join for an inner one where it may not.
func (p queryPlan) scansOnly(parameter int) bool {
	name := "$" + strconv.Itoa(parameter)
	scanned := 0
	for _, s := range p.scans {
		for _, cond := range s.conds {
			if !ofSubplan(cond) {
				scanned += strings.Count(cond, name)
			}
		}
	}
	return !p.pruned && scanned > 0 && scanned == strings.Count(p.text, name)
}

// madeOf reports whether each row of the result comes of rows of the relation, which is read in one place, and of nothing
// else that is stored: without those rows there is no result.
func (p queryPlan) madeOf(relation string) bool {
	return len(p.roots) == 1 && !p.pruned && p.roots[0].madeOf(relation)
}

func (n planNode) madeOf(relation string) bool {
	switch {
	case n.computesWith("Outer", "Inner", "Subquery"):
		return false
	case n.Relation != "":
		return n.Schema+"."+n.Relation == relation
	case len(n.Plans) == 1:
		return n.Plans[0].madeOf(relation)
	case len(n.Plans) == 2: // rows of an array that a row has
		return n.Type == "Nested Loop" && (n.Join == "Inner" || n.Join == "Left") &&
			n.Plans[0].madeOf(relation) && n.Plans[1].Type == "Function Scan" && len(n.Plans[1].Plans) == 0
	default:
		return false
	}
}

// computesWith reports whether the node has other children than those whose rows it takes: subqueries among its expressions.
func (n planNode) computesWith(rows ...string) bool {
	return slices.ContainsFunc(n.Plans, func(child planNode) bool { return !slices.Contains(rows, child.Role) })
}

// unsteady are functions whose value is another one in another run: a group that nothing changed may have to change.
var unsteady = regexp.MustCompile(`terrace\.run_(at|id)\b|\b(now|gen_random_uuid|timeofday|(clock|statement|transaction)_timestamp)\(\)|\b(random(_normal)?|uuidv[47])\(|\b(CURRENT|LOCAL)_?(DATE|TIME|TIMESTAMP)\b`)

// unsteadyWord are words that PostgreSQL takes for a time when it reads the query: the plan has only what they meant.
var unsteadyWord = regexp.MustCompile(`(?i)'\s*(now|today|tomorrow|yesterday)(\s[\s\d:.]*)?'`)

// unsteady returns such a function or word of the query, or "".
func (p queryPlan) unsteady(sql string) string {
	found := unsteady.FindString(p.text)
	if strings.HasSuffix(found, "(") { // whatever it is given
		found += ")"
	}
	return cmp.Or(found, unsteadyWord.FindString(sql))
}

// called is a function in a plan that is not of the server's own: those are called by their schema.
var called = regexp.MustCompile(`(?:[a-z0-9_]+|"(?:[^"]|"")+")\.(?:[a-z0-9_]+|"(?:[^"]|"")+")\(`)

// calls returns the functions that the plan calls and that are neither the server's nor terrace's, sorted.
func (p queryPlan) calls() []string {
	var out []string
	for _, call := range called.FindAllString(strings.ReplaceAll(p.text, `\"`, `"`), -1) {
		if name := strings.TrimSuffix(call, "("); !strings.HasPrefix(name, "terrace.") {
			out = append(out, name)
		}
	}
	return sortedSet(out)
}

// driver is what a relation's rows tell of their group: expressions over an alias of it.
type driver struct {
	alias       string
	expressions []string
}

// columns returns the names of the columns that the expressions are; it is not ok when one of them is more than that.
func (d driver) columns() (names []string, ok bool) {
	for _, e := range d.expressions {
		m := plainColumn.FindStringSubmatch(e)
		if m == nil || m[1] != d.alias {
			return nil, false
		}
		names = append(names, m[2])
	}
	return names, true
}

// alike is the driver under an alias of its own where it is columns and nothing else: those of all partitions of a relation
// are the same.
func (d driver) alike() driver {
	names, ok := d.columns()
	if !ok {
		return d
	}
	for i := range names {
		names[i] = "v." + names[i]
	}
	return driver{"v", names}
}

// unites reports whether the plan takes equal values for one: a condition that tells them apart may be moved below that.
func (p queryPlan) unites() bool {
	return slices.ContainsFunc(p.roots, planNode.unites)
}

func (n planNode) unites() bool {
	switch n.Type {
	// Since version 16 a limit may do for what is distinct, where all that it goes by is given.
	case "Aggregate", "Group", "Unique", "SetOp", "WindowAgg", "Recursive Union", "Limit":
		return true
	}
	return slices.ContainsFunc(n.Plans, planNode.unites)
}

// plainColumn is a column as a plan writes it that needs no quotes.
var plainColumn = regexp.MustCompile(`^([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*)$`)

// firstParameter is the number of the parameter that the first column of the group is compared with. The server calls the
// results of subqueries $0, $1 and so on in a plan, too, before version 17: none has so many.
const firstParameter = 501

// comparedWith returns what the scan compares with a parameter, or "". Names of other parameters and of subplans mean
// something in the plan alone.
func (s scan) comparedWith(parameter int) string {
	for _, cond := range s.conds {
		expression, ok := strings.CutSuffix(cond, " = $"+strconv.Itoa(parameter))
		if ok && !strings.ContainsAny(expression, "$") && !ofSubplan(expression) && !s.readsWhole(expression) {
			return expression
		}
	}
	return ""
}

// ofSubplan reports whether a condition or an expression has the result of a subquery, by the name that it has in the plan.
// That of one which is computed once is a parameter before version 17.
func ofSubplan(text string) bool {
	return strings.Contains(text, "SubPlan") || strings.Contains(text, "InitPlan")
}

// readsWhole reports whether an expression takes a row as one value: what is kept of changed rows has more columns, and a row
// that is made of values has names for them that a plan does not tell.
func (s scan) readsWhole(expression string) bool {
	return strings.Contains(expression, "ROW(") || strings.Contains(expression, s.alias+".*") || strings.Contains(expression, strings.ReplaceAll(s.alias, `"`, `""`)+`".*`)
}

// conjuncts takes a condition, as EXPLAIN writes it, apart at its top-level ANDs.
func conjuncts(cond string) []string {
	inner, ok := unwrap(cond)
	if !ok {
		return nil
	}
	var parts []string
	start := 0
	eachOutside(inner, func(at int) {
		if strings.HasPrefix(inner[at:], " AND ") {
			parts = append(parts, inner[start:at])
			start = at + len(" AND ")
		}
	})
	if start == 0 {
		return []string{inner}
	}
	var out []string
	for _, part := range append(parts, inner[start:]) {
		out = append(out, conjuncts(part)...)
	}
	return out
}

// unwrap takes the parentheses off that enclose a whole text.
func unwrap(text string) (string, bool) {
	if len(text) < 2 || text[0] != '(' || text[len(text)-1] != ')' {
		return "", false
	}
	inner := text[1 : len(text)-1]
	return inner, eachOutside(inner, func(int) {})
}

// eachOutside visits the positions that are in no parentheses and no quotes. It is false when they are not balanced.
func eachOutside(text string, visit func(at int)) bool {
	depth := 0
	var quote byte
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return false
			}
		case depth == 0:
			visit(i)
		}
	}
	return depth == 0 && quote == 0
}
