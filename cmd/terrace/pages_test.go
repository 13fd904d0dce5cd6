package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

// A database that could not tell columns is asked again, though no file changed.
func TestPages_askAgainForColumns(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	a, err := opened(t, map[string]string{
		"terrace.yml":                "name: shop\n",
		"models/shop/ods/legacy.yml": "source: legacy\ntype: existing\nstreams:\n  orders: {relation: public.orders, primary_key: [id]}\n",
		"models/shop/dwd/orders.sql": "-- kind: view\n-- depends_on: [public.orders]\nselect 1 as n from public.orders as o",
	}, map[string]string{"TERRACE_DATABASE_URL": db.URL}, Globals{})
	require.NoError(t, err)
	now := time.Now()
	a.Now = func() time.Time { return now }
	exec := func(sql string) {
		_, err := db.Pool.Exec(ctx, sql)
		require.NoError(t, err)
	}
	exec("create table public.orders (id integer)")
	source, err := a.openPages(ctx, pageTimeout)
	require.NoError(t, err)
	t.Cleanup(source.close)
	exec("alter schema terrace rename to elsewhere")
	columns := func() int {
		p, err := source.Project(ctx)
		require.NoError(t, err)
		require.Len(t, p.Nodes, 2)
		return len(p.Nodes[1].Columns)
	}
	require.Zero(t, columns())
	exec("alter schema elsewhere rename to terrace")
	now = now.Add(columnsEvery - filesEvery)
	require.Zero(t, columns())
	now = now.Add(filesEvery)
	require.Equal(t, 1, columns())
}
