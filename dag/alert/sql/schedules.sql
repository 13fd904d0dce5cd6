-- Schedules that are not paused, with the last time at which each was due.
select
    s.name,
    s.next_at,
    o.scheduled_for,
    o.status,
    o.reason,
    o.run_id is not null,
    o.exit_code,
    o.start_at,
    exists (
        select
        from terrace.occurrence as running
        where running.schedule = s.name
            and running.status = 'running'
    )
from terrace.schedule as s
left join lateral (
    select
        latest.scheduled_for,
        latest.status,
        latest.reason,
        latest.run_id,
        latest.exit_code,
        latest.start_at
    from terrace.occurrence as latest
    where latest.schedule = s.name
        and not latest.manual
    order by latest.scheduled_for desc
    limit 1
) as o
    on true
where s.paused_at is null
    or s.paused_until <= clock_timestamp()
order by s.name
