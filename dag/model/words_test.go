package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

// What somebody meets who comes from another tool, or writes a first model: each mistake is told once.
func TestCheck_tellsEachMistakeOfAFirstModelOnce(t *testing.T) {
	t.Parallel()
	const read = "select id from shop_ods.orders\n"
	for name, tc := range map[string]struct{ file, want string }{
		"no header": {
			read,
			`1:1: there is no header | begin the file with the relations that it reads: -- depends_on: [shop_ods.orders]`,
		},
		"no depends_on": {
			sql("kind: table", read),
			`1:4: "depends_on" is missing | write in the header: -- depends_on: [shop_ods.orders]`,
		},
		"misspelt depends_on": {
			sql("depend_on: [shop_ods.orders]", read),
			`1:4: unknown key "depend_on" | did you mean "depends_on"?`,
		},
		"broken header": {
			sql("description: a: b\ndepends_on: [shop_ods.orders]", read),
			`1:17: broken YAML: a value cannot stand here | indent keys of one mapping alike, and put quotes around a text that has ": " in it; an empty line parts the header from other comments`,
		},
		"header below": {
			read + sql("depends_on: [shop_ods.orders]", ""),
			`2:1: the header must stand before the SQL | move it to the first lines of the file`,
		},
		"no space": {
			"--depends_on: [shop_ods.orders]\n" + read,
			`1:1: a header line begins with two dashes and a space | write -- depends_on: [shop_ods.orders]`,
		},
		"no schema in the header": {
			sql("depends_on: [orders]", read),
			`1:17: depends_on names orders, which is not in this project | did you mean "shop_ods.orders"?`,
		},
		"no schema in the SQL": {
			sql("depends_on: [shop_ods.orders]", "select id from orders"),
			`2:16: orders has no schema, and search_path is empty | write shop_ods.orders`,
		},
		"UTF-16": {"\xff\xfe-\x00-\x00 \x00", `1:1: the file is UTF-16 | save the file as UTF-8`},
		"GBK": {
			sql("description: \xb6\xa9\xb5\xa5\ndepends_on: []", "select '\xb6\xa9'"),
			`1:17: the file is not UTF-8 | save the file as UTF-8`,
		},
		"kind of another tool": {
			sql("kind: snapshot\ndepends_on: [shop_ods.orders]", read),
			`1:10: "kind" cannot be "snapshot" | write scd2, which keeps every version`,
		},
		"key of another tool": {
			sql("kind: incremental\nunique_key: id\ndepends_on: [shop_ods.orders]", read),
			`2:4: unknown key "unique_key" | write key`,
		},
		"rule of another tool": {
			sql("depends_on: [shop_ods.orders]\nassert:\n  - relationships: {column: id}", read),
			`3:8: unknown key "relationships" | write references: {column: id, to: schema.relation.column}`,
		},
		"template": {
			sql("depends_on: [shop_ods.orders]", "select id from {{ ref('orders') }}"),
			`2:16: {{ ref('orders') }} is a template; a model is plain SQL | write schema.relation for ref() and source(), terrace.var('name') for var(), and what config() says into the header`,
		},
		"comment of a template": {
			sql("depends_on: [shop_ods.orders]", "{# why #}\n"+read),
			`2:1: {# why #} is a template; a model is plain SQL | write schema.relation for ref() and source(), terrace.var('name') for var(), and what config() says into the header`,
		},
		"variable of psql": {
			sql("depends_on: [shop_ods.orders]", "select id from shop_ods.orders where id > :'first'"),
			`2:43: nobody fills in :'first' | write terrace.var('name') for a value of terrace.yml or --var`,
		},
		"command of psql": {
			sql("depends_on: [shop_ods.orders]", "\\set first 1\n"+read),
			`2:1: \set is a command of psql, no SQL | remove the line; a value that models share is terrace.var('name')`,
		},
		"place of a program": {
			sql("depends_on: [shop_ods.orders]", "select id from shop_ods.orders where id > %(first)s"),
			`2:43: nobody fills in %(first)s | write terrace.var('name') for a value of terrace.yml or --var`,
		},
		"parameter": {
			sql("depends_on: [shop_ods.orders]", "select id from shop_ods.orders where id > $1"),
			`2:43: nobody gives $1 a value | write the value, or terrace.var('name') for one of terrace.yml or --var`,
		},
		"tab in the header": {
			"-- depends_on:\n--\t- shop_ods.orders\n" + read,
			`2:1: a header line begins with two dashes and a space | write -- - shop_ods.orders`,
		},
		"braces in a text": {sql("depends_on: [shop_ods.orders]", "select '{{ x }}' from shop_ods.orders"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, problems := model.Load(project(map[string]string{"models/shop/dwd/a.sql": tc.file}), model.Options{Streams: streams})
			problems = append(problems, p.CheckSQL(nil)...)
			if tc.want == "" {
				require.Empty(t, lines(problems))
				return
			}
			require.Equal(t, []string{"shop/dwd/a.sql:" + tc.want}, lines(problems))
		})
	}
}

func TestCheckSQL_refusesDropsOfWhatOthersMake(t *testing.T) {
	t.Parallel()
	other := sql("kind: table\ndepends_on: []", "select 1 as id")
	for body, want := range map[string]string{
		"drop table shop_dwd.b;\ncreate table shop_dwd.a as select 1":                                                                               `3:1: the SQL drops shop_dwd.b, which shop_dwd.b makes | drop only the target, or what no other file makes`,
		"create table shop_dwd.a as select 1;\n-- why\ndrop view if exists x.y, shop_dwd.b":                                                         `5:1: the SQL drops shop_dwd.b, which shop_dwd.b makes | drop only the target, or what no other file makes`,
		"create table shop_dwd.a as select 1; drop schema shop_ods cascade":                                                                         `3:38: the SQL drops shop_ods, which shop_ods.members makes | drop only the target, or what no other file makes`,
		"drop table if exists shop_dwd.a; create table shop_dwd.a as select 1":                                                                      "",
		"create table shop_dwd.a as select 1; drop function shop_dwd.b(integer)":                                                                    "",
		"do $$ begin perform 1; end $$":                                                                                                             "",
		"do $$ begin drop table shop_dwd.a; execute 'drop table ' || x; end $$":                                                                     "",
		"select 1;\ndo $x$ declare d text; begin\n-- so\nif true then drop materialized view if exists x.y , shop_dwd . b cascade; end if; end $x$": `4:1: the SQL drops shop_dwd.b, which shop_dwd.b makes | drop only the target, or what no other file makes`,
		"do $$ begin\nif true then execute 'drop table shop_dwd.b'; end if; end $$":                                                                 `3:1: the SQL drops shop_dwd.b, which shop_dwd.b makes | drop only the target, or what no other file makes`,
		"do $$ declare n int; begin execute $q$select 1; drop view if exists shop_dwd.b$q$ into n; end $$":                                          `3:1: the SQL drops shop_dwd.b, which shop_dwd.b makes | drop only the target, or what no other file makes`,
		"do $$ begin execute 'do $q$ begin execute E''drop table shop_dwd.\\x62''; end $q$'; end $$":                                                `3:1: the SQL drops shop_dwd.b, which shop_dwd.b makes | drop only the target, or what no other file makes`,
		"do $$ begin execute 'drop table ' || 'shop_dwd.b'; end $$":                                                                                 "",
		"do $$ begin execute format('drop table %s', 'shop_dwd.b'); end $$":                                                                         "",
		"do $$ begin execute 'drop table shop_dwd.a' using 1; end $$":                                                                               "",
		"do 'begin drop schema shop_ods; end' language plpgsql":                                                                                     `3:1: the SQL drops shop_ods, which shop_ods.members makes | drop only the target, or what no other file makes`,
	} {
		got := check(t, map[string]string{
			"models/shop/dwd/a.sql": sql("{kind: sql, target: shop_dwd.a, depends_on: []}", "\n"+body),
			"models/shop/dwd/b.sql": other,
		})
		if want == "" {
			require.Empty(t, got, body)
			continue
		}
		require.Equal(t, []string{"shop/dwd/a.sql:" + want}, got, body)
	}
}

func TestCheckSQL_warnsOfATargetThatNobodyFills(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		`warning: shop/dwd/a.sql:2:12: no statement writes shop_dwd.t, the target | name under target what the statements fill, unless a function fills it`,
	}, check(t, map[string]string{
		"models/shop/dwd/a.sql": sql("kind: sql\ntarget: shop_dwd.t\ndepends_on: []", "create table shop_dwd.other (n integer)"),
	}))
}

func TestCheckSQL_warnsOfVariablesThatAreNotSet(t *testing.T) {
	t.Parallel()
	p, problems := load(t, map[string]string{
		"models/shop/dwd/a.sql": sql("depends_on: []", "select terrace.var('first_dy') as a,\n    terrace.var('first_day') as b, terrace.var('x' || 'y') as c"),
		"tests/a.sql":           sql("on: [shop_dwd.a]", "select from shop_dwd.a where a = terrace.var('colour')"),
	})
	require.Empty(t, problems)
	require.Empty(t, lines(p.CheckSQL(nil)), "who does not know the variables does not judge them")
	p.Vars = map[string]string{"first_day": "2026-01-01"}
	require.Equal(t, []string{
		`warning: shop/dwd/a.sql:2:8: variable "first_dy" is not set | did you mean "first_day"?`,
		`warning: tests/a.sql:2:34: variable "colour" is not set | add it under vars: in terrace.yml, or pass --var colour=VALUE`,
	}, lines(p.CheckSQL(nil)))
}
