package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/demotest"

	"github.com/terrace-elt/terrace/cmd/pgserver"
)

// exits marks a command of the README that is meant to fail.
var exits = regexp.MustCompile(`(?m)^(.*\S)\s+# exits with (\d+)$`)

// The README's session works as it stands there, in an empty folder.
func TestReadme_sessionWorks(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	script := exits.ReplaceAllString(session(string(readme)), "$1 || test $$? -eq $2")
	p := demotest.New(t)
	bin := filepath.Join(t.TempDir(), "bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	require.NoError(t, os.Symlink(demotest.Binary, filepath.Join(bin, "terrace")))
	folder := t.TempDir()
	t.Cleanup(func() {
		require.NoError(t, pgserver.Stop(context.Background(), filepath.Join(folder, "shop", ".terrace", "postgres")))
	})

	cmd := exec.Command("bash", "-eu", "-o", "pipefail", "-c", script)
	cmd.Dir = folder
	cmd.Env = append(p.Command().Env, "PATH="+bin+":"+os.Getenv("PATH"))
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", script, output)
	said := string(output)
	require.Contains(t, said, "upstream changed: 2 rows in shop_ods.orders")
	require.Contains(t, said, "models/shop/dws/customer_level.sql:11:6: error: ")
	require.Contains(t, said, "+-- depends_on: [shop_dwd.fact_order]")
	require.Regexp(t, `(?s)2 \| silver \|.*2 \| gold `, said)
	require.Contains(t, said, "success: 0 built")
	require.Regexp(t, `nightly +30 6 \* \* \* +Asia/Shanghai`, said)
	pages, err := os.ReadFile(filepath.Join(folder, "shop", "pages.html"))
	require.NoError(t, err)
	require.Contains(t, string(pages), "customer_level")
}

// session is the fenced sh blocks of a page, one after the other.
func session(page string) string {
	var script strings.Builder
	for _, block := range strings.Split(page, "```sh\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		script.WriteString(code)
	}
	return script.String()
}
