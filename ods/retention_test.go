package ods_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

const quarter = 90 * 24 * time.Hour

// ranges are those that have been read, by stream and variant, as the watermark and the gaps have them.
func (w *world) ranges() []string {
	return w.query(`select stream, variant, range_agg(tstzrange(range_start, range_end))
from terrace.slice where kind = 'window' and state = 'done' and not meta ? 'put_back' group by stream, variant order by stream, variant`)
}

func TestForgetReadings_keepsWhatRangesWereRead(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 0))
			w := newWorld(t, orders())
			for i := range 600 {
				from, age := random.IntN(2000), 1+random.IntN(300)
				w.exec(`insert into terrace.slice (stream, variant, kind, range_start, range_end, state, ended_at, meta)
values ('shop_ods.orders', $1, 'window', '2025-01-01'::timestamptz + $2 * interval '1 hour', '2025-01-01'::timestamptz + $3 * interval '1 hour',
    'done', now() - $4 * interval '1 day', case when $5 then '{"put_back": true}' else '{}' end::jsonb)`,
					fmt.Sprint(i%2), from, from+1+random.IntN(30), age, random.IntN(40) == 0)
			}
			before, all := w.ranges(), w.value("select count(*) from terrace.slice")
			would, err := ods.ForgetReadings(t.Context(), w.db.Conn(t), quarter, true)
			require.NoError(t, err)
			require.Equal(t, all, w.value("select count(*) from terrace.slice"), "a dry one deletes nothing")
			gone, err := ods.ForgetReadings(t.Context(), w.db.Conn(t), quarter, false)
			require.NoError(t, err)
			require.Equal(t, would, gone)
			require.Greater(t, gone, int64(100))
			require.Equal(t, before, w.ranges())
			require.Equal(t, "0", w.value(`select count(*)
from terrace.slice as s
cross join lateral (
    select range_agg(tstzrange(o.range_start, o.range_end)) as others
    from (select *, row_number() over (partition by variant order by slice_id desc) as age
          from terrace.slice where kind = 'window' and state = 'done' and not meta ? 'put_back') as o
    where o.variant = s.variant and o.slice_id <> s.slice_id and o.ended_at < now() - interval '90 days' and o.age > 100
) as o
join (select slice_id, row_number() over (partition by variant order by slice_id desc) as age
      from terrace.slice where kind = 'window' and state = 'done' and not meta ? 'put_back') as place using (slice_id)
where s.kind = 'window' and s.state = 'done' and not s.meta ? 'put_back' and s.ended_at < now() - interval '90 days' and place.age > 100
    and o.others @> tstzrange(s.range_start, s.range_end)`), "none is left that the others cover")
			again, err := ods.ForgetReadings(t.Context(), w.db.Conn(t), quarter, false)
			require.NoError(t, err)
			require.Zero(t, again)
		})
	}
}

func TestForgetReadings_keepsTheNewestAndThoseOfRejects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.exec(`insert into terrace.slice (stream, kind, state, ended_at)
select 'shop_ods.orders', k.kind, 'done', now() - interval '200 days'
from (values ('full'), ('parents'), ('file')) as k (kind)
cross join generate_series(1, 130)`)
	w.exec(`insert into terrace.batch (batch_id, node, slice_id)
overriding system value
select 900, 'shop_ods.orders', min(slice_id) from terrace.slice where kind = 'parents'`)
	w.exec("insert into terrace.reject (node, batch_id, reason, raw) values ('shop_ods.orders', 900, 'nul', '')")
	gone, err := ods.ForgetReadings(t.Context(), w.db.Conn(t), quarter, false)
	require.NoError(t, err)
	require.Equal(t, int64(30+29), gone)
	require.Equal(t, []string{"file|130", "full|101", "parents|101"},
		w.query("select kind, count(*) from terrace.slice group by kind order by kind"), "with the open one, and the one of a reject")
}

func TestForgetReplayed_keepsWhatCanStillBeReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	w.exec(`insert into terrace.reject (node, reason, raw, rejected_at, replayed_at)
select 'shop_ods.orders', 'nul', '', now() - interval '1 year', case i % 3 when 0 then now() - interval '100 days' when 1 then now() end
from generate_series(1, 6000) as i`)
	would, err := ods.ForgetReplayed(t.Context(), w.db.Conn(t), quarter, true)
	require.NoError(t, err)
	gone, err := ods.ForgetReplayed(t.Context(), w.db.Conn(t), quarter, false)
	require.NoError(t, err)
	require.Equal(t, []int64{2000, 2000}, []int64{would, gone})
	require.Equal(t, "4000", w.value("select count(*) from terrace.reject"))
}
