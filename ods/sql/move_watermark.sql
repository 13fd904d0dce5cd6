-- The watermark is the end of the done windows that reach without a hole from the present watermark, or from the
-- earliest window that was ever opened. A window that is not done is a hole. So is what the run set out to read once more,
-- before the watermark, and has not: records that came late are there, and the next run would not look back as far. Windows
-- that the watermark was put back over do not count.
with present as (
    select
        c.watermark,
        c.last_run_id as run_id
    from terrace.cursor as c
    where c.stream = $1
        and c.variant = $2
), windows as (
    select
        tstzrange(s.range_start, s.range_end) as span,
        s.state = 'done' as done,
        s.run_id is not distinct from (select present.run_id from present) as now
    from terrace.slice as s
    where s.stream = $1
        and s.variant = $2
        and s.kind = 'window'
        and not s.meta ? 'put_back'
), holes as (
    select coalesce(range_agg(span) filter (where not done), '{}') - coalesce(range_agg(span) filter (where done), '{}') as missing
    from windows
    where now
), anchor as (
    select least(
        coalesce((select present.watermark from present), (select min(lower(span)) from windows)),
        lower(holes.missing)
    ) as at
    from holes
), stretch as (
    select unnest(range_agg(span) - (select holes.missing from holes)) as done
    from windows
    where done
        and upper(span) >= (select anchor.at from anchor)
)
update terrace.cursor as c
set watermark = upper(stretch.done)
from anchor
cross join stretch
where c.stream = $1
    and c.variant = $2
    and lower(stretch.done) <= anchor.at
    and upper(stretch.done) > greatest(anchor.at, c.watermark)
