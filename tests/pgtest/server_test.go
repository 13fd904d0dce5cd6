package pgtest

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUse_dropsWhatEndedProcessesLeft(t *testing.T) {
	t.Parallel()
	mine := New(t)
	s := running(t)
	ended, err := use(t.Context(), s.url, "")
	require.NoError(t, err)
	left, err := ended.create(t.Context(), empty)
	require.NoError(t, err)
	old := templatePrefix + ended.token
	_, err = ended.conn.Exec(t.Context(), fmt.Sprintf("create database %s template template0", quote(old)))
	require.NoError(t, err)
	require.True(t, exists(t, mine, left))
	require.NoError(t, ended.conn.Close(t.Context()))

	// The server takes note of the end a moment later.
	require.Eventually(t, func() bool {
		next, err := use(t.Context(), s.url, "")
		require.NoError(t, err)
		require.NoError(t, next.conn.Close(t.Context()))
		return !exists(t, mine, left) && !exists(t, mine, old)
	}, wait, 10*time.Millisecond)
	require.True(t, exists(t, mine, s.template))
	require.True(t, exists(t, mine, mine.Pool.Config().ConnConfig.Database))
}

func TestNew_keepsTheDatabaseOfATestThatFailed(t *testing.T) {
	t.Parallel()
	mine := New(t)
	failing := &failingTest{TB: t}
	kept := New(failing)
	for _, clean := range failing.cleanups {
		clean()
	}
	name := kept.Pool.Config().ConnConfig.Database
	require.True(t, exists(t, mine, name))
	require.Contains(t, failing.said, kept.URL)
	require.NoError(t, running(t).drop(t.Context(), name))
}

func TestTemplateName_followsTheMigrations(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, files := range []fstest.MapFS{
		{},
		{"1.sql": {Data: []byte("a")}},
		{"1.sql": {Data: []byte("b")}},
		{"2.sql": {Data: []byte("b")}},
		{"1.sql": {}, "2.sql": {Data: []byte("b")}},
	} {
		name, err := templateName(files)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(name, templatePrefix))
		names[name] = true
	}
	require.Len(t, names, 5)
}

// failingTest is a test that has failed.
type failingTest struct {
	testing.TB
	cleanups []func()
	said     string
}

func (f *failingTest) Failed() bool               { return true }
func (f *failingTest) Cleanup(clean func())       { f.cleanups = append(f.cleanups, clean) }
func (f *failingTest) Logf(text string, a ...any) { f.said += fmt.Sprintf(text, a...) }

func exists(t *testing.T, db *DB, name string) bool {
	t.Helper()
	var there bool
	err := db.Pool.QueryRow(t.Context(), "select exists (select from pg_database where datname = $1)", name).Scan(&there)
	require.NoError(t, err)
	return there
}
