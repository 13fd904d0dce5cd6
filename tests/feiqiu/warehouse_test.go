package feiqiu_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/feiqiu"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

const models = "../../models/feiqiu"

// key columns of the streams, as models/feiqiu/ods/feiqiu.yml makes them.
var keys = map[string]string{
	"member_profiles": "id", "site_tables_master": "id", "settlement_records": "id", "payment_transactions": "id",
	"refund_transactions": "id", "settlement_ticket_details": "order_settle_id",
}

// order is one in which the models can be built.
var order = []string{
	"dwd/dim_member", "dwd/dim_table", "dwd/fact_settlement", "dwd/fact_payment", "dwd/fact_refund", "dwd/fact_ticket",
	"dwd/fact_ticket_line", "dws/order_summary",
}

// warehouse is a connection to a database with the domain's ODS and seeds.
type warehouse struct {
	*pgx.Conn
	t   *testing.T
	ctx context.Context
}

func newWarehouse(t *testing.T) warehouse {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, pgtest.New(t).URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(ctx)) })
	w := warehouse{Conn: conn, t: t, ctx: ctx}
	w.exec("set search_path = ''")
	w.exec("insert into terrace.variable values ('feiqiu_first_day', '2025-07-01')")
	for _, schema := range []string{"ods", "ref", "dwd", "dws"} {
		w.exec("create schema feiqiu_" + schema)
	}
	for stream, key := range keys {
		w.exec(fmt.Sprintf(`create table feiqiu_ods.%s__versions (
    %s bigint, payload jsonb, _batch_id bigint, _seen_at timestamptz, _superseded_at timestamptz,
    _deleted_at timestamptz, _version bigint generated always as identity)`, stream, key))
		w.exec(fmt.Sprintf(`create view feiqiu_ods.%[1]s as
select * from feiqiu_ods.%[1]s__versions where _superseded_at is null`, stream))
	}
	w.seeds()
	return w
}

func (w warehouse) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.Exec(w.ctx, sql, args...)
	require.NoError(w.t, err, "%s", sql)
}

func (w warehouse) seeds() {
	w.t.Helper()
	files, err := filepath.Glob(models + "/ref/*.csv")
	require.NoError(w.t, err)
	require.NotEmpty(w.t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(w.t, err)
		rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		require.NoError(w.t, err)
		table := "feiqiu_ref." + strings.TrimSuffix(filepath.Base(file), ".csv")
		w.exec("create table " + table + " (code integer primary key, label_zh text not null, label_en text not null)")
		for _, row := range rows[1:] {
			w.exec("insert into "+table+" values ($1::text::integer, $2, $3)", row[0], row[1], row[2])
		}
	}
}

// land adds what the ledger holds and the warehouse does not, as seen at the given time.
func (w warehouse) land(l *feiqiu.Ledger, batch int, seen time.Time) {
	w.t.Helper()
	for _, stream := range l.Streams() {
		records, err := json.Marshal(l.Records(stream))
		require.NoError(w.t, err)
		w.exec(`create temporary table arrived as
select key::bigint as id, value as payload from jsonb_each($1::text::jsonb)`, string(records))
		table, key := "feiqiu_ods."+stream+"__versions", keys[stream]
		w.exec(fmt.Sprintf(`delete from pg_temp.arrived as a using %s as v
where v.%s = a.id and v.payload = a.payload and v._superseded_at is null`, table, key))
		w.exec(fmt.Sprintf(`update %s as v set _superseded_at = $1 from pg_temp.arrived as a
where v.%s = a.id and v._superseded_at is null`, table, key), seen)
		w.exec(fmt.Sprintf(`insert into %s (%s, payload, _batch_id, _seen_at)
select id, payload, $1, $2 from pg_temp.arrived`, table, key), batch, seen)
		w.exec("drop table pg_temp.arrived")
	}
}

// build makes every model's table anew from its query.
func (w warehouse) build() {
	w.t.Helper()
	for _, name := range order {
		header, query := parts(w.t, filepath.Join(models, name+".sql"))
		relation := "feiqiu_" + strings.Replace(name, "/", ".", 1)
		if strings.Contains(header, "kind: scd2") {
			key := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "dim_"), "s") + "_id"
			query = timeline(query, key)
		}
		w.exec("drop table if exists " + relation)
		w.exec("create table " + relation + " as\n" + query)
	}
}

// timeline makes intervals of versions, every version one.
func timeline(query, key string) string {
	return fmt.Sprintf(`select t.*, t.valid_to is null as is_current
from (
    select
        v.*,
        v._seen_at as valid_from,
        lead(v._seen_at) over (partition by v.%s order by v._seen_at, v._version) as valid_to
    from (
%s
    ) as v
) as t
where t._deleted_at is null`, key, query)
}

// parts are a file's header and its query.
func parts(t *testing.T, file string) (header, query string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(text), "\n")
	n := 0
	for strings.HasPrefix(lines[n], "-- ") {
		n++
	}
	require.Positive(t, n, "%s has no header", file)
	return strings.Join(lines[:n], ""), strings.Join(lines[n:], "")
}
