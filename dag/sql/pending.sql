-- What changed, by dependency, in what a node reads since it was built: the batches that the snapshot of its build does
-- not see. One row with a NULL node says that nothing did; no row that the node was never built.
select
    coalesce(s.cluster = $2 and pg_snapshot_xmax(s.snapshot) <= pg_snapshot_xmax(pg_current_snapshot()), false) as trusted,
    s.file_hash,
    s.fingerprint,
    s.depends_on,
    changed.node,
    changed.batches,
    changed.transactions,
    changed.whole,
    changed.rows,
    changed.sides,
    r.key_columns,
    s.newest_event,
    coalesce((
        select c.reltuples::bigint
        from pg_class as c
        where c.oid = to_regclass(format('%I.%I', split_part(changed.node, '.', 1), split_part(changed.node, '.', 2)))
    ), 0) as held
from terrace.node_state as s
left join lateral (
    select
        b.node,
        array_agg(b.batch_id::text) as batches,
        array_agg(b.xid::text) as transactions,
        bool_or(b.whole) as whole,
        sum(b.rows_inserted + b.rows_updated + b.rows_deleted)::bigint as rows,
        sum(b.rows_inserted + 2 * b.rows_updated + b.rows_deleted)::bigint as sides
    from terrace.batch as b
    where b.node = any(s.depends_on)
        and b.xid >= pg_snapshot_xmin(s.snapshot)
        and not pg_visible_in_snapshot(b.xid, s.snapshot)
        and b.xid <> s.xid
        and b.rows_inserted + b.rows_updated + b.rows_deleted > 0
    group by b.node
) as changed on true
left join terrace.stream as r
    on r.stream = changed.node
where s.node = $1
order by changed.node
