-- Queue a schedule's command out of its time, unless this very form did, or one of its occurrences runs or is about to.
with same as (
    select o.occurrence_id
    from terrace.occurrence as o
    where o.asked_key = $2
        or (
            o.schedule = $1
            and (o.status = 'running' or (o.status = 'due' and o.start_at <= coalesce($4::timestamptz, clock_timestamp())))
        )
    order by
        o.asked_key is not distinct from $2 desc,
        o.status = 'running' desc,
        o.occurrence_id
    limit 1
),

made as (
    insert into terrace.occurrence (schedule, scheduled_for, manual, arguments, time_limit, start_at, status, asked_by, asked_key)
    select
        s.name,
        n.at,
        true,
        s.arguments,
        s.time_limit,
        n.at,
        'due',
        $3,
        $2
    from terrace.schedule as s
    cross join (select coalesce($4::timestamptz, clock_timestamp()) as at) as n
    where s.name = $1
        and not exists (select from same)
    on conflict do nothing
    returning occurrence_id
)

select
    m.occurrence_id,
    true
from made as m
union all
select
    s.occurrence_id,
    false
from same as s
