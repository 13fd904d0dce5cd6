package dag_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A model of kind sql may call functions, and what these write is known to the server alone.
func TestCompile_looksIntoFunctions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/dwd/b.sql": "-- kind: table\n-- depends_on: []\nselect 1 as id",
		"models/shop/dwd/a.sql": "-- kind: sql\n-- target: shop_dwd.filled\n-- depends_on: []\n-- columns: {id: integer}\ncreate table if not exists shop_dwd.filled (id integer);\nselect public.fill(),\n    public.empty(), public.oversteps(), public.plain();",
	})
	w.exec(`create schema shop_dwd; create table shop_dwd.filled (id integer); create table shop_dwd.b (id integer);
create function public.fill() returns void language sql as 'insert into shop_dwd.filled select b.id from shop_dwd.b as b';
create function public.empty() returns void language plpgsql as $$ declare n int; begin delete from shop_dwd.b where id = 0 returning id into n; end $$;
create function public.oversteps() returns void language sql begin atomic insert into shop_dwd.b values (1); end;
create function public.plain() returns integer language sql immutable as 'select 1'`)
	require.Equal(t, []string{
		"models/shop/dwd/a.sql:7:5 warning: public.empty() writes shop_dwd.b, which shop_dwd.b makes",
		"models/shop/dwd/a.sql:7:21 warning: public.oversteps() writes shop_dwd.b, which shop_dwd.b makes",
		"models/shop/dwd/b.sql:1:1 warning: shop_dwd.b is there already, a table that terrace did not make",
	}, told(w.compile()))
}
