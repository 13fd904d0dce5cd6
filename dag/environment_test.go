package dag_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

func TestEnvironment_movesEverythingThatNamesARelation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/ref/state.csv":  "state\nopen\n",
		"models/shop/dwd/orders.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\nselect id, state from ods.orders",
		"models/shop/dws/states.sql": "-- kind: incremental\n-- key: [state]\n-- depends_on: [shop_dwd.orders, shop_ref.state]\n-- incremental:\n--   changed:\n--     shop_dwd.orders: [state]\n--     shop_ref.state: [state]\n" +
			"-- assert:\n--   - references: {column: state, to: shop_ref.state.state}\n--   - row_count: {min: 1}\n" +
			"select shop_dwd.orders.state, count(*) as n from shop_dwd.orders join shop_ref.state using (state) group by shop_dwd.orders.state",
		"models/shop/dws/late.sql": "-- depends_on: [shop_dws.states]\nselect n from shop_dws.states",
		"tests/shop/agree.sql":     "-- on: shop_dws.states\nselect * from shop_dws.states where n > (select count(*) from shop_dwd.orders)",
	}, "ods.orders")
	_, graph := w.project()
	differs := func(names ...string) func(*dag.Node) (string, error) {
		return func(n *dag.Node) (string, error) {
			for _, name := range names {
				if n.Name == name {
					return "definition changed", nil
				}
			}
			return "", nil
		}
	}
	none := func(string) bool { return false }
	selected := []string{"shop_dwd.orders", "shop_dws.states", "shop.agree", "shop_dws.states.references_state", "shop_dws.states.row_count"}

	e, err := graph.Environment(dag.EnvironmentOptions{Name: "dev", Selected: selected, There: none, Differs: differs("shop_dwd.orders", "shop_ref.state")})
	require.NoError(t, err)
	require.Equal(t, []string{"dev__shop.agree", "dev__shop_dwd.orders", "dev__shop_dws.states", "dev__shop_dws.states.references_state", "dev__shop_dws.states.row_count"}, slices.Sorted(slices.Values(e.Selected)))
	states := e.Graph.Node("dev__shop_dws.states")
	require.Equal(t, []string{"dev__shop_dwd.orders", "shop_ref.state"}, states.Deps, "a seed that is not selected is production's")
	require.Equal(t, `select "orders".state, count(*) as n from "dev__shop_dwd"."orders" as "orders" join shop_ref.state using (state) group by "orders".state`, states.Model.SQL)
	require.Equal(t, map[string][]string{"dev__shop_dwd.orders": {"state"}, "shop_ref.state": {"state"}}, states.Model.Header.Incremental.Changed)
	require.Equal(t, []string{"dev__shop_dwd", "states"}, []string{e.Graph.Node("dev__shop_dwd.orders").Model.Schema, states.Model.Relation})
	require.Contains(t, e.Graph.Node("dev__shop.agree").Assertion.SQL, `from "dev__shop_dws"."states" as "states" where n > (select count(*) from "dev__shop_dwd"."orders"`)
	require.Equal(t, "shop_ref.state", e.Graph.Node("dev__shop_dws.states.references_state").Inline.To)
	require.Equal(t, []string{"shop_dwd.orders", "shop_ref.state"}, e.Graph.Node("shop_dws.states").Deps, "production's nodes stay")
	require.Nil(t, e.Graph.Node("dev__shop_dws.late"))

	there := func(name string) bool { return name == "dev__shop_ref.state" || name == "dev__shop_dws.late" }
	e, err = graph.Environment(dag.EnvironmentOptions{Name: "dev", Selected: selected, There: there, Differs: differs("shop_ref.state")})
	require.NoError(t, err)
	require.NotContains(t, e.Selected, "dev__shop_dwd.orders")
	require.Equal(t, []string{"dev__shop_ref.state", "shop_dwd.orders"}, e.Graph.Node("dev__shop_dws.states").Deps, "what was built in the environment and differs is read there")
	require.Equal(t, "dev__shop_ref.state", e.Graph.Node("dev__shop_dws.states.references_state").Inline.To)

	e, err = graph.Environment(dag.EnvironmentOptions{Name: "dev", Selected: selected, There: there, Differs: differs()})
	require.NoError(t, err)
	require.Empty(t, e.Selected, "nothing differs")

	for _, name := range []string{"d", "a_very_long_name_for_an_environment_that_leaves_no_room_for_schemas"} {
		w.write("models/d/_x/y.sql", "-- depends_on: []\nselect 1 as n")
		_, graph := w.project()
		var refused *dag.EnvironmentError
		_, err = graph.Environment(dag.EnvironmentOptions{Name: name, There: none, Differs: differs()})
		require.ErrorAs(t, err, &refused, name)
	}
}
