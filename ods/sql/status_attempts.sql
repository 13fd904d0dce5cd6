-- What was asked of each stream last, and how often it changes: the time between two runs that changed something, which
-- nine of ten do not exceed, of the last hundred such runs.
with changes as (
    select
        b.node,
        b.run_id,
        max(b.committed_at) as at
    from terrace.batch as b
    where b.run_id is not null
        and b.rows_inserted + b.rows_updated + b.rows_deleted > 0
    group by b.node, b.run_id
), recent as (
    select
        c.node,
        c.at,
        c.at - lag(c.at) over (partition by c.node order by c.at) as gap,
        row_number() over (partition by c.node order by c.at desc) as age
    from changes as c
), rhythm as (
    select
        r.node,
        max(r.at) as last_change,
        count(r.gap) as gaps,
        percentile_disc(0.9) within group (order by r.gap) as usual
    from recent as r
    where r.age <= 100
    group by r.node
)
select
    t.stream,
    asked.up_to,
    coalesce(failed.error, ''),
    failed.ended_at,
    r.last_change,
    case when r.gaps >= 5 then r.usual end
from terrace.stream as t
left join lateral (
    select max(s.range_end) as up_to
    from terrace.slice as s
    where s.stream = t.stream
        and not s.meta ? 'put_back'
) as asked
    on true
left join lateral (
    select
        s.error,
        s.ended_at
    from terrace.slice as s
    where s.stream = t.stream
        and s.state = 'failed'
        and not exists (
            select
            from terrace.slice as later
            where later.stream = s.stream
                and later.state = 'done'
                and later.ended_at > s.ended_at
        )
    order by s.ended_at desc
    limit 1
) as failed
    on true
left join rhythm as r
    on r.node = t.stream
order by t.stream
