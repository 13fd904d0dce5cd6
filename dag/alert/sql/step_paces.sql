-- The median of how long nodes took in the last twenty runs before one in which they succeeded.
select
    n.node,
    percentile_cont(0.5) within group (order by before.seconds),
    count(*)
from unnest($1::text[]) as n (node)
cross join lateral (
    select s.seconds
    from terrace.step as s
    where s.node = n.node
        and s.status = 'success'
        and s.run_id <> $2
        and s.started_at < $3
    order by s.started_at desc
    limit 20
) as before
group by n.node
