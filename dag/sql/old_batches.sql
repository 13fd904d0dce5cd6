-- Of the batches with numbers above $2, so many in a row: the highest number, whether all were young, and those that
-- nobody needs any more. What stays: the newest of each node ($3), what somebody has not read who was built from the node,
-- or may not have who builds at this moment, and what holds rejects that can still be replayed.
with looked as (
    select b.batch_id, b.node, b.xid, b.committed_at
    from terrace.batch as b
    where b.batch_id > $2
    order by b.batch_id
    limit $4
),
-- Everybody who was built from a node has seen what is older than the oldest transaction that went on then: few batches
-- are to be looked at in every single snapshot. Views have rows of nobody: to those that are made once the newest will do.
seen as (
    select distinct on (d.node)
        d.node,
        pg_snapshot_xmin(s.snapshot) as before
    from terrace.node_state as s
    cross join lateral unnest(s.depends_on) as d (node)
    where s.snapshot is not null
        and s.kind <> 'view'
    order by d.node, pg_snapshot_xmin(s.snapshot)
),
-- Who reads by a snapshot that is older than a batch does not see it: what no open snapshot of this database precedes is
-- seen by everybody. age() counts from the next number.
going_on as (
    select greatest(pg_snapshot_xmax(pg_current_snapshot())::text::bigint - coalesce(max(age(a.backend_xmin)), 0), 0)::text::xid8 as oldest
    from pg_stat_activity as a
    where a.datname = current_database()
        and a.pid <> pg_backend_pid()
),
old as (
    select l.batch_id, l.node
    from looked as l
    cross join going_on as g
    left join seen as s
        on s.node = l.node
    where l.committed_at < clock_timestamp() - $1::interval
        and l.batch_id <> all($3::bigint[])
        and l.xid < g.oldest
        and (
            s.before is null
            or l.xid < s.before
            or not exists (
                select
                from terrace.node_state as n
                where l.node = any(n.depends_on)
                    and n.kind <> 'view'
                    and n.xid <> l.xid
                    and not pg_visible_in_snapshot(l.xid, n.snapshot)
            )
        )
        and not exists (
            select
            from terrace.reject as r
            where r.batch_id = l.batch_id
                and r.replayed_at is null
        )
)
select
    (select coalesce(max(l.batch_id), 0) from looked as l),
    (select coalesce(bool_and(l.committed_at >= clock_timestamp() - $1::interval), true) from looked as l),
    coalesce(array_agg(o.batch_id order by o.batch_id), '{}'),
    coalesce(array_agg(o.node order by o.batch_id), '{}')
from old as o
