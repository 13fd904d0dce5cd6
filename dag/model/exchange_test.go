package model_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

func TestExchange_letsAQueryReadOtherRelations(t *testing.T) {
	t.Parallel()
	names := map[string]string{"a.b": `pg_temp."a.b"`, "a.c": `pg_temp."a.c"`}
	for _, c := range []struct{ sql, want string }{
		{"select 1", "select 1"},
		{"select * from other.x", "select * from other.x"},
		{"select * from a.b", `select * from pg_temp."a.b" as "b"`},
		{"select x.n from a.b as x, a.c", `select x.n from pg_temp."a.b" as x, pg_temp."a.c" as "c"`},
		{"select b.n from a . /* . */ b", `select b.n from pg_temp."a.b" as "b"`},
		{"select a.b.n, A.\"b\".n from a.b", `select "b".n, "b".n from pg_temp."a.b" as "b"`},
		{"with b as (select 1) select * from b", "with b as (select 1) select * from b"},
		{"with x as (select * from a.b) select 'a.b.c', x.* from x", `with x as (select * from pg_temp."a.b" as "b") select 'a.b.c', x.* from x`},
	} {
		q, err := model.ParseQuery(c.sql)
		require.NoError(t, err, c.sql)
		require.Equal(t, c.want, q.Exchange(names).SQL, c.sql)
	}
}

func TestExchange_leadsBackToThePlaceInTheOriginal(t *testing.T) {
	t.Parallel()
	sql := "select 'é', b.oops\nfrom a.b\njoin a.c as c on c.oops = b.n"
	q, err := model.ParseQuery(sql)
	require.NoError(t, err)
	e := q.Exchange(map[string]string{"a.b": `pg_temp."a.b"`, "a.c": "x"})
	require.NotEqual(t, sql, e.SQL)
	at := func(text string, n int) int { return utf8.RuneCountInString(text[:n]) }
	for _, word := range []string{"b.oops", "c.oops", "b.n"} {
		require.Equal(t, sql[:strings.Index(sql, word)], e.Before(at(e.SQL, strings.Index(e.SQL, word))), word)
	}
	require.Equal(t, sql[:strings.Index(sql, "a.b")], e.Before(at(e.SQL, strings.Index(e.SQL, "temp"))))
}
