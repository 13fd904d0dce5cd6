-- Decide on times of a schedule, unless somebody has, or has changed it: all of it in one statement, so that there is
-- no moment at which a time is passed and not written down.
with advanced as (
    update terrace.schedule as s
    set next_at = $4
    where s.name = $1
        and s.revision = $2
        and s.next_at = $3
    returning
        s.name,
        s.arguments,
        s.time_limit,
        s.environment,
        s.overlap
),

-- As it stands before the statement: what is decided on together does not get in its own way.
before as (
    select
        o.occurrence_id,
        o.status
    from terrace.occurrence as o
    join advanced as a
        on a.name = o.schedule
    where o.status in ('due', 'running')
),

decided as (
    select
        a.name,
        a.arguments,
        a.time_limit,
        a.environment,
        a.overlap,
        d.scheduled_for,
        d.start_at,
        case
            when d.reason <> '' then d.reason
            when a.overlap = 'skip' and exists (select from before) then 'overlap'
            when a.overlap = 'queue' and exists (select from before as b where b.status = 'due') then 'overlap'
            else ''
        end as reason
    from advanced as a
    cross join unnest($5::timestamptz[], $6::timestamptz[], $7::text[]) as d (scheduled_for, start_at, reason)
),

-- Who cancels what runs takes the place of what waits as well.
replaced as (
    update terrace.occurrence as o
    set
        cancel_requested = o.status = 'running',
        status = case o.status when 'running' then 'running' else 'skip' end,
        reason = case o.status when 'running' then o.reason else 'overlap' end,
        ended_at = case o.status when 'running' then null else coalesce($8::timestamptz, clock_timestamp()) end
    from before as b
    where b.occurrence_id = o.occurrence_id
        and o.status in ('due', 'running')
        and exists (select from decided as d where d.overlap = 'cancel' and d.reason = '')
    returning o.occurrence_id
)

insert into terrace.occurrence (schedule, scheduled_for, arguments, time_limit, environment, start_at, status, reason, ended_at)
select
    d.name,
    d.scheduled_for,
    d.arguments,
    d.time_limit,
    d.environment,
    d.start_at,
    case d.reason when '' then 'due' else 'skip' end,
    d.reason,
    case d.reason when '' then null else coalesce($8::timestamptz, clock_timestamp()) end
from decided as d
order by d.scheduled_for
on conflict (schedule, scheduled_for) do nothing
