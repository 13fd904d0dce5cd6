-- Queue a command that somebody asks for, unless this very form did, or the same command waits already: who begins it looks
-- at everything that is there by then.
with same as (
    select o.occurrence_id
    from terrace.occurrence as o
    where o.asked_key = $3
        or (o.schedule = $1 and o.status = 'due' and o.arguments = $2::text[])
    order by
        o.asked_key is not distinct from $3 desc,
        o.occurrence_id
    limit 1
),

made as (
    insert into terrace.occurrence (schedule, scheduled_for, manual, arguments, start_at, status, asked_by, asked_key)
    select
        $1,
        n.at,
        true,
        $2::text[],
        n.at,
        'due',
        $4,
        $3
    from (select coalesce($5::timestamptz, clock_timestamp()) as at) as n
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
