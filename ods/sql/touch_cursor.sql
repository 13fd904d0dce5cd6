-- A slice is done. The row stays locked until the commit, so that of two slices which end at once the second sees the
-- first when it computes the watermark.
insert into terrace.cursor as c (
    stream,
    variant,
    snapshot,
    last_run_id,
    last_started_at,
    last_ended_at
)
select
    s.stream,
    s.variant,
    case when s.kind = 'parents' then s.snapshot end,
    s.run_id,
    s.started_at,
    s.ended_at
from terrace.slice as s
where s.slice_id = $1
on conflict (stream, variant) do update
set
    snapshot = coalesce(excluded.snapshot, c.snapshot),
    last_run_id = excluded.last_run_id,
    last_started_at = excluded.last_started_at,
    last_ended_at = excluded.last_ended_at,
    updated_at = clock_timestamp()
