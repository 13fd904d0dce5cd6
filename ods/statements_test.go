package ods

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

func TestStatements_areAllUnderstoodByPostgres(t *testing.T) {
	t.Parallel()
	pgtest.RequireStatements(t, os.DirFS("sql"))
}

func TestParsePath_splitsNames(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][]string{
		"$":                 nil,
		"$.id":              {"id"},
		"$.data.id":         {"data", "id"},
		`$['a.b']["c'd"].名`: {"a.b", "c'd", "名"},
	} {
		got, err := parsePath(path)
		require.NoError(t, err)
		require.Equal(t, want, got, path)
	}
	for _, path := range []string{"", "id", "$id", "$.", "$..id", "$.a.", "$[0]", "$['a", "$.a[*]"} {
		_, err := parsePath(path)
		require.Error(t, err, path)
	}
}

func TestParseOrder_ordersNumbersInstantsAndText(t *testing.T) {
	t.Parallel()
	rising := []string{
		"", "-10", "-9.5", "0", "0.09", "0.1", "9", "10", "1e3", "12345678901234567890", "12345678901234567891",
		"2024-02-29T00:00:00+08:00", "2024-02-28 17:00:00Z", "2024-02-29T00:00:00-0500",
		"2024-02-29", "2024-02-29 10:00:00", "2024-03-01", "v10", "v9",
	}
	for i, a := range rising {
		for j, b := range rising {
			got := parseOrder(&a).compare(parseOrder(&b))
			require.Equal(t, i < j, got < 0, "%q %q", a, b)
			require.Equal(t, i > j, got > 0, "%q %q", a, b)
		}
	}
	hundred, same := "100", "1.00e2"
	require.Zero(t, parseOrder(&hundred).compare(parseOrder(&same)))
	require.Zero(t, parseOrder(nil).compare(order{}))
}
