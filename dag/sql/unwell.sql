with newest as (
    select distinct on (s.node)
        s.node, s.kind, s.status, s.reason, s.error, s.run_id, s.started_at
    from terrace.step as s
    join terrace.run as r
        on r.run_id = s.run_id
    where s.started_at > now() - interval '30 days'
        and r.environment = ''
    order by s.node, s.started_at desc
)

select n.node, n.kind, n.status, n.reason, n.error, n.run_id, n.started_at
from newest as n
where n.status not in ('success', 'partial_success', 'skip')
    or n.status = 'skip' and exists (
        select from unnest($1::text[]) as because (text)
        where starts_with(n.reason, because.text)
    )
order by n.started_at, n.node
