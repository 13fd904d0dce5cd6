-- What the steps of a transaction did, in it: their rows of the ledger; what their nodes were made from, and in which
-- snapshot that was read; and, for those who read a node, that it changed. Several steps share the transaction's time.
with said as (
    select
        *,
        extract(epoch from clock_timestamp() - began) / steps as seconds
    from jsonb_to_recordset($1::jsonb) as s (
        run_id uuid, node text, kind text, status text, reason text,
        inserted bigint, updated bigint, deleted bigint, unchanged bigint, rejected bigint,
        began timestamptz, place integer, steps integer, changed boolean, made boolean, whole boolean, file text, file_hash text, fingerprint text, depends_on text[], cluster text, environment text,
        newest_event text
    )
),
step as (
    insert into terrace.step (
        run_id, node, kind, status, reason, started_at, seconds,
        rows_inserted, rows_updated, rows_deleted, rows_unchanged, rows_rejected
    )
    select
        run_id, node, kind, status, reason, began + make_interval(secs => place * seconds), seconds,
        inserted, updated, deleted, unchanged, rejected
    from said
    on conflict (run_id, node) do update
    set
        status = excluded.status, reason = excluded.reason, started_at = excluded.started_at, seconds = excluded.seconds,
        rows_inserted = excluded.rows_inserted, rows_updated = excluded.rows_updated,
        rows_deleted = excluded.rows_deleted, rows_unchanged = excluded.rows_unchanged,
        rows_rejected = excluded.rows_rejected
),
state as (
    insert into terrace.node_state (
        node, kind, file, file_hash, fingerprint, depends_on, snapshot, cluster, environment, relation, database, run_id, built_at,
        newest_event
    )
    select
        s.node, s.kind, s.file, s.file_hash, s.fingerprint, s.depends_on,
        pg_current_snapshot(), s.cluster, s.environment,
        (
            select c.oid
            from pg_class as c
            join pg_namespace as n
                on n.oid = c.relnamespace
            where n.nspname = split_part(s.node, '.', 1)
                and c.relname = split_part(s.node, '.', 2)
                and s.kind <> 'sql'
        ),
        (select d.oid from pg_database as d where d.datname = current_database()),
        s.run_id, clock_timestamp(), s.newest_event
    from said as s
        where s.made
    on conflict (node) do update
    set
        kind = excluded.kind, file = excluded.file, file_hash = excluded.file_hash, fingerprint = excluded.fingerprint,
        depends_on = excluded.depends_on, snapshot = excluded.snapshot, cluster = excluded.cluster,
        relation = excluded.relation, database = excluded.database, xid = excluded.xid, run_id = excluded.run_id, built_at = excluded.built_at,
        newest_event = excluded.newest_event
)
-- A new definition of a view changes no row of its own, as rejected rows do that come and go, and counts as one.
insert into terrace.batch (node, run_id, rows_inserted, rows_updated, rows_deleted, rows_unchanged, rows_rejected, whole)
select
    node, run_id, inserted, case when inserted + updated + deleted = 0 then 1 else updated end, deleted, unchanged,
    rejected, whole
from said
where changed
