package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/migrations"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

func TestNew_givesEachTestItsOwnMigratedDatabase(t *testing.T) {
	t.Parallel()
	one, two := pgtest.New(t), pgtest.New(t)
	require.NotEqual(t, one.URL, two.URL)

	_, err := one.Pool.Exec(t.Context(), "insert into terrace.variable (name, value) values ('a', '1')")
	require.NoError(t, err)
	var rows int
	require.NoError(t, two.Pool.QueryRow(t.Context(), "select count(*) from terrace.variable").Scan(&rows))
	require.Zero(t, rows)

	version, err := migrations.Version(t.Context(), one.Conn(t))
	require.NoError(t, err)
	require.Equal(t, migrations.Latest(), version)
}

func TestNew_sessionsHaveNoSearchPath(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for name, row := range map[string]pgx.Row{
		"pool": db.Pool.QueryRow(t.Context(), "show search_path"),
		"conn": db.Conn(t).QueryRow(t.Context(), "show search_path"),
	} {
		var path string
		require.NoError(t, row.Scan(&path))
		require.Empty(t, path, name)
	}
}

func TestNewEmpty_hasNoSchemaTerrace(t *testing.T) {
	t.Parallel()
	version, err := migrations.Version(t.Context(), pgtest.NewEmpty(t).Conn(t))
	require.NoError(t, err)
	require.Zero(t, version)
}

func TestNew_dropsTheDatabaseOfATestThatPassed(t *testing.T) {
	t.Parallel()
	var dropped string
	t.Run("passes", func(t *testing.T) {
		db := pgtest.New(t)
		require.NoError(t, db.Pool.QueryRow(t.Context(), "select current_database()").Scan(&dropped))
	})
	var there bool
	err := pgtest.NewEmpty(t).Pool.
		QueryRow(t.Context(), "select exists (select from pg_database where datname = $1)", dropped).Scan(&there)
	require.NoError(t, err)
	require.False(t, there)
}
