package dag_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCases_areCovered holds docs/CASES.md to what it says: each case is there, and so is each test that it names.
func TestCases_areCovered(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/CASES.md")
	require.NoError(t, err)
	for prefix, last := range map[string]int{"S": 26, "X": 18, "I": 16, "O": 9, "B": 5, "R": 13, "MS": 7} {
		for n := range last {
			require.Contains(t, string(text), fmt.Sprintf("\n| %s-%02d |", prefix, n+1))
		}
	}
	sources, scripts := testSources(t)
	row := regexp.MustCompile(`(?m)^\| [A-Z]+-[0-9]+ \|.*\|$`)
	named := regexp.MustCompile("`((Test\\w+)(/([A-Z]+-[0-9]+))?|[a-z_]+\\.txtar)`")
	for _, line := range row.FindAllString(string(text), -1) {
		found := named.FindAllStringSubmatch(line, -1)
		require.True(t, len(found) > 0 || strings.Contains(line, "does not apply") || strings.Contains(line, "| open: "), "%s\nnames no test and no reason", line)
		for _, f := range found {
			if f[2] == "" {
				require.Contains(t, scripts, f[1], line)
				continue
			}
			source, ok := sources[f[2]]
			require.True(t, ok, "%s\nthere is no %s", line, f[2])
			if f[4] != "" {
				require.True(t, strings.Contains(source, `"`+f[4]), "%s\nthere is no %s in the file of %s", line, f[4], f[2])
			}
		}
	}
}

// testSources are the files of the project's tests by the functions in them, and the names of its scripts.
func testSources(t *testing.T) (map[string]string, []string) {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	sources, scripts := map[string]string{}, []string{}
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." || entry.Name() == "bin"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".txtar"):
			scripts = append(scripts, entry.Name())
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, f := range function.FindAllStringSubmatch(string(text), -1) {
				sources[f[1]] = string(text)
			}
		}
		return nil
	}))
	return sources, scripts
}
