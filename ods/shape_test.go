package ods_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

func TestShapes_areWhatEnsureMakes(t *testing.T) {
	t.Parallel()
	for _, stream := range []ods.Stream{
		everyKey(),
		{Name: "shop_ods.keyless"},
		{Name: "shop_ods.files", Key: []ods.KeyColumn{{Name: "id", Path: "$.id"}}, FileColumns: true},
	} {
		db := pgtest.New(t)
		require.NoError(t, ods.New(db.Pool).Ensure(context.Background(), stream))
		shapes, err := ods.Shapes(stream)
		require.NoError(t, err)
		require.Len(t, shapes, 2)
		for _, shape := range shapes {
			var want []string
			for _, c := range shape.Columns {
				want = append(want, c.Name+" "+c.Type)
			}
			slices.Sort(want)
			schema, relation, _ := strings.Cut(shape.Name, ".")
			var have, key []string
			require.NoError(t, db.Pool.QueryRow(context.Background(), `select
    array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attname collate "C"),
    array(
        select k.attname::text
        from pg_index as i
        join pg_attribute as k on k.attrelid = i.indrelid and k.attnum = any (i.indkey)
        where i.indrelid = c.oid and i.indisprimary
        order by array_position(i.indkey::int2[], k.attnum)
    )
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
where c.oid = format('%I.%I', $1::text, $2::text)::regclass
group by c.oid`, schema, relation).Scan(&have, &key))
			require.Equal(t, have, want, shape.Name)
			require.Equal(t, key, append([]string{}, shape.Key...), shape.Name)
		}
	}
}
