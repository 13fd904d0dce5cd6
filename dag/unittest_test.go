package dag_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
)

// unit runs the world's only unit test and gives what it says: nothing when it passes.
func (w *world) unit(text string) (*dag.UnitFailure, string) {
	w.t.Helper()
	w.write("tests/shop/unit.yml", text)
	p, _ := w.project()
	tests, problems := model.LoadUnitTests(w.files, p)
	require.Empty(w.t, problems)
	require.Len(w.t, tests, 1)
	compiled := w.compile(orders)
	err := dag.RunUnitTest(context.Background(), w.db.Conn(w.t), tests[0], dag.UnitOptions{
		Columns: compiled.Columns, Keys: compiled.Keys, Timezone: "UTC", Vars: w.vars,
	})
	if err == nil {
		return nil, ""
	}
	var failure *dag.UnitFailure
	require.True(w.t, errors.As(err, &failure), "%v", err)
	return failure, failure.Error()
}

func TestUnitTest_runsOnRealTypesWithoutRealRelations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/lines.sql": `-- depends_on: [ods.orders]
select
    o.id,
    (line ->> 'amount')::numeric(12, 2) as amount,
    o.payload -> 'tags' as tags,
    array(select jsonb_array_elements_text(o.payload -> 'tags')) as words,
    (o.payload ->> 'at')::timestamptz as at,
    terrace.var('shop') as shop,
    terrace.run_at()::date as day
from ods.orders as o
cross join lateral jsonb_array_elements(o.payload -> 'lines') as line
`,
	}, "ods.orders")
	w.vars = map[string]string{"shop": "one"}
	const given = `model: shop_dwd.lines
run_at: 2026-02-03
vars: {shop: two}
given:
  ods.orders:
    - id: 1
      payload: {tags: [a, b], at: "2026-01-01T08:00:00+08:00", lines: [{amount: 1.5}, {amount: "2"}]}
    - {id: 2, payload: {lines: []}}
`
	failure, said := w.unit(given + `expect:
  - {id: 1, amount: 2, tags: [a, b], words: [a, b], at: 2026-01-01 00:00:00+00, shop: two, day: 2026-02-03}
  - {id: 1, amount: 1.50, tags: [a, b], words: [a, b], at: 2026-01-01 00:00:00+00, shop: two, day: 2026-02-03}
`)
	require.Nil(t, failure, said)

	failure, said = w.unit(given + "expect:\n  - {id: 1, amount: 1.50}\n  - {id: 3}\n")
	require.Equal(t, "tests/shop/unit.yml:10:1: shop_dwd.lines returned other rows than expected", said)
	require.Equal(t, []string{"- id=3 amount=null", "+ id=1 amount=2.00"}, failure.Diff)

	_, said = w.unit(given + "expect:\n  - {id: 1, amont: 1.50}\n")
	require.Equal(t, `tests/shop/unit.yml:10:5: shop_dwd.lines has no column "amont"`, said)
	_, said = w.unit("model: shop_dwd.lines\ngiven:\n  ods.orders:\n    - {id: 1}\n    - {id: x}\nexpect: []\n")
	require.Equal(t, `tests/shop/unit.yml:5:7: ods.orders cannot have this row: invalid input syntax for type bigint: "x"`, said)
	_, said = w.unit("model: shop_dwd.lines\ngiven:\n  ods.orders:\n    - {id: 1, payload: {lines: 1}}\nexpect: []\n")
	require.Equal(t, `models/shop/dwd/lines.sql:2:1: cannot extract elements from a scalar`, said)
	require.Empty(t, w.rows("select nspname from pg_namespace where nspname in ('ods', 'shop_dwd')"))
}

func TestUnitTest_tellsRowsOfOneKeyTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/sums.sql": "-- kind: table\n-- key: [id]\n-- depends_on: [ods.orders]\n-- description: x\n-- columns: {amount: {description: y}}\n-- grants: {select: [nobody_of_that_name]}\n" +
			"select o.id, (o.payload ->> 'amount')::numeric as amount, o.payload ->> 'note' as note from ods.orders as o\n",
	}, "ods.orders")
	failure, _ := w.unit(`model: shop_dwd.sums
given:
  ods.orders:
    - {id: 1, payload: {amount: 5, note: it's}}
    - {id: 2, payload: {amount: 6}}
expect:
  - {id: 1, amount: 5, note: ""}
  - {id: 2, amount: 7}
`)
	require.Equal(t, []string{"~ id=1: note is 'it''s', expected ''", "~ id=2: amount is 6, expected 7"}, failure.Diff)

	_, said := w.unit("model: shop_dwd.sums\ngiven:\n  ods.orders:\n    - {payload: {amount: 5}}\nexpect: []\n")
	require.Equal(t, "tests/shop/unit.yml:1:8: rows with NULL in (id): 1; for example ()", said)
}

func TestUnitTest_runsASecondTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/history.sql": "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.orders]\nselect o.id, o.payload ->> 'state' as state from ods.orders as o\n",
		"models/shop/dws/days.sql":    "-- kind: incremental\n-- key: [day]\n-- depends_on: [ods.orders]\nselect o.payload ->> 'day' as day, count(*) as orders from ods.orders as o group by o.payload ->> 'day'\n",
	}, "ods.orders")
	failure, said := w.unit(`model: shop_dwd.history
run_at: 2026-01-01
run_at_then: 2026-01-05
given:
  ods.orders:
    - {id: 1, payload: {state: open}}
    - {id: 2, payload: {state: open}}
expect:
  - {id: 1, state: open, valid_from: 2026-01-01, is_current: true}
  - {id: 2, state: open, valid_from: 2026-01-01, is_current: true}
given_then:
  ods.orders:
    - {id: 1, payload: {state: paid}}
    - {id: 2, payload: {state: open}}
expect_then:
  - {id: 1, state: open, valid_from: 2026-01-01, valid_to: 2026-01-05, is_current: false}
  - {id: 1, state: paid, valid_from: 2026-01-05, is_current: true}
  - {id: 2, state: open, valid_from: 2026-01-01, is_current: true}
`)
	require.Nil(t, failure, "%s %v", said, failure)

	days := `model: shop_dws.days
given:
  ods.orders:
    - {id: 1, payload: {day: mo}}
    - {id: 2, payload: {day: mo}}
expect:
  - {day: mo, orders: 2}
given_then:
  ods.orders:
    - {id: 1, payload: {day: mo}}
    - {id: 2, payload: {day: tu}}
expect_then:
  - {day: mo, orders: %s}
  - {day: tu, orders: 1}
`
	failure, said = w.unit(fmt.Sprintf(days, "1"))
	require.Nil(t, failure, said)
	failure, said = w.unit(fmt.Sprintf(days, "2"))
	require.Equal(t, "tests/shop/unit.yml:13:1: second run: shop_dws.days returned other rows than expected", said)
	require.Equal(t, []string{"~ day=mo: orders is 1, expected 2"}, failure.Diff)
}
