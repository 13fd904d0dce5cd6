package migrations_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

func TestCasts_giveNullForWhatIsNoDate(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	for _, text := range []string{
		"", " ", "--", "0000-00-00 00:00:00", "0001-01-01 00:00:00", "-0001-11-30 00:00:00", "2025-02-30 00:00:00", "2025-13-01 00:00:00", "soon",
	} {
		var date, instant *string
		require.NoError(t, conn.QueryRow(t.Context(), `select terrace.to_date($1)::text,
    terrace.to_timestamptz($1, 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai')::text`, text).Scan(&date, &instant))
		if text != "0001-01-01 00:00:00" { // which is a date
			require.Nil(t, date, text)
		}
		require.Nil(t, instant, text)
	}
}

// An exception block within a parallel plan is an error before PostgreSQL 17.
func TestCasts_workWherePlansCouldBeParallel(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	for _, sql := range []string{
		"set parallel_setup_cost = 0", "set parallel_tuple_cost = 0", "set min_parallel_table_scan_size = 0",
		"create table public.landed as select '2025-09-01 00:00:00'::text as at from generate_series(1, 100000)",
		"analyze public.landed",
		`create temporary table made as
select terrace.to_date(at) as date, terrace.to_timestamptz(at, 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as instant from public.landed`,
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
}
