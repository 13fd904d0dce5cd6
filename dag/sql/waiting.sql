-- Steps that wait for a lock, and the sessions that they wait for.
select distinct
    split_part(waits.application_name, ':', 3) as node,
    holds.pid,
    coalesce(nullif(holds.application_name, ''), 'a session without a name') as application,
    coalesce(holds.usename::text, '') as role,
    coalesce(holds.state, '') as state,
    holds.xact_start,
    left(regexp_replace(coalesce(holds.query, ''), '\s+', ' ', 'g'), 80) as statement
from pg_stat_activity as waits
cross join lateral unnest(pg_blocking_pids(waits.pid)) as blocking (pid)
join pg_stat_activity as holds
    on holds.pid = blocking.pid
where waits.datname = current_database()
    and waits.application_name like 'terrace:%:%'
    and waits.wait_event_type = 'Lock'
order by node, holds.pid
