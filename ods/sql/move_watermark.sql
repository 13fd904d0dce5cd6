-- The watermark is the end of the done windows that reach without a hole from the present watermark, or from the
-- earliest window that was ever opened. A window that is not done is a hole.
with anchor as (
    select coalesce(
        (
            select c.watermark
            from terrace.cursor as c
            where c.stream = $1
                and c.variant = $2
        ),
        (
            select min(s.range_start)
            from terrace.slice as s
            where s.stream = $1
                and s.variant = $2
                and s.kind = 'window'
        )
    ) as at
), stretch as (
    select unnest(range_agg(tstzrange(s.range_start, s.range_end))) as done
    from terrace.slice as s
    where s.stream = $1
        and s.variant = $2
        and s.kind = 'window'
        and s.state = 'done'
        and s.range_end >= (select anchor.at from anchor)
)
update terrace.cursor as c
set watermark = upper(stretch.done)
from anchor
cross join stretch
where c.stream = $1
    and c.variant = $2
    and lower(stretch.done) <= anchor.at
    and upper(stretch.done) > anchor.at
