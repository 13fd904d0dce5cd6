-- The median of how long the last twenty runs of the same command and arguments took.
select
    '',
    coalesce(percentile_cont(0.5) within group (order by before.seconds), 0),
    count(*)
from (
    select extract(epoch from r.ended_at - r.started_at)::float8 as seconds
    from terrace.run as r
    where r.command = $1
        and r.arguments = $2
        and r.environment = $3
        and r.status in ('success', 'partial_success')
        and r.ended_at is not null
        and r.run_id <> $4
        and r.started_at between $5::timestamptz - interval '60 days' and $5
    order by r.started_at desc
    limit 20
) as before
