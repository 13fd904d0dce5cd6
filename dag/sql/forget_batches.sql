-- Deletes the batches and adds what /metrics counts of them to what was forgotten before.
with gone as (
    delete from terrace.batch as b
    where b.batch_id = any($1::bigint[])
    returning b.node, b.slice_id, b.rows_inserted + b.rows_updated as landed, b.bytes
),
counted as (
    insert into terrace.forgotten as f (what, name, result, below, count, bytes)
    select 'landing', g.node, '', 'Infinity', sum(g.landed), sum(g.bytes)
    from gone as g
    where g.slice_id is not null
    group by g.node
    on conflict (what, name, result, below) do update
    set
        count = f.count + excluded.count,
        bytes = f.bytes + excluded.bytes
)
select count(*) from gone
