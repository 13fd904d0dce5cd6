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
			`2:16: {{ ref('orders') }} is a template; a model is plain SQL | write shop_ods.orders`,
		},
		"comment of a template": {
			sql("depends_on: [shop_ods.orders]", "{# why #}\n"+read),
			`2:1: {# why #} is a template; a model is plain SQL | a comment begins with --, or stands between /* and */`,
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

func TestCheckSQL_refusesWritesInCodeOfWhatOthersMake(t *testing.T) {
	t.Parallel()
	const writes = "3:1: the code writes shop_dwd.b, which shop_dwd.b makes | write only the target"
	for body, want := range map[string]string{
		"do $$ begin insert into shop_dwd.a select 1 from shop_dwd.b; end $$":                                         "",
		"do $$ declare n int; begin insert into shop_dwd.b values (1) returning id into n; end $$":                    writes,
		"do $$ begin if true then update only Shop_DWD . B set id = 1; end if; end $$":                                writes,
		"do $$ begin delete from \"shop_dwd\".\"b\"; end $$":                                                          writes,
		"do $$ begin truncate table shop_dwd.b; end $$":                                                               writes,
		"do $$ begin merge into shop_dwd.b using shop_dwd.a on true when matched then do nothing; end $$":             writes,
		"do $$ begin execute 'delete from shop_dwd.b'; end $$":                                                        writes,
		"do $$ begin perform 1 from shop_dwd.b for update; -- delete from shop_dwd.b\nend $$":                         "",
		"do $$ declare b record; begin for b in select 1 from shop_dwd.b for update of b loop null; end loop; end $$": "",
		"do $$ begin raise notice 'delete from shop_dwd.b'; end $$":                                                   "",
	} {
		got := check(t, map[string]string{
			"models/shop/dwd/a.sql": sql("{kind: sql, target: shop_dwd.a, depends_on: []}", "\n"+body),
			"models/shop/dwd/b.sql": sql("kind: table\ndepends_on: []", "select 1 as id"),
		})
		if want == "" {
			require.Empty(t, got, body)
			continue
		}
		require.Equal(t, []string{"shop/dwd/a.sql:" + want}, got, body)
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

// What comes from a project of another tool: each piece of a template is told with what to write for it.
func TestCheckSQL_saysWhatToWriteForTemplates(t *testing.T) {
	t.Parallel()
	_, problems := load(t, map[string]string{"models/shop/dwd/a.sql": "{{ config(materialized='table') }}\nselect * from {{ ref('fact') }} join {{ source('shop', 'orders') }} using (id)\n"})
	require.Equal(t, []string{"shop/dwd/a.sql:1:1: there is no header | begin the file with the relations that it reads: -- depends_on: [schema.fact, shop_ods.orders]"}, problems)
	for body, want := range map[string][]string{
		"{{ config(materialized='incremental', unique_key=['id', 'day'], schema='x') }}\nselect 1": {
			"3:1: {{ config(materialized='incremental', unique_key=['id', 'day'], schema='x') }} is a template; a model is plain SQL | write into the header: -- kind: incremental, -- key: [id, day]",
		},
		"select * from {{ ref('pkg', 'orders') }} join {{ref(\"orders\")}} o using (id) join {{ source('shop', 'orders') }} using (id)": {
			"3:15: {{ ref('pkg', 'orders') }} is a template; a model is plain SQL | write shop_ods.orders",
			"3:47: {{ref(\"orders\")}} is a template; a model is plain SQL | write shop_ods.orders",
			"3:83: {{ source('shop', 'orders') }} is a template; a model is plain SQL | write shop_ods.orders, the stream under its schema",
		},
		"select 1\n{% if is_incremental() %}\nwhere id > (select max(id) from {{ this }})\n{% endif %}": {
			"4:1: {% if is_incremental() %} is a template; a model is plain SQL | write kind: incremental in the header and the query for all rows, without the block: only groups of rows that changed are computed",
			"5:33: {{ this }} is a template; a model is plain SQL | write the model's own schema.relation; kind incremental finds by itself what is new",
		},
		"{% snapshot s %} select {{ var('day') }} {% endsnapshot %}": {
			"3:1: {% snapshot s %} is a template; a model is plain SQL | write kind: scd2 in the header: it keeps every version",
			"3:25: {{ var('day') }} is a template; a model is plain SQL | write terrace.var('day'), a text, and cast it; its value stands under vars: in terrace.yml",
		},
		"select * from ref('nothing') as r where is_incremental()": {
			"3:15: ref() is a function of another tool; a model is plain SQL | write schema.nothing",
			"3:41: is_incremental() is a function of another tool; a model is plain SQL | write kind: incremental in the header and the query for all rows, without the block: only groups of rows that changed are computed",
		},
	} {
		for i := range want {
			want[i] = "shop/dwd/a.sql:" + want[i]
		}
		require.Equal(t, want, check(t, map[string]string{"models/shop/dwd/a.sql": sql("kind: table\ndepends_on: []", body)}), body)
	}
}

// Where the parser stops, the words around it mostly say why.
func TestCheckSQL_saysWhatTheWordsAroundAMistakeTell(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"select id, from shop_ods.orders":                                       `2:12: syntax error at or near "from" | remove the comma before it`,
		"select (id, ) from shop_ods.orders":                                    `2:13: syntax error at or near ")" | remove the comma before it`,
		"select user.id from shop_ods.orders as user":                           `2:12: syntax error at or near "." | user is a word of SQL's own: give the relation another name with as`,
		"select o.id from shop_ods.orders as order":                             `2:37: syntax error at or near "order" | order is a word of SQL's own: choose another name, or write "order" with its quotes`,
		"select top 10 id from shop_ods.orders":                                 `2:12: syntax error at or near "10" | write limit 10 at the end of the query`,
		"select id from shop_ods.orders where at > now - interval 1 day":        `2:58: syntax error at or near "1" | write the length as a text: interval '1 day'`,
		"select `id` from shop_ods.orders":                                      "2:13: syntax error at or near \"from\" | names stand in double quotes in PostgreSQL, not in backticks, and most of them in none",
		"select count(id as n from shop_ods.orders":                             `2:17: syntax error at or near "as" | parentheses do not match: ( stands 1 time more often than )`,
		"select id) from shop_ods.orders":                                       `2:10: syntax error at or near ")" | parentheses do not match: ) stands 1 time more often than (`,
		"select\u00a0id from shop_ods.orders":                                   "2:1: syntax error at or near \"select\u00a0id\" | \"\\u00a0\" is a space that does not break: write a plain space",
		"select id from shop_ods.orders where （id > 1)":                         `2:45: syntax error at or near ")" | "（" is a full-width parenthesis: write (`,
		"select id from shop_ods.orders where id 1":                             `2:41: syntax error at or near "1" | correct the SQL; psql shows the same error`,
		"select '（', id from shop_ods.orders where id 1":                        `2:46: syntax error at or near "1" | correct the SQL; psql shows the same error`,
		"select o.id from other.shop_ods.orders as o":                           `2:18: other.shop_ods.orders is in a database by name, and a query reads one database | write shop_ods.orders`,
		"select id from shop_ods.orders qualify row_number() over () = 1":       `2:40: syntax error at or near "row_number" | filter in a query around this one: select … from (select …, row_number() over (…) as n …) as t where t.n = 1`,
		"select id from shop_ods.orders where a.id = 1 and (select 1) from x )": "",
	} {
		got := check(t, map[string]string{"models/shop/dwd/a.sql": sql("depends_on: [shop_ods.orders]", body)})
		if want == "" {
			require.Len(t, got, 1, body)
			continue
		}
		require.Equal(t, []string{"shop/dwd/a.sql:" + want}, got, body)
	}
}

func TestParseHeader_saysWhatToWriteForWhatIsNone(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"This model is about facts: all of them\ndepends_on: []": `m.sql:1:4: unknown key "This model is about facts" | the first comment is the header, key: value in each line; put other text under description:, or behind an empty line after it`,
		"depends_on: {a.b: yes}":                                 `m.sql:1:16: "depends_on" wants a text, got a mapping | write depends_on: [schema.relation]`,
		"depends_on: ['']":                                       `m.sql:1:17: a name in depends_on is empty | name a relation, or write depends_on: [] for none`,
		"kind：table\ndepends_on: []":                             `m.sql:1:4: broken YAML: unexpected key name | "：" is a full-width colon: write :`,
		"depends_on: []\nkind: table\ngrants: [analyst]":         `m.sql:3:12: "grants" wants a mapping, got a list | write grants: {select: [analyst]}`,
	} {
		_, problems := model.ParseHeader("m.sql", []byte(sql(header, "select 1\n")))
		require.Equal(t, []string{want}, lines(problems), header)
	}
}

// TABLE takes a relation's name alone: what a query reads in its place stands behind SELECT * FROM.
func TestExchange_readsTablesByTheirNameAlone(t *testing.T) {
	t.Parallel()
	q, err := model.ParseQuery("with a as (table s.x) table /* all */ s.y")
	require.NoError(t, err)
	sent := q.Exchange(map[string]string{"s.x": "(select 1 as n)", "s.y": `"d"."y"`})
	require.Equal(t, `with a as (select * from (select 1 as n) as "x") select * from "d"."y" as "y"`, sent.SQL)
	require.Equal(t, "with a as (table s.x) ", sent.Before(len(`with a as (select * from (select 1 as n) as "x") sel`)))
}
