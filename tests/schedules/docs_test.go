package schedules_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/clitest"
)

// What the pages of the domains advise can be added as it stands there, by a shell, and is then due.
func TestDocs_scheduleWhatTheyAdvise(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/domains/*.md")
	require.NoError(t, err)
	advised := 0
	for _, page := range pages {
		domain := strings.TrimSuffix(filepath.Base(page), ".md")
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		var lines, names []string
		for _, line := range strings.Split(string(text), "\n") {
			if after, ok := strings.CutPrefix(line, "terrace schedule add "); ok {
				lines = append(lines, line)
				names = append(names, strings.Fields(after)[0])
			}
		}
		if len(lines) == 0 {
			continue
		}
		advised++
		t.Run(domain, func(t *testing.T) {
			t.Parallel()
			p := clitest.New(t, domain)
			p.Env = []string{"FEIQIU_SITES=1,2", "XIAOE_APP_ID=a"}
			for _, line := range lines {
				cmd := exec.Command("sh", "-ec", strings.Replace(line, "terrace ", `"$0" `, 1), p.Command().Path)
				cmd.Dir, cmd.Env = p.Dir, p.Command().Env
				said, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s\n%s", line, said)
			}
			out, _ := p.Run(0, "schedule", "list", "--json")
			var listed []struct {
				Name string
				Next []string
			}
			require.NoError(t, json.Unmarshal([]byte(out), &listed))
			var found []string
			for _, s := range listed {
				found = append(found, s.Name)
				require.Len(t, s.Next, 5)
			}
			require.ElementsMatch(t, names, found)
		})
	}
	require.GreaterOrEqual(t, advised, 4)
}
