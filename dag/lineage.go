package dag

import (
	"slices"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// Lineage is where the columns of a project's relations come from. It is not safe for concurrent use.
type Lineage struct {
	graph   *Graph
	columns map[string][]materialize.Column
	traced  map[string]*model.Lineage // by model; nil where the SQL cannot be followed
}

// NewLineage returns the lineage of a graph; columns are those of its relations, as Compile gives them.
func NewLineage(g *Graph, columns map[string][]materialize.Column) *Lineage {
	return &Lineage{graph: g, columns: columns, traced: map[string]*model.Lineage{}}
}

// Traced is a relation or a column and what it comes from, or what comes from it.
type Traced struct {
	Node   string `json:"node"`
	Column string `json:"column,omitempty"`
	// Unknown says that there may be more than Next.
	Unknown bool `json:"unknown,omitempty"`
	// Repeated says that Next was given before, at another place of the tree.
	Repeated bool      `json:"repeated,omitempty"`
	Next     []*Traced `json:"next,omitempty"`
}

// Typed are a node's columns with their types, in order; none where they are not known.
func (l *Lineage) Typed(node string) []materialize.Column {
	return slices.Clone(l.columns[l.relation(node)])
}

// Columns are the names of a node's columns, in order; none where they are not known.
func (l *Lineage) Columns(node string) []string {
	var names []string
	for _, c := range l.columns[l.relation(node)] {
		names = append(names, c.Name)
	}
	return names
}

// relation is what others read of a node.
func (l *Lineage) relation(node string) string {
	if n := l.graph.Node(node); n != nil && n.Kind != KindAssertion {
		return n.Fills()
	}
	return node
}

// Upstream is the tree of what a node is made from, or of one of its columns.
func (l *Lineage) Upstream(node, column string) *Traced {
	next := func(t *Traced) []model.Origin {
		from, unknown := l.sources(t.Node, t.Column)
		t.Unknown = unknown
		return from
	}
	if column == "" {
		next = l.nodes(l.graph.Parents)
	}
	return grow(&Traced{Node: node, Column: column}, next, map[model.Origin]bool{})
}

// Made is a column with what it is made from, one step up and no further.
func (l *Lineage) Made(node, column string) *Traced {
	t := &Traced{Node: node, Column: column}
	var from []model.Origin
	from, t.Unknown = l.sources(node, column)
	for _, o := range from {
		t.Next = append(t.Next, &Traced{Node: o.Relation, Column: o.Column})
	}
	return t
}

// Downstream is the tree of what is made from a node, or from one of its columns.
func (l *Lineage) Downstream(node, column string) *Traced {
	next := func(t *Traced) []model.Origin {
		readers, unknown := l.readers(t.Node, t.Column)
		t.Unknown = unknown
		return readers
	}
	if column == "" {
		next = l.nodes(l.graph.Children)
	}
	return grow(&Traced{Node: node, Column: column}, next, map[model.Origin]bool{})
}

// nodes follows whole relations. An assertion makes nothing.
func (l *Lineage) nodes(related func(string) []string) func(*Traced) []model.Origin {
	return func(t *Traced) []model.Origin {
		var out []model.Origin
		for _, name := range related(t.Node) {
			if l.graph.Node(name).Kind != KindAssertion {
				out = append(out, model.Origin{Relation: name})
			}
		}
		return out
	}
}

// grow follows a tree to its ends. What several lead to is followed once.
func grow(t *Traced, next func(*Traced) []model.Origin, seen map[model.Origin]bool) *Traced {
	at := model.Origin{Relation: t.Node, Column: t.Column}
	found := next(t)
	if t.Repeated = seen[at] && len(found) > 0; t.Repeated {
		return t
	}
	seen[at] = true
	for _, o := range found {
		t.Next = append(t.Next, grow(&Traced{Node: o.Relation, Column: o.Column}, next, seen))
	}
	return t
}

// sources are the columns, by node, that a column's values are made from.
func (l *Lineage) sources(node, column string) (from []model.Origin, unknown bool) {
	n := l.graph.Node(node)
	if n == nil || n.Model == nil || n.Inline != nil {
		return nil, false // a stream or a seed begins there
	}
	traced := l.trace(n)
	if traced == nil {
		return nil, true
	}
	for _, name := range l.outputs(n, traced, column) {
		i := slices.IndexFunc(traced.Columns, func(c model.OutputColumn) bool { return c.Name == name })
		if i < 0 {
			unknown = unknown || traced.Open || name == column
			continue
		}
		unknown = unknown || traced.Columns[i].Unknown
		for _, o := range traced.Columns[i].From {
			o.Relation = l.nodeOf(o.Relation)
			if o.Relation != node && !slices.Contains(from, o) {
				from = append(from, o)
			}
		}
	}
	return from, unknown
}

// outputs are the query's columns that decide a column of the relation: the one of its name, unless the kind adds it.
func (l *Lineage) outputs(n *Node, traced *model.Lineage, column string) []string {
	returned := func(name string) bool {
		return slices.ContainsFunc(traced.Columns, func(c model.OutputColumn) bool { return c.Name == name })
	}
	spec := n.Model.Header.SCD2
	if spec == nil || returned(column) || !addedColumn(n.Model, column) {
		return []string{column}
	}
	var out []string
	for _, name := range []string{spec.ValidFrom, spec.FromColumn, "_seen_at", "_deleted_at"} {
		if name != "" && returned(name) && (name != "_deleted_at" || column != spec.FromColumn) {
			out = append(out, name)
		}
	}
	return out // none when the time of the run decides
}

// trace follows a model's query, once.
func (l *Lineage) trace(n *Node) *model.Lineage {
	if traced, done := l.traced[n.Name]; done {
		return traced
	}
	l.traced[n.Name] = nil
	if n.Kind == KindSQL {
		return nil // statements do what they say
	}
	traced, err := model.TraceColumns(n.Model.SQL, func(relation string) ([]string, bool) {
		columns, known := l.columns[relation]
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = c.Name
		}
		return names, known
	})
	if err != nil {
		return nil
	}
	l.traced[n.Name] = &traced
	return &traced
}

// nodeOf is the node that a relation belongs to, or the relation's own name.
func (l *Lineage) nodeOf(relation string) string {
	if n := l.graph.Resolve(relation); n != nil {
		return n.Name
	}
	for _, n := range l.graph.nodes {
		if n.Kind == KindSQL && n.Model.Header.Target == relation {
			return n.Name
		}
	}
	return relation
}

// readers are the columns, by node, that are made from a column; unknown says that others may be.
func (l *Lineage) readers(node, column string) (out []model.Origin, unknown bool) {
	for _, child := range l.graph.Children(node) {
		n := l.graph.Node(child)
		if n.Model == nil || n.Inline != nil {
			continue
		}
		traced := l.trace(n)
		if traced == nil || traced.Open {
			unknown = true
		}
		names := l.Columns(child)
		if len(names) == 0 && traced != nil {
			for _, c := range traced.Columns {
				names = append(names, c.Name)
			}
		}
		for _, name := range names {
			from, doubtful := l.sources(child, name)
			if slices.Contains(from, model.Origin{Relation: node, Column: column}) {
				out = append(out, model.Origin{Relation: child, Column: name})
			}
			unknown = unknown || doubtful
		}
	}
	return out, unknown
}
