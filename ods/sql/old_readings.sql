-- Readings that ended longer ago than they are kept, but for the last hundred of each stream and variant and for those of
-- rejects that can still be replayed: full reads and passes that were made again since, which nobody needs, and windows, of
-- which those that others cover are needed by nobody. What was read of files says what they were, and stays.
with done as (
    select
        s.slice_id, s.stream, s.variant, s.kind, s.range_start, s.range_end, s.ended_at,
        row_number() over (partition by s.stream, s.variant, s.kind order by s.slice_id desc) as age
    from terrace.slice as s
    where s.state = 'done'
        and s.kind <> 'file'
        and not s.meta ? 'put_back'
)
select d.slice_id, d.stream, d.variant, d.range_start, d.range_end
from done as d
where d.age > 100
    and d.ended_at < clock_timestamp() - $1::interval
    and not exists (
        select
        from terrace.batch as b
        join terrace.reject as r
            on r.batch_id = b.batch_id
            and r.replayed_at is null
        where b.slice_id = d.slice_id
    )
order by d.stream, d.variant, d.range_start nulls first, d.range_end desc
