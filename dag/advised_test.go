package dag_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What check says is to be done about a query that the server refuses a run says as well.
func TestRun_saysWhatCheckSays(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), nil)
	w.succeed()
	const file = "models/shop/dws/wrong.sql"
	for sql, hint := range map[string]string{
		"select o.id from shop_dwd.orders as o where amuont > 0":     `Perhaps you meant to reference the column "o.amount".`,
		"select nothing_near from shop_dwd.orders":                   "shop_dwd.orders has id, state, amount.",
		`select o.id from shop_dwd.orders as o where state = "x"`:    "In double quotes stands the name of a column; a text is written 'x'.",
		"select ifnull(o.id, 0) as id from shop_dwd.orders as o":     "Write coalesce(a, b).",
		"select uper(o.state) as s from shop_dwd.orders as o":        "Did you mean upper?",
		"select o.state, o.id::string as s from shop_dwd.orders o":   "Write text.",
		"select o.state, max(o.id) as m from shop_dwd.orders as o":   "Group by it as well, or aggregate it: max(…), string_agg(…).",
		"select o.id + o.state as s from shop_dwd.orders as o":       "Cast one side: …::text, or terrace.to_numeric(text), which gives NULL for what is no number. A literal text stands in quotes: '5'.",
		"select o.state from (select o.id from shop_dwd.orders o) o": "o is a query inside this one: it returns what its own select names.",
		"select state from (select o.id from shop_dwd.orders o) q":   "A query inside this one reads a relation that has it: what it does not return itself is not known outside of it.",
	} {
		w.write(file, "-- kind: table\n-- depends_on: [shop_dwd.orders]\n"+sql)
		checked := w.compile().Problems
		require.Len(t, checked, 1, sql)
		require.Equal(t, hint, checked[0].Hint, sql)
		failed := step(t, w.run("shop_dws.wrong"), "shop_dws.wrong")
		require.NotNil(t, failed.Error, sql)
		require.Equal(t, hint, failed.Error.Hint, sql)
		require.Equal(t, []int{checked[0].Line, checked[0].Col}, []int{failed.Error.Line, failed.Error.Column}, sql)
	}
}

// A column that append keeps is no difference which the next build follows.
func TestCompile_keepsWhatAppendKeeps(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", "select id, state, amount, 1 as more from ods.orders"), map[string]string{
		"models/shop/dws/all.sql": "-- kind: incremental\n-- key: [id]\n-- on_schema_change: append\n-- depends_on: [shop_dwd.orders]\nselect * from shop_dwd.orders",
	})
	w.succeed()
	w.write(ordersFile, ordersOf("-- kind: table", allOrders))
	w.succeed()
	require.Equal(t, "id,state,amount,more", columnsIn(w, "shop_dws", "all"))
	require.Empty(t, told(w.compile()))
}

// Who calls a function that reads a variable is not built again when only the variable changes, unless the query reads it.
func TestCompile_warnsOfVariablesThatFunctionsRead(t *testing.T) {
	t.Parallel()
	const header = "-- kind: table\n-- depends_on: [ods.orders]\n"
	w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{
		"models/shop/dws/fee.sql":   header + "select o.id,\n    public.fee(o.amount) as fee, public.\"fee\"(1) as one, public.plain(1) as two\nfrom ods.orders as o",
		"models/shop/dws/given.sql": header + "select o.id, public.fee(o.amount) as fee from ods.orders as o where terrace.var('rate') is not null",
	})
	w.vars = map[string]string{"rate": "2"}
	w.exec("create function public.fee(a numeric) returns numeric language sql stable as $$ select a * terrace.var('rate')::numeric $$")
	w.exec("create function public.plain(a numeric) returns numeric language plpgsql stable as $$ begin return a; end $$")
	const warning = `models/shop/dws/fee.sql:4:5 warning: public.fee() reads the variable "rate", which the model does not: when only its value changes, shop_dws.fee is not built again`
	require.Equal(t, []string{warning}, told(w.compile()))
	w.succeed()
	require.Equal(t, []string{warning}, told(w.compile()))
}
