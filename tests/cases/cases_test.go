// Package cases holds the lists of cases in docs against the tests that they name.
package cases

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

var (
	// row is a line of a table whose first cell is a case's number: | 12 | … | … |, or | S-12 | … | … |
	row = regexp.MustCompile(`^\| ([A-Z]?[0-9]+|[A-Z]+-[0-9]+) \| ([^|]+) \| ([^|]+) \|$`)
	// named is a test by its folder, `ods.TestLand_…`, with the case within it, `dag.TestSCD2_cases/S-01`, or a script of the
	// commands, `gaps.txtar`.
	named = regexp.MustCompile("`([^`]+)\\.((?:Test|Fuzz)[A-Za-z0-9_]+|txtar)(?:/([A-Z]+-[0-9]+))?`")
	// without are the words that stand in the place of a test where there is none.
	without = []string{"Does not apply: ", "Not done: "} //nolint:gochecknoglobals // a table
)

// Every case has a test that exists, or says why it has none.
func TestCases_areCoveredByTestsThatExist(t *testing.T) {
	t.Parallel()
	lists, err := filepath.Glob(filepath.Join(root, "docs", "CASES*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, lists)
	for _, list := range lists {
		t.Run(filepath.Base(list), func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for number, cells := range rows(t, list) {
				require.False(t, seen[cells[0]], "line %d: case %s is there twice", number, cells[0])
				seen[cells[0]] = true
				requireCovered(t, cells[0], cells[2])
			}
			require.NotEmpty(t, seen)
		})
	}
}

func TestCases_ofExtractionAreAllThere(t *testing.T) {
	t.Parallel()
	require.Len(t, rows(t, filepath.Join(root, "docs", "CASES-EXTRACT.md")), 65)
}

func TestCases_ofModelsAreAllThere(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for _, cells := range rows(t, filepath.Join(root, "docs", "CASES.md")) {
		series, _, _ := strings.Cut(cells[0], "-")
		counts[series]++
	}
	require.Equal(t, map[string]int{"S": 26, "X": 18, "I": 16, "O": 9, "B": 5, "R": 13, "MS": 7}, counts)
}

var (
	duty  = regexp.MustCompile(`^\| ([A-E][0-9]+) \| ([^|]+) \| ([^|]+) \| ([^|]*) ?\|$`)
	token = regexp.MustCompile("`([^`]+)`")
)

// Every duty of the reference systems names files and commands that exist, and tests or assertions.
func TestReference_namesWhatExists(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "REFERENCE.md"))
	require.NoError(t, err)
	counts := map[string]int{}
	for _, line := range strings.Split(string(text), "\n") {
		cells := duty.FindStringSubmatch(line)
		if cells == nil {
			require.NotRegexp(t, `^\| [A-E][0-9]`, line, "no row of four cells")
			continue
		}
		counts[cells[1][:1]]++
		if strings.HasPrefix(cells[3], "Not done: ") {
			continue
		}
		places := token.FindAllStringSubmatch(cells[3], -1)
		require.NotEmpty(t, places, "%s is nowhere", cells[1])
		for _, place := range places {
			requirePlace(t, cells[1], place[1])
		}
		proofs := token.FindAllStringSubmatch(cells[4], -1)
		require.NotEmpty(t, proofs, "%s has no proof", cells[1])
		for _, proof := range proofs {
			requireProof(t, cells[1], proof[1])
		}
	}
	require.Equal(t, map[string]int{"A": 15, "B": 5, "C": 4, "D": 6, "E": 6}, counts)
}

// requirePlace wants a file of the project, or a command by its name.
func requirePlace(t *testing.T, duty, place string) {
	t.Helper()
	command, ok := strings.CutPrefix(place, "terrace ")
	if !ok {
		require.FileExists(t, filepath.Join(root, place), duty)
		return
	}
	scripts, err := os.ReadFile(filepath.Join(root, "tests", "script", "help.txtar"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^  `+regexp.QuoteMeta(command)+` `, string(scripts), "%s: there is no command %s", duty, command)
}

// requireProof wants an assertion or unit test of models, or a test as the lists of cases name it.
func requireProof(t *testing.T, duty, proof string) {
	t.Helper()
	if test := named.FindStringSubmatch("`" + proof + "`"); test != nil {
		require.True(t, exists(t, test[1], test[2], test[3]), "%s: there is no %s", duty, proof)
		return
	}
	require.FileExists(t, filepath.Join(root, proof), duty)
}

// rows gives the cells of every case, by line. A line that looks like a case and is not read as one is a mistake.
func rows(t *testing.T, path string) map[int][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	out := map[int][]string{}
	for i, line := range strings.Split(string(text), "\n") {
		if m := row.FindStringSubmatch(line); m != nil {
			out[i+1] = m[1:]
			continue
		}
		require.NotRegexp(t, `^\|\s*([A-Z]?|[A-Z]+-)[0-9]`, line, "line %d of %s is no row of three cells", i+1, path)
	}
	return out
}

func requireCovered(t *testing.T, name, cell string) {
	t.Helper()
	tests := named.FindAllStringSubmatch(cell, -1)
	if len(tests) == 0 {
		for _, words := range without {
			if strings.HasPrefix(cell, words) {
				return
			}
		}
		require.Fail(t, "case "+name+" names no test", "%s; begin with one of %q where there is none", cell, without)
	}
	require.Equal(t, len(tests), strings.Count(cell, "`")/2, "case %s names something that is no test: %s", name, cell)
	for _, test := range tests {
		require.True(t, exists(t, test[1], test[2], test[3]), "case %s: there is no %s", name, test[0])
	}
}

// exists looks for a test in a folder, or for a script. A case within a test is a text of its file that begins so.
func exists(t *testing.T, place, name, within string) bool {
	t.Helper()
	if name == "txtar" {
		_, err := os.Stat(filepath.Join(root, "tests", "script", place+".txtar"))
		return err == nil
	}
	files, err := filepath.Glob(filepath.Join(root, place, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return within == "" || strings.Contains(string(text), `"`+within+" ")
		}
	}
	return false
}
