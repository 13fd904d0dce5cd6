-- How far each stream has been read, and the time from one run that read it to its end to the next, which nine of ten do
-- not exceed, of the last hundred such runs.
with readings as (
    select
        s.stream,
        s.run_id,
        max(s.ended_at) as at
    from terrace.slice as s
    where s.state = 'done'
        and s.run_id is not null
    group by s.stream, s.run_id
), recent as (
    select
        r.stream,
        r.at - lag(r.at) over (partition by r.stream order by r.at) as gap,
        row_number() over (partition by r.stream order by r.at desc) as age
    from readings as r
), rhythm as (
    select
        r.stream,
        case when count(r.gap) >= 5 then percentile_disc(0.9) within group (order by r.gap) end as usual
    from recent as r
    where r.age <= 100
    group by r.stream
)
select
    c.stream,
    c.variant,
    c.watermark,
    c.last_ended_at,
    r.usual
from terrace.cursor as c
left join rhythm as r
    on r.stream = c.stream
order by c.stream, c.variant
