-- Queue a command that somebody asks for, or, where none is given ($2 is null), a schedule's out of its time, unless this
-- very form did; or the same command waits already, since who begins it looks at everything that is there by then; or the
-- schedule runs or is about to.
with same as (
    select o.occurrence_id
    from terrace.occurrence as o
    where o.asked_key = $3
        or (
            o.schedule = $1
            and case
                when $2::text[] is null then
                    o.status = 'running' or (o.status = 'due' and o.start_at <= coalesce($5::timestamptz, clock_timestamp()))
                else o.status = 'due' and o.arguments = $2::text[] and o.environment = $6
            end
        )
    order by
        o.asked_key is not distinct from $3 desc,
        o.status = 'running' desc,
        o.occurrence_id
    limit 1
),

wanted as (
    select
        $2::text[] as arguments,
        null::interval as time_limit,
        $6::text as environment
    where $2::text[] is not null
    union all
    select
        s.arguments,
        s.time_limit,
        s.environment
    from terrace.schedule as s
    where s.name = $1
        and $2::text[] is null
),

made as (
    insert into terrace.occurrence (
        schedule, scheduled_for, manual, arguments, time_limit, start_at, status, asked_by, asked_key, environment
    )
    select
        $1,
        n.at,
        true,
        w.arguments,
        w.time_limit,
        n.at,
        'due',
        $4,
        $3,
        w.environment
    from wanted as w
    cross join (select coalesce($5::timestamptz, clock_timestamp()) as at) as n
    where not exists (select from same)
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
