package dag_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
)

// usersProject is the project on which dbt tests its grammar, in terrace's terms. Three things differ: base_users and
// emails, ephemeral there and so never in a result, are views and show up; users has a namesake in another schema, so
// that the cases name it main.users; there are no exposures.
func usersProject() *model.Project {
	tagged := func(m *model.Model, tags ...string) *model.Model {
		m.Header.Tags = tags
		return m
	}
	judged := func(m *model.Model, name string, severity model.Severity) *model.Model {
		m.Header.Assert = []model.Inline{{Kind: model.NotNull, Name: name, Severity: severity, Line: 4}}
		return m
	}
	users := tagged(aModel("main", "users", "main", "main.base_users"), "bi", "users")
	users.Header.Kind = model.Table
	rollup := tagged(aModel("main", "users_rollup", "main", "main.users"), "bi", "specified_in_project")
	emails := tagged(aModel("main", "emails", "main", "main.base_users"), "base")
	return &model.Project{
		Streams: []model.Stream{{Name: "raw.seed", Source: "raw_source", File: "models/raw/api.yml"}},
		Models: []*model.Model{
			tagged(aModel("main", "base_users", "main", "raw.seed"), "base"),
			judged(users, "unique_users_id", model.SeverityError),
			judged(emails, "not_null_emails_email", model.SeverityWarn),
			judged(rollup, "unique_users_rollup_gender", model.SeverityError),
			tagged(aModel("alternative", "users", "alternative", "main.base_users"), "dots"),
			aModel("main", "emails_alt", "main", "main.users"),
			aModel("main", "users_rollup_dependency", "main", "main.users_rollup"),
			aModel("main", "versioned", "main"),
			aModel("test", "subdir", "test"),
			aModel("test_subdir", "nested_users", "test/subdir"),
		},
	}
}

func runs(n *dag.Node) bool  { return n.Model != nil && n.Inline == nil }
func tests(n *dag.Node) bool { return n.Kind == dag.KindAssertion }

// TestSelect_followsDbt holds the cases of dbt's own suites. Numbers 32 and 33, on exposures, are in
// TestSelect_saysWhichMethodsThereAre.
func TestSelect_followsDbt(t *testing.T) {
	t.Parallel()
	const (
		B = "main.base_users"
		M = "main.emails"
		U = "main.users"
		R = "main.users_rollup"
		D = "main.users_rollup_dependency"
		E = "main.emails_alt"
		A = "alternative.users"
	)
	g := mustGraph(t, usersProject())
	ctx := dag.SelectContext{
		Selectors: map[string]string{"bi": "tag:bi"},
		Results:   map[string]string{R: "error", D: "skip", U: "success"},
		State: func(node string) dag.Change {
			if node == A {
				return dag.ChangeModified
			}
			return dag.ChangeNone
		},
	}
	for _, tc := range []struct {
		number           string
		include, exclude []string
		keep             func(*dag.Node) bool
		want             []string
	}{
		{"1", []string{"main.users"}, nil, runs, []string{U}},
		{"2", []string{"tag:bi"}, nil, runs, []string{U, R}},
		{"2, named", []string{"selector:bi"}, nil, runs, []string{U, R}},
		{"3", []string{"tag:base+"}, nil, runs, []string{E, R, U, A, D, B, M}},
		{"4", []string{"tag:base+2"}, nil, runs, []string{E, R, U, A, B, M}},
		{"5", []string{"main.users+"}, nil, runs, []string{U, R, E, D}},
		{"6", []string{"main.users+1"}, nil, runs, []string{U, R, E}},
		{"7", []string{"+users_rollup"}, nil, runs, []string{R, U, B}},
		{"8", []string{"1+users_rollup"}, nil, runs, []string{U, R}},
		{"9", []string{"+users_rollup"}, nil, runs, []string{R, U, B}},
		{"9, by path", []string{"+models/main/users_rollup.sql"}, nil, runs, []string{R, U, B}},
		{"10", []string{"test.subdir"}, nil, runs, []string{"test.subdir", "test_subdir.nested_users"}},
		{"11", []string{"path:models/test/subdir.sql"}, nil, runs, []string{"test.subdir"}},
		{"12", []string{"alternative.users"}, nil, runs, []string{A}},
		{"13", []string{"@base_users"}, nil, runs, []string{A, R, U, E, D, B, M}},
		{"14", []string{"@main.users"}, nil, runs, []string{U, R, E, D, B}},
		{"15", []string{"@emails_alt"}, nil, runs, []string{U, E, B}},
		{"16", []string{"@emails_alt users_rollup"}, nil, runs, []string{U, R, E, B}},
		{"16, two arguments", []string{"@emails_alt", "users_rollup"}, nil, runs, []string{U, R, E, B}},
		{"17", []string{"@emails_alt users_rollup"}, []string{"emails_alt"}, runs, []string{U, R, B}},
		{"18", []string{"@emails_alt users_rollup"}, []string{"main.users", "emails_alt"}, runs, []string{R, B}},
		{"19", []string{"@emails_alt users_rollup"}, []string{"emails_alt users_rollup"}, runs, []string{U, B}},
		{"20", []string{"main.users,main.users"}, nil, runs, []string{U}},
		{"21", []string{"tag:bi,tag:users"}, nil, runs, []string{U}},
		{"22", []string{"*,tag:bi,tag:users"}, nil, runs, []string{U}},
		{"23", []string{"+users_rollup_dependency,main.users+"}, []string{"users_rollup_dependency"}, runs, []string{U, R}},
		{"24", []string{"tag:bi,@main.users"}, []string{"tag:bi,users_rollup+"}, runs, []string{U}},
		{"25", []string{"tag:bi,@main.users"}, []string{"@emails,@emails_alt"}, runs, []string{U, R}},
		{"26", []string{"tag:bi,@main.users emails_alt"}, nil, runs, []string{U, R, E}},
		{
			"27",
			[]string{"tag:bi,@main.users emails_alt,@main.users"},
			[]string{"users_rollup_dependency users_rollup"},
			runs,
			[]string{U, E},
		},
		{"28", []string{"+tag:specified_in_project+"}, nil, runs, []string{U, R, D, B}},
		{"29", []string{"@tag:users"}, nil, runs, []string{U, R, E, D, B}},
		{"30", []string{"@tag:users"}, nil, tests, []string{U + ".unique_users_id", R + ".unique_users_rollup_gender"}},
		{"31", []string{"config.severity:warn"}, nil, tests, []string{M + ".not_null_emails_email"}},
		{"31, by kind", []string{"tag:base,config.materialized:view"}, nil, tests, []string{M + ".not_null_emails_email"}},
		{"34", []string{"@users_rollup_dependency"}, nil, runs, []string{U, R, D, B}},
		{"35", []string{"state:modified+ result:error+"}, nil, runs, []string{A, R, D}},
		{"35, skipped tests", []string{"result:error"}, nil, tests, []string{R + ".unique_users_rollup_gender"}},
	} {
		t.Run(tc.number, func(t *testing.T) {
			t.Parallel()
			got, err := g.Select(ctx, tc.include, tc.exclude)
			require.NoError(t, err)
			slices.Sort(tc.want)
			require.Equal(t, tc.want, got.Only(tc.keep).Names())
		})
	}
}

// halls has a domain in three layers, owners, seeds and both sorts of assertions.
func halls() *model.Project {
	dim := aModel("feiqiu_dwd", "dim_member", "feiqiu/dwd", "feiqiu_ods.members", "feiqiu_ref.levels")
	dim.Header.Kind, dim.Header.Owner = model.SCD2, "crm"
	dim.Header.Assert = []model.Inline{{Kind: model.NotNull, Name: "not_null_id", Severity: model.SeverityError}}
	fact := aModel("feiqiu_dwd", "fact_ticket", "feiqiu/dwd", "feiqiu_ods.tickets")
	fact.Header.Assert = []model.Inline{
		{Kind: model.NotNull, Name: "not_null_id", Severity: model.SeverityError},
		{Kind: model.References, Name: "member_known", Severity: model.SeverityWarn, To: "feiqiu_dwd.dim_member"},
	}
	return &model.Project{
		Streams: []model.Stream{
			{Name: "feiqiu_ods.members", Source: "feiqiu", File: "models/feiqiu/ods/api.yml"},
			{Name: "feiqiu_ods.tickets", Source: "feiqiu", File: "models/feiqiu/ods/api.yml"},
			{Name: "xiaoe_ods.members", Source: "xiaoe", File: "models/xiaoe/ods/shop.yml"},
		},
		Seeds: []model.Seed{{Name: "feiqiu_ref.levels", File: "models/feiqiu/ref/levels.csv", Tags: []string{"small"}}},
		Models: []*model.Model{
			dim, fact, aModel("feiqiu_dws", "daily", "feiqiu/dws", "feiqiu_dwd.fact_ticket", "feiqiu_dwd.dim_member"),
		},
		Assertions: []*model.Assertion{{
			Name: "feiqiu.tickets_complete", File: "tests/feiqiu/tickets_complete.sql", Tags: []string{"nightly"},
			Severity: model.SeverityError,
			On:       []model.Ref{{Name: "feiqiu_dwd.fact_ticket", Node: "feiqiu_dwd.fact_ticket"}},
		}},
	}
}

func TestSelect_knowsNamesMethodsAndPatterns(t *testing.T) {
	t.Parallel()
	const (
		dim      = "feiqiu_dwd.dim_member"
		dimID    = "feiqiu_dwd.dim_member.not_null_id"
		fact     = "feiqiu_dwd.fact_ticket"
		factID   = "feiqiu_dwd.fact_ticket.not_null_id"
		known    = "feiqiu_dwd.fact_ticket.member_known"
		daily    = "feiqiu_dws.daily"
		members  = "feiqiu_ods.members"
		tickets  = "feiqiu_ods.tickets"
		levels   = "feiqiu_ref.levels"
		complete = "feiqiu.tickets_complete"
		xiaoe    = "xiaoe_ods.members"
	)
	g := mustGraph(t, halls())
	ctx := dag.SelectContext{
		Assertions: dag.NoAssertions,
		Results:    map[string]string{dim: "failure", dimID: "fail", fact: "success", factID: "pass", known: "warn", daily: "skip"},
		State: func(node string) dag.Change {
			return map[string]dag.Change{dim: dag.ChangeNew, fact: dag.ChangeModified, daily: dag.ChangeNone}[node]
		},
		Selectors: map[string]string{"nightly": "selector:small+ tag:nightly", "small": "tag:small"},
	}
	for selector, want := range map[string][]string{
		dim:                                  {dim},
		"dim_member":                         {dim},
		"members":                            {members, xiaoe},
		"feiqiu_dwd":                         {dim, fact},
		"feiqiu.dwd":                         {dim, fact},
		"feiqiu":                             {complete, dim, fact, daily, members, tickets, levels},
		"feiqiu.ods":                         {members, tickets},
		"feiqiu.ods.tickets":                 {tickets},
		"not_null_id":                        {dimID, factID},
		dimID:                                {dimID},
		"dim_*":                              {dim},
		"feiqiu_dw?.*":                       {dim, fact, daily},
		"feiqiu_dw[s-z].*":                   {daily},
		"*.dwd.*":                            {dim, fact},
		"fqn:daily":                          {daily},
		"models/feiqiu/dws":                  {daily},
		"path:./models/feiqiu/dws/":          {daily},
		"path:models/*/dw[ds]":               {dim, fact, daily},
		"path:models/**/d*.sql":              {dim, daily},
		"path:models/feiqiu/ods/api.yml":     {members, tickets},
		"path:tests":                         {complete},
		"levels.csv":                         {levels},
		"file:*.yml":                         {members, tickets, xiaoe},
		"tag:small+":                         {levels, dim, daily},
		"tag:night*":                         {complete},
		"kind:scd2":                          {dim},
		"kind:s*":                            {dim, members, tickets, levels, xiaoe},
		"kind:assertion":                     {complete, dimID, factID, known},
		"owner:crm":                          {dim},
		"severity:warn":                      {known},
		"source:feiqiu":                      {members, tickets},
		"source:feiqiu.tickets":              {tickets},
		"source:feiqiu_ods.tickets":          {tickets},
		"source:*":                           {members, tickets, xiaoe},
		"test:tickets_complete":              {complete},
		"test:feiqiu.tickets_complete":       {complete},
		"test:not_null_*":                    {dimID, factID},
		"test:fact_ticket":                   {complete, factID, known},
		"state:new":                          {dim},
		"state:modified":                     {dim, fact},
		"state:unmodified":                   {daily},
		"state:old":                          {fact, daily},
		"result:fail":                        {dim, dimID},
		"result:failure":                     {dim, dimID},
		"result:success":                     {fact, factID},
		"result:warn":                        {known},
		"result:skipped":                     {daily},
		"selector:nightly":                   {complete, levels, dim, daily},
		"1+selector:small":                   {levels},
		"+feiqiu.tickets_complete":           {complete, fact, tickets},
		"state:new,result:success kind:seed": {levels},
	} {
		t.Run(selector, func(t *testing.T) {
			t.Parallel()
			got, err := g.Select(ctx, []string{selector}, nil)
			require.NoError(t, err)
			slices.Sort(want)
			require.Equal(t, want, got.Names())
			for _, name := range want {
				require.True(t, got.Has(name))
			}
			require.False(t, got.Has("unknown"))
		})
	}
}

func TestSelect_withoutSelectorsTakesEverything(t *testing.T) {
	t.Parallel()
	g := mustGraph(t, halls())
	got, err := g.Select(dag.SelectContext{}, nil, nil)
	require.NoError(t, err)
	require.Equal(t, namesOf(g.Nodes()), got.Names())

	rest, err := g.Select(dag.SelectContext{}, nil, []string{"feiqiu"})
	require.NoError(t, err)
	require.Equal(t, []string{"xiaoe_ods.members"}, rest.Names())

	none, err := mustGraph(t, &model.Project{}).Select(dag.SelectContext{}, nil, nil)
	require.NoError(t, err, "an empty project is no mistake of a selector")
	require.Zero(t, none.Len())
}

// TestSelect_bringsAssertionsAsTheModeSays has dbt's project for it: model_a reads model_b and a source, and assertions
// stand on either and across.
func TestSelect_bringsAssertionsAsTheModeSays(t *testing.T) {
	t.Parallel()
	a := aModel("t", "model_a", "t", "t.model_b", "src.tbl")
	a.Header.Assert = []model.Inline{
		{Kind: model.References, Name: "rel_b", To: "t.model_b"},
		{Kind: model.References, Name: "rel_src", To: "src.tbl"},
		{Kind: model.Unique, Name: "unique_fun"},
		{Kind: model.Unique, Name: "unique_fun_2"},
	}
	g := mustGraph(t, &model.Project{
		Streams: []model.Stream{{Name: "src.tbl", Source: "my_src", File: "models/src/api.yml"}},
		Models:  []*model.Model{a, aModel("t", "model_b", "t"), aModel("t", "model_c", "t", "t.model_a")},
		Assertions: []*model.Assertion{
			anAssertion("cf_a_b", "t.model_a"), anAssertion("cf_a_src", "t.model_a", "src.tbl"), anAssertion("just_a", "t.model_a"),
			anAssertion("source_unique_1", "src.tbl"), anAssertion("source_unique_2", "src.tbl"),
		},
	}).WithReads(map[string][]string{"cf_a_b": {"t.model_b", "t.model_a"}})

	own := []string{"just_a", "t.model_a.unique_fun", "t.model_a.unique_fun_2"}
	all := append([]string{"cf_a_b", "cf_a_src", "t.model_a.rel_b", "t.model_a.rel_src"}, own...)
	for _, tc := range []struct {
		name, include, exclude string
		mode                   dag.AssertionMode
		want                   []string
	}{
		{"eager by default", "model_a", "", "", all},
		{"eager", "model_a", "", dag.EagerAssertions, all},
		{"cautious", "model_a", "", dag.CautiousAssertions, own},
		{"buildable, the others being ancestors", "model_a", "", dag.BuildableAssertions, all},
		{
			"buildable, where model_a is no ancestor of model_b", "model_b", "",
			dag.BuildableAssertions, nil,
		},
		{"eager from the other end", "model_b", "", dag.EagerAssertions, []string{"cf_a_b", "t.model_a.rel_b"}},
		{"empty", "model_a", "", dag.NoAssertions, nil},
		{"empty, named", "model_a just_a", "", dag.NoAssertions, []string{"just_a"}},
		{"empty, not even as descendants", "model_a+", "", dag.NoAssertions, nil},
		{"cautious, not even as descendants", "model_a+", "", dag.CautiousAssertions, own},
		{
			"cautious, both ends in different terms", "model_a model_b", "",
			dag.CautiousAssertions, append([]string{"cf_a_b", "t.model_a.rel_b"}, own...),
		},
		{
			"cautious without one", "model_a", "unique_fun",
			dag.CautiousAssertions,
			[]string{"just_a", "t.model_a.unique_fun_2"},
		},
		{
			"excluding a model drops all that touch it", "model_a", "model_b",
			dag.EagerAssertions, append([]string{"cf_a_src", "t.model_a.rel_src"}, own...),
		},
		{
			"excluding is eager in every mode", "model_a model_b", "model_b",
			dag.CautiousAssertions, own,
		},
		{"eager, those in files", "model_a,path:tests", "", dag.EagerAssertions, []string{"cf_a_b", "cf_a_src", "just_a"}},
		{"cautious, those in files", "model_a,path:tests", "", dag.CautiousAssertions, []string{"just_a"}},
		{"of two models", "model_a,model_b", "", dag.EagerAssertions, []string{"cf_a_b", "t.model_a.rel_b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var exclude []string
			if tc.exclude != "" {
				exclude = []string{tc.exclude}
			}
			got, err := g.Select(dag.SelectContext{Assertions: tc.mode}, []string{tc.include}, exclude)
			require.NoError(t, err)
			require.ElementsMatch(t, tc.want, got.Only(tests).Names())
		})
	}
}

func TestSelect_refusesSelectorsThatMatchNothing(t *testing.T) {
	t.Parallel()
	g := mustGraph(t, halls())
	unchanged := dag.SelectContext{
		State:     func(string) dag.Change { return dag.ChangeNone },
		Results:   map[string]string{},
		Selectors: map[string]string{"typo": "dim_membre"},
	}
	for _, tc := range []struct {
		include, exclude []string
		want             string
	}{
		{[]string{"dim_membre+"}, nil, `selector "dim_membre+" matches nothing; did you mean dim_member+?`},
		{[]string{"daily feiqiu_dwd.dim_membr"}, nil, `selector "feiqiu_dwd.dim_membr" matches nothing; did you mean feiqiu_dwd.dim_member?`},
		{[]string{"+tag:nihgtly"}, nil, `selector "+tag:nihgtly" matches nothing; did you mean +tag:nightly?`},
		{[]string{"source:feiqi"}, nil, `selector "source:feiqi" matches nothing; did you mean source:feiqiu?`},
		{[]string{"models/feiqiu/dwx"}, nil, `selector "models/feiqiu/dwx" matches nothing; did you mean models/feiqiu/dwd?`},
		{[]string{"kind:incremental"}, nil, `selector "kind:incremental" matches nothing; terrace ls lists what there is`},
		{[]string{"nothing_of_the_kind"}, nil, `selector "nothing_of_the_kind" matches nothing; terrace ls lists what there is`},
		{[]string{"kind:seed,kind:scd2 daily"}, nil, `selector "kind:seed,kind:scd2" matches nothing; terrace ls lists what there is`},
		{[]string{"state:modified+", "result:error"}, nil, `selector "state:modified+ result:error" matches nothing; terrace ls lists what there is`},
		{[]string{"selector:typo"}, nil, `selector:typo: selector "dim_membre" matches nothing; did you mean dim_member?`},
		{nil, []string{"daly"}, `exclude: selector "daly" matches nothing; did you mean daily?`},
		{[]string{"daily"}, []string{"feiqiu.dws"}, `everything that selector "daily" matches is excluded by "feiqiu.dws"`},
	} {
		_, err := g.Select(unchanged, tc.include, tc.exclude)
		var nothing *dag.NothingSelectedError
		require.ErrorAs(t, err, &nothing)
		require.EqualError(t, err, tc.want)

		allowed := unchanged
		allowed.AllowEmpty = true
		_, err = g.Select(allowed, tc.include, tc.exclude)
		require.NoError(t, err, "%v", tc.include)
	}
}

func TestSelect_letsWhatDependsOnTheDayBeEmptyBesideOthers(t *testing.T) {
	t.Parallel()
	ctx := dag.SelectContext{State: func(string) dag.Change { return dag.ChangeNone }}
	got, err := mustGraph(t, halls()).Select(ctx, []string{"state:modified+ daily"}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"feiqiu_dws.daily"}, got.Names())
}

func TestSelect_saysWhichMethodsThereAre(t *testing.T) {
	t.Parallel()
	g := mustGraph(t, usersProject())
	ctx := dag.SelectContext{
		State:     func(string) dag.Change { return dag.ChangeNone },
		Results:   map[string]string{},
		Selectors: map[string]string{"a": "selector:b+", "b": "tag:bi selector:a", "nightly": "tag:bi"},
	}
	for selector, want := range map[string]string{
		"1+exposure:user_exposure":   "there is no method exposure; the methods are fqn, path",
		"+exposure:seed_ml_exposure": "there is no method exposure",
		"kind:tabel":                 "tabel is none of stream, seed, view",
		"severity:wran":              "for example severity:warn",
		"state:modifed":              "for example state:modified",
		"result:eror":                "for example result:error",
		"state:modified.body":        "modified.body is none of",
		"selector:nightl":            "for example selector:nightly",
		"selector:a":                 "selector:a: selector:b: selector \"selector:a\", character 1: named selectors refer to each other in a circle: a → b → a",
		"main.users+ ,":              "character 13",
		"":                           "it is empty",
	} {
		_, err := g.Select(ctx, []string{selector}, nil)
		var wrong *dag.SelectorError
		require.ErrorAs(t, err, &wrong, selector)
		require.ErrorContains(t, err, want, selector)
	}
	for _, selector := range []string{"state:modified", "result:error"} {
		_, err := g.Select(dag.SelectContext{AllowEmpty: true}, []string{selector}, nil)
		var wrong *dag.SelectorError
		require.ErrorAs(t, err, &wrong, "an unknown state is no empty state")
	}
}

func TestSelect_evaluatesANamedSelectorOnce(t *testing.T) {
	t.Parallel()
	selectors := map[string]string{"s0": "tag:bi"}
	for i := range 200 {
		selectors[fmt.Sprint("s", i+1)] = fmt.Sprintf("selector:s%d selector:s%d", i, i)
	}
	got, err := mustGraph(t, usersProject()).Select(dag.SelectContext{Selectors: selectors}, []string{"selector:s200"}, nil)
	require.NoError(t, err, "doubling at every level would never end")
	require.Equal(t, []string{"main.users", "main.users_rollup"}, got.Only(runs).Names())
}

func TestSelect_obeysTheLawsOfSets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := mustGraph(t, drawProject(t))
		mode := rapid.SampledFrom([]dag.AssertionMode{
			"", dag.EagerAssertions, dag.CautiousAssertions, dag.BuildableAssertions, dag.NoAssertions,
		}).Draw(t, "mode")
		sel := func(include string, exclude ...string) dag.Selection {
			got, err := g.Select(dag.SelectContext{Assertions: mode, AllowEmpty: true}, []string{include}, exclude)
			require.NoError(t, err)
			return got
		}
		drawn := rapid.Custom(func(t *rapid.T) string {
			base := rapid.SampledFrom([]string{"a", "b", "m.c", "tag:t", "tag:u", "kind:assertion", "judge1", "*"}).Draw(t, "base")
			around := rapid.SampledFrom([]string{"%s", "+%s", "%s+", "1+%s", "%s+2", "+%s+", "@%s"}).Draw(t, "around")
			return fmt.Sprintf(around, base)
		})
		x, y := drawn.Draw(t, "x"), drawn.Draw(t, "y")

		require.Subset(t, sel(x).Names(), sel(x+","+y).Names())
		require.Subset(t, sel(y).Names(), sel(x+","+y).Names())
		require.Equal(t, sel(y+","+x).Names(), sel(x+","+y).Names())
		require.Subset(t, sel(x+" "+y).Names(), sel(x).Names())
		require.Equal(t, sel(y+" "+x).Names(), sel(x+" "+y).Names())
		for _, name := range sel(x, y).Names() {
			require.False(t, sel(y).Has(name), "%s is excluded", name)
		}
		if !strings.ContainsAny(x, "+@") {
			require.Subset(t, sel("@"+x).Names(), sel(x+"+").Names())
			require.Subset(t, sel("@"+x).Names(), sel("+"+x).Names())
			require.Subset(t, sel(x+"+").Names(), sel(x+"+1").Names())
		}
	})
}

func BenchmarkSelect_10000Models(b *testing.B) {
	g, _ := dag.NewGraph(layered(10_000))
	for b.Loop() {
		if _, err := g.Select(dag.SelectContext{}, []string{"@model_05000,kind:view", "+model_09999"}, []string{"model_00*"}); err != nil {
			b.Fatal(err)
		}
	}
}
