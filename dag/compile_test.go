package dag_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// compile compiles the world's project over its database as it is.
func (w *world) compile(change ...func(*dag.CompileOptions)) dag.Compiled {
	w.t.Helper()
	conn := w.db.Conn(w.t)
	_, graph := w.project()
	state, err := dag.LoadState(context.Background(), conn)
	require.NoError(w.t, err)
	options := dag.CompileOptions{
		State: state, Timezone: "UTC", Vars: w.vars,
		Sources: func(n *dag.Node) string { return sourceOf(n, w.vars) },
	}
	for _, c := range change {
		c(&options)
	}
	compiled, err := dag.Compile(context.Background(), conn, graph, options)
	require.NoError(w.t, err)
	require.Equal(w.t, byte('I'), conn.PgConn().TxStatus())
	return compiled
}

// told gives problems as "file:line:col severity: message".
func told(c dag.Compiled) []string {
	out := []string{}
	for _, p := range c.Problems {
		out = append(out, fmt.Sprintf("%s:%d:%d %s: %s", p.File, p.Line, p.Col, p.Severity, p.Message))
	}
	return out
}

func orders(o *dag.CompileOptions) {
	o.Shapes = map[string]dag.Shape{"ods.orders": {
		Columns: []materialize.Column{{Name: "id", Type: "bigint"}, {Name: "payload", Type: "jsonb"}},
		Key:     []string{"id"},
	}}
}

func TestCompile_findsEveryMistakeOfAProjectThatWasNeverRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/ref/state.csv": "code,label\n1,open\n",
		"models/shop/dwd/good.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\n-- columns:\n--   id: {type: int8}\n" +
			"select o.id, (o.payload ->> 'amount')::numeric(12, 2) as amount, (o.payload ->> 'at')::timestamptz as at from ods.orders as o group by o.id\n",
		"models/shop/dwd/wrong_column.sql": "-- depends_on: [shop_dwd.good]\nselect 'é',\n    good.amonut\nfrom shop_dwd.good\n",
		"models/shop/dwd/wrong_type.sql":   "-- depends_on: [shop_dwd.good, shop_ref.state]\nselect *\nfrom shop_dwd.good as g\njoin shop_ref.state as s on s.code = g.id\n",
		"models/shop/dwd/below.sql":        "-- depends_on: [shop_dwd.wrong_column]\nselect * from shop_dwd.wrong_column\n",
		"models/shop/dwd/contract.sql": "-- kind: incremental\n-- key: [id, line]\n-- window: amount\n-- depends_on: [shop_dwd.good]\n" +
			"-- incremental:\n--   by: [day]\n--   changed:\n--     shop_dwd.good: [att::date]\n" +
			"-- columns:\n--   amount: {type: text}\n--   gone: {description: x}\n--   id: {type: int99}\nselect g.id, g.amount from shop_dwd.good as g\n",
		"models/shop/dwd/history.sql": "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.orders]\nselect o.id, true as is_current from ods.orders as o\n",
		"models/shop/dwd/fine.sql":    "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.orders]\n-- assert:\n--   - expression: valid_form is not null\n--   - {not_null: amount}\nselect o.id, o.payload from ods.orders as o\n",
		"models/shop/dws/twice.sql":   "-- depends_on: [shop_dwd.good]\n\nselect g.id, g.id, g as whole from shop_dwd.good as g\n",
		"models/shop/dws/pair.sql":    "-- depends_on: []\nselect row(1, 2) as pair\n",
		"models/shop/dws/current.sql": "-- depends_on: [shop_dwd.fine]\nselect f.id, f.valid_from, f.valid_to from shop_dwd.fine as f where f.is_current\n",
		"models/shop/dws/filled.sql":  "-- kind: sql\n-- target: shop_dws.target\n-- depends_on: [shop_dwd.good]\n-- columns: {id: bigint}\nselect 1;\ninsert into shop_dws.target select g.idd from shop_dwd.good as g\n",
		"models/shop/dws/reads.sql":   "-- depends_on: [shop_dws.target]\nselect t.id, t.idd from shop_dws.target as t\n",
		"tests/shop/wrong.sql":        "-- on: shop_dwd.good\nselect 1\nfrom shop_dwd.good as g\nwhere g.nothing\n",
	}, "ods.orders")

	compiled := w.compile(orders)

	require.Equal(t, []string{
		`models/shop/dwd/contract.sql:2:14 error: key names column "line", which the query does not return`,
		`models/shop/dwd/contract.sql:3:12 error: window names column "amount", which is numeric(12,2)`,
		`models/shop/dwd/contract.sql:6:11 error: incremental.by names column "day", which the query does not return`,
		`models/shop/dwd/contract.sql:8:8 error: changed of shop_dwd.good: column "att" does not exist [42703]`,
		`models/shop/dwd/contract.sql:10:1 error: column "amount" is declared text and the query returns numeric(12,2)`,
		`models/shop/dwd/contract.sql:11:1 error: column "gone" is described in the header and not returned by the query`,
		`models/shop/dwd/contract.sql:12:1 error: column "id" is declared int99, which is no type`,
		`models/shop/dwd/fine.sql:5:1 error: expression: column "valid_form" does not exist [42703]`,
		`models/shop/dwd/fine.sql:6:1 error: not_null_amount names column "amount", which shop_dwd.fine does not have`,
		`models/shop/dwd/history.sql:1:1 error: the query returns is_current, a name that scd2 takes for itself`,
		`models/shop/dwd/wrong_column.sql:3:5 error: column good.amonut does not exist [42703]`,
		`models/shop/dwd/wrong_type.sql:4:36 error: operator does not exist: text = bigint [42883]`,
		`models/shop/dws/pair.sql:2:1 error: column "pair" is a record, which no relation can hold`,
		`models/shop/dws/reads.sql:2:14 error: column t.idd does not exist [42703]`,
		`models/shop/dws/twice.sql:3:1 error: the query returns column "id" twice`,
		`tests/shop/wrong.sql:4:7 error: column g.nothing does not exist [42703]`,
	}, told(compiled))
	require.Equal(t, []string{"shop_dwd.below"}, compiled.Skipped)
	require.Equal(t, []materialize.Column{
		{Name: "id", Type: "bigint"}, {Name: "valid_from", Type: "timestamp with time zone"}, {Name: "valid_to", Type: "timestamp with time zone"},
	}, compiled.Columns["shop_dws.current"])
	require.Empty(t, w.rows("select nspname from pg_namespace where nspname like 'shop%'"), "nothing is left behind")
}

func TestCompile_seesWhatAChangeDoesToModelsThatNobodyTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/a.sql": "-- depends_on: [ods.orders]\nselect o.id, o.amount from ods.orders as o\n",
		"models/shop/dwd/b.sql": "-- kind: table\n-- depends_on: [shop_dwd.a]\nselect * from shop_dwd.a\n",
		"models/shop/dws/c.sql": "-- kind: incremental\n-- key: [id]\n-- depends_on: [shop_dwd.b]\nselect * from shop_dwd.b\n",
		"models/shop/dws/d.sql": "-- depends_on: [shop_dwd.b]\nselect b.amount from shop_dwd.b\n",
		"models/shop/dws/e.sql": "-- depends_on: []\nselect 1 as n\n",
	}, "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer primary key, amount numeric, at date)")
	w.succeed()
	require.Empty(t, told(w.compile()))

	w.write("models/shop/dwd/a.sql", "-- depends_on: [ods.orders]\nselect o.id, o.at from ods.orders as o\n")
	delete(w.files, "models/shop/dws/e.sql")
	require.Equal(t, []string{
		":0:0 warning: shop_dws.e is in the database and no longer in the project",
		"models/shop/dwd/b.sql:3:1 warning: the columns of shop_dwd.b no longer match its table: new column at date; missing column amount numeric",
		"models/shop/dws/c.sql:4:1 error: the columns of shop_dws.c no longer match its table: new column at date; missing column amount numeric",
		"models/shop/dws/d.sql:2:8 error: column b.amount does not exist [42703]",
	}, told(w.compile()))
}

func TestCompile_knowsWhereGroupsAreLookedUp(t *testing.T) {
	t.Parallel()
	trade := func(column string) string {
		return "-- kind: incremental\n-- key: [id]\n-- depends_on: [ods.trades, shop_dwd.account]\n-- rejects:\n" +
			"--   account_unknown: account_id not in (select a.id from shop_dwd.account as a)\n" +
			"-- incremental:\n--   by: [id]\n--   changed:\n--     ods.trades: [id]\n--     shop_dwd.account:\n" +
			"--       - unnest(array(select t.id from shop_dwd.trade as t where t." + column + " = account.id union all\n" +
			"--         select (r.row ->> 'id')::integer from shop_dwd.trade__rejects as r where r.row ->> 'account_id' = account.id::text))\n" +
			"select s.id, s.account_id from ods.trades as s\n"
	}
	w := newWorld(t, map[string]string{
		"models/shop/dwd/account.sql": "-- kind: incremental\n-- key: [id]\n-- depends_on: [ods.accounts]\nselect o.id from ods.accounts as o\n",
		"models/shop/dwd/trade.sql":   trade("account_id"),
	}, "ods.accounts", "ods.trades")
	w.exec("create schema ods")
	w.exec("create table ods.accounts (id integer primary key)")
	w.exec("create table ods.trades (id integer primary key, account_id integer)")
	require.Empty(t, told(w.compile()), "nothing is built yet")
	w.succeed()
	require.Empty(t, told(w.compile()))
	w.write("models/shop/dwd/trade.sql", trade("account"))
	require.Equal(t, []string{`models/shop/dwd/trade.sql:10:8 error: changed of shop_dwd.account: column t.account does not exist [42703]`}, told(w.compile()))
}

func TestCompile_findsAColumnThatTheDatabaseLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/a.sql": "-- kind: table\n-- depends_on: [ods.orders]\nselect\n    o.id,\n    o.amount\nfrom ods.orders as o\n",
		"models/shop/dwd/s.sql": "-- kind: sql\n-- target: shop_dwd.filled\n-- depends_on: [ods.orders]\ntruncate shop_dwd.filled;\ninsert into shop_dwd.filled\nselect o.amount from ods.orders as o\n",
	}, "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer primary key, amount numeric)")
	w.exec("create schema shop_dwd")
	w.exec("create table shop_dwd.filled (id integer)")
	w.succeed()
	w.exec("alter table ods.orders drop column amount")
	require.Equal(t, []string{
		"models/shop/dwd/a.sql:5:5 error: column o.amount does not exist [42703]",
		"models/shop/dwd/s.sql:6:8 error: column o.amount does not exist [42703]",
	}, told(w.compile()))
}

func TestCompile_readsWhatIndexesKeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/well.sql":    "-- kind: table\n-- indexes: [[lower(name) text_pattern_ops desc nulls last, '\"Name\" collate \"C\"'], {columns: [name], include: [id], where: id > 0}]\n-- depends_on: [ods.orders]\nselect o.id, 'a' as name, 'b' as \"Name\" from ods.orders as o\n",
		"models/shop/dwd/history.sql": "-- kind: scd2\n-- key: id\n-- indexes: [[is_current, valid_from], {columns: [id], where: is_current}]\n-- depends_on: [ods.orders]\nselect o.id, 'a' as name from ods.orders as o\n",
		"models/shop/dwd/a.sql":       "-- kind: table\n-- indexes: [[naem]]\n-- depends_on: [ods.orders]\nselect o.id, 'a' as name from ods.orders as o\n",
		"models/shop/dwd/b.sql":       "-- kind: table\n-- indexes: [{columns: [name], include: [naem]}]\n-- depends_on: [ods.orders]\nselect o.id, 'a' as name from ods.orders as o\n",
		"models/shop/dwd/c.sql":       "-- kind: table\n-- indexes:\n--   - [id]\n--   - {columns: [name], where: naem is null}\n-- depends_on: [ods.orders]\nselect o.id, 'a' as name from ods.orders as o\n",
	}, "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer primary key)")
	require.Equal(t, []string{
		"models/shop/dwd/a.sql:2:14 error: an index: column \"naem\" does not exist [42703]",
		"models/shop/dwd/b.sql:2:14 error: an index: column \"naem\" does not exist [42703]",
		"models/shop/dwd/c.sql:4:8 error: an index: column \"naem\" does not exist [42703]",
	}, told(w.compile()))
	w.succeed("shop_dwd.well", "shop_dwd.history")
	require.Len(t, told(w.compile()), 3)
}

func TestCompile_blocksNeitherReadersNorWriters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/a.sql": "-- kind: table\n-- depends_on: [ods.orders]\nselect o.id from ods.orders as o\n",
		"models/shop/dws/b.sql": "-- kind: sql\n-- target: shop_dws.t\n-- depends_on: [shop_dwd.a]\ninsert into shop_dws.t select a.id from shop_dwd.a\n",
	}, "ods.orders")
	w.exec("create schema ods")
	w.exec("create schema shop_dws")
	w.exec("create table ods.orders (id integer primary key)")
	w.exec("create table shop_dws.t (id integer)")
	w.succeed()
	w.write("models/shop/dwd/a.sql", "-- kind: table\n-- depends_on: [ods.orders]\nselect o.id, 2 as two from ods.orders as o\n")

	// A run holds such locks while it reads and writes.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, pgx.BeginFunc(ctx, w.db.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "lock table shop_dwd.a, shop_dws.t, ods.orders in row exclusive mode")
		require.NoError(t, err)
		_, err = tx.Exec(ctx, "create schema shop_new")
		require.NoError(t, err)
		require.Empty(t, told(w.compile()))
		return nil
	}))
}

func TestCompile_holdsQueriesAgainstTheBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/cheap.sql":  "-- depends_on: [ods.orders]\nselect o.id from ods.orders as o where o.id = 1\n",
		"models/shop/dwd/cross.sql":  "-- depends_on: [ods.orders]\n-- description: every order with every order\nselect a.id from ods.orders as a cross join ods.orders as b\n",
		"models/shop/dwd/behind.sql": "-- depends_on: [shop_dwd.cross]\nselect c.id from shop_dwd.cross as c\n",
		"models/shop/dwd/fails.sql":  "-- depends_on: [ods.orders]\nselect o.id from ods.orders as o where o.id > terrace.var('unset')::integer\n",
	}, "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders as select g as id from generate_series(1, 10000) as g")
	w.exec("create index on ods.orders (id)")
	w.exec("analyze ods.orders")
	limit := func(b model.Budget) func(*dag.CompileOptions) {
		return func(o *dag.CompileOptions) { o.Budget = b }
	}
	require.Empty(t, told(w.compile()), "there is none unless it is asked for")
	require.Equal(t, []string{"models/shop/dwd/cross.sql:3:1 error: the planner expects 100,000,000 rows, more than max_rows: 1,000,000"},
		told(w.compile(limit(model.Budget{MaxRows: 1e6}))), "of what reads a model that is not there yet nothing is known")
	require.Regexp(t, `^\[models/shop/dwd/cross.sql:3:1 error: the planner expects a cost of [\d,]+, more than max_cost: 10,000; \d+ % of it is the Nested Loop of ods.orders]$`,
		fmt.Sprint(told(w.compile(limit(model.Budget{MaxCost: 10_000})))))
}

// What a run would fail on, or what nobody can ask for, stands at its line.
func TestCompile_tellsOfRolesAndColumnsWithoutNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/one.sql":   "-- depends_on: []\nselect 1 as a,\n    2\n",
		"models/shop/dwd/two.sql":   "-- kind: table\n-- depends_on: []\nselect 1, 2 as b, 3\n",
		"models/shop/dwd/role.sql":  "-- depends_on: []\n-- grants:\n--   select: [public, kinds_nobody]\nselect 1 as a\n",
		"models/shop/dwd/reads.sql": "-- depends_on: [shop_dwd.two]\nselect t.b from shop_dwd.two as t\n",
	})
	compiled := w.compile()
	require.ElementsMatch(t, []string{
		"models/shop/dwd/one.sql:2:1 warning: column 2 of the query has no name",
		"models/shop/dwd/two.sql:3:1 error: columns 1, 3 of the query have no names",
		`models/shop/dwd/role.sql:3:6 error: select is granted to "kinds_nobody", and there is no such role`,
	}, told(compiled))
	for _, p := range compiled.Problems {
		require.NotEmpty(t, p.Hint, p.Message)
	}
}

// What a rule or a key compares must be of a type that it can be compared with.
func TestCompile_tellsOfTypesThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/values.sql": "-- kind: table\n-- depends_on: []\n-- columns:\n--   n: {values: [open, paid]}\n--   yes: {values: [yes, no]}\n--   rate: {values: [0.1, 0.20]}\n" +
			"-- assert:\n--   - values: {column: day, in: [2026-02-30]}\nselect 1 as n, true as yes, 0.10 as rate, date '2026-01-01' as day\n",
		"models/shop/dwd/text.sql":  "-- kind: scd2\n-- key: id\n-- depends_on: []\n-- scd2:\n--   valid_from: at\nselect 1 as id, '2026-01-01' as at, 'a' as name\n",
		"models/shop/dwd/own.sql":   "-- kind: scd2\n-- key: id\n-- depends_on: []\n-- scd2: {on_delete: keep}\nselect 1 as id, 20260101 as valid_from, 'a' as name\n",
		"models/shop/dwd/dated.sql": "-- kind: scd2\n-- key: id\n-- depends_on: []\n-- scd2: {valid_from: at}\nselect 1 as id, date '2026-01-01' as at, 'a' as name\n",
	})
	require.Equal(t, []string{
		`models/shop/dwd/own.sql:4:10 error: the effective time of versions is column "valid_from", which is integer`,
		`models/shop/dwd/text.sql:5:18 error: the effective time of versions is column "at", which is text`,
		`models/shop/dwd/values.sql:4:1 error: values_n: invalid input syntax for type integer: "open" [22P02]`,
		`models/shop/dwd/values.sql:8:1 error: values_day: date/time field value out of range: "2026-02-30" [22008]`,
	}, told(w.compile()))
	w.write("models/shop/dwd/values.sql", "-- kind: table\n-- depends_on: []\n-- columns:\n--   yes: {values: [yes, no]}\n--   rate: {values: [0.1, 0.20]}\n"+
		"select true as yes, 0.10 as rate union all select null, 0.2\n")
	w.succeed("shop_dwd.values", "shop_dwd.dated")
}

// The server says what is wrong; what to do next is said beside it, and what the files tell is not told twice.
func TestCompile_saysWhatToDoNext(t *testing.T) {
	t.Parallel()
	queries := map[string]string{
		"dialect":    "select ifnull(a.id, 0) as n from shop_dwd.a",
		"own":        "select unaccent(a.name) as n from shop_dwd.a",
		"typed":      "select a.name::citext as n from shop_dwd.a",
		"quoted":     `select a.id from shop_dwd.a where a.name = "paid"`,
		"grouped":    "select a.id, a.name, count(*) as n from shop_dwd.a group by a.id",
		"wide":       "select a.id，a.name from shop_dwd.a",
		"missing":    "select b.id from shop_dwd.a",
		"twice":      "select * from shop_dwd.a join shop_dwd.a as b on a.id = b.id",
		"bare":       "table shop_dwd.a",
		"inside":     "with x as (select a.id from shop_dwd.a as a) select x.name from x",
		"unlike":     "select o.total from shop_dwd.a as o",
		"near":       "select nmae from shop_dwd.a as o",
		"given":      "select o.id as total from shop_dwd.a as o where total > 1",
		"operator":   "select o.id from shop_dwd.a as o where o.name > 5",
		"days":       "select o.id from shop_dwd.a as o where terrace.run_at() - 7 > '2026-01-01'",
		"arguments":  "select date_trunc(terrace.run_at(), 'day') as d from shop_dwd.a as o",
		"spelt":      "select terrace.to_numric(o.name) as n from shop_dwd.a as o",
		"typing":     "select o.id::intger as n, o.name as m from shop_dwd.a as o",
		"literal":    "select o.id from shop_dwd.a as o where o.id = 'x'",
		"brackets":   "select to_jsonb(o) ->> 'id'::integer as n from shop_dwd.a as o",
		"field":      "select o.name.first as n from shop_dwd.a as o",
		"sideways":   "select h.id from shop_dwd.a as o, (select o.id) as h",
		"writes":     "insert into shop_dwd.a values (1)",
		"selectinto": "select 1 as n into shop_dwd.x",
	}
	files := map[string]string{"models/shop/dwd/a.sql": "-- kind: table\n-- depends_on: []\nselect 1 as id, 'x' as name\n"}
	for name, query := range queries {
		files["models/shop/dwd/"+name+".sql"] = "-- kind: table\n-- depends_on: [shop_dwd.a]\n" + query + "\n"
	}
	w := newWorld(t, files)
	var got []string
	for _, p := range w.compile().Problems {
		got = append(got, fmt.Sprintf("%s:%d:%d: %s | %s", strings.TrimPrefix(p.File, "models/shop/dwd/"), p.Line, p.Col, p.Message, p.Hint))
	}
	require.Equal(t, []string{
		"arguments.sql:3:8: function date_trunc(timestamp with time zone, unknown) does not exist [42883] | date_trunc takes other arguments: (text, interval), (text, timestamp with time zone), (text, timestamp with time zone, text), (text, timestamp without time zone). Cast them.",
		"brackets.sql:3:24: invalid input syntax for type integer: \"id\" [22P02] | Other operators are applied before ->>: write brackets around it, (document ->> 'key')::numeric.",
		"days.sql:3:57: operator does not exist: timestamp with time zone - integer [42883] | Add and subtract intervals: at - interval '7 days'. A date takes whole days: at::date - 7.",
		"dialect.sql:3:8: function ifnull(integer, integer) does not exist [42883] | Write coalesce(a, b).",
		"field.sql:3:8: missing FROM-clause entry for table \"name\" [42P01] | A field of a document is name ->> 'first'.",
		"given.sql:3:49: column \"total\" does not exist [42703] | A name that select gives is not known in where, having and on: write the expression again there, or read it from a query around this one.",
		"grouped.sql:3:14: column \"a.name\" must appear in the GROUP BY clause or be used in an aggregate function [42803] | Group by it as well, or aggregate it: max(…), string_agg(…).",
		"inside.sql:3:53: column x.name does not exist [42703] | x is a query inside this one: it returns what its own select names.",
		"literal.sql:3:47: invalid input syntax for type integer: \"x\" [22P02] | The literal is taken for one of the type that it meets. Write one, or cast the other side: …::text.",
		"missing.sql:3:8: missing FROM-clause entry for table \"b\" [42P01] | Name the column by the alias that its relation has in from, or add the relation there.",
		"near.sql:3:8: column \"nmae\" does not exist [42703] | Perhaps you meant to reference the column \"o.name\".",
		"operator.sql:3:47: operator does not exist: text > integer [42883] | Cast one side: …::text, or terrace.to_numeric(text), which gives NULL for what is no number. A literal text stands in quotes: '5'.",
		"own.sql:3:8: function unaccent(text) does not exist [42883] | No schema has a function unaccent: make it, or the extension that brings it. In the model it stands with its schema, public.unaccent(…).",
		"quoted.sql:3:44: column \"paid\" does not exist [42703] | In double quotes stands the name of a column; a text is written 'paid'.",
		"sideways.sql:3:43: invalid reference to FROM-clause entry for table \"o\" [42P01] | A query in from sees what stands beside it only with lateral before it; and a join is made before a comma: write cross join for it.",
		"spelt.sql:3:8: function terrace.to_numric(text) does not exist [42883] | Did you mean terrace.to_numeric?",
		"twice.sql:3:1: the query returns columns \"id\", \"name\" twice | Name in select what it shall return, and one of each otherwise with as; join … using (…) returns its columns once.",
		"typed.sql:3:16: type \"citext\" does not exist [42704] | Use a type's PostgreSQL name; search_path is empty, so that one of your own has its schema: public.citext.",
		"typing.sql:3:14: type \"intger\" does not exist [42704] | Did you mean integer?",
		"unlike.sql:3:8: column o.total does not exist [42703] | shop_dwd.a has id, name.",
		"wide.sql:3:8: missing FROM-clause entry for table \"id，a\" [42P01] | \"，\" is a full-width comma: write ,",
	}, got)
}
