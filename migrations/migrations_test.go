package migrations_test

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/migrations"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

func TestUp_bringsAnEmptyDatabaseToTheLatestVersion(t *testing.T) {
	t.Parallel()
	conn := pgtest.NewEmpty(t).Conn(t)
	require.Equal(t, 0, version(t, conn))
	require.NoError(t, migrations.Up(t.Context(), conn))
	require.Equal(t, migrations.Latest(), version(t, conn))
	require.NoError(t, migrations.Up(t.Context(), conn), "a second time")
}

func TestUp_writesNothingWhenTheVersionIsCurrent(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	_, err := conn.Exec(t.Context(), "set default_transaction_read_only = on")
	require.NoError(t, err)
	require.NoError(t, migrations.Up(t.Context(), conn))
}

func TestDown_undoesWhatUpDoes(t *testing.T) {
	t.Parallel()
	conn := pgtest.NewEmpty(t).Conn(t)
	for to := range migrations.Latest() {
		require.NoError(t, migrations.Up(t.Context(), conn))
		all := catalog(t, conn)
		require.NoError(t, migrations.Down(t.Context(), conn, to))
		require.Equal(t, to, version(t, conn))
		if to == 0 {
			require.Equal(t, []string{"r schema_migrations"}, catalog(t, conn))
		}
		require.NoError(t, migrations.Up(t.Context(), conn))
		require.Equal(t, all, catalog(t, conn), "down to %d and up again", to)
	}
}

func TestDown_refusesToGoUp(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	require.ErrorContains(t, migrations.Down(t.Context(), conn, migrations.Latest()+1), "it is at")
	require.ErrorContains(t, migrations.Down(t.Context(), conn, -1), "it is at")
	require.Equal(t, migrations.Latest(), version(t, conn))
}

func TestUp_appliesOnceWhenManyProcessesCome(t *testing.T) {
	t.Parallel()
	db := pgtest.NewEmpty(t)
	slow := set(map[string]string{
		"0001_count.up.sql": "create table terrace.count (n int); insert into terrace.count values (1); select pg_sleep(0.2)",
	})
	var wait sync.WaitGroup
	results := make([]error, 4)
	for i := range results {
		conn := db.Conn(t)
		wait.Go(func() { results[i] = migrations.UpFrom(t.Context(), conn, slow) })
	}
	wait.Wait()
	for _, err := range results {
		require.NoError(t, err)
	}
	var rows int
	require.NoError(t, db.Pool.QueryRow(t.Context(), "select count(*) from terrace.count").Scan(&rows))
	require.Equal(t, 1, rows)
}

func TestUp_refusesASchemaOfANewerBinary(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	old := set(map[string]string{"0001_first.up.sql": "select 1"})
	err := migrations.UpFrom(t.Context(), conn, old)
	require.ErrorIs(t, err, migrations.ErrNewer)
	require.ErrorContains(t, err, "this terrace knows 1")
}

func TestUp_namesThePlaceOfAFailureAndLeavesTheSchemaAsItWas(t *testing.T) {
	t.Parallel()
	conn := pgtest.NewEmpty(t).Conn(t)
	files := map[string]string{
		"0001_good.up.sql":   "create table terrace.good ()",
		"0002_better.up.sql": "create table terrace.better ()",
	}
	require.NoError(t, migrations.UpFrom(t.Context(), conn, set(files)))
	before := catalog(t, conn)

	files["0003_fine.up.sql"] = "create table terrace.fine ()"
	files["0004_bad.up.sql"] = "-- é\ncreate table terrace.half ();\n\nselect nonsense;\n"
	err := migrations.UpFrom(t.Context(), conn, set(files))
	var failed *migrations.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "migrations/0004_bad.up.sql", failed.File)
	require.Equal(t, 4, failed.Line)
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "42703", refused.Code)
	require.ErrorContains(t, err, `migrations/0004_bad.up.sql:4: ERROR: column "nonsense" does not exist`)
	require.Equal(t, before, catalog(t, conn))
	require.Equal(t, 2, version(t, conn))

	files["0004_bad.up.sql"] = "create table terrace.whole ()"
	require.NoError(t, migrations.UpFrom(t.Context(), conn, set(files)), "the corrected file applies without more ado")
	require.Equal(t, 4, version(t, conn))
}

func TestDown_namesThePlaceOfAFailure(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	_, err := conn.Exec(t.Context(), "create view terrace.in_the_way as select run_id from terrace.run")
	require.NoError(t, err)
	var failed *migrations.Error
	require.ErrorAs(t, migrations.Down(t.Context(), conn, 0), &failed)
	require.Equal(t, "migrations/0001_ledger.down.sql", failed.File)
	require.Equal(t, migrations.Latest(), version(t, conn))
}

// All migrations are applied in one transaction, so none may end it, or hold a statement that cannot run in one.
func TestFiles_canRunInATransaction(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(migrations.Files, "*.sql")
	require.NoError(t, err)
	require.Len(t, names, 2*migrations.Latest(), "an up and a down for each version, without a gap")
	for _, name := range names {
		sql, err := fs.ReadFile(migrations.Files, name)
		require.NoError(t, err)
		for line := range strings.Lines(string(sql)) {
			statement := strings.ToLower(strings.TrimSpace(line))
			require.NotContains(t, []string{"begin;", "commit;", "rollback;"}, statement, name)
			require.NotContains(t, statement, " concurrently ", name)
		}
	}
}

func version(t *testing.T, conn *pgx.Conn) int {
	t.Helper()
	v, err := migrations.Version(t.Context(), conn)
	require.NoError(t, err)
	return v
}

// catalog lists what is in schema terrace, with its definition.
func catalog(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		select c.relkind::text || ' ' || c.relname || coalesce(' ' || string_agg(
		    concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
		        pg_get_expr(d.adbin, d.adrelid)), ', ' order by a.attnum) filter (where a.attnum is not null), '')
		from pg_class as c
		left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relname <> 'schema_migrations'
		left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
		where c.relnamespace = 'terrace'::regnamespace and (c.relkind <> 'i' or c.relname not like 'schema_migrations%')
		group by c.oid, c.relkind, c.relname
		union all
		select 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid)
		from pg_constraint
		where connamespace = 'terrace'::regnamespace and conrelid <> 'terrace.schema_migrations'::regclass
		union all
		select pg_get_functiondef(oid)
		from pg_proc
		where pronamespace = 'terrace'::regnamespace and prokind = 'f'
		order by 1`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}

// set makes migrations of up files; each gets a down file that does nothing.
func set(files map[string]string) fs.FS {
	dir := fstest.MapFS{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		dir[name] = &fstest.MapFile{Data: []byte(files[name])}
		dir[strings.Replace(name, ".up.", ".down.", 1)] = &fstest.MapFile{Data: []byte(fmt.Sprintf("-- %s", name))}
	}
	return dir
}
