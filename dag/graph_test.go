package dag_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// aModel returns a view in models/<folder>/<relation>.sql; its dependencies stand on lines 2, 3 and so on.
func aModel(schema, relation, folder string, deps ...string) *model.Model {
	m := &model.Model{
		Name: schema + "." + relation, Schema: schema, Relation: relation,
		File:   "models/" + folder + "/" + relation + ".sql",
		Header: model.Header{Kind: model.View},
	}
	for i, dep := range deps {
		m.Header.DependsOn = append(m.Header.DependsOn, model.Ref{Name: dep, Node: dep, Line: i + 2, Col: 8})
	}
	return m
}

// anAssertion returns tests/<name>.sql that judges these nodes.
func anAssertion(name string, on ...string) *model.Assertion {
	a := &model.Assertion{Name: name, File: "tests/" + name + ".sql", Severity: model.SeverityError}
	for _, node := range on {
		a.On = append(a.On, model.Ref{Name: node, Node: node, Line: 1, Col: 6})
	}
	return a
}

// inSchemaM returns models m.<name>, each with the names that it depends on.
func inSchemaM(deps map[string][]string) *model.Project {
	p := &model.Project{}
	for name, on := range deps {
		qualified := make([]string, len(on))
		for i, dep := range on {
			qualified[i] = "m." + dep
		}
		p.Models = append(p.Models, aModel("m", name, "m", qualified...))
	}
	return p
}

func mustGraph(t require.TestingT, p *model.Project) *dag.Graph {
	g, problems := dag.NewGraph(p)
	require.Empty(t, problems)
	return g
}

func namesOf(nodes []*dag.Node) []string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	return names
}

func messagesOf(problems []model.Problem) []string {
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.Error()
	}
	return texts
}

func TestNewGraph_hasANodeForEverythingThatTheProjectDeclares(t *testing.T) {
	t.Parallel()
	orders := aModel("shop_dwd", "orders", "shop/dwd", "shop_ref.states", "shop_ods.orders", "shop_ods.orders")
	orders.Header.Kind = model.Table
	orders.Header.Owner, orders.Header.Tags = "sales", []string{"daily"}
	orders.Header.Assert = []model.Inline{
		{Kind: model.NotNull, Name: "not_null_id", Severity: model.SeverityError, Line: 5},
		{Kind: model.References, Name: "state_known", Severity: model.SeverityWarn, To: "shop_ref.states", Line: 6},
		{Kind: model.Reconcile, Name: "complete", To: "shop_ods.orders__versions", Line: 7},
	}
	g := mustGraph(t, &model.Project{
		Streams:    []model.Stream{{Name: "shop_ods.orders", Source: "shop", File: "models/shop/ods/api.yml", Line: 9}},
		Seeds:      []model.Seed{{Name: "shop_ref.states", File: "models/shop/ref/states.csv"}},
		Models:     []*model.Model{orders},
		Assertions: []*model.Assertion{anAssertion("shop.totals", "shop_dwd.orders")},
	})

	type row struct {
		Name     string
		Kind     dag.NodeKind
		Deps, On []string
		Severity model.Severity
	}
	var rows []row
	for _, n := range g.Nodes() {
		rows = append(rows, row{n.Name, n.Kind, n.Deps, n.On, n.Severity()})
	}
	on := []string{"shop_dwd.orders"}
	require.Equal(t, []row{
		{"shop.totals", dag.KindAssertion, on, on, model.SeverityError},
		{"shop_dwd.orders", dag.KindTable, []string{"shop_ods.orders", "shop_ref.states"}, nil, ""},
		{"shop_dwd.orders.complete", dag.KindAssertion, []string{"shop_dwd.orders", "shop_ods.orders"}, on, ""},
		{"shop_dwd.orders.not_null_id", dag.KindAssertion, on, on, model.SeverityError},
		{"shop_dwd.orders.state_known", dag.KindAssertion, []string{"shop_dwd.orders", "shop_ref.states"}, on, model.SeverityWarn},
		{"shop_ods.orders", dag.KindStream, nil, nil, ""},
		{"shop_ref.states", dag.KindSeed, nil, nil, ""},
	}, rows)

	require.Same(t, orders, g.Node("shop_dwd.orders").Model)
	require.Equal(t, "sales", g.Node("shop_dwd.orders").Owner)
	require.Equal(t, []string{"daily"}, g.Node("shop_dwd.orders").Tags)
	require.Equal(t, 9, g.Node("shop_ods.orders").Line)
	require.Nil(t, g.Node("shop_dwd.order"))
	require.Equal(t, "shop_ods.orders", g.Resolve("shop_ods.orders__versions").Name)
}

func TestGraph_tellsWhoReadsWhom(t *testing.T) {
	t.Parallel()
	g := mustGraph(t, inSchemaM(map[string][]string{"a": {}, "b": {"a"}, "c": {"b", "a"}, "d": {"b"}, "e": {"c", "d"}}))

	require.Equal(t, []string{"m.a", "m.b"}, g.Parents("m.c"))
	require.Equal(t, []string{"m.c", "m.d"}, g.Children("m.b"))
	require.Equal(t, []string{"m.a", "m.b"}, g.Ancestors("m.d"))
	require.Equal(t, []string{"m.c", "m.d", "m.e"}, g.Descendants("m.b"))
	require.Equal(t, []int{0, 1, 3}, []int{g.Depth("m.a"), g.Depth("m.b"), g.Depth("m.e")})
	require.Equal(t, []int{3, 1, 0}, []int{g.Remaining("m.a"), g.Remaining("m.d"), g.Remaining("m.e")})
	require.Empty(t, g.Ancestors("m.a"))
	require.Nil(t, g.Parents("m.unknown"))
	require.Zero(t, g.Depth("m.unknown"))
}

func TestOrder_takesTheLongestRemainingPathFirst(t *testing.T) {
	t.Parallel()
	g := mustGraph(t, inSchemaM(map[string][]string{
		"a_lone": {}, "b_short": {}, "b_end": {"b_short"}, "z_long": {}, "y_long": {"z_long"}, "x_long": {"y_long"},
	}))
	require.Equal(t, []string{"m.z_long", "m.b_short", "m.y_long", "m.a_lone", "m.b_end", "m.x_long"}, namesOf(g.Order()))
}

func TestNewGraph_leavesDisabledModelsOut(t *testing.T) {
	t.Parallel()
	off := aModel("m", "off", "m", "m.unknown")
	off.Header.Disabled = true
	off.Header.Assert = []model.Inline{{Kind: model.NotNull, Name: "not_null_id"}}
	g, problems := dag.NewGraph(&model.Project{
		Models:     []*model.Model{off, aModel("m", "a", "m", "m.off")},
		Assertions: []*model.Assertion{anAssertion("judges_off", "m.off")},
	})

	require.Equal(t, []string{"m.a"}, namesOf(g.Nodes()))
	require.Equal(t, []string{
		"models/m/a.sql:2:8: m.a depends on m.off, which is disabled",
		"tests/judges_off.sql:1:6: judges_off is left out: it judges m.off, which is disabled",
	}, messagesOf(problems))
	require.Equal(t, strict.Error, problems[0].Severity)
	require.Equal(t, strict.Warning, problems[1].Severity)
}

func TestNewGraph_reportsUnknownDependenciesWithTheNearName(t *testing.T) {
	t.Parallel()
	b := aModel("m", "b", "m", "m.dim_membre")
	b.Header.Assert = []model.Inline{{Kind: model.References, Name: "known", To: "elsewhere.relation", Line: 7}}
	_, problems := dag.NewGraph(&model.Project{
		Models:     []*model.Model{aModel("m", "dim_member", "m"), b},
		Assertions: []*model.Assertion{anAssertion("b_is_right", "m.bb")},
	})

	require.Equal(t, []string{
		"models/m/b.sql:2:8: m.b depends on m.dim_membre, which is not in this project",
		"models/m/b.sql:7:1: m.b.known compares with elsewhere.relation, which is not in this project",
		"tests/b_is_right.sql:1:6: b_is_right judges m.bb, which is not in this project",
	}, messagesOf(problems))
	require.Contains(t, problems[0].Hint, "m.dim_member")
	require.Contains(t, problems[1].Hint, "type existing")
}

func TestNewGraph_reportsNamesThatAreTaken(t *testing.T) {
	t.Parallel()
	a := aModel("m", "a", "m")
	a.Header.Assert = []model.Inline{{Kind: model.NotNull, Name: "x", Line: 4}}
	_, problems := dag.NewGraph(&model.Project{
		Models:     []*model.Model{a},
		Assertions: []*model.Assertion{anAssertion("m.a"), anAssertion("m.a.x")},
	})
	require.Equal(t, []string{
		"tests/m.a.sql: the name m.a is taken by the view in models/m/a.sql",
		"tests/m.a.x.sql: the name m.a.x is taken by the assertion in models/m/a.sql",
	}, messagesOf(problems))
}

func TestNewGraph_printsTheFullPathOfEveryCycle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		deps map[string][]string
		want []string
	}{
		"two": {
			map[string][]string{"b": {"a"}, "a": {"b"}},
			[]string{"models/m/a.sql:2:8: cycle of dependencies: m.a → m.b → m.a"},
		},
		"of itself": {
			map[string][]string{"a": {"b", "a"}, "b": {}},
			[]string{"models/m/a.sql:3:8: cycle of dependencies: m.a → m.a"},
		},
		"long, begun at its smallest name": {
			map[string][]string{"root": {}, "d": {"b"}, "b": {"root", "c"}, "c": {"d"}, "a": {"d"}, "z": {"a"}},
			[]string{"models/m/b.sql:3:8: cycle of dependencies: m.b → m.c → m.d → m.b"},
		},
		"two that share a node": {
			map[string][]string{"a": {"b"}, "b": {"a", "c"}, "c": {"b"}},
			[]string{
				"models/m/a.sql:2:8: cycle of dependencies: m.a → m.b → m.a",
				"models/m/b.sql:3:8: cycle of dependencies: m.b → m.c → m.b",
			},
		},
		"two, one of which reads from the other": {
			map[string][]string{"a": {"b"}, "b": {"a"}, "c": {"d", "b"}, "d": {"c"}},
			[]string{
				"models/m/a.sql:2:8: cycle of dependencies: m.a → m.b → m.a",
				"models/m/c.sql:2:8: cycle of dependencies: m.c → m.d → m.c",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, problems := dag.NewGraph(inSchemaM(tc.deps))
			require.Equal(t, tc.want, messagesOf(problems))
			require.Len(t, g.Order(), len(tc.deps), "a knotted graph can still be listed")
			require.NotContains(t, g.Ancestors("m.a"), "m.a")
		})
	}
}

func TestNewGraph_boundsTheCyclesOfAKnot(t *testing.T) {
	t.Parallel()
	deps := map[string][]string{}
	for i := range 60 {
		name := fmt.Sprint("n", i)
		for j := range 60 {
			deps[name] = append(deps[name], fmt.Sprint("n", j))
		}
	}
	_, problems := dag.NewGraph(inSchemaM(deps))
	require.Len(t, problems, 100)
}

func TestNewGraph_doesNotDependOnTheOrderOfTheProject(t *testing.T) {
	t.Parallel()
	p := layered(300)
	want := mustGraph(t, p)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(p.Models), func(i, j int) { p.Models[i], p.Models[j] = p.Models[j], p.Models[i] })
	got := mustGraph(t, p)
	require.Equal(t, namesOf(want.Nodes()), namesOf(got.Nodes()))
	require.Equal(t, namesOf(want.Order()), namesOf(got.Order()))
}

func TestWithReads_addsWhatAssertionsReadToANewGraph(t *testing.T) {
	t.Parallel()
	p := inSchemaM(map[string][]string{"a": {}, "b": {}, "c": {}})
	p.Assertions = []*model.Assertion{anAssertion("judge", "m.b")}
	g := mustGraph(t, p)
	with := g.WithReads(map[string][]string{
		"judge": {"m.b", "m.a__versions", "pg_catalog.pg_class", "judge"},
		"m.c":   {"m.a"},
	})

	require.Equal(t, []string{"m.a", "m.b"}, with.Parents("judge"))
	require.Equal(t, []string{"m.b"}, with.Node("judge").On)
	require.Equal(t, []string{"judge"}, with.Children("m.a"))
	require.Empty(t, with.Parents("m.c"), "only assertions have reads beyond their declaration")
	require.Equal(t, []string{"m.b"}, g.Parents("judge"), "the first graph stays as it was")
}

func TestOrder_respectsEveryDependency(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := mustGraph(t, drawProject(t))
		order := namesOf(g.Order())
		require.Len(t, order, g.Len())
		for _, n := range g.Nodes() {
			at := slices.Index(order, n.Name)
			for _, dep := range n.Deps {
				require.Less(t, slices.Index(order, dep), at, "%s before %s", dep, n.Name)
				require.Greater(t, g.Remaining(dep), g.Remaining(n.Name))
				require.Less(t, g.Depth(dep), g.Depth(n.Name))
			}
		}
	})
}

// drawProject returns up to twelve models m.a, m.b and so on, tagged at random, each reading some before it, and
// assertions on some of them.
func drawProject(t *rapid.T) *model.Project {
	p := &model.Project{}
	n := rapid.IntRange(1, 12).Draw(t, "models")
	for i := range n {
		var deps []string
		for _, m := range p.Models {
			if rapid.IntRange(0, 3).Draw(t, "edge") == 0 {
				deps = append(deps, m.Name)
			}
		}
		// Names against the order of dependencies, so that sorting by name alone cannot pass for a topological order.
		m := aModel("m", string(rune('a'+n-1-i)), "m", deps...)
		m.Header.Tags = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"t", "u"}), rapid.ID[string]).Draw(t, "tags")
		p.Models = append(p.Models, m)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "assertions") {
		on := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 1, min(2, n), rapid.ID[int]).Draw(t, "on")
		a := anAssertion(fmt.Sprint("judge", i))
		for _, j := range on {
			a.On = append(a.On, model.Ref{Name: p.Models[j].Name, Node: p.Models[j].Name})
		}
		p.Assertions = append(p.Assertions, a)
	}
	return p
}

// layered returns n models, most of which read up to three earlier ones.
func layered(n int) *model.Project {
	p := &model.Project{}
	for i := range n {
		var deps []string
		for _, back := range []int{1, 17, 110} {
			if i >= back && i%10 != 0 {
				deps = append(deps, fmt.Sprintf("bench.model_%05d", i-back))
			}
		}
		p.Models = append(p.Models, aModel("bench", fmt.Sprintf("model_%05d", i), "bench", deps...))
	}
	return p
}

func BenchmarkNewGraph_10000Models(b *testing.B) {
	p := layered(10_000)
	for b.Loop() {
		dag.NewGraph(p)
	}
}
