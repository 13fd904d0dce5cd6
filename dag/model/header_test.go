package model_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

func TestParseHeader_fillsInDefaults(t *testing.T) {
	t.Parallel()
	require.Equal(t, model.Header{Kind: model.View, OnSchemaChange: model.FailOnChange}, mustParse(t, "depends_on: []"))
}

func TestParseHeader_judgesTheKeyOfAView(t *testing.T) {
	t.Parallel()
	names := func(text string) []string {
		var out []string
		for _, i := range mustParse(t, text).Assert {
			out = append(out, i.Name)
		}
		return out
	}
	require.Equal(t, []string{"not_null_a_b", "unique_a_b"}, names("depends_on: []\nkey: [a, b]"))
	require.Equal(t, []string{"not_null_a", "unique_a"}, names("depends_on: []\nkey: a\ncolumns: {a: {not_null: true}}"), "what is written is not asked twice")
	require.Equal(t, []string{"unique_a", "not_null_a", "unique_a_2"}, names("depends_on: []\nkey: a\nassert: [{unique: a, severity: warn}]"), "a warning is less than a key")
	require.Empty(t, names("depends_on: []\nkey: a\nkind: table"), "checked when it is built")
}

func TestParseHeader_readsEveryKey(t *testing.T) {
	t.Parallel()
	h := mustParse(t, `kind: incremental
key: [site_id, business_date]
depends_on:
  - a.orders
  - a.members__versions
incremental:
  by: business_date
  changed:
    a.orders: pay_time::date
window: business_date
columns:
  site_id: bigint
  member_id: {type: text, description: Who, not_null: true, references: a.members.id}
  state: {values: [open, 1], unique: true}
  note:
rejects:
  negative: amount < 0
assert:
  - not_null: [site_id, member_id]
  - unique: [site_id, business_date]
    name: one_row_per_day
    where: site_id > 0
  - values: {column: state, in: [a, b]}
    severity: warn
  - references: {column: site_id, to: a.sites.id}
  - expression: amount >= 0
  - row_count: {min: 1, max: 10}
  - freshness: {column: pay_time, max_age: P2D}
  - reconcile:
      with: a.orders
      count: true
      sums: [amount, {ours: amount, theirs: paid, tolerance: 0.010}]
      where: amount > 0
      with_where: paid > 0
indexes:
  - [site_id]
  - {columns: [lower(state)], unique: true, where: state <> '', include: [site_id], method: btree}
grants: {select: [reader, boss], insert: writer}
on_schema_change: append
version: 2
owner: finance
tags: [daily]
description: |
  Two
  lines.
enabled: false
timeout: PT5M
meta: {dashboard: true}`)
	one, ten := int64(1), int64(10)
	require.Equal(t, model.Header{
		Kind: model.Incremental,
		DependsOn: []model.Ref{
			{Name: "a.orders", Node: "a.orders", Line: 4, Col: 8},
			{Name: "a.members__versions", Node: "a.members__versions", Line: 5, Col: 8},
		},
		Key:         []string{"site_id", "business_date"},
		Incremental: &model.IncrementalSpec{By: []string{"business_date"}, Changed: map[string][]string{"a.orders": {"pay_time::date"}}},
		Window:      "business_date",
		Columns: []model.Column{
			{Name: "site_id", Type: "bigint", Line: 12},
			{Name: "member_id", Type: "text", Description: "Who", NotNull: true, References: "a.members.id", Line: 13},
			{Name: "state", Values: []string{"open", "1"}, Unique: true, Line: 14},
			{Name: "note", Line: 15},
		},
		Rejects: []model.RejectRule{{Name: "negative", Condition: "amount < 0", Line: 17}},
		Assert: []model.Inline{
			{Kind: model.NotNull, Name: "not_null_member_id", Severity: "error", Columns: []string{"member_id"}, Line: 13},
			{Kind: model.References, Name: "references_member_id", Severity: "error", Columns: []string{"member_id"}, To: "a.members", ToColumn: "id", Line: 13},
			{Kind: model.Unique, Name: "unique_state", Severity: "error", Columns: []string{"state"}, Line: 14},
			{Kind: model.Values, Name: "values_state", Severity: "error", Columns: []string{"state"}, Values: []string{"open", "1"}, Line: 14},
			{Kind: model.NotNull, Name: "not_null_site_id_member_id", Severity: "error", Columns: []string{"site_id", "member_id"}, Line: 19},
			{Kind: model.Unique, Name: "one_row_per_day", Severity: "error", Columns: []string{"site_id", "business_date"}, Where: "site_id > 0", Line: 20},
			{Kind: model.Values, Name: "values_state_2", Severity: "warn", Columns: []string{"state"}, Values: []string{"a", "b"}, Line: 23},
			{Kind: model.References, Name: "references_site_id", Severity: "error", Columns: []string{"site_id"}, To: "a.sites", ToColumn: "id", Line: 25},
			{Kind: model.Expression, Name: "expression", Severity: "error", Expression: "amount >= 0", Line: 26},
			{Kind: model.RowCount, Name: "row_count", Severity: "error", Min: &one, Max: &ten, Line: 27},
			{Kind: model.Freshness, Name: "freshness_pay_time", Severity: "error", Columns: []string{"pay_time"}, MaxAge: 48 * time.Hour, Line: 28},
			{
				Kind: model.Reconcile, Name: "reconcile_a_orders", Severity: "error", To: "a.orders", Count: true, Where: "amount > 0", ToWhere: "paid > 0", Line: 29,
				Sums: []model.Sum{{Ours: "amount", Theirs: "amount", Tolerance: "0"}, {Ours: "amount", Theirs: "paid", Tolerance: "0.010"}},
			},
		},
		Indexes: []model.Index{
			{Columns: []string{"site_id"}},
			{Columns: []string{"lower(state)"}, Unique: true, Where: "state <> ''", Include: []string{"site_id"}, Method: "btree"},
		},
		Grants:         map[string][]string{"select": {"reader", "boss"}, "insert": {"writer"}},
		OnSchemaChange: model.Append,
		Version:        2,
		Owner:          "finance",
		Tags:           []string{"daily"},
		Description:    "Two\nlines.\n",
		Disabled:       true,
		Timeout:        5 * time.Minute,
		Meta:           map[string]any{"dashboard": true},
	}, h)
}

func TestParseHeader_fillsInSCD2(t *testing.T) {
	t.Parallel()
	h := mustParse(t, "kind: scd2\nkey: id\ndepends_on: []")
	require.Equal(t, &model.SCD2Spec{OnDelete: model.Close, FromColumn: "valid_from", ToColumn: "valid_to", CurrentColumn: "is_current"}, h.SCD2)

	h = mustParse(t, "kind: scd2\nkey: id\ndepends_on: []\nscd2:\n  valid_from: valid_from\n  on_delete: keep\n  track: [name]\n  names: {valid_to: until, is_current: current}")
	require.Equal(t, &model.SCD2Spec{
		ValidFrom: "valid_from", OnDelete: model.Keep, Track: []string{"name"},
		FromColumn: "valid_from", ToColumn: "until", CurrentColumn: "current",
	}, h.SCD2)
}

func TestHeader_replaysWhatTheQueryReads(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{
		"select v.* from ods.a__versions as v":                             true,
		"with w as (select 1 as one from ods.a__versions) select * from w": true,
		"select (select count(*) from ods.a__versions) from ods.a":         true,
		"select * from ods.versions_of(7)":                                 true, // it may
		"select a.*, lower(a.x), terrace.to_date(a.x) from ods.a":          false,
		"select 'ods.a__versions' as name from ods.a -- ods.a__versions":   false,
		"select from from": true, // the check of the SQL tells
	} {
		h, problems := model.ParseHeader("m.sql", []byte(sql("kind: scd2\nkey: id\ndepends_on: [ods.a, ods.a__versions]", query)))
		require.Empty(t, problems)
		require.Equal(t, want, h.Replays(), query)
	}
}

func TestParseHeader_groupsByTheKeyByDefault(t *testing.T) {
	t.Parallel()
	h := mustParse(t, "kind: incremental\nkey: [a, b]\ndepends_on: []")
	require.Equal(t, &model.IncrementalSpec{By: []string{"a", "b"}}, h.Incremental)
}

func TestParseHeader_reportsEveryMistakeAtItsPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header string
		want   []string
	}{
		"keys": {"knid: view\nkey: []\nkey: [a]\ncolour: red", []string{
			`m.sql:1:4: "depends_on" is missing | write in the header: -- depends_on: []`,
			`m.sql:1:4: unknown key "knid" | did you mean "kind"?`,
			`m.sql:3:4: key "key" is repeated | it is first on line 2; keep one of them`,
			`m.sql:4:4: unknown key "colour" | legal here: kind, depends_on, key, incremental, scd2, window, columns, rejects, assert, indexes, partition_by, grants, distribute, on_schema_change, target, version, owner, tags, description, enabled, timeout, meta, dashboard`,
		}},
		"enum and types": {"kind: Table\ndepends_on: {a: b}\nenabled: no\nversion: v2\ntimeout: 5x\non_schema_change: ignore", []string{
			`m.sql:1:10: "kind" cannot be "Table" | did you mean "table"?`,
			`m.sql:2:16: "depends_on" wants a text, got a mapping | write depends_on: [schema.relation]`,
			`m.sql:3:13: "enabled" wants true or false, got "no"`,
			`m.sql:4:13: "version" wants a whole number, got "v2"`,
			`m.sql:5:13: "timeout" wants a length of time such as PT5M or P1D, got "5x"`,
			`m.sql:6:22: "on_schema_change" cannot be "ignore" | one of fail, append, sync`,
		}},
		"keys of other kinds": {"depends_on: []\nincremental: {by: a}\nscd2: {track: [a]}\ntarget: a.b\nrejects: {x: a < 0}\nindexes: [a]\npartition_by: {list: a}\ndistribute: local\non_schema_change: sync", []string{
			`m.sql:2:17: "incremental" means nothing for kind view | it belongs to kind incremental; remove it or change the kind`,
			`m.sql:3:10: "scd2" means nothing for kind view | it belongs to kind scd2; remove it or change the kind`,
			`m.sql:4:12: "target" means nothing for kind view | it belongs to kind sql; remove it or change the kind`,
			`m.sql:5:14: "rejects" means nothing for kind view | it belongs to kind table, incremental, scd2; remove it or change the kind`,
			`m.sql:6:13: "indexes" means nothing for kind view | it belongs to kind materialized_view, table, incremental, scd2; remove it or change the kind`,
			`m.sql:7:18: "partition_by" means nothing for kind view | it belongs to kind table, incremental, scd2; remove it or change the kind`,
			`m.sql:8:16: "distribute" means nothing for kind view | it belongs to kind table, incremental, scd2; remove it or change the kind`,
			`m.sql:9:22: "on_schema_change" means nothing for kind view | it belongs to kind table, incremental, scd2; remove it or change the kind`,
		}},
		"incremental": {"kind: incremental\ndepends_on: [a.b]\nincremental:\n  by: [x, x]\n  changed:\n    a.c: [x]", []string{
			`m.sql:1:10: kind incremental needs a key | add key: [column] with the columns that identify a row`,
			`m.sql:4:14: "x" is listed twice in by | remove one`,
			`m.sql:6:8: changed gives 1 expressions for 2 columns of by | give one for each of x, x`,
			`m.sql:6:8: changed names a.c, which depends_on does not | did you mean "a.b"?`,
		}},
		"scd2": {"kind: scd2\nkey: [id, valid_to]\ndepends_on: []\nscd2:\n  valid_from: is_current\n  track: [id, name]\n  names: {valid_from: valid_to}", []string{
			`m.sql:5:6: two of the columns that scd2 adds are named valid_to | rename one under names`,
			`m.sql:5:6: valid_to is a column of the key and one that scd2 adds | rename the added one under names`,
			`m.sql:5:18: valid_from names is_current, which scd2 adds itself | name the query's column that has the effective time`,
			`m.sql:6:14: id cannot be tracked | track takes columns other than the key and the version's times`,
		}},
		"sql": {"kind: sql\ndepends_on: []\ngrants: {select: a}", []string{
			`m.sql:1:10: kind sql needs a target | add target: schema.relation, the relation that the statements fill`,
			`m.sql:3:13: "grants" means nothing for kind sql | it belongs to kind view, materialized_view, table, incremental, scd2; remove it or change the kind`,
		}},
		"names": {"depends_on: [a.b, a.b]\ntags: [a b]\ngrants: {selct: x}\nversion: 0\ncolumns:\n  a: {references: b.c}\nkey: [x, x]", []string{
			`m.sql:1:22: "a.b" is listed twice in depends_on | remove one`,
			`m.sql:2:11: "a b" cannot be a tag: selections could not name it | use letters, digits, _ and -`,
			`m.sql:3:13: unknown privilege "selct" | did you mean "select"?`,
			`m.sql:4:13: versions count from 1`,
			`m.sql:6:22: "b.c" is no column: write schema.relation.column`,
			`m.sql:7:13: "x" is listed twice in key | remove one`,
		}},
		"shapes of assertions": {"depends_on: []\nassert:\n  - not_null: [a]\n    unique: [b]\n  - name: x\n  - {}\n  - notnull: [a]\n  - values: {column: a}\n  - text", []string{
			`m.sql:3:8: an assertion is of exactly one kind, this is of 2 | begin a new list item for each; the kinds: not_null, unique, values, references, expression, row_count, freshness, reconcile`,
			`m.sql:5:8: an assertion is of exactly one kind, this is of 0 | begin a new list item for each; the kinds: not_null, unique, values, references, expression, row_count, freshness, reconcile`,
			`m.sql:6:8: an assertion is of exactly one kind, this is of 0 | begin a new list item for each; the kinds: not_null, unique, values, references, expression, row_count, freshness, reconcile`,
			`m.sql:7:8: unknown key "notnull" | did you mean "not_null"?`,
			`m.sql:8:16: "in" is missing | it is required; write [] for none`,
			`m.sql:9:8: an item of "assert" wants a mapping, got "text"`,
		}},
		"sense of assertions": {"depends_on: []\nassert:\n  - not_null: []\n  - values: {column: a, in: []}\n  - references: {column: a, to: b.c}\n  - row_count: {}\n  - row_count: {min: 2, max: 1}\n" +
			"  - freshness: {column: a, max_age: PT0S}\n  - reconcile: {with: a.b}\n  - reconcile: {with: a.b, sums: [{tolerance: x}]}\n  - expression: ''\n  - {unique: a, name: n}\n  - {unique: b, name: n}", []string{
			`m.sql:3:8: not_null names no column | write not_null: [column]`,
			`m.sql:4:8: values allows no value | list them: in: [a, b]`,
			`m.sql:5:36: "b.c" is no column: write schema.relation.column`,
			`m.sql:6:8: row_count has neither min nor max | write row_count: {min: 1}`,
			`m.sql:7:8: row_count wants at least 2 and at most 1 rows`,
			`m.sql:8:8: max_age is no time at all | write a duration such as P2D`,
			`m.sql:9:8: reconcile compares nothing | write count: true, or sums, or both`,
			`m.sql:10:38: a sum says what is added up | write {expr: amount}, or {ours: amount, theirs: paid}`,
			`m.sql:10:50: tolerance wants a number such as 0.01, got "x"`,
			`m.sql:11:8: expression is empty | write a condition that holds for every good row`,
			`m.sql:13:26: two assertions have the name "n" | give one of them another`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := model.ParseHeader("m.sql", []byte(sql(c.header, "select 1\n")))
			require.Equal(t, c.want, lines(problems))
		})
	}
}

func TestParseHeader_findsTheHeader(t *testing.T) {
	t.Parallel()
	const parts = "an empty line parts the header from other comments"
	for name, c := range map[string]struct {
		src  string
		want []string
	}{
		"BOM and CRLF":          {"\ufeff-- kind: table\r\n-- depends_on: []\r\n--\r\n-- owner: me\r\nselect 1\r\n", nil},
		"no newline at the end": {"-- depends_on: []\nselect 1", nil},
		"comments after it":     {"-- depends_on: []\n\n-- This query: explains itself.\n-- a: b\nselect 1 -- kind: table\n", nil},
		"a key in a string":     {"-- depends_on: []\nselect '\n-- kind: table\n'", nil},
		"missing":               {"select 1\n", []string{"m.sql:1:1: there is no header | begin the file with the relations that it reads: -- depends_on: []"}},
		"empty file":            {"", []string{"m.sql:1:1: there is no header | begin the file with the relations that it reads: -- depends_on: []"}},
		"after SQL": {"select 1\n-- depends_on: []\n", []string{
			"m.sql:2:1: the header must stand before the SQL | move it to the first lines of the file",
		}},
		"after an empty line": {"\n-- depends_on: []\nselect 1\n", []string{
			"m.sql:2:1: the header must be the first lines of the file | remove what stands above it",
		}},
		"in a block comment": {"/*\ndepends_on: []\n*/\nselect 1\n", []string{
			`m.sql:1:1: a header is written in lines that begin with --, not between /* and */ | begin each line of it with "-- "`,
		}},
		"cut by an empty line": {"-- depends_on: []\n\n-- kind: table\nselect 1\n", []string{
			`m.sql:3:1: "kind" stands after the end of the header | the header ends at the first line that does not begin with "-- "; write -- for an empty line`,
		}},
		"no space": {"--depends_on: []\nselect 1\n", []string{
			"m.sql:1:1: a header line begins with two dashes and a space | write -- depends_on: []",
		}},
		"no space later": {"-- depends_on: []\n--kind: table\nselect 1\n", []string{
			"m.sql:2:1: a header line begins with two dashes and a space | write -- kind: table",
		}},
		"tab after the dashes": {"--\tdepends_on: []\nselect 1\n", []string{
			"m.sql:1:1: a header line begins with two dashes and a space | write -- depends_on: []",
		}},
		"tab in it": {"-- depends_on:\n-- \t- a.b\nselect 1\n", []string{
			"m.sql:2:4: broken YAML: a tab stands where YAML wants spaces | indent with spaces; " + parts,
		}},
		"prose": {"-- Orders of all shops.\nselect 1\n", []string{
			`m.sql:1:4: the header wants a mapping, got "Orders of all shops." | ` + parts,
		}},
		"prose below": {"-- depends_on: []\n-- Orders of all shops.\nselect 1\n", []string{
			`m.sql:2:4: broken YAML: this line is no key and value | ` + parts,
		}},
		"comments only": {"-- depends_on: []\n", []string{
			"m.sql:2:1: there is no SQL after the header | write the select that makes the relation",
		}},
		"NUL":     {"-- depends_on: []\nselect '\x00'", []string{"m.sql:2:9: the file has a NUL byte | save the file as UTF-8"}},
		"Latin-1": {"-- depends_on: []\n\nselect 'é\xe9'", []string{"m.sql:3:10: the file is not UTF-8 | save the file as UTF-8"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := model.ParseHeader("m.sql", []byte(c.src))
			require.Equal(t, c.want, lines(problems))
		})
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, seed := range []string{
		"\ufeff-- kind: table\n-- depends_on: []\nselect 1",
		"-- depends_on: []\r\n--\r\n-- key: [a]\r\nselect 1\r\n",
		"-- depends_on: []",
		"--depends_on: []\nselect 1",
		"/* kind: view */ select 1",
		"-- depends_on: []\nselect /* a /* b */ c */ 1; -- end;",
		"-- depends_on: []\nselect $x$ -- kind: table $x$;",
		"-- depends_on: []\nselect '\n-- kind: table\n'; -- ;",
		"-- depends_on: [\x00]\nselect 1",
		"-- depends_on: [\xff]\nselect '\xfe'",
		"-- kind: scd2\n-- key: id\n-- depends_on: []\n-- scd2: {valid_from: x, names: {valid_to: y}}\nselect 1",
		"-- depends_on: []\n-- assert:\n--   - reconcile: {with: a.b, sums: [x, {expr: y}]}\nselect 1",
		"-- a: &x [*x]\n-- b: {<<: *x}\n",
		"-- depends_on: []\n-- columns: {a: {type: int}, b: text, c:}\nselect 1;;",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		header, body := model.SplitHeader(src)
		require.Equal(t, string(src), string(header)+string(body))
		h, problems := model.ParseHeader("m.sql", src)
		again, repeated := model.ParseHeader("m.sql", src)
		require.Equal(t, h, again)
		require.Equal(t, problems, repeated)
		for _, p := range problems {
			require.Equal(t, "m.sql", p.File)
			require.NotEmpty(t, p.Message)
		}
	})
}

func TestParseHeader_readsRulesOfRejects(t *testing.T) {
	t.Parallel()
	h, problems := model.ParseHeader("m.sql", []byte(sql("kind: table\ndepends_on: []\nrejects:\n  a: x < 0\n  b: {when: y, message: no, field: z}\n  c: {when: y, field: [x, z]}", "select 1")))
	require.Empty(t, problems)
	require.Equal(t, []model.RejectRule{
		{Name: "a", Condition: "x < 0", Line: 4},
		{Name: "b", Condition: "y", Message: "no", Fields: []string{"z"}, Line: 5},
		{Name: "c", Condition: "y", Fields: []string{"x", "z"}, Line: 6},
	}, h.Rejects)

	_, problems = model.ParseHeader("m.sql", []byte(sql("kind: table\ndepends_on: []\nrejects: {c: {wen: y}, d: [x]}", "select 1")))
	require.Equal(t, []string{
		`m.sql:3:18: unknown key "wen" | did you mean "when"?`,
		`m.sql:3:30: "d" wants a mapping, got a list`,
	}, lines(problems)[:2])
	_, problems = model.ParseHeader("m.sql", []byte(sql("kind: table\ndepends_on: []\nrejects: {A: x, b: {when: y, field: [x, x]}}", "select 1")))
	require.Equal(t, []string{
		`m.sql:3:14: a rule of rejects has a name and a condition | write negative_amount: amount < 0`,
		`m.sql:3:44: "x" is listed twice in field | remove one`,
	}, lines(problems))
}

func TestColumnsOf_listsThemOnceInOrder(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string][]string{
		"t.b < a + b":                    {"b", "a"},
		"\"Ünï\" is null or f(x, t.*)":   {"Ünï", "x"},
		"exists (select from z where c)": {"c"},
		"1 = 1":                          nil,
		"not (":                          nil,
	} {
		require.Equal(t, want, model.ColumnsOf(expression), expression)
	}
}
