package extract_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// seedCount is how many seeds a random test uses: so many, or as many as TERRACE_TEST_SEEDS says.
func seedCount(t *testing.T, otherwise int) int {
	t.Helper()
	text := os.Getenv("TERRACE_TEST_SEEDS")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func seeds(t *testing.T, otherwise int) uint64 { return uint64(seedCount(t, otherwise)) }
