-- A reading that found nothing to read: there was nothing new.
insert into terrace.cursor as c (
    stream,
    variant,
    last_run_id,
    last_started_at,
    last_ended_at
)
values ($1, '', $2, clock_timestamp(), clock_timestamp())
on conflict (stream, variant) do update
set
    last_run_id = excluded.last_run_id,
    last_started_at = excluded.last_started_at,
    last_ended_at = excluded.last_ended_at,
    updated_at = clock_timestamp()
