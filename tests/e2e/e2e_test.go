// Package e2e runs the program as its users do. What it builds is compared with what the stand-in upstream knows of its
// business.
package e2e

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/demotest"
)

func TestMain(m *testing.M) { demotest.Main(m) }

// content is every row of every relation of the project's schemas, as text, in an order of its own. Columns that name a
// run, a batch or a time of the warehouse's own clock differ between two runs and are left out.
func content(t *testing.T, conn *pgx.Conn) map[string][]string {
	t.Helper()
	relations := demotest.Collect(t, conn, `select format('%I.%I', n.nspname, c.relname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname like 'feiqiu%' and c.relkind in ('r', 'p') and not c.relispartition
order by 1`)
	require.NotEmpty(t, relations)
	out := map[string][]string{}
	for _, relation := range relations {
		out[relation] = demotest.Collect(t, conn, fmt.Sprintf(
			"select (to_jsonb(t) - '_batch_id' - '_version')::text from %s as t order by 1", relation))
	}
	return out
}
