-- How many pages the latest slices of a stream had, on average; null before the first.
select avg(latest.pages)::float8
from (
    select s.pages
    from terrace.slice as s
    where s.stream = $1
        and s.state = 'done'
    order by s.range_start desc nulls last, s.slice_id desc
    limit 50
) as latest
