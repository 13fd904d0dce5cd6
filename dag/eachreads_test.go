package dag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
)

// What a stream's declaration reads is read before it, once, also where it is its parent as well.
func TestNewGraph_readsFirstWhatStreamsRead(t *testing.T) {
	t.Parallel()
	graph, problems := dag.NewGraph(&model.Project{Streams: []model.Stream{
		{Name: "a_ods.orders", Reads: []string{"a_ods.shops"}, Parent: "a_ods.shops"},
		{Name: "a_ods.shops"},
	}})
	require.Empty(t, problems)
	require.Equal(t, []string{"a_ods.shops"}, graph.Parents("a_ods.orders"))
}
