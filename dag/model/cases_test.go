package model_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

// The cases H-01 to H-14 of headers and graphs that need no database. Cycles (H-04) are the graph's, H-11, H-15 and
// H-16 the server's.

func TestH01_anUndeclaredReadIsAnErrorWithTheLineToAdd(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		`shop/dwd/a.sql:3:10: the SQL reads shop_ods.members, which depends_on does not name | write in the header: -- depends_on: [shop_ods.orders, shop_ods.members]`,
		`shop/dwd/b.sql:4:18: the SQL reads shop_ods.orders, which depends_on does not name | write in the header: -- depends_on: [shop_ods.orders]`,
		`shop/dwd/c.sql:3:35: the SQL reads shop_ods.members, which depends_on does not name | write in the header: --   - shop_ods.members`,
	}, check(t, map[string]string{
		"models/shop/dwd/a.sql": sql("depends_on: [shop_ods.orders]", "select * from shop_ods.orders as o\n    join shop_ods.members as m using (id)\n"),
		"models/shop/dwd/b.sql": sql("depends_on: []", "\nselect 'é',\n    id, 'é' from shop_ods.orders\n"),
		"models/shop/dwd/c.sql": sql("depends_on:\n  - shop_ods.orders", "table shop_ods.orders union table shop_ods.members"),
	}))
}

func TestH01_severalUndeclaredReadsHaveOneLineToWrite(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		`shop/dwd/a.sql:2:15: the SQL reads shop_ods.orders, which depends_on does not name | write in the header: -- depends_on: [shop_ods.orders, shop_ods.members]`,
		`shop/dwd/a.sql:2:42: the SQL reads shop_ods.members, which depends_on does not name | write in the header: -- depends_on: [shop_ods.orders, shop_ods.members]`,
	}, check(t, map[string]string{
		"models/shop/dwd/a.sql": sql("depends_on: []", "select * from shop_ods.orders cross join shop_ods.members"),
	}))
}

func TestH02_aDeclaredRelationThatIsNotReadIsAWarning(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		`warning: shop/dwd/a.sql:1:34: depends_on names shop_ods.members, which the SQL does not read | remove it, unless a function reads it`,
	}, check(t, map[string]string{
		"models/shop/dwd/a.sql": sql("depends_on: [shop_ods.orders, shop_ods.members]", "select * from shop_ods.orders"),
	}))
}

func TestH03_aMisspeltNameIsAnErrorWithTheNearest(t *testing.T) {
	t.Parallel()
	_, problems := load(t, map[string]string{
		"models/shop/dwd/a.sql": sql("depends_on:\n  - shop_ods.order\n  - members\n  - shop_ods.orders__rejects\n  - crm_ods.accounts__versions\n  - nothing.like_it", "select 1"),
	})
	require.Equal(t, []string{
		`shop/dwd/a.sql:2:8: depends_on names shop_ods.order, which is not in this project | did you mean "shop_ods.orders"?`,
		`shop/dwd/a.sql:3:8: depends_on names members, which is not in this project | did you mean "shop_ods.members"?`,
		`shop/dwd/a.sql:4:8: depends_on names shop_ods.orders__rejects, which is not in this project | shop_ods.orders is there, but only streams have __versions, and only models with rejects have __rejects`,
		`shop/dwd/a.sql:5:8: depends_on names crm_ods.accounts__versions, which is not in this project | crm_ods.accounts is there, but only streams have __versions, and only models with rejects have __rejects`,
		`shop/dwd/a.sql:6:8: depends_on names nothing.like_it, which is not in this project | name a stream, a seed or a model of this project; declare what others fill as a source of type existing`,
	}, problems)

	require.Contains(t, check(t, map[string]string{
		"models/shop/dwd/a.sql": sql("depends_on: [shop_ods.orders]", "select * from shop_ods.ordres"),
	}), `shop/dwd/a.sql:2:15: the SQL reads shop_ods.ordres, which is not in this project | did you mean "shop_ods.orders"?`)
}

func TestH05_twoFilesOfOneRelationAreAnError(t *testing.T) {
	t.Parallel()
	_, problems := load(t, map[string]string{
		"models/shop/dwd/a.sql":       sql("depends_on: []", "select 1"),
		"models/shop_dwd/a.sql":       sql("depends_on: []", "select 1"),
		"models/shop/dwd/b.csv":       "x\n1\n",
		"models/shop/dwd/b.sql":       sql("depends_on: []", "select 1"),
		"models/shop/ods/orders.sql":  sql("depends_on: []", "select 1"),
		"models/shop/dwd/c.sql":       sql("kind: sql\ntarget: shop_dwd.b\ndepends_on: []", "select 1"),
		"models/x/y/t.sql":            sql("kind: table\ndepends_on: []\nrejects: {r: a < 0}", "select 1"),
		"models/x/y/t__rejects.sql":   sql("depends_on: []", "select 1"),
		"models/shop/ods/m__versions": "",
	})
	require.Equal(t, []string{
		"shop/dwd/b.sql: models/shop/dwd/b.csv makes shop_dwd.b as well | rename one of them: a relation is made by one file",
		"shop/dwd/c.sql: models/shop/dwd/b.csv makes shop_dwd.b as well | rename one of them: a relation is made by one file",
		"warning: shop/ods/m__versions: is not read | models are .sql, seeds .csv, sources .yml; move other files away",
		"shop/ods/orders.sql: models/shop/ods/shop.yml:5 makes shop_ods.orders as well | rename one of them: a relation is made by one file",
		"shop_dwd/a.sql: models/shop/dwd/a.sql makes shop_dwd.a as well | rename one of them: a relation is made by one file",
		"x/y/t__rejects.sql: models/x/y/t.sql:3 makes x_y.t__rejects as well | rename one of them: a relation is made by one file",
	}, problems)
}

func TestH06_namesThatPostgresWouldConfuseAreErrors(t *testing.T) {
	t.Parallel()
	long, full := strings.Repeat("x", 63), strings.Repeat("y", 63)
	_, problems := load(t, map[string]string{
		"models/shop/dwd/" + long + ".sql":            sql("depends_on: []", "select 1"),
		"models/shop/dwd/" + long + "_a.sql":          sql("depends_on: []", "select 1"),
		"models/shop/dwd/" + long[:55] + ".sql":       sql("kind: table\ndepends_on: []\nrejects: {r: a < 0}", "select 1"),
		"models/shop/dwd/" + full + ".sql":            sql("kind: table\ndepends_on: []\nrejects: {r: a < 0}", "select 1"),
		"models/shop/dwd/Dim.sql":                     sql("depends_on: []", "select 1"),
		"models/shop/dwd/dim.sql":                     sql("depends_on: []", "select 1"),
		"models/shop-b/dwd/a.sql":                     sql("depends_on: []", "select 1"),
		"models/top.sql":                              sql("depends_on: []", "select 1"),
		"models/pg/toast/a.sql":                       sql("depends_on: []", "select 1"),
		"models/" + long[:40] + "/" + long + "/a.sql": sql("depends_on: []", "select 1"),
	})
	require.Equal(t, []string{
		`pg/toast/a.sql: the schema pg_toast is not free | rename the folder; pg_*, information_schema, terrace and terrace_* are taken`,
		`shop-b/dwd/a.sql: the folder name "shop-b" cannot name anything in SQL without quotes | use lower-case letters, digits and _`,
		`shop/dwd/Dim.sql: the file name "Dim" cannot name anything in SQL without quotes | use lower-case letters, digits and _`,
		`shop/dwd/` + long[:55] + `.sql:3:1: the name leaves no room for shop_dwd.` + long[:55] + `__rejects: PostgreSQL keeps 63 bytes | shorten it`,
		`shop/dwd/` + long + `_a.sql: shop_dwd.` + long + `_a and shop_dwd.` + long + ` of models/shop/dwd/` + long + `.sql are one name to PostgreSQL: it keeps 63 bytes | shorten both`,
		`shop/dwd/` + long + `_a.sql: the name ` + long + `_a has 65 bytes, PostgreSQL keeps 63 | shorten it`,
		`shop/dwd/` + full + `.sql:3:1: the name leaves no room for shop_dwd.` + full + `__rejects: PostgreSQL keeps 63 bytes | shorten it`,
		`top.sql: a file directly under models/ has no schema | put it into a folder: folders name the schema`,
		`` + long[:40] + `/` + long + `/a.sql: the name ` + long[:40] + `_` + long + ` has 104 bytes, PostgreSQL keeps 63 | shorten it`,
	}, problems)
}

// H-07, keys and values of headers, is TestParseHeader_reportsEveryMistakeAtItsPlace; H-08, where a header stands, is
// TestParseHeader_findsTheHeader.

func TestH08_headersOfEveryFormReachTheProject(t *testing.T) {
	t.Parallel()
	p, problems := load(t, map[string]string{
		"models/shop/dwd/a.sql": "\ufeff-- kind: table\r\n-- depends_on: []\r\n\r\nselect 1,\r\n 2;\r\n",
	})
	require.Empty(t, problems)
	require.Equal(t, "select 1,\n 2", p.Models[0].SQL)
	require.Equal(t, 4, p.Models[0].SQLLine)
	require.Equal(t, model.Table, p.Models[0].Header.Kind)
}

func TestH09_aModelIsOneSelect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"one":                       {"select 1", nil},
		"a final semicolon":         {"select 1;\n", nil},
		"two of them":               {"select 1 ; ;\n", nil},
		"a comment after it":        {"select 1; -- end\n/* of /* file */ ; */\n", nil},
		"a semicolon in a string":   {"select ';' -- ;", nil},
		"with":                      {"with a as (select 1) select * from a", nil},
		"values":                    {"values (1)", nil},
		"parentheses":               {"(select 1) union (select 2)", nil},
		"comments only":             {"\n/* nothing */ -- here\n", []string{"a.sql:3:1: there is no statement, only comments | write the select that makes the relation"}},
		"two":                       {"select 1;\n\n  -- and\n  select 2;", []string{"a.sql:5:3: there are 2 statements, a model is one select | keep one; with kind: sql a file may hold several"}},
		"no select":                 {"\ninsert into a.b values (1)", []string{"a.sql:3:1: this is no select | a file that writes by itself has kind: sql and a target"}},
		"select into":               {"select 1 as x into a.b", []string{"a.sql:2:20: a select must not write, this writes a.b | a file that writes by itself has kind: sql and a target"}},
		"a writing expression":      {"with x as (delete from a.b returning *) select * from x", []string{"a.sql:2:24: a select must not write, this writes a.b | a file that writes by itself has kind: sql and a target"}},
		"for update":                {"select 1 from pg_class for update", []string{"a.sql:2:1: a select for update cannot make a relation | remove the locking clause"}},
		"broken":                    {"select é,\n  'é' froom x y", []string{`a.sql:3:13: syntax error at or near "x" | correct the SQL; psql shows the same error`}},
		"an open string":            {"select 'a", []string{"a.sql:2:8: unterminated quoted string at or near \"'a\" | correct the SQL; psql shows the same error"}},
		"too deep":                  {"select 1" + strings.Repeat("+1", 10_000), []string{"a.sql:2:1: the SQL cannot be parsed"}},
		"syntax newer than parsers": {"select a, count(*) from pg_class group by all", []string{"warning: shop/dwd/a.sql:2:46: the SQL is not checked: group by all is newer than terrace's parser | the server will judge; depends_on is taken as it stands"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := check(t, map[string]string{"models/shop/dwd/a.sql": sql("depends_on: []", c.body)})
			require.Len(t, got, len(c.want), got)
			for i, want := range c.want {
				require.Contains(t, got[i], want)
			}
		})
	}
}

func TestH09_aScriptHasNoTransactionsOfItsOwn(t *testing.T) {
	t.Parallel()
	header := "kind: sql\ntarget: shop_dwd.t\ndepends_on: [shop_ods.orders]"
	require.Empty(t, check(t, map[string]string{
		"models/shop/dwd/a.sql": sql(header, "set local work_mem = '1GB';\ncreate temp table x on commit drop as select * from shop_ods.orders;\nanalyze x;\n"+
			"merge into shop_dwd.t using x on x.id = t.id when matched then delete;\ndelete from shop_dwd.t where id not in (select id from shop_dwd.t);"),
	}))
	require.Equal(t, []string{
		"shop/dwd/a.sql:4:1: transaction control is not allowed | terrace runs the file in one transaction of its own; remove it",
		"shop/dwd/a.sql:5:1: vacuum cannot run in a transaction | leave it to autovacuum, or run it elsewhere; analyze is allowed",
		"shop/dwd/a.sql:6:1: create index concurrently cannot run in a transaction | create it without concurrently",
		"shop/dwd/a.sql:7:1: set outlives the step | write set local",
		"shop/dwd/a.sql:8:2: transaction control is not allowed | terrace runs the file in one transaction of its own; remove it",
		"shop/dwd/a.sql:9:1: this statement cannot run in a transaction | run it elsewhere",
		"shop/dwd/a.sql:10:1: copy from stdin and to stdout have no other end here | land files as a stream of type files",
		"shop/dwd/a.sql:11:1: this statement outlives the step | remove it",
	}, check(t, map[string]string{
		"models/shop/dwd/a.sql": sql(header, "begin;\nvacuum shop_dwd.t;\ncreate index concurrently on shop_dwd.t (id);\nset search_path = x;\n savepoint s;\nalter system set x = 1;\ncopy shop_dwd.t from stdin;\nlisten x;"),
	}))
	require.Equal(t, []string{
		"shop/dwd/a.sql:4:13: the SQL writes shop_dwd.b, which shop_dwd.b makes | write only the target",
	}, check(t, map[string]string{
		"models/shop/dwd/a.sql": sql("kind: sql\ntarget: shop_dwd.t\ndepends_on: []", "insert into shop_dwd.b values (1)"),
		"models/shop/dwd/b.sql": sql("kind: table\ndepends_on: []", "select 1"),
	}))
}

func TestH10_onlyRealReadsCount(t *testing.T) {
	t.Parallel()
	require.Empty(t, check(t, map[string]string{
		"models/shop/dwd/a.sql": sql("depends_on: [shop_ods.orders]", `/* from shop_ods.members /* nested */ */
with members as (select * from only shop_ods.orders), -- from shop_ods.members
recursive_one as (with recursive r as (select 1 as n union all select n + 1 from r) select * from r)
select 'from shop_ods.members', $$from shop_ods.members$$, "from shop_ods.members"
from members, recursive_one, lateral (select * from "shop_ods"."orders" as o where o.id = members.id) as x,
    generate_series(1, 2), pg_class, information_schema.tables, terrace.batch`),
	}))
	require.Equal(t, []string{
		"shop/dwd/a.sql:2:15: orders has no schema, and search_path is empty | write shop_ods.orders",
		"shop/dwd/a.sql:2:23: unknown has no schema, and search_path is empty | write schema.unknown",
	}, check(t, map[string]string{"models/shop/dwd/a.sql": sql("depends_on: []", "select * from orders, unknown")}))
}

func TestH12_onlyIncrementalModelsReadThemselves(t *testing.T) {
	t.Parallel()
	files := map[string]string{"models/shop/dwd/a.sql": sql("kind: table\ndepends_on: []", "select max(id) as id from shop_dwd.a")}
	require.Equal(t, []string{
		"shop/dwd/a.sql:3:27: the model reads shop_dwd.a, which it makes itself | only a model of kind incremental may",
	}, check(t, files))
	files["models/shop/dwd/a.sql"] = sql("kind: incremental\nkey: id\ndepends_on: []", "select max(id) as id from shop_dwd.a")
	require.Empty(t, check(t, files))
}

func TestH13_upperLayersDoNotReadRawRecords(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"shop/ads/a.sql:2:15: a model of layer ads reads the raw records of crm_ods.accounts | read a dwd model that cleans them",
		"shop/dws/a.sql:2:15: a model of layer dws reads the raw records of shop_ods.orders__versions | read a dwd model that cleans them",
	}, check(t, map[string]string{
		"models/shop/dwd/a.sql": sql("depends_on: [shop_ods.orders]", "select * from shop_ods.orders"),
		"models/shop/dws/a.sql": sql("depends_on: [shop_ods.orders__versions]", "select * from shop_ods.orders__versions"),
		"models/shop/ads/a.sql": sql("depends_on: [crm_ods.accounts]", "select * from crm_ods.accounts"),
		"models/shop/dws/b.sql": sql("depends_on: [shop_dwd.a]", "select * from shop_dwd.a"),
	}))
}

func TestH14_functionsOfTheMomentAreWarnedOf(t *testing.T) {
	t.Parallel()
	const another = " gives another value in each run, so that a rebuild gives other rows | "
	const why = another + "for the time of the run write terrace.run_at()"
	const chance = another + "derive it from the key, which a rebuild gives again: md5(the key's columns as text)"
	const at = "warning: shop/dwd/a.sql:2:"
	require.Equal(t, []string{
		at + "8: now()" + why, at + "15: current_date" + why, at + "29: localtimestamp" + why,
		at + "48: random()" + chance, at + "58: clock_timestamp()" + why, at + "88: current_timestamp" + why,
		at + "148: age() of one argument" + another + "say from when: age(terrace.run_at(), …)",
		at + "208: 'now' as a timestamptz" + why, at + "233: ' Today ' as a date" + why,
	}, check(t, map[string]string{"models/shop/dwd/a.sql": sql("depends_on: []",
		"select now(), current_date, localtimestamp(0), random(), pg_catalog.clock_timestamp(), current_timestamp, terrace.run_at(), current_user, 'now()', age(terrace.run_at()), age(terrace.run_at(), '2026-01-01'), 'now'::timestamptz, date ' Today ', 'today'::text")}))
}

func TestCheckSQL_readsWhatHeadersSayInSQL(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		`shop/dwd/a.sql:6:8: changed of shop_ods.orders is no SQL expression: it is more than one | correct a, b`,
		`shop/dwd/a.sql:8:1: the condition of bad is no SQL expression: syntax error at or near ")" | correct amount <`,
		`shop/dwd/a.sql:9:1: the condition of cut is no SQL expression: syntax error at end of input | correct true -- `,
		`shop/dwd/a.sql:10:1: the condition of hides is no SQL expression: syntax error at or near "as" | correct true) limit (1`,
		`shop/dwd/a.sql:12:1: the expression of expression reads shop_ods.nothing, which is not in this project | name a stream, a seed or a model of this project; declare what others fill as a source of type existing`,
		`shop/dwd/a.sql:13:1: where of not_null_id is no SQL expression: it is more than one | correct 1) as x, (2`,
	}, check(t, map[string]string{"models/shop/dwd/a.sql": sql(`kind: incremental
key: id
depends_on: [shop_ods.orders]
incremental:
  changed:
    shop_ods.orders: ["a, b"]
rejects:
  bad: amount <
  cut: "true -- "
  hides: "true) limit (1"
assert:
  - expression: exists (select from shop_ods.nothing)
  - {not_null: id, where: "1) as x, (2"}
  - expression: id in (select id from shop_ods.members)`, "select id, amount from shop_ods.orders")}))
}

func TestCheckSQL_judgesAssertions(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"models/shop/dwd/a.sql": sql("depends_on: [shop_ods.orders]", "select * from shop_ods.orders"),
		"tests/shop/good.sql":   sql("on: shop_dwd.a", "select * from shop_dwd.a where not exists (select from shop_ods.members) and now() > at"),
		"tests/shop/bad.sql":    sql("on: shop_dwd.a", "select * from shop_dwd.b, a"),
		"tests/shop/two.sql":    sql("on: shop_dwd.a", "select 1; select 2"),
	}
	want := []string{
		`tests/shop/bad.sql:2:15: the assertion reads shop_dwd.b, which is not in this project | did you mean "shop_dwd.a"?`,
		`tests/shop/bad.sql:2:27: a has no schema, and search_path is empty | write shop_dwd.a`,
		`tests/shop/two.sql:2:11: there are 2 statements, a model is one select | keep one; with kind: sql a file may hold several`,
	}
	require.Equal(t, want, check(t, files))

	p, _ := load(t, files)
	require.Equal(t, want, lines(p.CheckSQL(p.Models)))
	require.Empty(t, p.CheckSQL([]*model.Model{}))
}
