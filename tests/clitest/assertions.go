package clitest

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"
)

// RequireAssertionsSee changes the warehouse as damages say, by the name of the assertion file in tests/DOMAIN that is
// there to see it: each finds other rows after than before. Every assertion of the domain has a damage.
func (p *Project) RequireAssertionsSee(domain, vars string, damages map[string]string) {
	p.t.Helper()
	p.Exec("select set_config('terrace.vars', $1, false)", vars)
	files, err := filepath.Glob(filepath.Join(p.Dir, "tests", domain, "*.sql"))
	require.NoError(p.t, err)
	require.Len(p.t, files, len(damages))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".sql")
		text, err := os.ReadFile(file)
		require.NoError(p.t, err)
		count := "select count(*)::text from (" + string(text) + "\n) as failing"
		require.NotEmpty(p.t, damages[name], name)
		p.Exec("begin")
		before := p.Rows(count)
		p.Exec(damages[name])
		require.NotEqual(p.t, before, p.Rows(count), name)
		p.Exec("rollback")
	}
}
