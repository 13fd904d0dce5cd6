package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/migrations"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// warehouse is what a run as the database's owner leaves: a stream and a model that reads it.
const warehouse = `
create schema shop_ods;
create table shop_ods.orders (id bigint primary key, payload jsonb);
create table shop_ods.orders__history (id bigint, payload jsonb);
create view shop_ods.orders__versions as select id, payload from shop_ods.orders;
insert into terrace.stream (stream, key_columns, key_types) values ('shop_ods.orders', '{id}', '{bigint}');
create schema shop_dwd;
create table shop_dwd.fact_order (id bigint) partition by range (id);
create table shop_dwd.fact_order__p0 partition of shop_dwd.fact_order for values from (0) to (1000);
create table shop_dwd.fact_order__rejects (id bigint);
create view shop_dwd.recent_order as
    select o.id, terrace.var('shop') as shop, terrace.to_bigint(o.payload ->> 'n') as n from shop_ods.orders as o;
insert into terrace.node_state (node, kind)
values ('shop_ods.orders', 'stream'), ('shop_dwd.fact_order', 'incremental'), ('shop_dwd.recent_order', 'view');
insert into terrace.variable values ('shop', 'Hill Street');
insert into terrace.token (source, access) values ('shop', 'secret');
insert into terrace.reject (node, reason, raw) values ('shop_ods.orders', 'nul', '');
`

const (
	loader      = "terrace_loader"
	transformer = "terrace_transformer"
	reader      = "terrace_reader"
)

// grants says who may do what. A statement is allowed to those that are named and denied to the others.
var grants = []struct {
	does    string
	sql     string
	allowed []string
}{
	{"land a record", "insert into shop_ods.orders values (1, '{}')", []string{loader}},
	{"move a version to the history", "insert into shop_ods.orders__history values (1, '{}')", []string{loader}},
	{"add the columns of files", "alter table shop_ods.orders add column _file text", []string{loader}},
	{"remake the versions", "create or replace view shop_ods.orders__versions as select id, payload from shop_ods.orders__history", []string{loader}},
	{"land a new stream", "create table shop_ods.refunds (id bigint)", []string{loader}},
	{"make a schema", "create schema other", []string{loader, transformer}},
	{"make a temporary table", "create temporary table t (id bigint)", []string{loader, transformer, reader}},
	{"register a stream", "insert into terrace.stream (stream, key_columns, key_types) values ('s.t', '{}', '{}')", []string{loader}},
	{"open a slice", "insert into terrace.slice (stream, kind) values ('s.t', 'full')", []string{loader}},
	{"finish a slice", "update terrace.slice set state = 'done'", []string{loader}},
	{"move a cursor", "insert into terrace.cursor (stream) values ('s.t')", []string{loader}},
	{"keep a reject", "insert into terrace.reject (node, reason, raw) values ('s.t', 'nul', '')", []string{loader}},
	{"forget a reject", "delete from terrace.reject", nil},
	{"read tokens", "select access from terrace.token", []string{loader}},
	{"keep a token", "insert into terrace.token (source, access) values ('other', 'x')", []string{loader}},
	{"take a moment of a source", "select terrace.reserve_request('shop', '{5}', '{1 second}')", []string{loader}},
	{"leave a source alone", "insert into terrace.hold (source, until) values ('shop', now())", []string{loader}},

	{"begin a run", "insert into terrace.run (run_id, command) values (gen_random_uuid(), 'run')", []string{loader, transformer}},
	{"end a run", "update terrace.run set status = 'success'", []string{loader, transformer}},
	{"forget a run", "delete from terrace.run", nil},
	{"record a batch", "insert into terrace.batch (node) values ('s.t')", []string{loader, transformer}},
	{"store a variable", "insert into terrace.variable values ('v', '1')", []string{loader, transformer}},
	{"read the schema's version", "select version from terrace.schema_migrations", []string{loader, transformer}},
	{"migrate", "create table terrace.other (id bigint)", nil},
	{"change the version", "update terrace.schema_migrations set version = 99", nil},

	{
		"add a schedule", `insert into terrace.schedule (name, spec, zone, arguments, catch_up, catch_up_window, overlap, jitter, next_at)
values ('nightly', '@daily', 'UTC', '{update}', 'latest', '1 day', 'skip', '0', now())`, []string{loader, transformer},
	},
	{"remove a schedule", "delete from terrace.schedule", []string{loader, transformer}},
	{
		"record an occurrence", `insert into terrace.occurrence (schedule, scheduled_for, arguments, start_at, status)
values ('nightly', now(), '{update}', now(), 'due')`, []string{loader, transformer},
	},
	{"forget an occurrence", "delete from terrace.occurrence", []string{loader, transformer}},

	{"read a stream", "select * from shop_ods.orders", []string{loader, transformer}},
	{"read versions", "select * from shop_ods.orders__versions", []string{loader, transformer}},
	{"replace a partition of a model", "drop table shop_dwd.fact_order__p0", []string{transformer}},
	{"delete landed records", "delete from shop_ods.orders", []string{loader}},
	{"drop a stream", "drop table shop_ods.orders cascade", []string{loader}},

	{"read a model", "select * from shop_dwd.fact_order", []string{transformer, reader}},
	{"read a model's rejects", "select * from shop_dwd.fact_order__rejects", []string{transformer, reader}},
	{"read a view that calls functions", "select * from shop_dwd.recent_order", []string{transformer, reader}},
	{"change a model", "delete from shop_dwd.fact_order", []string{transformer}},
	{"replace a model", "alter table shop_dwd.fact_order rename to old_order", []string{transformer}},
	{"build a new model", "create table shop_dwd.dim_shop (id bigint)", []string{transformer}},
	{"stage a model", "create table terrace_stage.t (id bigint)", []string{transformer}},
	{"keep a model's changes", "create table terrace_changes.t (id bigint)", []string{transformer}},
	{"keep a model's state", "insert into terrace.node_state (node, kind) values ('s.m', 'view')", []string{transformer}},
	{"read models' state", "select * from terrace.node_state", []string{loader, transformer}},
	{
		"record a verdict", `with r as (insert into terrace.run (run_id, command) values (gen_random_uuid(), 'run') returning run_id)
insert into terrace.assertion_result (run_id, assertion, severity, status) select gen_random_uuid(), 'a', 'warn', 'pass' from r where false`,
		[]string{transformer},
	},
	{
		"queue an alert", `insert into terrace.alert (environment, rule, topic, channel, event, message)
values ('', 'r', 'run', 'c', 'failure', '{}')`,
		[]string{loader, transformer},
	},
	{"mark an alert as sent", "update terrace.alert set status = 'sent'", []string{loader, transformer}},
	{"forget a problem", "delete from terrace.alert_problem", []string{loader, transformer}},
	{"note the size of the database", "insert into terrace.database_size (bytes) values (1)", []string{loader, transformer}},
	{"read rejects", "select * from terrace.reject", []string{loader, transformer}},
	{"read a variable's table", "select * from terrace.variable", []string{loader, transformer}},
}

func TestRoles_giveEachWhatItNeedsAndNoMore(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn := db.Conn(t)
	_, err := conn.Exec(t.Context(), warehouse)
	require.NoError(t, err)
	require.NoError(t, migrations.Roles(t.Context(), conn))
	require.NoError(t, migrations.Roles(t.Context(), conn), "a second time")

	for _, g := range grants {
		for _, role := range []string{loader, transformer, reader} {
			t.Run(fmt.Sprintf("%s as %s", g.does, role), func(t *testing.T) {
				requireGranted(t, conn, role, g.sql, slices.Contains(g.allowed, role))
			})
		}
	}
}

// requireGranted tries the statement as the role, and takes it back.
func requireGranted(t *testing.T, conn *pgx.Conn, role, sql string, allowed bool) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	_, err = tx.Exec(t.Context(), "set local role "+role)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), sql)
	if allowed {
		require.NoError(t, err)
		return
	}
	var refused *pgconn.PgError
	require.True(t, errors.As(err, &refused), "%s may %s: %v", role, sql, err)
	require.Equal(t, "42501", refused.Code, refused.Message)
}

func TestRoles_coverWhatTheRolesMakeLater(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	require.NoError(t, migrations.Roles(t.Context(), conn))
	for _, made := range []struct{ role, sql string }{
		{loader, "create schema shop_ods; create table shop_ods.orders (id bigint)"},
		{transformer, "create schema shop_dwd; create view shop_dwd.fact_order as select id from shop_ods.orders"},
		{transformer, "create table terrace_stage.a (id bigint); alter table terrace_stage.a set schema shop_dwd"},
	} {
		_, err := conn.Exec(t.Context(), fmt.Sprintf("set role %s; %s; reset role", made.role, made.sql))
		require.NoError(t, err)
	}
	for _, g := range []struct {
		role, sql string
		allowed   bool
	}{
		{reader, "select * from shop_dwd.fact_order", true},
		{reader, "select * from shop_dwd.a", true},
		{reader, "insert into shop_dwd.a values (1)", false},
		{reader, "select * from shop_ods.orders", false},
		{loader, "select * from shop_dwd.a", false},
		{transformer, "insert into shop_ods.orders values (1)", false},
	} {
		requireGranted(t, conn, g.role, g.sql, g.allowed)
	}
}

func TestRoles_areMadeByAnOwnerWhoIsNoSuperuser(t *testing.T) {
	t.Parallel()
	require.NoError(t, migrations.Roles(t.Context(), pgtest.New(t).Conn(t)), "another database of the cluster has them already")
	db := pgtest.New(t)
	conn := db.Conn(t)
	database := conn.Config().Database
	owner := "owner_of_" + database
	_, err := conn.Exec(t.Context(), fmt.Sprintf(`create role %[1]s;
grant terrace_loader, terrace_transformer, terrace_reader to %[1]s;
alter database %[2]s owner to %[1]s;
set role %[1]s`, owner, database))
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := conn.Exec(context.Background(), fmt.Sprintf(
			"reset role; reassign owned by %[1]s to current_user; drop owned by %[1]s; drop role %[1]s", owner))
		require.NoError(t, err)
	})

	err = migrations.Roles(t.Context(), conn)
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused, "schema terrace belongs to somebody else")
	require.Equal(t, "42501", refused.Code)

	_, err = conn.Exec(t.Context(), "reset role; drop schema terrace, terrace_stage, terrace_changes cascade; set role "+owner)
	require.NoError(t, err)
	require.NoError(t, migrations.Up(t.Context(), conn))
	_, err = conn.Exec(t.Context(), warehouse)
	require.NoError(t, err)
	require.NoError(t, migrations.Roles(t.Context(), conn))
	_, err = conn.Exec(t.Context(), "truncate shop_dwd.fact_order")
	require.NoError(t, err, "who made the relations goes on with them")
}

func TestRoles_areMadeInManyDatabasesAtOnce(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	first, second := pgtest.New(t), pgtest.New(t)
	for _, db := range []*pgtest.DB{first, second, first, second} {
		conn := db.Conn(t)
		all.Go(func() { require.NoError(t, migrations.Roles(t.Context(), conn)) })
	}
	all.Wait()
}
