-- How far each stream has been read. A slice that failed is no trouble any more when done windows cover its range, or when
-- a later content of its file has been landed.
with done as (
    select
        s.stream,
        s.variant,
        range_agg(tstzrange(s.range_start, s.range_end)) as ranges
    from terrace.slice as s
    where s.kind = 'window'
        and s.state = 'done'
        and not s.meta ? 'put_back'
    group by s.stream, s.variant
), undone as (
    select
        s.stream,
        count(*) filter (where s.state = 'open') as open,
        count(*) filter (where s.state = 'failed') as failed
    from terrace.slice as s
    left join done as d
        on d.stream = s.stream
        and d.variant = s.variant
    where s.state <> 'done'
        and not coalesce(s.kind = 'window' and d.ranges @> tstzrange(s.range_start, s.range_end), false)
        and not (
            s.kind = 'file'
            and exists (
                select
                from terrace.slice as later
                where later.stream = s.stream
                    and later.kind = 'file'
                    and later.state = 'done'
                    and later.meta ->> 'path' = s.meta ->> 'path'
                    and later.slice_id > s.slice_id
            )
        )
    group by s.stream
)
select
    t.stream,
    coalesce(u.open, 0),
    coalesce(u.failed, 0),
    b.committed_at,
    b.run_id,
    (select count(*) from terrace.reject as r where r.node = t.stream and r.replayed_at is null)
from terrace.stream as t
left join undone as u
    on u.stream = t.stream
left join lateral (
    select
        batch.committed_at,
        batch.run_id
    from terrace.batch
    where batch.node = t.stream
    order by batch.batch_id desc
    limit 1
) as b
    on true
order by t.stream
