package refusals_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/refusals"
)

func TestCounter_letsEveryCallThroughInTheEnd(t *testing.T) {
	t.Parallel()
	var c refusals.Counter
	require.False(t, c.Due("a") || c.Expected())
	for range 3 {
		require.False(t, c.Due("a"))
		c.Refused("a")
	}
	require.True(t, c.Due("a"))
	require.False(t, c.Due("b"), "others are counted for themselves")
	require.True(t, c.Expected())
	c.Answered("a")
	require.False(t, c.Due("a") || c.Expected())
}
