package extract_test

import (
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/extract"
)

// The examples of the contract load as they are written there, quotes or not.
func TestLoad_takesTheExamplesOfTheContract(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("testdata/sources")
	require.NoError(t, err)
	require.Len(t, files, 5)
	for _, file := range files {
		t.Run(file.Name(), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path.Join("testdata/sources", file.Name()))
			require.NoError(t, err)
			sources, problems := extract.Load(fstest.MapFS{"models/x/ods/x.yml": {Data: text}}, noEnv)
			var told []strict.Problem
			for _, p := range problems {
				if !strings.Contains(p.Message, "is not supported by this version") {
					told = append(told, p)
				}
			}
			require.Empty(t, told)
			require.Equal(t, strings.TrimSuffix(file.Name(), ".yml"), sources[0].Name)
			require.NotEmpty(t, sources[0].Streams)
		})
	}
}

func TestLoad_takesTheExampleOfTheDocumentation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/SOURCES.md")
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(text), "```yaml\n")
	example, _, closed := strings.Cut(after, "```")
	require.True(t, closed)
	_, problems := extract.Load(fstest.MapFS{"models/erp/ods/erp.yml": {Data: []byte(example)}}, noEnv)
	require.Empty(t, problems)
}
