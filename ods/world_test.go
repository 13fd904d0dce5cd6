package ods_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/migrations"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// patience bounds every wait for what has to come. Nothing is told by how long it takes.
const patience = 5 * time.Minute

// world is a database with one stream in it, and a clock of its own.
type world struct {
	*testing.T
	db     *pgtest.DB
	store  *ods.Store
	stream ods.Stream
	run    uuid.UUID
	slice  ods.Slice
	now    time.Time
}

func orders() ods.Stream {
	return ods.Stream{Name: "shop_ods.orders", Key: []ods.KeyColumn{{Name: "id", Path: "$.id", Type: "bigint"}}}
}

func newWorld(t *testing.T, stream ods.Stream) *world {
	t.Helper()
	db := pgtest.New(t)
	w := &world{
		T: t, db: db, store: ods.New(db.Pool), stream: stream, run: uuid.New(),
		now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
	}
	require.NoError(t, w.store.Ensure(t.Context(), stream))
	w.open(ods.SliceSpec{Kind: ods.Full})
	return w
}

func (w *world) open(spec ods.SliceSpec) {
	w.Helper()
	slice, err := w.store.OpenSlice(w.Context(), w.stream, spec, w.run)
	require.NoError(w, err)
	w.slice = slice
}

// page is the next page of the open slice, a minute later.
func (w *world) page(records ...string) ods.Page {
	w.now = w.now.Add(time.Minute)
	w.slice.Pages++
	page := ods.Page{Stream: w.stream, Slice: w.slice, RunID: w.run, Number: w.slice.Pages, Fetched: w.now}
	for i, r := range records {
		page.Records = append(page.Records, ods.Record{Raw: []byte(r)})
		if w.stream.FileColumns {
			page.Records[i].File, page.Records[i].Line = "in.ndjson", int64(i+1)
		}
	}
	return page
}

func (w *world) land(records ...string) ods.Landed {
	w.Helper()
	return w.landPage(w.page(records...))
}

func (w *world) landPage(page ods.Page) ods.Landed {
	w.Helper()
	landed, err := w.store.Land(w.Context(), page)
	require.NoError(w, err)
	return landed
}

// finish lands a page without records that is the slice's last.
func (w *world) finish() {
	w.Helper()
	page := w.page()
	page.Last = true
	w.landPage(page)
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	_, err := w.db.Pool.Exec(w.Context(), sql, args...)
	require.NoError(w, err)
}

// query gives rows as text, columns joined by a bar.
func (w *world) query(sql string, args ...any) []string {
	w.Helper()
	rows, err := w.db.Pool.Query(w.Context(), sql, append([]any{pgx.QueryExecModeExec, pgx.QueryResultFormats{pgx.TextFormatCode}}, args...)...)
	require.NoError(w, err)
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var parts []string
		for _, value := range row.RawValues() {
			if value == nil {
				parts = append(parts, "-")
				continue
			}
			parts = append(parts, string(value))
		}
		return strings.Join(parts, "|"), nil
	})
	require.NoError(w, err)
	return lines
}

func (w *world) value(sql string, args ...any) string {
	w.Helper()
	lines := w.query(sql, args...)
	require.Len(w, lines, 1, sql)
	return lines[0]
}

// versions gives key, content, minute seen and minute superseded of every version, in landing order.
func (w *world) versions() []string {
	w.Helper()
	return w.query(`
select
    payload ->> 'id',
    payload ->> 'v',
    to_char(_seen_at at time zone 'UTC', 'FMMI'),
    to_char(_superseded_at at time zone 'UTC', 'FMMI')
from shop_ods.orders__versions
order by id, _version`)
}

func (w *world) current() []string {
	w.Helper()
	return w.query(`select payload ->> 'id', payload ->> 'v' from shop_ods.orders order by id`)
}

// fingerprint changes with any write to the stream's tables, to what is dead in them too.
func (w *world) fingerprint() []string {
	w.Helper()
	return w.query(`
select 'current', ctid, xmin from shop_ods.orders
union all
select 'history', ctid, xmin from shop_ods.orders__history
order by 1, 2`)
}

func record(id int, v string) string {
	return fmt.Sprintf(`{"id": %d, "v": %q}`, id, v)
}

func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// newLatinWorld is a world whose database has the encoding LATIN1, and whose orders have text keys.
func newLatinWorld(t *testing.T) *world {
	t.Helper()
	ctx := background(t)
	admin, err := pgx.Connect(ctx, pgtest.ServerURL(t))
	require.NoError(t, err)
	name := "terrace_latin_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	_, err = admin.Exec(ctx, "create database "+name+" template template0 encoding LATIN1 locale 'C'")
	require.NoError(t, err)
	config, err := pgxpool.ParseConfig(pgtest.ServerURL(t))
	require.NoError(t, err)
	config.ConnConfig.Database = name
	config.ConnConfig.RuntimeParams["client_encoding"] = "UTF8"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	require.NoError(t, err)
	t.Cleanup(func() {
		pool.Close()
		_, err := admin.Exec(ctx, "drop database "+name+" with (force)")
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	require.NoError(t, err)
	require.NoError(t, migrations.Up(ctx, conn))
	require.NoError(t, conn.Close(ctx))
	w := &world{T: t, db: &pgtest.DB{Pool: pool}, store: ods.New(pool), stream: orders(), run: uuid.New(), now: time.Unix(0, 0)}
	w.stream.Key[0].Type = ""
	require.NoError(t, w.store.Ensure(ctx, w.stream))
	w.open(ods.SliceSpec{Kind: ods.Full})
	return w
}
