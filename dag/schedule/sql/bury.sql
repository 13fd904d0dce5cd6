-- End what runs in name only: neither the process that has it nor its run has a session any more.
update terrace.occurrence as o
set
    status = 'error',
    reason = 'lost',
    ended_at = coalesce($1::timestamptz, clock_timestamp())
where o.status = 'running'
    and not exists (
        select
        from pg_stat_activity as a
        where a.datname = current_database()
            and a.application_name in ('terrace:occurrence:' || o.occurrence_id, 'terrace:' || o.run_id)
    )
returning
    o.schedule,
    o.scheduled_for
