package dag_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// wide writes n models in ten layers, each over one of the layer before: views, and a table in each hundred.
func (w *world) wide(n, version int) {
	for i := range n {
		kind, sql := "view", fmt.Sprintf("-- depends_on: []\nselect %d as id, %d as version", i, version)
		if i%100 == 50 {
			kind = "table"
		}
		if step := n / 10; i >= step {
			below := fmt.Sprintf("shop_dwd.m%04d", i-step)
			sql = fmt.Sprintf("-- depends_on: [%s]\nselect id, version + %d as version from %[1]s", below, version)
		}
		w.write(fmt.Sprintf("models/shop/dwd/m%04d.sql", i), fmt.Sprintf("-- kind: %s\n%s", kind, sql))
	}
}

// It has the server to itself: beside its locks there is room for nobody's.
func TestTogether_manyModels(t *testing.T) {
	n := 1500
	if testing.Short() {
		n = 300
	}
	w := newWorld(t, nil)
	w.together = true
	for version := 1; version <= 2; version++ {
		w.wide(n, version)
		require.Equal(t, n, w.succeed().Count(dag.Success))
		require.Equal(t, fmt.Sprint(10*version), w.value(fmt.Sprintf("select version from shop_dwd.m%04d", n-1)))
		layers := (n-50)/(n/10) + 1
		require.Equal(t, fmt.Sprint(layers*version), w.value(fmt.Sprintf("select version from shop_dwd.m%04d", n-50)), "a table")
		require.Equal(t, fmt.Sprint(n), w.value("select count(*) from terrace.node_state as s where s.relation = to_regclass(s.node)"))
		require.Equal(t, "0", w.value("select count(*) from pg_class where relnamespace = 'terrace_stage'::regnamespace"))
	}
}

// A transaction keeps its locks, and the server has room for so many: that is told before anything is done. It has locked
// its nodes by then, and has the server to itself, too.
func TestTogether_refusesMoreThanTheServerHasLocksFor(t *testing.T) {
	w := newWorld(t, nil)
	w.together = true
	connections, err := strconv.Atoi(w.value("select current_setting('max_connections')::integer * current_setting('max_locks_per_transaction')::integer"))
	require.NoError(t, err)
	for i := range connections * 2 / 3 {
		w.write(fmt.Sprintf("models/shop/dwd/m%05d.sql", i), "-- kind: table\n-- depends_on: []\nselect 1 as id")
	}
	report := w.run()
	var failed []dag.StepReport
	for _, s := range report.Steps {
		if s.Error != nil {
			failed = append(failed, s)
		}
	}
	require.Len(t, failed, 1)
	require.Regexp(t, `^\d+ steps in one transaction take \d+ locks or more, and the server has room for \d+$`, failed[0].Error.Message)
	require.Regexp(t, `^Raise max_locks_per_transaction of the server from \d+ to \d+ or more and restart it;`, failed[0].Error.Hint)
	require.Equal(t, "not published: "+failed[0].Name+" failed", report.Steps[len(report.Steps)-1].Reason)
	require.Equal(t, "0", w.value("select count(*) from pg_class where relnamespace = 'shop_dwd'::regnamespace"))
}
