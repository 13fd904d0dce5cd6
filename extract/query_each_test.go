package extract_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

const eachYAML = `
  orders:
    query: select id, status from public.orders where shop = :shop and updated_at >= :start and updated_at < :end
    primary_key: [{value: "${each.shop}", name: shop, type: bigint}, {path: $.id, type: bigint}]
    each: {shop: [1, 2, 3]}
    slices: {start: "2026-01-17", step: P1D}
    deletes: {sweep: {query: "select id from public.orders where shop = :shop", max_share: 0.9}}
`

// A query that is made for each of several shops has the shop in the key of its records, which do not say it themselves, and
// in the listing of what is still there; a recording of it is read as it was.
func TestQuery_isMadeForEachValue(t *testing.T) {
	t.Parallel()
	s := newShop(t, `create table public.orders as
		select shop, id, 'new' as status, timestamptz '2026-01-18 10:00+00' as updated_at
		from generate_series(1, 4) as shop cross join generate_series(1, 20) as id`)
	dir := t.TempDir()
	recorder, err := extract.NewRecorder(openRoot(t, dir))
	require.NoError(t, err)
	c := newCopy(t, s.env)
	c.deps.Recorder = recorder
	source := load(t, shopYAML(eachYAML), s.env)
	require.NoError(t, c.read(source))
	require.NoError(t, recorder.Close())
	all := `select string_agg(shop || ':' || n, ' ' order by shop) from (
		select shop, count(*) filter (where _deleted_at is null) as n from crm_ods.orders group by shop) as x`
	require.Equal(t, []string{"1:20 2:20 3:20"}, column(t, c.db, all))

	s.exec("delete from public.orders where shop = 2 and id <= 5")
	s.exec("update public.orders set status = 'paid', updated_at = '2026-01-20 12:30+00' where shop = 3 and id = 1")
	c.deps.Recorder = nil
	c.deps.Now = func() time.Time { return noon.Add(time.Hour) }
	require.NoError(t, c.read(source))
	require.Equal(t, []string{"1:20 2:15 3:20"}, column(t, c.db, all))
	require.Equal(t, []string{"3:1"}, column(t, c.db, `select shop || ':' || id from crm_ods.orders where payload ->> 'status' = 'paid'`))

	recording, err := extract.OpenRecording(openRoot(t, dir))
	require.NoError(t, err)
	replayed := newCopy(t, nil)
	replayed.deps.Recording = recording
	require.NoError(t, replayed.read(load(t, shopYAML(eachYAML), nil)))
	require.Equal(t, []string{"1:20 2:20 3:20"}, column(t, replayed.db, all))
}
