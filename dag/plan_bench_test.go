package dag_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
)

// BenchmarkNewPlan_references plans layers of models, each of which is compared with a neighbour that it does not read:
// what comes after both waits for the assertion.
func BenchmarkNewPlan_references(b *testing.B) {
	for _, n := range []int{1200, 4800} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const width = 100
			files := fstest.MapFS{"terrace.yml": {Data: []byte("name: bench\n")}}
			for i := range n {
				layer, at := i/width, i%width
				deps, sql := []string{}, "select 1 as id"
				if layer > 0 {
					for j := range 3 {
						deps = append(deps, fmt.Sprintf("bench_l%03d.m%03d", layer-1, (at+j*7)%width))
					}
					sql = "select id from " + strings.Join(deps, " union select id from ")
				}
				header := fmt.Sprintf("-- assert:\n--   - references: {column: id, to: bench_l%03d.m%03d.id}\n-- depends_on: [%s]\n",
					layer, (at+1)%width, strings.Join(deps, ", "))
				files[fmt.Sprintf("models/bench/l%03d/m%03d.sql", layer, at)] = &fstest.MapFile{Data: []byte(header + sql)}
			}
			project, problems := model.Load(files, model.Options{})
			require.Empty(b, problems)
			graph, problems := dag.NewGraph(project)
			require.Empty(b, problems)
			file := func(n *dag.Node) string { return n.File }
			options := dag.PlanOptions{
				Selected: namesOf(graph.Nodes()), Sources: file,
				Fingerprint: func(n *dag.Node) (string, error) { return file(n), nil },
			}
			for b.Loop() {
				_, err := dag.NewPlan(graph, dag.State{}, options)
				require.NoError(b, err)
			}
		})
	}
}
