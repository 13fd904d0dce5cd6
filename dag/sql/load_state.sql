-- What every node was built from, whether its relation is still there and the one that was built, and what changed upstream
-- since: the batches of its dependencies that the snapshot of its build does not see. pg_snapshot_xmin bounds the search in
-- the index.
with cluster as materialized (
    select system_identifier::text as id, pg_snapshot_xmax(pg_current_snapshot()) as next_xid, d.oid as database
    from pg_control_system()
    cross join pg_database as d
    where d.datname = current_database()
),
-- Asked of the catalog: to_regclass() raises an error where the role may not use the schema, as the loader may not use
-- that of a model.
relation as (
    select n.nspname || '.' || c.relname as name, c.oid, c.relkind
    from pg_class as c
    join pg_namespace as n
        on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
)
select
    s.node,
    s.kind,
    s.environment,
    s.file_hash,
    s.fingerprint,
    s.depends_on,
    s.kind = 'assertion' or s.kind = 'sql' or relation.name is not null,
    s.cluster = cluster.id and pg_snapshot_xmax(s.snapshot) <= cluster.next_xid,
    -- Somebody put another relation there. In a copy of the database oids are others, and only kinds can be compared.
    coalesce(case
        when s.kind in ('assertion', 'sql') then false
        when s.cluster = cluster.id and s.database = cluster.database then s.relation is distinct from relation.oid
        when s.kind = 'view' then relation.relkind <> 'v'
        when s.kind = 'materialized_view' then relation.relkind <> 'm'
        else relation.relkind not in ('r', 'p')
    end, false),
    pending.rows
from terrace.node_state as s
cross join cluster
left join relation
    on relation.name = s.node
left join lateral (
    select jsonb_object_agg(changed.node, changed.rows) as rows
    from (
        select b.node, sum(b.rows_inserted + b.rows_updated + b.rows_deleted)::bigint as rows
        from terrace.batch as b
        where b.node = any(s.depends_on)
            and b.xid >= pg_snapshot_xmin(s.snapshot)
            and not pg_visible_in_snapshot(b.xid, s.snapshot)
            -- An assertion that was judged before its model's publish has seen what the same transaction then wrote.
            and b.xid <> s.xid
            and b.rows_inserted + b.rows_updated + b.rows_deleted > 0
        group by b.node
    ) as changed
) as pending on true
