-- Watermarks and last readings, by stream and variant.
select
    c.stream,
    c.variant,
    c.watermark,
    c.last_run_id,
    c.last_started_at,
    c.last_ended_at
from terrace.cursor as c
order by c.stream, c.variant
