package dag_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// valueTypes are types that a column can have, each with values that differ: some of them only in their bytes.
var valueTypes = []struct {
	name, sql string
	values    []string
}{
	{"smallint", "smallint", []string{"-32768", "32767"}},
	{"integer", "integer", []string{"1", "-2147483648"}},
	{"bigint", "bigint", []string{"1", "-9223372036854775808"}},
	{"numeric", "numeric", []string{"1.0", "1.00", "NaN", "Infinity", "1e30"}},
	{"sized_numeric", "numeric(12,2)", []string{"1.10", "2.20", "NaN"}},
	{"real", "real", []string{"0", "-0", "NaN", "Infinity"}},
	{"double", "double precision", []string{"0", "-0", "NaN", "-Infinity", "1e-300"}},
	{"money", "money", []string{"1.00", "2.00"}},
	{"boolean", "boolean", []string{"true", "false"}},
	{"text", "text", []string{"a", "A", "ä", "a\u0308", ""}},
	{"long_text", "text", []string{strings.Repeat("long", 5000), strings.Repeat("long", 5000) + "er"}},
	{"collated", `text collate "C"`, []string{"a", "B"}},
	{"varchar", "varchar", []string{"a", "b"}},
	{"sized_varchar", "varchar(5)", []string{"a", "b"}},
	{"char", "char(5)", []string{"a", "b"}},
	{"one_char", `"char"`, []string{"a", "b"}},
	{"name", "name", []string{"a", "b"}},
	{"bytea", "bytea", []string{`\x00`, `\x0000`}},
	{"date", "date", []string{"2026-01-01", "infinity", "0044-03-15 BC"}},
	{"time", "time", []string{"00:00", "24:00"}},
	{"timetz", "timetz", []string{"10:00+00", "11:00+01"}},
	{"timestamp", "timestamp", []string{"2026-01-01", "-infinity"}},
	{"timestamptz", "timestamptz", []string{"2026-01-01 00:00+00", "infinity"}},
	{"sized_timestamptz", "timestamptz(3)", []string{"2026-01-01 00:00+00", "infinity"}},
	{"interval", "interval", []string{"1 day", "24:00:00", "1 mon"}},
	{"sized_interval", "interval day to second(3)", []string{"1 day", "24:00:00"}},
	{"uuid", "uuid", []string{"00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"}},
	{"json", "json", []string{`{"a":1}`, `{"a": 1}`, `null`}},
	{"jsonb", "jsonb", []string{`{"a":1.0}`, `{"a":1.00}`, `null`}},
	{"jsonpath", "jsonpath", []string{"$.a", "$.b"}},
	{"xml", "xml", []string{"<a/>", "<b/>"}},
	{"point", "point", []string{"(1,2)", "(1,3)"}},
	{"line", "line", []string{"{1,2,3}", "{1,2,4}"}},
	{"lseg", "lseg", []string{"[(0,0),(1,1)]", "[(0,0),(1,2)]"}},
	{"box", "box", []string{"(1,1),(0,0)", "(2,1),(1,0)"}}, // boxes of one area are equal
	{"path", "path", []string{"[(0,0),(1,1)]", "[(0,0),(2,2)]"}},
	{"polygon", "polygon", []string{"((0,0),(1,1))", "((0,0),(1,2))"}},
	{"circle", "circle", []string{"<(0,0),1>", "<(1,0),1>"}},
	{"inet", "inet", []string{"10.0.0.1", "10.0.0.1/8"}},
	{"cidr", "cidr", []string{"10.0.0.0/8", "10.0.0.0/9"}},
	{"macaddr", "macaddr", []string{"08:00:2b:01:02:03", "08:00:2b:01:02:04"}},
	{"macaddr8", "macaddr8", []string{"08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"}},
	{"bit", "bit(3)", []string{"101", "111"}},
	{"varbit", "bit varying(8)", []string{"1", "10"}},
	{"tsvector", "tsvector", []string{"a:1", "a:2"}},
	{"tsquery", "tsquery", []string{"a & b", "a | b"}},
	{"int4range", "int4range", []string{"[1,2)", "empty"}},
	{"numrange", "numrange", []string{"[1.0,2)", "[1.00,2)"}},
	{"tstzrange", "tstzrange", []string{"[2026-01-01,)", "(,2026-01-01)"}},
	{"datemultirange", "datemultirange", []string{"{[2026-01-01,2026-01-02)}", "{}"}},
	{"oid", "oid", []string{"1", "4294967295"}},
	{"regclass", "regclass", []string{"pg_class", "pg_type"}},
	{"regtype", "regtype", []string{"integer", "text"}},
	{"pg_lsn", "pg_lsn", []string{"0/1", "0/2"}},
	{"pg_snapshot", "pg_snapshot", []string{"1:1:", "2:2:"}},
	{"xid8", "xid8", []string{"1", "2"}},
	{"tid", "tid", []string{"(0,1)", "(0,2)"}},
	{"xid", "xid", []string{"1", "2"}},
	{"cid", "cid", []string{"1", "2"}},
	{"texts", "text[]", []string{"{}", "{NULL}", "{a,b}", "[0:0]={a}"}},
	{"numerics", "numeric(6,2)[]", []string{"{1}", "{1,2}", "{{1},{2}}"}},
	{"jsons", "json[]", []string{`{"{\"a\":1}"}`, `{"{\"a\": 1}"}`}},
	{"domain", "kinds.code", []string{"a", "b"}},
	{"sized_domain", "kinds.amount", []string{"1.10", "2.20"}},
	{"domain_of_domain", "kinds.price", []string{"1.10", "2.20"}},
	{"json_domain", "kinds.document", []string{`{"a":1}`, `{"a": 1}`}},
	{"domains", "kinds.code[]", []string{"{a}", "{a,b}"}},
	{"domain_of_array", "kinds.codes", []string{"{a}", "{a,b}"}},
	{"enum", "kinds.state", []string{"open", "shut"}},
	{"enums", "kinds.state[]", []string{"{open}", "{shut}"}},
	{"composite", "kinds.pair", []string{"(1,a)", "(1,b)", "(,)"}},
	{"composites", "kinds.pair[]", []string{`{"(1,a)"}`, `{"(1,b)"}`}},
	{"own_range", "kinds.stretch", []string{"[a,b)", "[a,c)"}},
	{"identifier", "information_schema.sql_identifier", []string{"a", "b"}},
	{"cardinal", "information_schema.cardinal_number", []string{"1", "2"}},
}

const valueTypesMade = `create schema kinds;
create domain kinds.code as text;
create domain kinds.amount as numeric(10,2) check (value > 0);
create domain kinds.price as kinds.amount;
create domain kinds.document as json;
create domain kinds.codes as text[];
create type kinds.state as enum ('shut', 'open');
create type kinds.pair as (a integer, b text);
create type kinds.stretch as range (subtype = text);
`

// Whatever type a column has: a first run, one that finds nothing changed and writes nothing, and one that finds every
// value changed give what a full refresh gives.
func TestKinds_columnsOfEveryType(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{
		"table":       "kind: table\n-- key: id",
		"unkeyed":     "kind: table",
		"incremental": "kind: incremental\n-- key: id",
		"observed":    "kind: scd2\n-- key: id\n-- scd2: {on_delete: tombstone}",
		"untracked":   "kind: scd2\n-- key: id\n-- scd2: {track: [place]}",
		"replayed":    "kind: scd2\n-- key: id",
	}
	w := newWorld(t, nil)
	w.exec(valueTypesMade)
	w.exec("create schema ods")
	type made struct{ model, kind, stream string }
	var all []made
	for _, v := range valueTypes {
		stream := "ods." + v.name
		w.streams = append(w.streams, stream)
		w.exec(fmt.Sprintf(`create table %[1]s (id integer primary key, place integer, value %[2]s);
create table %[1]s__versions (id integer, value %[2]s, _seen_at timestamptz, _version bigint generated always as identity)`, stream, v.sql))
		for i, value := range append(v.values, "") {
			literal := "'" + value + "'"
			if i == len(v.values) {
				literal = "null"
			}
			w.exec(fmt.Sprintf(`insert into %[1]s values (%[2]d, %[2]d, %[3]s);
insert into %[1]s__versions values (%[2]d, %[3]s, '2026-01-01')`, stream, i, literal))
		}
		for kind, header := range kinds {
			m := made{"shop_" + kind + "." + v.name, kind, stream}
			from, more := stream, ""
			if kind == "replayed" {
				from, more = stream+"__versions", ", r._seen_at, r._version"
			}
			if kind == "untracked" {
				more = ", r.place"
			}
			all = append(all, m)
			w.write("models/shop/"+kind+"/"+v.name+".sql", fmt.Sprintf("-- %s\n-- depends_on: [%s]\nselect r.id, r.value%s from %[2]s as r", header, from, more))
		}
	}
	content := func(m made, columns string) []string {
		return w.rows(fmt.Sprintf("select %s from %s as x order by x::text", columns, m.model))
	}
	columnsOf := func(m made) string {
		if strings.Contains("observed untracked replayed", m.kind) {
			return "x.id, x.value::text, x.is_current, x.valid_from"
		}
		return "x.id, x.value::text"
	}
	place := func(m made) string {
		return w.value("select pg_relation_filenode('" + m.model + "'), (select string_agg(x.ctid::text || x.xmin, ',' order by x.ctid) from " + m.model + " as x)")
	}
	w.plan = func(o *dag.PlanOptions) { o.Force = true }
	report := w.run()
	for _, m := range all {
		require.NoError(t, step(t, report, m.model).Err(), m.model)
	}
	first, places := map[string][]string{}, map[string]string{}
	for _, m := range all {
		first[m.model], places[m.model] = content(m, columnsOf(m)), place(m)
	}

	report = w.run()
	for _, m := range all {
		s := step(t, report, m.model)
		if !assertNoError(t, s, "a second run of "+m.model) {
			continue
		}
		if s.Rows.Changed() != 0 || places[m.model] != place(m) {
			t.Errorf("an unchanged run of %s wrote: %+v %s", m.model, s.Rows, s.Reason)
		}
	}

	// Each value becomes the next one's.
	for _, v := range valueTypes {
		w.exec(fmt.Sprintf(`with next as (select r.id, lead(r.value, 1, (select f.value from ods.%[1]s as f where f.id = 0)) over (order by r.id) as value from ods.%[1]s as r),
changed as (update ods.%[1]s as r set value = n.value from next as n where n.id = r.id)
insert into ods.%[1]s__versions select n.id, n.value, '2026-01-02' from next as n`, v.name))
	}
	report = w.run()
	for _, m := range all {
		s := step(t, report, m.model)
		if !assertNoError(t, s, "a third run of "+m.model) {
			continue
		}
		want := w.rows("select r.id, r.value::text from " + m.stream + " as r order by r::text")
		if strings.Contains(columnsOf(m), "is_current") {
			require.ElementsMatch(t, want, w.rows("select x.id, x.value::text from "+m.model+" as x where x.is_current"), m.model)
			if m.kind != "untracked" {
				require.Equal(t, 2*len(first[m.model]), len(content(m, "x.id")), m.model)
			}
			continue
		}
		require.ElementsMatch(t, want, content(m, columnsOf(m)), m.model)
	}
}

func assertNoError(t *testing.T, s dag.StepReport, what string) bool {
	t.Helper()
	if s.Err() != nil || s.Status.Bad() {
		t.Errorf("%s: %v %s", what, s.Err(), s.Reason)
		return false
	}
	return true
}

// A column that becomes one of a domain, or of another, or of none, is compared by what the domain is over.
func TestKinds_aDomainComesAndGoes(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{
		"table":       "kind: table\n-- key: id",
		"unkeyed":     "kind: table",
		"incremental": "kind: incremental\n-- key: id",
		"observed":    "kind: scd2\n-- key: id",
		"timed":       "kind: scd2\n-- key: id\n-- scd2: {valid_from: at, track: [amount, document]}",
	}
	w := newWorld(t, nil, "ods.r")
	w.exec(valueTypesMade)
	w.exec(`create domain kinds.moment as timestamptz; create schema ods;
create table ods.r (id integer, amount numeric(10,2), document json, at timestamptz);
insert into ods.r values (1, 1.10, '{}', '2026-01-01'), (2, 2, null, '2026-01-01')`)
	w.plan = func(o *dag.PlanOptions) { o.Force = true }
	for i, columns := range []string{
		"r.amount, r.document, r.at",
		"r.amount::kinds.price, r.document::kinds.document, r.at::kinds.moment",
		"r.amount::kinds.amount, r.document, r.at",
		"r.amount::kinds.amount as amount, r.document::kinds.document as document, r.at::kinds.moment as at",
		"r.amount, r.document, r.at",
	} {
		for kind, header := range kinds {
			w.write("models/shop/dwd/"+kind+".sql", fmt.Sprintf("-- %s\n-- depends_on: [ods.r]\nselect r.id, %s from ods.r as r", header, columns))
		}
		require.Empty(t, told(w.compile()))
		report := w.succeed()
		for kind := range kinds {
			if i > 0 {
				require.Zero(t, step(t, report, "shop_dwd."+kind).Rows.Changed(), "%s %s", kind, columns)
			}
		}
		require.Equal(t, w.rows("select r.id, r.amount from ods.r as r order by r.id"), w.rows("select t.id, t.amount from shop_dwd.observed as t where t.is_current order by t.id"))
		w.exec("update ods.r set amount = amount + 1, at = at + interval '1 day' where id = 1")
		report = w.succeed()
		for kind := range kinds {
			require.NotZero(t, step(t, report, "shop_dwd."+kind).Rows.Changed(), "%s %s", kind, columns)
		}
	}
	require.Equal(t, "6", w.value("select count(*) from shop_dwd.timed as t where t.id = 1"))
}

// A dimension is made of the types that its query returns, as a table is.
func TestKinds_aDomainIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/code.sql": "-- kind: table\n-- depends_on: []\nselect 1 as id, 'a'::kinds.code as code",
		"models/shop/dwd/dim.sql":  "-- kind: scd2\n-- key: id\n-- depends_on: [shop_dwd.code]\nselect c.id, c.code from shop_dwd.code as c",
	})
	w.exec(valueTypesMade)
	w.succeed()
	for _, relation := range []string{"code", "dim"} {
		require.Equal(t, "kinds.code", w.value("select format_type(a.atttypid, a.atttypmod) from pg_attribute as a where a.attrelid = to_regclass($1) and a.attname = 'code'", "shop_dwd."+relation))
	}
}

// A key or a group of a type without an order is refused where it is written, by check and by a run, and before
// anything is computed.
func TestKinds_keysAreOfTypesWithAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "ods.r")
	w.exec(`create schema ods; create type ods.pair as (a integer, b json); create domain ods.document as json;
create table ods.r (id integer, document json, shape point, pages xml, area box, pairs json[], part ods.pair, odd ods.document, k xid, at timestamptz)`)
	w.land("ods.r", "insert into ods.r values (1)")
	for _, c := range []struct{ name, header, told, hint string }{
		{"a", "kind: table\n-- key: [document]", `models/shop/dwd/a.sql:2:10 error: key names column "document", which is json: `, "…::jsonb)"},
		{"b", "kind: incremental\n-- key: id\n-- incremental: {by: [id, shape]}", `models/shop/dwd/b.sql:3:27 error: incremental.by names column "shape", which is point: `, "…::text"},
		{"c", "kind: scd2\n-- key: [id, pages]", `models/shop/dwd/c.sql:2:14 error: key names column "pages", which is xml: `, "…::text"},
		{"e", "kind: incremental\n-- key: pairs", `models/shop/dwd/e.sql:2:9 error: key names column "pairs", which is json[]: `, "…::jsonb[])"},
		{"f", "kind: table\n-- key: part", `models/shop/dwd/f.sql:2:9 error: key names column "part", which is ods.pair: `, "…::text"},
		{"g", "kind: table\n-- key: odd", `models/shop/dwd/g.sql:2:9 error: key names column "odd", which is json: `, "…::jsonb)"},
		{"h", "kind: table\n-- key: k", `models/shop/dwd/h.sql:2:9 error: key names column "k", which is xid: `, "…::text"},
	} {
		w.write("models/shop/dwd/"+c.name+".sql", "-- "+c.header+"\n-- depends_on: [ods.r]\nselect r.* from ods.r as r")
		checked := told(w.compile())
		require.Len(t, checked, 1)
		require.Contains(t, checked[0], c.told)
		s := step(t, w.run(), "shop_dwd."+c.name)
		require.Equal(t, dag.Failure, s.Status)
		message := c.told[strings.Index(c.told, "error: ")+len("error: "):]
		require.Contains(t, s.Error.Message, message)
		require.Contains(t, s.Error.Hint, c.hint)
		require.NotZero(t, s.Error.Line)
		delete(w.files, "models/shop/dwd/"+c.name+".sql")
	}
	w.write("models/shop/dwd/fine.sql", "-- kind: incremental\n-- key: [id, document]\n-- depends_on: [ods.r]\nselect r.id, coalesce(r.document::jsonb, '{}') as document from ods.r as r")
	require.Empty(t, told(w.compile()))
	w.succeed()
}

func TestKinds_aKeyTooLongForItsIndexIsTold(t *testing.T) {
	t.Parallel()
	const long = "string_agg(md5(random()::text), '')"
	for kind, header := range map[string]string{
		"table":       "kind: table\n-- key: [id, k]",
		"incremental": "kind: incremental\n-- key: [id, k]",
		"dimension":   "kind: scd2\n-- key: [id, k]",
		"indexed":     "kind: table\n-- key: id\n-- indexes: [[id, k]]",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{
				"models/shop/dwd/m.sql": "-- " + header + "\n-- depends_on: [ods.r]\nselect r.id, r.k from ods.r as r",
			}, "ods.r")
			w.exec("create schema ods; create table ods.r (id integer, k text)")
			for _, n := range []int{120, 20_000} { // one that no page of an index has, and one that nothing has
				w.land("ods.r", "delete from ods.r")
				w.land("ods.r", "insert into ods.r select 1, "+long+" from generate_series(1, $1)", n)
				s := step(t, w.run(), "shop_dwd.m")
				require.Equal(t, dag.Failure, s.Status)
				require.Contains(t, s.Error.Message, "values of (")
				require.Regexp(t, `^values of \("?id"?, "?k"?\) are too long for an index of shop_dwd.m`, strings.ReplaceAll(s.Error.Message, `"`, ""))
				require.Contains(t, s.Error.Hint, "md5(")
				require.Equal(t, "models/shop/dwd/m.sql", s.Error.File)
			}
			w.land("ods.r", "update ods.r set k = 'short'")
			w.succeed()
		})
	}
}
