-- Take what is to be started in an environment, the oldest of each schedule that does not run, and keep others from it until the moment has
-- passed: whoever took it may be killed before it starts.
with waiting as (
    select distinct on (o.schedule)
        o.occurrence_id,
        o.start_at,
        o.reserved_until
    from terrace.occurrence as o
    where o.status = 'due'
        and o.environment = $4
        and o.start_at <= coalesce($1::timestamptz, clock_timestamp())
        and not exists (
            select
            from terrace.occurrence as r
            where r.schedule = o.schedule
                and r.status = 'running'
        )
    order by
        o.schedule,
        o.scheduled_for
),

free as (
    select w.occurrence_id
    from waiting as w
    where coalesce(w.reserved_until, '-infinity') <= coalesce($1::timestamptz, clock_timestamp())
    order by
        w.start_at,
        w.occurrence_id
    limit $2
)

update terrace.occurrence as o
set reserved_until = coalesce($1::timestamptz, clock_timestamp()) + $3::interval
from free as f
where f.occurrence_id = o.occurrence_id
    and o.status = 'due'
    and coalesce(o.reserved_until, '-infinity') <= coalesce($1::timestamptz, clock_timestamp())
returning
    o.occurrence_id,
    o.schedule,
    o.scheduled_for,
    o.manual,
    o.arguments,
    coalesce(o.time_limit, '0')
