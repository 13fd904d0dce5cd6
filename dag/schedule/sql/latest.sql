-- How each schedule ended last, and what it does now.
with found as (
    select o.*
    from terrace.schedule as s
    cross join lateral (
        select *
        from terrace.occurrence as o
        where o.schedule = s.name
            and o.status not in ('due', 'running')
        order by o.scheduled_for desc
        limit 1
    ) as o
    union all
    select o.*
    from terrace.occurrence as o
    where o.status in ('due', 'running')
)

select
    f.occurrence_id,
    f.schedule,
    f.scheduled_for,
    f.manual,
    f.arguments,
    f.status,
    f.reason,
    f.started_at,
    f.ended_at,
    f.run_id,
    f.exit_code,
    f.host,
    f.pid,
    f.log,
    f.asked_by
from found as f
order by
    f.schedule,
    f.status = 'running',
    f.scheduled_for
