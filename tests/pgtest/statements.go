package pgtest

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

// RequireStatements wants the server to understand every SQL file of a folder, as a statement over the tables of a new
// database.
func RequireStatements(t testing.TB, folder fs.FS) {
	t.Helper()
	conn := New(t).Conn(t)
	files, err := fs.Glob(folder, "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		sql, err := fs.ReadFile(folder, file)
		require.NoError(t, err)
		_, err = conn.Prepare(t.Context(), file, string(sql))
		require.NoError(t, err, file)
	}
}
