package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModel_expands(t *testing.T) {
	t.Parallel()
	for sql, expands := range map[string]bool{
		"select * from s.t":                                      true,
		"select t.id, t.* from s.t as t":                         true,
		"select 1 as one, * from s.t":                            true,
		"select distinct * from s.t":                             true,
		"select distinct on (t.id) * from s.t as t":              true,
		"select distinct on (t.id) /* all */ *, 1 from s.t as t": true,
		"with a as (select all * from s.t) select a.id from a":   true,
		"TABLE s.t":                           true,
		"select id from s.t natural join s.u": true,
		"select count(*), sum(a * b), (a) * (b), a.c * 2 from s.t as a": false,
		"select count( /* rows */ * ) as \"*\" from s.t -- *":           false,
		"select 'table *' as table_name from s.t":                       false,
		"select id from s.t": false,
	} {
		require.Equal(t, expands, (&Model{SQL: sql}).Expands(), sql)
	}
}
