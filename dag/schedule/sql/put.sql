-- Add a schedule, or, where that is wanted, put it in the place of one of its name, of which nothing starts any more that
-- was due.
with former as (
    update terrace.occurrence as o
    set
        status = 'skip',
        reason = 'edited',
        ended_at = coalesce($10::timestamptz, clock_timestamp())
    where $11::boolean
        and o.schedule = $1
        and o.status = 'due'
        and not o.manual
)

insert into terrace.schedule as s (name, spec, zone, arguments, catch_up, catch_up_window, overlap, jitter, next_at, time_limit, environment)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, nullif($12::interval, '0'), $13)
on conflict (name) do update
set
    spec = excluded.spec,
    zone = excluded.zone,
    arguments = excluded.arguments,
    catch_up = excluded.catch_up,
    catch_up_window = excluded.catch_up_window,
    overlap = excluded.overlap,
    jitter = excluded.jitter,
    next_at = excluded.next_at,
    time_limit = excluded.time_limit,
    environment = excluded.environment,
    revision = s.revision + 1,
    changed_at = coalesce($10::timestamptz, clock_timestamp())
where $11::boolean
