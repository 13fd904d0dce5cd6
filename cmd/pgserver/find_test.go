package pgserver

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFind_takesTheNewestOfAllPlaces(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	fake(t, filepath.Join(root, "lib/14/bin"), "14.9")
	fake(t, filepath.Join(root, "lib/16/bin"), "16.3 (Debian 16.3-1)")
	fake(t, filepath.Join(root, "lib/17/bin"), "17beta2")
	fake(t, filepath.Join(root, "path"), "15.18")
	fake(t, filepath.Join(root, "config/bin"), "16.4")
	script(t, filepath.Join(root, "path/pg_config"), "echo "+filepath.Join(root, "config/bin"))

	installs, err := find(t.Context(), environment{"PATH": filepath.Join(root, "path")}.lookup, []string{root + "/lib/*/bin"})
	require.NoError(t, err)
	var found []string
	for _, install := range installs {
		relative, err := filepath.Rel(root, install.Bin)
		require.NoError(t, err)
		found = append(found, fmt.Sprintf("%d.%d %s", install.Major, install.Minor, relative))
	}
	require.Equal(t, []string{"17.0 lib/17/bin", "16.4 config/bin", "16.3 lib/16/bin", "15.18 path"}, found)
}

func TestFind_followsLinksOnThePath(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	real := fake(t, filepath.Join(root, "real"), "15.18")
	require.NoError(t, os.Mkdir(filepath.Join(root, "path"), 0o755))
	require.NoError(t, os.Symlink(filepath.Join(real, "initdb"), filepath.Join(root, "path/initdb")))
	installs, err := find(t.Context(), environment{"PATH": filepath.Join(root, "path")}.lookup, []string{real})
	require.NoError(t, err)
	require.Equal(t, []Install{{Bin: real, Major: 15, Minor: 18}}, installs)
}

func TestFind_looksOnlyWhereItIsTold(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	newer, named := fake(t, filepath.Join(root, "newer"), "17.1"), fake(t, filepath.Join(root, "named"), "15.1")
	installs, err := find(t.Context(), environment{"TERRACE_PG_BIN": named}.lookup, []string{newer})
	require.NoError(t, err)
	require.Equal(t, []Install{{Bin: named, Major: 15, Minor: 1}}, installs)

	_, err = find(t.Context(), environment{"TERRACE_PG_BIN": root}.lookup, []string{newer})
	var failed *Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, NoBinaries, failed.Kind)
	require.ErrorContains(t, err, "has no initdb")
}

func TestFind_saysHowToInstallAServer(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old := fake(t, filepath.Join(root, "old"), "9.6.24")
	_, err := find(t.Context(), environment{"PATH": "/nowhere"}.lookup, []string{old})
	var failed *Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, NoBinaries, failed.Kind)
	require.Contains(t, failed.Error(), "no PostgreSQL server of version 15 or newer")
	require.Contains(t, failed.Error(), "9.6 in "+old)
	require.Contains(t, howToInstall("linux"), "apt install postgresql")
	require.Contains(t, howToInstall("darwin"), "brew install")
}

type environment map[string]string

func (e environment) lookup(name string) (string, bool) {
	value, set := e[name]
	return value, set
}

// fake makes a folder of programs that know their version and nothing else.
func fake(t *testing.T, bin, version string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(bin, 0o755))
	for _, program := range []string{"initdb", "postgres"} {
		script(t, filepath.Join(bin, program), fmt.Sprintf("echo '%s (PostgreSQL) %s'", program, version))
	}
	return bin
}

func script(t *testing.T, path, body string) {
	t.Helper()
	writeProgram(t, path, []byte("#!/bin/sh\n"+body+"\n"))
}
