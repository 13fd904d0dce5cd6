package site

import (
	"encoding/json"
	"html/template"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag"
)

// modelsPage is the catalog. A phone shows two lines of each description: the page of a model has all of it.
type modelsPage struct {
	Nodes []*Node
	Total int
	Query string
	Kinds []string
	Kind  string
}

func (s *Site) models(v *view) (body, error) {
	p := modelsPage{Query: strings.TrimSpace(v.Value("q")), Kind: v.Value("kind"), Total: len(v.project.Nodes)}
	kinds := map[string]bool{}
	for i := range v.project.Nodes {
		n := &v.project.Nodes[i]
		kinds[string(n.Kind)] = true
		if n.matches(p.Query) && (p.Kind == "" || string(n.Kind) == p.Kind) {
			p.Nodes = append(p.Nodes, n)
		}
	}
	p.Kinds = sortedKeys(kinds)
	return body{Title: v.T("Models"), Template: "models", Data: p}, nil
}

// matches reports whether every word is in the name, the description, a tag or a column.
func (n *Node) matches(query string) bool {
	if query == "" {
		return true
	}
	var all strings.Builder
	all.WriteString(strings.ToLower(n.Name + " " + n.Description + " " + strings.Join(n.Tags, " ") + " " + n.Owner))
	for _, c := range n.Columns {
		all.WriteString(" " + strings.ToLower(c.Name))
	}
	for _, word := range strings.Fields(strings.ToLower(query)) {
		if !strings.Contains(all.String(), word) {
			return false
		}
	}
	return true
}

// modelPage is one stream, seed or model.
type modelPage struct {
	*Node
	Rules   []rulePast
	Steps   []step
	Around  template.HTML
	Figures []shownFigure
	// Below is how many nodes depend on it.
	Below int
}

// rulePast is an assertion with what it found.
type rulePast struct {
	Rule
	Past []verdict
}

// Last is what the assertion found last.
func (r rulePast) Last() verdict {
	if len(r.Past) == 0 {
		return verdict{Status: "never"}
	}
	return r.Past[len(r.Past)-1]
}

func (s *Site) model(v *view) (body, error) {
	n := v.Node(v.name)
	if n == nil {
		return body{}, notFound(v.T("No such model."))
	}
	p := modelPage{Node: n, Below: v.index.below(n.Name)}
	names := make([]string, len(n.Assertions))
	for i, r := range n.Assertions {
		names[i] = r.Name
	}
	past, err := v.past(names)
	if err != nil {
		return body{}, err
	}
	for _, r := range n.Assertions {
		p.Rules = append(p.Rules, rulePast{r, past[r.Name]})
	}
	if p.Steps, err = v.builds(n.Name); err != nil {
		return body{}, err
	}
	p.Around = v.around(n.Name)
	return body{Title: n.Name, Template: "model", Data: p}, nil
}

// UsedFor are the columns that are made from a column, one step down.
func (v *view) UsedFor(node, column string) []string { return v.index.usedFor[node+"."+column] }

// LinkColumn is where the lineage of "node.column" is; in one file, the node.
func (v *view) LinkColumn(name string) string {
	node, _ := v.index.splitColumn(name)
	if v.Offline {
		return v.LinkNode(node)
	}
	if v.index.nodes[node] == nil {
		return v.Link(pageModels)
	}
	return v.LinkWith(pageLineage, "of", name)
}

// assertionPage is one assertion with its past.
type assertionPage struct {
	*Assertion
	Past    []verdict // newest first
	Samples []sampleRow
	Names   []string // of the samples' columns
}

// sampleRow is a row that failed, its values in the order of the names.
type sampleRow []string

func (s *Site) assertion(v *view) (body, error) {
	a := v.index.assertions[v.name]
	if a == nil {
		return body{}, notFound(v.T("No such assertion."))
	}
	p := assertionPage{Assertion: a}
	past, err := v.past([]string{a.Name})
	if err != nil {
		return body{}, err
	}
	p.Past = slices.Clone(past[a.Name])
	slices.Reverse(p.Past)
	last, err := v.last()
	if err != nil {
		return body{}, err
	}
	p.Names, p.Samples = sampleRows(last[a.Name].Samples)
	return body{Title: a.Name, Template: "assertion", Data: p}, nil
}

// sampleRows reads kept rows, objects by column, as a table.
func sampleRows(kept json.RawMessage) (names []string, table []sampleRow) {
	var rows []map[string]json.RawMessage
	if json.Unmarshal(kept, &rows) != nil {
		return nil, nil
	}
	seen := map[string]bool{}
	for _, row := range rows {
		for name := range row {
			seen[name] = true
		}
	}
	names = sortedKeys(seen)
	for _, row := range rows {
		values := make(sampleRow, len(names))
		for i, name := range names {
			values[i] = strings.Trim(string(row[name]), `"`)
		}
		table = append(table, values)
	}
	return names, table
}

// past are the last judgements of assertions. For one file they were read at once.
func (v *view) past(names []string) (map[string][]verdict, error) {
	if v.kept != nil {
		return v.kept.past, nil
	}
	return verdicts(v.ctx, v.tx, names)
}

func (v *view) builds(name string) ([]step, error) {
	if v.kept != nil {
		return v.kept.builds[name], nil
	}
	return nodeSteps(v.ctx, v.tx, name)
}

func (v *view) last() (map[string]dag.LastJudgement, error) {
	if v.kept != nil {
		return v.kept.last, nil
	}
	q, err := v.source.Quality(v.ctx, v.tx)
	if err != nil {
		return nil, err
	}
	return lastOf(q), nil
}

func lastOf(q Quality) map[string]dag.LastJudgement {
	out := map[string]dag.LastJudgement{}
	for _, a := range q.Assertions {
		out[a.Name] = a.LastJudgement
	}
	return out
}
