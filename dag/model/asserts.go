package model

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// assertFile is one entry of the header key assert: a mapping with exactly one of the kinds, and beside it name,
// severity and where. The kinds and their values:
//
//	not_null: [a, b]          every one of the columns has a value
//	unique: [a, b]            no two rows have the same values in all of the columns
//	values: {column: c, in: [x, y]}
//	references: {column: c, to: schema.relation.column}
//	expression: "a <= b"      true for every row
//	row_count: {min: 1, max: 10}
//	freshness: {column: c, max_age: P2D}
//	reconcile: {with: schema.relation, count: true, sums: [{ours: a, theirs: b, tolerance: 0.01}, {expr: c}], where: "…", with_where: "…"}
type assertFile struct {
	Name     strict.String `yaml:"name"`
	Severity string        `yaml:"severity" enum:"error,warn"`
	Where    strict.String `yaml:"where"`

	NotNull    []strict.String `yaml:"not_null"`
	Unique     []strict.String `yaml:"unique"`
	Values     *valuesFile     `yaml:"values"`
	References *referencesFile `yaml:"references"`
	Expression strict.String   `yaml:"expression"`
	RowCount   *rowCountFile   `yaml:"row_count"`
	Freshness  *freshnessFile  `yaml:"freshness"`
	Reconcile  *reconcileFile  `yaml:"reconcile"`

	at    strict.Pos
	kinds []InlineKind // those that are written
}

type valuesFile struct {
	Column string   `yaml:"column,required"`
	In     []string `yaml:"in,required"`
}

type referencesFile struct {
	Column string        `yaml:"column,required"`
	To     strict.String `yaml:"to,required"`
}

type rowCountFile struct {
	Min *int64 `yaml:"min"`
	Max *int64 `yaml:"max"`
}

type freshnessFile struct {
	Column string        `yaml:"column,required"`
	MaxAge time.Duration `yaml:"max_age,required"`
}

type reconcileFile struct {
	With      strict.String `yaml:"with,required"`
	Count     bool          `yaml:"count"`
	Sums      []sumFile     `yaml:"sums"`
	Where     strict.String `yaml:"where"`
	WithWhere string        `yaml:"with_where"`
}

type sumFile struct {
	Expr      strict.String `yaml:"expr"`
	Ours      strict.String `yaml:"ours"`
	Theirs    strict.String `yaml:"theirs"`
	Tolerance strict.String `yaml:"tolerance"`
	at        strict.Pos
}

// UnmarshalNode notes the place and which kinds are written.
func (a *assertFile) UnmarshalNode(n strict.Node) []Problem {
	type plain assertFile
	problems := n.Decode((*plain)(a))
	a.at = n.Pos()
	if n.Kind() != strict.Mapping {
		return problems
	}
	entries, _ := n.Entries() // their mistakes are reported above
	for _, e := range entries {
		if kind := InlineKind(e.Key); slices.Contains(inlineKinds, kind) {
			a.kinds = append(a.kinds, kind)
		}
	}
	if len(a.kinds) != 1 && len(problems) == 0 {
		problems = append(problems, n.Problem(fmt.Sprintf("an assertion is of exactly one kind, this is of %d", len(a.kinds)),
			"begin a new list item for each; the kinds: "+joinKinds()))
	}
	return problems
}

// UnmarshalNode notes the place.
func (s *sumFile) UnmarshalNode(n strict.Node) []Problem {
	s.at = n.Pos()
	if n.Kind() == strict.Scalar {
		return n.Decode(&s.Expr)
	}
	type plain sumFile
	return n.Decode((*plain)(s))
}

var inlineKinds = []InlineKind{NotNull, Unique, Values, References, Expression, RowCount, Freshness, Reconcile}

func joinKinds() string {
	words := make([]string, len(inlineKinds))
	for i, k := range inlineKinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

// asserts are the model's inline assertions, those of its columns first, each with a name of its own.
func (h *headerReader) asserts() []Inline {
	var out []Inline
	for _, c := range columns(h.written.Columns) {
		out = append(out, c.inlines()...)
	}
	taken := map[string]bool{}
	for _, w := range h.written.Assert {
		if len(w.kinds) != 1 {
			continue
		}
		i := h.inline(w)
		if i.Name != "" {
			if taken[i.Name] {
				h.fail(w.Name.Pos, fmt.Sprintf("two assertions have the name %q", i.Name), "give one of them another")
			}
			taken[i.Name] = true
		}
		out = append(out, i)
	}
	out = append(out, h.keyOfView(out)...)
	nameInlines(out, taken)
	return out
}

// keyOfView judges the key of a view like its other rules: of the kinds that store rows it is checked as they are built.
func (h *headerReader) keyOfView(written []Inline) []Inline {
	key := texts(h.written.Key)
	if Kind(or(h.written.Kind.Value, string(View))) != View || len(key) == 0 {
		return nil
	}
	var out []Inline
	for _, kind := range []InlineKind{NotNull, Unique} {
		said := func(i Inline) bool {
			return i.Kind == kind && i.Severity == SeverityError && i.Where == "" && slices.Equal(i.Columns, key)
		}
		if !slices.ContainsFunc(written, said) {
			out = append(out, Inline{Kind: kind, Columns: key, Severity: SeverityError, Line: h.written.Key[0].Line})
		}
	}
	return out
}

// nameInlines names those that have no name after their kind and columns.
func nameInlines(inlines []Inline, taken map[string]bool) {
	for i := range inlines {
		if inlines[i].Name == "" {
			inlines[i].Name = freeName(inlines[i].defaultName(), taken)
			taken[inlines[i].Name] = true
		}
	}
}

func freeName(name string, taken map[string]bool) string {
	free := name
	for n := 2; taken[free]; n++ {
		free = name + "_" + strconv.Itoa(n)
	}
	return free
}

// defaultName is the kind and the columns or the relation that it is about.
func (i Inline) defaultName() string {
	about := i.Columns
	if i.Kind == Reconcile {
		about = []string{strings.ReplaceAll(i.To, ".", "_")}
	}
	return strings.Join(append([]string{string(i.Kind)}, about...), "_")
}

func (h *headerReader) inline(w assertFile) Inline {
	i := Inline{
		Kind:       w.kinds[0],
		Name:       w.Name.Value,
		Severity:   Severity(or(w.Severity, string(SeverityError))),
		Where:      w.Where.Value,
		Expression: w.Expression.Value,
		Line:       w.at.Line,
	}
	switch {
	case i.Kind == NotNull:
		i.Columns = texts(w.NotNull)
	case i.Kind == Unique:
		i.Columns = texts(w.Unique)
	case w.Values != nil:
		i.Columns, i.Values = []string{w.Values.Column}, w.Values.In
	case w.References != nil:
		i.Columns = []string{w.References.Column}
		i.To, i.ToColumn = splitColumn(w.References.To.Value)
	case w.RowCount != nil:
		i.Min, i.Max = w.RowCount.Min, w.RowCount.Max
	case w.Freshness != nil:
		i.Columns, i.MaxAge = []string{w.Freshness.Column}, w.Freshness.MaxAge
	case w.Reconcile != nil:
		h.reconcile(&i, w.Reconcile)
	}
	return i
}

func (h *headerReader) reconcile(i *Inline, w *reconcileFile) {
	i.To, i.Count, i.ToWhere = w.With.Value, w.Count, w.WithWhere
	if w.Where.Value != "" {
		if i.Where != "" {
			h.fail(w.Where.Pos, "where is written twice", "keep the one inside reconcile")
		}
		i.Where = w.Where.Value
	}
	for _, s := range w.Sums {
		i.Sums = append(i.Sums, h.sum(s))
	}
}

var decimal = regexp.MustCompile(`^\d{1,30}(\.\d{1,30})?$`)

func (h *headerReader) sum(w sumFile) Sum {
	ours := or(w.Ours.Value, w.Expr.Value)
	sum := Sum{Ours: ours, Theirs: or(w.Theirs.Value, ours), Tolerance: or(w.Tolerance.Value, "0")}
	switch {
	case ours == "":
		h.fail(w.at, "a sum says what is added up", "write {expr: amount}, or {ours: amount, theirs: paid}")
	case w.Ours.Value != "" && w.Expr.Value != "":
		h.fail(w.at, "a sum has expr or ours, not both", "")
	}
	if !decimal.MatchString(sum.Tolerance) {
		h.fail(w.Tolerance.Pos, fmt.Sprintf("tolerance wants a number such as 0.01, got %q", sum.Tolerance), "")
	}
	return sum
}

// checkAssert finds what makes no sense in an assertion that could be read.
func (h *headerReader) checkAssert(w assertFile) {
	if len(w.kinds) != 1 {
		return
	}
	switch kind := w.kinds[0]; {
	case kind == NotNull && len(w.NotNull) == 0, kind == Unique && len(w.Unique) == 0:
		h.fail(w.at, fmt.Sprintf("%s names no column", kind), fmt.Sprintf("write %s: [column]", kind))
	case kind == Expression && w.Expression.Value == "":
		h.fail(w.at, "expression is empty", "write a condition that holds for every good row")
	case w.Values != nil && len(w.Values.In) == 0:
		h.fail(w.at, "values allows no value", "list them: in: [a, b]")
	case w.References != nil:
		if message := checkColumnName(w.References.To.Value); message != "" {
			h.fail(w.References.To.Pos, message, "")
		}
	case kind == RowCount:
		h.checkRowCount(w)
	case w.Freshness != nil && w.Freshness.MaxAge <= 0:
		h.fail(w.at, "max_age is no time at all", "write a duration such as P2D")
	case w.Reconcile != nil && !w.Reconcile.Count && len(w.Reconcile.Sums) == 0:
		h.fail(w.at, "reconcile compares nothing", "write count: true, or sums, or both")
	}
}

func (h *headerReader) checkRowCount(w assertFile) {
	r := w.RowCount
	switch {
	case r == nil || r.Min == nil && r.Max == nil:
		h.fail(w.at, "row_count has neither min nor max", "write row_count: {min: 1}")
	case r.Min != nil && r.Max != nil && *r.Min > *r.Max:
		h.fail(w.at, fmt.Sprintf("row_count wants at least %d and at most %d rows", *r.Min, *r.Max), "")
	}
}
