select
    s.name,
    s.spec,
    s.zone,
    s.arguments,
    s.catch_up,
    s.catch_up_window,
    s.overlap,
    s.jitter,
    coalesce(s.time_limit, '0'),
    s.next_at,
    s.paused_at,
    s.paused_until,
    s.pause_reason,
    s.revision,
    s.environment
from terrace.schedule as s
where $1::text is null or s.name = $1
order by s.name
