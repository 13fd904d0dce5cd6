// Package incremental measures what it costs to follow a change, over several sizes of what is there: incremental models
// and a dimension, against recomputing them in full, against the statements that dbt sends for the same (its strategies
// delete+insert and merge, its snapshot), and against what one would write by hand who knows that each record changed at most
// once since, on the same data in the same run:
//
//	go test -run '^$' -bench . -benchtime 1x ./tests/bench/incremental -sizes 100000,300000,1000000
//
// Times are medians of rounds in which all sides take turns.
//
// With 100,000 records of which 0.1, 1, 10 and 100 % changed, dbt's delete+insert took 1.2, 0.4, 0.3 and 0.4 of the time of an
// incremental model that has a consumer, its snapshot 27, 7.7, 1.5 and 0.2 of that of a replayed dimension, and recomputing
// the dimension in full 26, 8.9, 2.6 and 0.8. The dimension took 0.5, 1.3, 2.0 and 3.0 of the time of the statements by hand.
package incremental

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

var sizes = flag.String("sizes", "30000,100000,300000", "how many records the stream has")

const rounds = 3

// shares are how many of a thousand records change before each run.
var shares = []int{1, 10, 100, 1000}

const (
	fact = `select
    o.id,
    (o.payload ->> 'customer')::integer as customer,
    (o.payload ->> 'amount')::numeric(12, 2) as amount,
    o.payload ->> 'state' as state,
    (o.payload ->> 'at')::timestamptz as at,
    o._batch_id
from ods.orders as o`
	totals = `select f.customer, count(*) as orders, sum(f.amount) as amount, max(f.at) as newest
from %s.fact as f
group by f.customer`
	dimension = `select
    v.id,
    (v.payload ->> 'customer')::integer as customer,
    v.payload ->> 'state' as state,
    (v.payload ->> 'amount')::numeric(12, 2) as amount,
    v._seen_at,
    v._version
from ods.orders__versions as v`
)

var files = map[string]string{
	"terrace.yml":               "name: bench\n",
	"models/inc/fact.sql":       "-- kind: incremental\n-- key: [id]\n-- indexes: [[customer]]\n-- depends_on: [ods.orders]\n" + fact,
	"models/inc/totals.sql":     "-- kind: incremental\n-- key: [customer]\n-- depends_on: [inc.fact]\n" + fmt.Sprintf(totals, "inc"),
	"models/inc/dimension.sql":  "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.orders__versions]\n" + dimension,
	"models/anew/fact.sql":      "-- kind: table\n-- key: [id]\n-- indexes: [[customer]]\n-- depends_on: [ods.orders]\n" + fact,
	"models/anew/totals.sql":    "-- kind: table\n-- key: [customer]\n-- depends_on: [anew.fact]\n" + fmt.Sprintf(totals, "anew"),
	"models/anew/dimension.sql": "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.orders__versions]\n" + dimension,
}

// stream is what landing keeps of %d orders of a tenth as many customers.
const stream = `create schema ods;
create table ods.orders (
    id integer primary key, payload jsonb not null, _batch_id bigint not null, _seen_at timestamptz not null, _version bigint not null
);
create table ods.orders__history (like ods.orders, _superseded_at timestamptz not null);
create sequence ods.versions;
create function ods.payload(id integer, round integer) returns jsonb language sql volatile as $$
    select jsonb_build_object(
        'customer', case when random() < 0.1 then 1 + floor(random() * (%[1]d / 10))::integer else 1 + id %% (%[1]d / 10) end,
        'amount', round((random() * 1000)::numeric, 2), 'state', (array['open', 'paid', 'void'])[1 + floor(random() * 3)::integer],
        'at', timestamptz '2026-01-01' + make_interval(mins => id), 'round', round, 'note', repeat('x', 300)
    )
$$;
insert into ods.orders
select i, ods.payload(i, 0), 0, '2026-01-01', nextval('ods.versions')
from generate_series(1, %[1]d) as i;
create index on ods.orders (_batch_id);
create index on ods.orders__history (id, _version);
create index on ods.orders__history (_batch_id);
create view ods.orders__versions as
select h.* from ods.orders__history as h
union all
select o.*, null::timestamptz from ods.orders as o;
insert into terrace.stream values ('ods.orders', '{id}', '{integer}');
vacuum analyze ods.orders`

// change gives a share of the orders, in thousandths, another version.
const change = `with batch as (
    insert into terrace.batch (node, rows_updated) values ('ods.orders', $2) returning batch_id
),
chosen as (
    select o.id from ods.orders as o order by random() limit $2
),
moved as (
    insert into ods.orders__history
    select o.*, clock_timestamp() from ods.orders as o join chosen using (id)
)
update ods.orders as o
set payload = ods.payload(o.id, $1), _batch_id = batch.batch_id, _seen_at = clock_timestamp(), _version = nextval('ods.versions')
from chosen
cross join batch
where o.id = chosen.id`

// dbtFact and dbtSnapshot are what dbt would send: an incremental model with the strategy delete+insert, and a snapshot
// with the strategy check.
var (
	dbtFact = []string{
		"create temporary table fact__dbt_tmp as\n" + fact + "\nwhere o._batch_id > (select max(t._batch_id) from dbt.fact as t)",
		"delete from dbt.fact as t using fact__dbt_tmp as s where s.id = t.id",
		"insert into dbt.fact (id, customer, amount, state, at, _batch_id) (select id, customer, amount, state, at, _batch_id from fact__dbt_tmp)",
		"drop table fact__dbt_tmp",
	}
	dbtMerge = []string{
		"create temporary table merged__dbt_tmp as\n" + fact + "\nwhere o._batch_id > (select max(t._batch_id) from dbt.merged as t)",
		`merge into dbt.merged as t using merged__dbt_tmp as s on s.id = t.id
when matched then update set customer = s.customer, amount = s.amount, state = s.state, at = s.at, _batch_id = s._batch_id
when not matched then insert (id, customer, amount, state, at, _batch_id) values (s.id, s.customer, s.amount, s.state, s.at, s._batch_id)`,
		"drop table merged__dbt_tmp",
	}
	// byHand closes and opens versions of the records that landed since the last time, joined once.
	byHand = []string{
		`create temporary table came as
select d.ctid as was, s.*
from (
    ` + handSource + `
    where o._batch_id > (select w.batch_id from hand.watermark as w)
) as s
left join hand.dimension as d
    on d.id = s.id and d.valid_to is null
where (d.customer, d.state, d.amount) is distinct from (s.customer, s.state, s.amount)`,
		"analyze came",
		"update hand.dimension as d set valid_to = c._seen_at from came as c where d.ctid = c.was",
		"insert into hand.dimension (id, customer, state, amount, valid_from) select c.id, c.customer, c.state, c.amount, c._seen_at from came as c",
		"drop table came",
		"update hand.watermark set batch_id = (select max(o._batch_id) from ods.orders as o)",
	}
	dbtSnapshot = []string{
		`create temporary table snapshot__dbt_tmp as
with src as (
    ` + snapshotSource + `
),
held as (
    select *, id as dbt_unique_key from dbt.snapshot where dbt_valid_to is null
),
came as (
    select
        *, id as dbt_unique_key, now()::timestamp as dbt_updated_at, now()::timestamp as dbt_valid_from,
        null::timestamp as dbt_valid_to, md5(id::varchar || '|' || now()::timestamp::varchar) as dbt_scd_id
    from src
),
fresh as (
    select 'insert' as dbt_change_type, c.*
    from came as c
    left join held as h on h.dbt_unique_key = c.dbt_unique_key
    where h.dbt_unique_key is null or ` + snapshotDiffers + `
),
stale as (
    select
        'update' as dbt_change_type, c.id, c.customer, c.state, c.amount, c.dbt_unique_key, c.dbt_updated_at, c.dbt_valid_from,
        now()::timestamp as dbt_valid_to, h.dbt_scd_id
    from came as c
    join held as h on h.dbt_unique_key = c.dbt_unique_key
    where ` + snapshotDiffers + `
)
select * from fresh
union all
select * from stale`,
		`update dbt.snapshot as t set dbt_valid_to = s.dbt_valid_to
from snapshot__dbt_tmp as s
where s.dbt_scd_id = t.dbt_scd_id and s.dbt_change_type = 'update' and t.dbt_valid_to is null`,
		`insert into dbt.snapshot (id, customer, state, amount, dbt_updated_at, dbt_valid_from, dbt_valid_to, dbt_scd_id)
select id, customer, state, amount, dbt_updated_at, dbt_valid_from, dbt_valid_to, dbt_scd_id
from snapshot__dbt_tmp
where dbt_change_type = 'insert'`,
		"drop table snapshot__dbt_tmp",
	}
)

const (
	snapshotSource = `select o.id, (o.payload ->> 'customer')::integer as customer, o.payload ->> 'state' as state, (o.payload ->> 'amount')::numeric(12, 2) as amount
    from ods.orders as o`
	handSource = `select o.id, (o.payload ->> 'customer')::integer as customer, o.payload ->> 'state' as state, (o.payload ->> 'amount')::numeric(12, 2) as amount, o._seen_at
    from ods.orders as o`
	snapshotDiffers = `(h.customer <> c.customer or (h.customer is null) <> (c.customer is null)
        or h.state <> c.state or (h.state is null) <> (c.state is null)
        or h.amount <> c.amount or (h.amount is null) <> (c.amount is null))`
)

// BenchmarkFollow changes a share of the records and follows the change, by each way.
func BenchmarkFollow(b *testing.B) {
	for text := range strings.SplitSeq(*sizes, ",") {
		size, err := strconv.Atoi(text)
		require.NoError(b, err)
		w := newWarehouse(b, size)
		for _, share := range shares {
			b.Run(fmt.Sprintf("rows=%d/changed=%.1f%%", size, float64(share)/10), func(b *testing.B) {
				for b.Loop() {
					w.compare(b, share)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// warehouse is a database with the project and what dbt would have made of it.
type warehouse struct {
	pool   *pgxpool.Pool
	graph  *dag.Graph
	size   int
	rounds int
}

func newWarehouse(b *testing.B, size int) *warehouse {
	b.Helper()
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	project, problems := model.Load(tree, model.Options{Streams: []model.Stream{{Name: "ods.orders", Source: "bench", File: "bench.yml"}}})
	graph, more := dag.NewGraph(project)
	require.Empty(b, append(problems, more...))
	db := pgtest.New(b)
	w := &warehouse{graph: graph, size: size}
	for sql := range strings.SplitSeq(fmt.Sprintf(stream, size), ";\n") {
		_, err := db.Pool.Exec(context.Background(), sql)
		require.NoError(b, err, sql)
	}
	config, err := pgxpool.ParseConfig(db.URL)
	require.NoError(b, err)
	w.pool, err = dag.Connect(context.Background(), config, dag.Session{RunID: uuid.New(), RunAt: time.Now(), Timezone: "UTC", Connections: 2})
	require.NoError(b, err)
	b.Cleanup(w.pool.Close)
	require.NoError(b, dag.Ready(context.Background(), w.pool, []string{"inc", "anew", "dbt", "hand"}, nil))
	for _, name := range []string{"inc.fact", "inc.totals", "inc.dimension", "anew.fact", "anew.totals", "anew.dimension"} {
		w.run(b, name, false)
	}
	w.exec(b,
		"create table dbt.fact as "+fact, "create unique index on dbt.fact (id)",
		"create table dbt.merged as "+fact, "create unique index on dbt.merged (id)",
		"create table hand.watermark as select 0::bigint as batch_id",
		"create table hand.dimension as select s.id, s.customer, s.state, s.amount, s._seen_at as valid_from, null::timestamptz as valid_to from ("+handSource+") as s",
		"create unique index on hand.dimension (id, valid_from)", "create unique index on hand.dimension (id) where valid_to is null", "analyze hand.dimension",
		"create table dbt.snapshot as select s.id, s.customer, s.state, s.amount, now()::timestamp as dbt_updated_at, now()::timestamp as dbt_valid_from, null::timestamp as dbt_valid_to, md5(s.id::varchar || '|' || now()::timestamp::varchar) as dbt_scd_id from ("+snapshotSource+") as s",
		"analyze dbt.fact, dbt.merged, dbt.snapshot")
	return w
}

func (w *warehouse) exec(b *testing.B, statements ...string) float64 {
	b.Helper()
	conn, err := w.pool.Acquire(context.Background())
	require.NoError(b, err)
	defer conn.Release()
	start := time.Now()
	for _, sql := range statements {
		_, err := conn.Exec(context.Background(), sql)
		require.NoError(b, err, sql)
	}
	return time.Since(start).Seconds()
}

// run brings one model up to date as terrace run does, its plan and ledger included.
func (w *warehouse) run(b *testing.B, name string, force bool) float64 {
	b.Helper()
	ctx := context.Background()
	start := time.Now()
	info := dag.RunInfo{RunID: uuid.New(), Command: "run"}
	ledger := dag.NewLedger(w.pool)
	require.NoError(b, ledger.Begin(ctx, &info))
	state, err := dag.LoadState(ctx, w.pool)
	require.NoError(b, err)
	options := dag.PlanOptions{
		Selected: []string{name}, Force: force,
		Sources:     func(n *dag.Node) string { return n.Model.FileHash },
		Fingerprint: func(n *dag.Node) (string, error) { return n.Model.FileHash, nil },
	}
	plan, err := dag.NewPlan(w.graph, state, options)
	require.NoError(b, err)
	runner := &dag.Runner{Threads: 1, Now: time.Now, Execute: &dag.SQLExecutor{
		Pool: w.pool, Graph: w.graph, RunID: info.RunID, Sources: options.Sources, Fingerprint: options.Fingerprint,
	}}
	report := runner.Run(ctx, plan)
	report.RunID = info.RunID.String()
	require.NoError(b, ledger.End(ctx, report))
	took := time.Since(start).Seconds()
	for _, s := range report.Steps {
		require.NoError(b, s.Err())
		require.Equal(b, dag.Success, s.Status)
		if strings.HasPrefix(name, "inc.") && w.rounds > 0 {
			b.Logf("%s: %s, %.3f s", name, s.Reason, took)
		}
	}
	return took
}

// compare lets every side follow some changes and reports how they compare.
func (w *warehouse) compare(b *testing.B, share int) {
	took := map[string][]float64{}
	for range rounds {
		w.rounds++
		_, err := w.pool.Exec(context.Background(), change, w.rounds, w.size*share/1000)
		require.NoError(b, err)
		for side, follow := range map[string]func() float64{
			"fact":          func() float64 { return w.run(b, "inc.fact", false) },
			"dimension":     func() float64 { return w.run(b, "inc.dimension", false) },
			"fact-all":      func() float64 { return w.run(b, "anew.fact", true) },
			"dimension-all": func() float64 { return w.run(b, "anew.dimension", true) },
			"fact-dbt":      func() float64 { return w.exec(b, dbtFact...) },
			"fact-merge":    func() float64 { return w.exec(b, dbtMerge...) },
			"snapshot-dbt":  func() float64 { return w.exec(b, dbtSnapshot...) },
			"hand":          func() float64 { return w.exec(b, byHand...) },
		} {
			took[side] = append(took[side], follow())
		}
		took["totals"] = append(took["totals"], w.run(b, "inc.totals", false))
		took["totals-all"] = append(took["totals-all"], w.run(b, "anew.totals", true))
		w.requireSame(b)
	}
	for _, m := range []string{"fact", "totals", "dimension"} {
		b.ReportMetric(median(took[m]), m+"-s")
		b.ReportMetric(median(took[m+"-all"])/median(took[m]), m+"-all/terrace")
	}
	b.ReportMetric(median(took["fact-dbt"])/median(took["fact"]), "fact-dbt/terrace")
	b.ReportMetric(median(took["fact-merge"])/median(took["fact"]), "fact-merge/terrace")
	b.ReportMetric(median(took["dimension"])/median(took["hand"]), "dimension-terrace/hand")
	b.ReportMetric(median(took["snapshot-dbt"])/median(took["dimension"]), "dimension-dbt/terrace")
}

// requireSame fails unless what followed the change is what was computed from nothing.
func (w *warehouse) requireSame(b *testing.B) {
	b.Helper()
	for _, m := range []string{"fact", "totals", "dimension"} {
		var differ int
		err := w.pool.QueryRow(context.Background(), fmt.Sprintf(`select count(*)
from ((table inc.%[1]s except all table anew.%[1]s) union all (table anew.%[1]s except all table inc.%[1]s)) as d`, m)).Scan(&differ)
		require.NoError(b, err)
		require.Zero(b, differ, m)
	}
	for held, wanted := range map[string]string{
		"select id, customer, amount, state, at from dbt.fact":                            "select id, customer, amount, state, at from inc.fact",
		"select id, customer, amount, state, at from dbt.merged":                          "select id, customer, amount, state, at from inc.fact",
		"select id, customer, state, amount, valid_from, valid_to from hand.dimension":    "select id, customer, state, amount, valid_from, valid_to from inc.dimension",
		"select id, customer, state, amount from dbt.snapshot where dbt_valid_to is null": "select id, customer, state, amount from inc.dimension where is_current",
	} {
		var differ int
		err := w.pool.QueryRow(context.Background(), fmt.Sprintf("select count(*) from ((%[1]s except all %[2]s) union all (%[2]s except all %[1]s)) as d", held, wanted)).Scan(&differ)
		require.NoError(b, err)
		require.Zero(b, differ, held)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
