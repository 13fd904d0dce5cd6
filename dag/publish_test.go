package dag_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// shop is a world with one stream, ods.orders, and the files given beside models/shop/dwd/orders.sql.
func shop(t *testing.T, orders string, more map[string]string) *world {
	t.Helper()
	files := map[string]string{"models/shop/dwd/orders.sql": orders}
	for name, text := range more {
		files[name] = text
	}
	w := newWorld(t, files, "ods.orders")
	w.exec("create schema ods")
	w.exec("create table ods.orders (id integer, state text, amount numeric)")
	w.land("ods.orders", "insert into ods.orders values (1, 'open', 10), (2, 'paid', 20)")
	return w
}

const ordersFile = "models/shop/dwd/orders.sql"

func ordersOf(header, sql string) string {
	return header + "\n-- depends_on: [ods.orders]\n" + sql + "\n"
}

const allOrders = "select id, state, amount from ods.orders"

func TestPublish_aFailedAssertionKeepsTheOldContent(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table\n-- key: [id]", "table", "incremental\n-- key: [id]", "scd2\n-- key: [id]", "materialized_view", "materialized_view\n-- key: [id]", "view"} {
		t.Run(strings.ReplaceAll(kind, "\n-- ", " "), func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf("-- kind: "+kind, allOrders), map[string]string{
				"tests/shop/none_negative.sql": "-- on: shop_dwd.orders\nselect * from shop_dwd.orders where amount < 0",
				"models/shop/dws/below.sql":    "-- depends_on: [shop_dwd.orders]\nselect count(*) as n from shop_dwd.orders",
			})
			w.succeed()
			node := "select pg_relation_filenode('shop_dwd.orders')::text || coalesce((select oid::text from pg_class where oid = 'shop_dwd.orders'::regclass), '')"
			before, rows := w.rows(node), w.rows("select * from shop_dwd.orders order by id")
			state := w.rows("select snapshot, fingerprint from terrace.node_state where node = 'shop_dwd.orders'")

			w.land("ods.orders", "insert into ods.orders values (3, 'open', -1)")
			if kind == "view" {
				w.write(ordersFile, ordersOf("-- kind: view", allOrders+" where id > 0 "))
			}
			report := w.run()

			orders := step(t, report, "shop_dwd.orders")
			require.Equal(t, dag.Failure, orders.Status, orders.Err())
			require.Equal(t, "previous content kept", orders.Reason)
			var data *dag.DataError
			require.ErrorAs(t, orders.Err(), &data)
			require.Equal(t, dag.Failure, step(t, report, "shop.none_negative").Status)
			require.Contains(t, step(t, report, "shop.none_negative").Reason, "1 failing row, for example ")
			require.Equal(t, before, w.rows(node))
			if kind != "view" {
				require.Equal(t, rows, w.rows("select * from shop_dwd.orders order by id"))
			}
			require.Equal(t, state, w.rows("select snapshot, fingerprint from terrace.node_state where node = 'shop_dwd.orders'"))
			require.Equal(t, []string{"(fail,1)"}, w.rows("select status, failing_rows from terrace.assertion_result where run_id = $1", report.RunID))
			require.Equal(t, "upstream failed: shop.none_negative", step(t, report, "shop_dws.below").Reason)

			w.land("ods.orders", "delete from ods.orders where amount < 0")
			w.succeed()
			require.Equal(t, "2", w.value("select count(*) from shop_dwd.orders"))
			for _, s := range w.succeed().Steps {
				require.Equal(t, dag.Skipped, s.Status, s.Name)
			}
		})
	}
}

func TestPublish_aFailedAssertionOfTheFirstBuildLeavesNothing(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{
		"tests/shop/empty.sql": "-- on: shop_dwd.orders\nselect * from shop_dwd.orders",
	})

	report := w.run()

	require.Equal(t, "not published", step(t, report, "shop_dwd.orders").Reason)
	require.Equal(t, "2 failing rows, for example "+`{"id": 1, "state": "open", "amount": 10}`, step(t, report, "shop.empty").Reason)
	require.Equal(t, "", w.value("select to_regclass('shop_dwd.orders')"))
	require.Empty(t, w.rows("select 1 from terrace.node_state"))
}

func TestPublish_aLongRowIsShownInPartAndKeptWhole(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{
		"tests/shop/long.sql": "-- on: shop_dwd.orders\nselect repeat('é', 1000) as text from shop_dwd.orders limit 1",
	})

	report := w.run()

	require.Equal(t, `1 failing row, for example {"text": "`+strings.Repeat("é", 490)+"…", step(t, report, "shop.long").Reason)
	require.Equal(t, "1000", w.value("select length(samples -> 0 ->> 'text') from terrace.assertion_result"))
}

func TestPublish_aWarningIsToldAndPublishes(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{
		"tests/shop/empty.sql": "-- on: shop_dwd.orders\n-- severity: warn\nselect * from shop_dwd.orders",
		"tests/shop/many.sql":  "-- on: shop_dwd.orders\n-- error_if: '> 2'\n-- warn_if: '> 1'\nselect * from shop_dwd.orders",
	})

	report := w.run()

	require.Equal(t, []string{"shop.empty success", "shop.many success", "shop_dwd.orders success"}, ends(report))
	require.Contains(t, step(t, report, "shop.empty").Reason, "warning: 2 failing rows")
	require.Contains(t, step(t, report, "shop.many").Reason, "warning: 2 failing rows")
	require.Equal(t, []string{"(shop.empty,warn)", "(shop.many,warn)"}, w.rows("select assertion, status from terrace.assertion_result order by 1"))
	second := w.run()
	require.Equal(t, dag.Skipped, step(t, second, "shop_dwd.orders").Status)
	require.Contains(t, step(t, second, "shop.many").Reason, "warning: 2 failing rows", "what warned is asked again until it passes")
}

func TestPublish_assertionsReadTheStagedContentHoweverTheyNameIt(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"plain":     "select * from shop_dwd.orders where amount < 0",
		"alias":     "select o.id from shop_dwd.orders as o where o.amount < 0",
		"qualified": "select orders.id from shop_dwd.orders where orders.amount < 0",
		"quoted":    `select "orders".id from "shop_dwd" . "orders" where "orders".amount < 0`,
		"twice":     "select a.id from shop_dwd.orders as a join shop_dwd.orders using (id) where orders.amount < 0 -- é",
		"cte":       "with orders as (select * from shop_dwd.orders) select * from orders where amount < 0",
		"subquery":  "select 1 where exists (select from only shop_dwd.orders where amount < 0)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{"tests/shop/one.sql": "-- on: shop_dwd.orders\n" + sql})
			w.succeed()
			w.land("ods.orders", "insert into ods.orders values (3, 'open', -1)")
			require.Equal(t, dag.Failure, step(t, w.run(), "shop_dwd.orders").Status)
		})
	}
}

func TestPublish_aBrokenAssertionIsAnErrorAtItsPlace(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{
		"tests/shop/broken.sql": "-- on: shop_dwd.orders\n-- severity: warn\nselect 'é',\n  amonut from shop_dwd.orders",
		"tests/shop/good.sql":   "-- on: shop_dwd.orders\nselect * from shop_dwd.orders where amount < 0",
	})
	report := w.run()
	require.Equal(t, dag.Success, step(t, report, "shop.good").Status)
	broken := step(t, report, "shop.broken")
	require.Equal(t, dag.Failure, broken.Status)
	require.Equal(t, "tests/shop/broken.sql:4:3", place(broken.Error))
}

func place(f *dag.StepFault) string {
	if f == nil {
		return "no error"
	}
	return strings.SplitN((&dag.StepError{StepFault: *f}).Error(), ": ", 2)[0]
}

func TestPublish_assertionsOfSeveralModelsAreJudgedAlone(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{
		"models/shop/dwd/paid.sql":   "-- kind: table\n-- depends_on: [ods.orders]\nselect id from ods.orders where state = 'paid'",
		"models/shop/dws/after.sql":  "-- kind: table\n-- depends_on: [shop_dwd.orders, shop_dwd.paid]\nselect count(*) as n from shop_dwd.orders join shop_dwd.paid using (id)",
		"tests/shop/paid_orders.sql": "-- on: [shop_dwd.orders, shop_dwd.paid]\nselect * from shop_dwd.paid as p where not exists (select from shop_dwd.orders as o where o.id = p.id and o.amount > 25)",
	})
	report := w.run()
	require.Equal(t, []string{
		"shop.paid_orders failure", "shop_dwd.orders success", "shop_dwd.paid success", "shop_dws.after skip",
	}, ends(report))
	require.Equal(t, "upstream failed: shop.paid_orders", step(t, report, "shop_dws.after").Reason)
	require.NotEmpty(t, w.rows("select 1 from terrace.step where node = 'shop.paid_orders' and status = 'failure'"))
}

func TestRun_saysWhatChangedUpstream(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), nil)
	w.succeed()
	w.landAll("ods.orders", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into terrace.batch (node, rows_inserted) values ('ods.orders', 1203)")
		return err
	})
	require.Equal(t, "upstream changed: 1204 rows in ods.orders", step(t, w.succeed(), "shop_dwd.orders").Reason)
}

func TestRun_seesABatchThatCommitsAfterItsConsumerRan(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), nil)
	ctx := context.Background()
	late := w.db.Conn(t)
	tx, err := late.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "insert into ods.orders values (9, 'late', 9)")
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "insert into terrace.batch (node, rows_inserted) values ('ods.orders', 1)")
	require.NoError(t, err)
	w.land("ods.orders", "insert into ods.orders values (10, 'early', 10)") // a greater number, committed first

	w.succeed()
	require.Equal(t, "3", w.value("select count(*) from shop_dwd.orders"))
	require.NoError(t, tx.Commit(ctx))

	require.Equal(t, "upstream changed: 1 row in ods.orders", step(t, w.succeed(), "shop_dwd.orders").Reason)
	require.Equal(t, "4", w.value("select count(*) from shop_dwd.orders"))
	require.Equal(t, dag.Skipped, step(t, w.succeed(), "shop_dwd.orders").Status)
}

func TestRun_aChangedCommentRunsNothingAndAChangedQueryDoes(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), nil)
	w.succeed()
	w.write(ordersFile, ordersOf("-- kind: table", "select id, state, amount  -- a comment\nfrom ods.orders"))
	require.Equal(t, dag.Skipped, step(t, w.succeed(), "shop_dwd.orders").Status)
	w.write(ordersFile, ordersOf("-- kind: table", allOrders+" where id > 1"))
	require.Equal(t, "definition changed", step(t, w.succeed(), "shop_dwd.orders").Reason)
	w.exec("drop table shop_dwd.orders")
	require.Equal(t, "its relation is gone", step(t, w.succeed(), "shop_dwd.orders").Reason)
}

// hold takes a node's lock as another run would.
func (w *world) hold(node string) *pgx.Conn {
	w.t.Helper()
	conn := w.db.Conn(w.t)
	for _, sql := range []string{"begin", "set local application_name = 'terrace:other'", "select pg_advisory_xact_lock(hashtextextended('terrace node " + node + "', 0))"} {
		_, err := conn.Exec(context.Background(), sql)
		require.NoError(w.t, err)
	}
	return conn
}

func TestRun_namesTheOtherRunThatHoldsANode(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), nil)
	w.hold("shop_dwd.orders")
	orders := step(t, w.run(), "shop_dwd.orders")
	var held *dag.HeldError
	require.ErrorAs(t, orders.Err(), &held)
	require.Equal(t, "shop_dwd.orders", held.Node)
	require.Contains(t, held.Holder, "terrace:other (process ")
}

func TestRun_saysWhichRunHoldsANodeWhileItWaits(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		w := shop(t, ordersOf("-- kind: table", "select id, "+heldUp+" as waited from ods.orders"), nil)
		w.together = together
		release := w.holdUp()
		defer release()
		told := make(chan *dag.HeldError, 1)
		first := w.open()
		w.change = func(e *dag.SQLExecutor) { e.Wait, e.Waiting = true, func(held *dag.HeldError) { told <- held } }
		second := w.open()
		done := make(chan dag.Report)
		go func() { done <- w.runOpened(context.Background(), first) }()
		w.untilHeldUp()
		go func() { done <- w.runOpened(context.Background(), second) }()
		held := <-told
		release()
		require.Equal(t, "shop_dwd.orders", held.Node)
		require.Contains(t, held.Holder, "run "+first.info.RunID.String()+": terrace run on ")
		for range 2 {
			require.Equal(t, dag.Success, (<-done).Status)
		}
	}
}

func TestRun_readsATableThatWasExchangedWhileItWaited(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), nil)
	ctx := context.Background()
	tx, err := w.db.Conn(t).Begin(ctx)
	require.NoError(t, err)
	for _, sql := range []string{
		"create table ods.newer (like ods.orders)", "insert into ods.newer values (7, 'new', 7)",
		"drop table ods.orders", "alter table ods.newer rename to orders",
	} {
		_, err := tx.Exec(ctx, sql)
		require.NoError(t, err)
	}
	s := w.open()
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(ctx, s) }()
	require.Eventually(t, func() bool {
		return w.value("select count(*) from pg_locks where relation is not null and not granted and database = (select oid from pg_database where datname = current_database())") == "1"
	}, patience, 10*time.Millisecond)
	require.NoError(t, tx.Commit(ctx))
	report := <-done
	var missing *pgconn.PgError
	if errors.As(step(t, report, "shop_dwd.orders").Err(), &missing) {
		require.Equal(t, "42P01", missing.Code, "the old table is gone: an error, and never an empty result")
		return
	}
	require.Equal(t, []string{"(7,new,7)"}, w.rows("select * from shop_dwd.orders"))
}

func TestRun_waitsForTheOtherRunWhenTold(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", allOrders), nil)
	w.change = func(e *dag.SQLExecutor) { e.Wait = true }
	holder := w.hold("shop_dwd.orders")
	s := w.open()
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(context.Background(), s) }()
	require.Eventually(t, func() bool {
		return w.value("select count(*) from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())") != "0"
	}, patience, 10*time.Millisecond)
	_, err := holder.Exec(context.Background(), "rollback")
	require.NoError(t, err)
	report := <-done
	require.Equal(t, dag.Success, step(t, report, "shop_dwd.orders").Status, step(t, report, "shop_dwd.orders").Err())
}

func TestRun_twoRunsAtOnceBuildOneTable(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: scd2\n-- key: [id]", allOrders), nil)
	w.change = func(e *dag.SQLExecutor) { e.Wait = true }
	first, second := w.open(), w.open()
	done := make(chan dag.Report)
	for _, s := range []*session{first, second} {
		go func() { done <- w.runOpened(context.Background(), s) }()
	}
	for range 2 {
		report := <-done
		require.Equal(t, dag.Success, step(t, report, "shop_dwd.orders").Status, step(t, report, "shop_dwd.orders").Err())
	}
	require.Equal(t, "2", w.value("select count(*) from shop_dwd.orders"))
}

func TestRun_isRepeatedAfterItsSessionWasEnded(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", "select id, state, amount, pg_sleep(case when nextval('ods.tries') = 1 then 600 else 0 end)::text as slept from ods.orders where id = 1"), nil)
	w.exec("create sequence ods.tries")
	s := w.open()
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(context.Background(), s) }()
	require.Eventually(t, func() bool {
		return w.value(`select count(pg_terminate_backend(pid)) from pg_stat_activity
where application_name like 'terrace:%:shop_dwd.orders' and wait_event = 'PgSleep' and datname = current_database()`) == "1"
	}, patience, 10*time.Millisecond)
	report := <-done
	require.Equal(t, dag.Success, step(t, report, "shop_dwd.orders").Status, step(t, report, "shop_dwd.orders").Err())
	require.Equal(t, "1", w.value("select count(*) from shop_dwd.orders"))
}

func TestRun_cancelledLeavesNothingHalf(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", "select id, pg_sleep(600)::text as slept from ods.orders"), map[string]string{
		"models/shop/dws/after.sql": "-- depends_on: [shop_dwd.orders]\nselect * from shop_dwd.orders",
	})
	s := w.open()
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan dag.Report)
	go func() { done <- w.runOpened(ctx, s) }()
	require.Eventually(t, func() bool {
		return w.value("select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()") == "1"
	}, patience, 10*time.Millisecond)
	cancel(errors.New("interrupted"))
	report := <-done
	require.Equal(t, dag.Cancelled, report.Status)
	require.Equal(t, []string{"shop_dwd.orders cancelled", "shop_dws.after cancelled"}, ends(report))
	require.Equal(t, "not started: interrupted", step(t, report, "shop_dws.after").Reason)
	require.Equal(t, "", w.value("select to_regclass('shop_dwd.orders')"))
	require.Equal(t, "0", w.value("select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"))
	require.Equal(t, "cancelled", w.value("select status from terrace.run where run_id = $1", report.RunID))
}

func TestRun_aTimeoutOfTheHeaderEndsTheStep(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table\n-- timeout: PT1S", "select id, pg_sleep(600)::text as slept from ods.orders"), nil)
	orders := step(t, w.run(), "shop_dwd.orders")
	require.Equal(t, dag.Timeout, orders.Status)
	require.Equal(t, "took longer than its timeout, 1s", orders.Error.Message, "not that somebody cancelled it")
	require.Equal(t, "models/shop/dwd/orders.sql", orders.Error.File)
	require.Contains(t, orders.Error.Hint, "timeout: PT1H")
}

func TestRun_aStatementTimeoutOfTheServerEndsTheStep(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", "select id, pg_sleep(600)::text as slept from ods.orders"), nil)
	w.exec("do $$ begin execute format('alter database %I set statement_timeout = 3000', current_database()); end $$")
	orders := step(t, w.run(), "shop_dwd.orders")
	require.Equal(t, dag.Timeout, orders.Status)
	require.Equal(t, "57014", orders.Error.SQLState)
}

// Since version 17 the server may end a session whose transaction takes too long: the next try would take as long.
func TestRun_aTransactionTimeoutOfTheServerEndsTheStep(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table", "select 1 as id, pg_sleep(3)::text as slept"), nil)
	if w.value("select count(*) from pg_settings where name = 'transaction_timeout'") == "0" {
		t.Skip("the server has no transaction_timeout")
	}
	w.exec("do $$ begin execute format('alter database %I set transaction_timeout = 1000', current_database()); end $$")
	orders := step(t, w.run(), "shop_dwd.orders")
	require.Equal(t, dag.Timeout, orders.Status)
	require.Equal(t, "25P04", orders.Error.SQLState)
	require.Contains(t, orders.Error.Hint, "alter role NAME set transaction_timeout")
	w.exec("do $$ begin execute format('alter database %I reset transaction_timeout', current_database()); end $$")
	w.succeed()
}

func TestRun_anErrorOfTheServerHasItsPlaceInTheFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, sql, place, message string }{
		"unknown column":   {"view", "select id,\n  'ünï' as a, amonut\nfrom ods.orders", "models/shop/dwd/orders.sql:4:15", `column "amonut" does not exist`},
		"after characters": {"table", "select '日本語 𝄞' as a, nope from ods.orders", "models/shop/dwd/orders.sql:3:22", `column "nope" does not exist`},
		"syntax":           {"view", "select id\nfrom ods.orders wher id = 1", "models/shop/dwd/orders.sql:4:22", `syntax error at or near "id"`},
		"when it runs":     {"table", "select 1 / (id - 1) as x\nfrom ods.orders", "models/shop/dwd/orders.sql", "division by zero"},
		"described":        {"scd2\n-- key: [id]", "select id,\n\tnope from ods.orders", "models/shop/dwd/orders.sql:5:2", `column "nope" does not exist`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shop(t, "-- kind: "+c.kind+"\n-- depends_on: [ods.orders]\n"+c.sql, nil)
			orders := step(t, w.run(), "shop_dwd.orders")
			require.Equal(t, dag.Failure, orders.Status)
			require.Equal(t, c.message, orders.Error.Message)
			if c.message == "division by zero" {
				require.Equal(t, c.place, orders.Error.File)
				return
			}
			require.Equal(t, c.place, place(orders.Error))
		})
	}
}

func TestRun_isRepeatedAfterASerializationFailureAndADeadlock(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"40001", "40P01"} {
		w := shop(t, ordersOf("-- kind: table", "select id, ods.fail_once() as x from ods.orders where id = 1"), nil)
		w.exec("create sequence ods.tries")
		w.exec(`create function ods.fail_once() returns text language plpgsql as $$
begin
    if nextval('ods.tries') = 1 then raise exception 'once' using errcode = '` + state + `'; end if;
    return 'done';
end $$`)
		w.succeed()
		require.Equal(t, "1,done", w.value("select * from shop_dwd.orders"))
	}
}

func TestRun_twoModelsThatDeadlockBothEndWell(t *testing.T) {
	t.Parallel()
	first := "update ods.counters set n = n + 1 where id = 1; select pg_sleep(0.3); update ods.counters set n = n + 1 where id = 2"
	second := "update ods.counters set n = n + 1 where id = 2; select pg_sleep(0.3); update ods.counters set n = n + 1 where id = 1"
	w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{
		"models/shop/job/a.sql": "-- kind: sql\n-- target: ods.counters\n-- depends_on: []\n" + first,
		"models/shop/job/b.sql": "-- kind: sql\n-- target: ods.others\n-- depends_on: []\n" + second,
	})
	w.exec("create table ods.counters (id integer primary key, n integer)")
	w.exec("insert into ods.counters values (1, 0), (2, 0)")
	report := w.run("shop_job.a", "shop_job.b")
	require.Equal(t, []string{"shop_job.a success", "shop_job.b success"}, ends(report))
	require.Equal(t, []string{"(1,2)", "(2,2)"}, w.rows("select * from ods.counters order by id"))
}

func TestRun_aRefusedKeyNamesItsRows(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"table", "incremental", "scd2"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := shop(t, ordersOf("-- kind: "+kind+"\n-- key: [id, state]", allOrders), nil)
			for _, there := range []bool{false, true} {
				w.land("ods.orders", "insert into ods.orders values (2, 'paid', 21)")
				orders := step(t, w.run(), "shop_dwd.orders")
				require.Equal(t, "values of (id, state) that occur more than once: 1; for example (2,paid)", orders.Error.Message)
				require.Equal(t, dag.Failure, orders.Status)
				w.land("ods.orders", "update ods.orders set id = null, amount = 1 where amount = 21")
				require.Equal(t, "rows with NULL in (id, state): 1; for example (,paid)", step(t, w.run(), "shop_dwd.orders").Error.Message)
				w.land("ods.orders", "delete from ods.orders where id is null")
				if !there {
					w.succeed()
				}
			}
			require.Equal(t, "2", w.value("select count(*) from shop_dwd.orders"))
		})
	}
}

func TestRun_judgesTheKeyOfAViewAsItsOtherRules(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: view\n-- key: id", allOrders), nil)
	w.succeed()
	w.land("ods.orders", "insert into ods.orders values (2, 'open', 1), (null, 'open', 2)")

	report := w.run()

	require.Equal(t, `1 failing row, for example {"id": null, "state": "open", "amount": 2}`, step(t, report, "shop_dwd.orders.not_null_id").Reason)
	require.Equal(t, dag.Failure, step(t, report, "shop_dwd.orders.unique_id").Status)
}

func TestRun_aSeedThatDoesNotFitItsTypesIsToldAtItsPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/ref/state.csv": "code,name\n1,open\ntwo,paid\n",
		"models/shop/ref/state.yml": "columns:\n  code: integer\n",
	})
	fault := step(t, w.run(), "shop_ref.state").Error
	require.Equal(t, "models/shop/ref/state.csv:3:1", fmt.Sprintf("%s:%d:%d", fault.File, fault.Line, fault.Column))
	require.Equal(t, `invalid input syntax for type integer: "two"`, fault.Message)

	w.write("models/shop/ref/state.yml", "columns:\n  code: intger\n")
	fault = step(t, w.run(), "shop_ref.state").Error
	require.Equal(t, "models/shop/ref/state.yml:2:1", fmt.Sprintf("%s:%d:%d", fault.File, fault.Line, fault.Column))
}

func TestRun_judgesTheRulesOfASeedsColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/ref/state.csv": "code,name\n1,open\n2,paid\n",
		"models/shop/ref/state.yml": "columns: {code: {references: shop_dwd.codes.code}, name: {not_null: true, values: [open, paid]}}\n",
		"models/shop/dwd/codes.sql": "-- depends_on: []\nselect code::text from generate_series(1, 2) as c (code)\n",
	})
	w.succeed()
	w.write("models/shop/ref/state.csv", "code,name\n1,\n3,void\n")

	report := w.run()

	require.Equal(t, []string{
		"shop_dwd.codes skip", "shop_ref.state failure", "shop_ref.state.not_null_name failure",
		"shop_ref.state.references_code skip", "shop_ref.state.values_name failure",
	}, ends(report))
	require.Equal(t, []string{"(1,open)", "(2,paid)"}, w.rows("select * from shop_ref.state order by code"))

	w.write("models/shop/ref/state.csv", "code,name\n1,open\n3,paid\n")
	require.Equal(t, `1 failing row, for example {"code": "3", "name": "paid"}`, step(t, w.run(), "shop_ref.state.references_code").Reason)
}

func TestRun_aMissingDependencySaysWhatToBuildFirst(t *testing.T) {
	t.Parallel()
	w := shop(t, "-- kind: table\n-- depends_on: [shop_dwd.first]\nselect * from shop_dwd.first", map[string]string{
		"models/shop/dwd/first.sql": "-- kind: table\n-- depends_on: []\nselect 1 as id",
	})
	orders := step(t, w.run("shop_dwd.orders"), "shop_dwd.orders")
	require.Equal(t, `relation "shop_dwd.first" does not exist`, orders.Error.Message)
	require.Contains(t, orders.Error.Hint, "terrace run +shop_dwd.orders")
}

func TestRun_aContractThatIsNotKeptStopsBeforeTheBuild(t *testing.T) {
	t.Parallel()
	w := shop(t, "", nil)
	for _, c := range []struct{ columns, want string }{
		{"{amount: {type: int8}}", `column "amount" is declared int8 and the query returns numeric`},
		{"{total: {description: sum}}", `column "total" is described in the header and not returned by the query`},
		{"{amount: {type: nonsense}}", `a declared type is none: type "nonsense" does not exist`},
	} {
		w.write(ordersFile, "-- kind: table\n-- columns: "+c.columns+"\n-- depends_on: [ods.orders]\n"+allOrders)
		orders := step(t, w.run(), "shop_dwd.orders")
		require.Equal(t, c.want, orders.Error.Message)
		require.Equal(t, 2, orders.Error.Line)
	}
	w.write(ordersFile, "-- kind: table\n-- columns: {amount: {type: decimal}, id: {type: int4}, state: {type: text}}\n-- depends_on: [ods.orders]\n"+allOrders)
	w.succeed()
}

// A type without a precision is the type with any, wherever in the name PostgreSQL writes it.
func TestRun_aDeclaredTypeWithoutAPrecisionAllowsAny(t *testing.T) {
	t.Parallel()
	w := shop(t, "", nil)
	for declared, returned := range map[string]string{
		"timestamp": "timestamp(3)", "timestamptz": "timestamptz(0)", "time": "time(6)", "interval": "interval(3)",
		"numeric[]": "numeric(12,2)[]", "varchar[]": "varchar(3)[]", "numeric": "numeric(3,-2)", "varchar": "varchar(3)",
	} {
		w.write(ordersFile, "-- kind: table\n-- columns: {x: {type: '"+declared+"'}}\n-- depends_on: []\nselect null::"+returned+" as x")
		require.Nil(t, step(t, w.run(), "shop_dwd.orders").Error, declared)

		w.write(ordersFile, "-- kind: table\n-- columns: {x: {type: '"+returned+"'}}\n-- depends_on: []\nselect null::bigint as x")
		require.Equal(t, `column "x" is declared `+returned+" and the query returns bigint", step(t, w.run(), "shop_dwd.orders").Error.Message)
	}
}

func TestRun_aKindSQLCountsAndIsUndoneWhenItFails(t *testing.T) {
	t.Parallel()
	job := "-- kind: sql\n-- target: ods.target\n-- depends_on: [ods.orders]\n"
	w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{
		"models/shop/job/merge.sql": job + "delete from ods.target where id = 7;\nmerge into ods.target as t using ods.orders as o on o.id = t.id\nwhen not matched then insert values (o.id)",
	})
	w.exec("create table ods.target (id integer)")
	w.exec("insert into ods.target values (7)")
	require.Equal(t, dag.Rows{Deleted: 1, Updated: 2}, step(t, w.succeed(), "shop_job.merge").Rows)
	w.write("models/shop/job/merge.sql", job+"delete from ods.target;\nselect 'é',\n   nope from ods.orders")
	failed := step(t, w.run(), "shop_job.merge")
	require.Equal(t, "models/shop/job/merge.sql:6:4", place(failed.Error))
	require.Equal(t, "2", w.value("select count(*) from ods.target"))
}

// What statements of people set, make and lock in their session is not there for the models that come after them in it.
func TestRun_aKindSQLLeavesNothingInItsSession(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprintf("together %t", together), func(t *testing.T) {
			t.Parallel()
			set := "set timezone = 'Asia/Tokyo';\nset search_path = ods;\ncreate temporary table stage (i integer);\nprepare mine as select 1;\n"
			w := shop(t, ordersOf("-- kind: table", allOrders), map[string]string{
				"models/shop/job/fill.sql": "-- kind: sql\n-- target: ods.target\n-- depends_on: [ods.orders]\n" + set + "insert into target select id from orders",
				"models/shop/after.sql":    "-- kind: table\n-- depends_on: [ods.orders, shop_job.fill]\nselect o.id, (timestamptz '2026-01-01 20:00Z')::date as day, current_setting('search_path') as path from ods.orders as o",
				"tests/shop/fill.sql":      "-- on: [shop_job.fill]\nselect where current_setting('timezone') <> 'UTC' or current_setting('search_path') <> ''",
			})
			w.exec("create table ods.target (id integer)")
			w.threads, w.together = 1, together
			for run := range 2 {
				w.land("ods.orders", "update ods.orders set amount = amount + 1")
				w.succeed()
				require.Equal(t, []string{`(1,2026-01-01,"")`, `(2,2026-01-01,"")`}, w.rows("select * from shop.after order by 1"))
				require.Equal(t, fmt.Sprint(2*(run+1)), w.value("select count(*) from ods.target"))
			}
		})
	}
}

func TestRetryable_knowsWhatPasses(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]bool{"40001": true, "40P01": true, "57P01": true, "08006": true, "53300": true, "25P03": true, "XX000": true, "42P01": false, "57014": false, "23505": false} {
		require.Equal(t, want, dag.Retryable(&pgconn.PgError{Code: state}), state)
	}
	require.False(t, dag.Surroundings(context.DeadlineExceeded))
	require.True(t, dag.Surroundings(&pgconn.PgError{Code: "53100"}))
}

// Whoever is woken by it is told on which machine the disk is, and whose limit it was, where the server's own words leave that open.
func TestHintOf_saysWhoseDiskAndWhoseLimit(t *testing.T) {
	t.Parallel()
	full := dag.HintOf(&pgconn.PgError{Code: "53100", Hint: "Check free disk space."})
	require.Contains(t, full, "database server is full")
	require.Contains(t, full, "What was published stands")
	require.Contains(t, dag.HintOf(&pgconn.PgError{Code: "57014", Message: "canceling statement due to statement timeout"}), "alter role")
	require.Contains(t, dag.HintOf(&pgconn.PgError{Code: "57014", Message: "canceling statement due to user request"}), "Somebody cancelled the statement")
	require.Equal(t, "Use another name.", dag.HintOf(&pgconn.PgError{Code: "42P07", Hint: "Use another name."}))
}

// Rows that break a unique index are the model's own fault, at once: nobody else made the relation meanwhile.
func TestRun_aDuplicateOfAFirstBuildIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	w := shop(t, ordersOf("-- kind: table\n-- indexes: [{columns: [state], unique: true}]", "select 'same' as state, nextval('ods.tries') as n from generate_series(1, 2)"), nil)
	w.exec("create sequence ods.tries")
	orders := step(t, w.run(), "shop_dwd.orders")
	require.Equal(t, dag.Failure, orders.Status)
	require.Equal(t, "23505", orders.Error.SQLState)
	require.Equal(t, "2", w.value("select last_value from ods.tries"), "it was tried once")

	w = shop(t, ordersOf("-- kind: table\n-- indexes: [[state]]", "select 'x' as state, nextval('ods.tries') as n"), nil)
	w.exec("create sequence ods.tries")
	w.succeed()
	index := w.value("select indexrelid::regclass from pg_index where indrelid = 'shop_dwd.orders'::regclass")
	w.exec("drop table shop_dwd.orders")
	w.exec("create table " + index + " (id integer)")
	w.exec("select setval('ods.tries', 1)")
	orders = step(t, w.run(), "shop_dwd.orders")
	require.Equal(t, "42P07", orders.Error.SQLState, "the name of its index is taken")
	require.Equal(t, "3", w.value("select last_value from ods.tries"), "it was tried once more, in case somebody had made the table")
}
