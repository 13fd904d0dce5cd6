-- Nodes that this run found unchanged have what their files and upstream give. Where the newest step of such a node tells
-- of a failure, of its own or of what it waited for, that is over: a step says so. One that nothing failed of has none.
insert into terrace.step (run_id, node, kind, status, reason, started_at, seconds)
select r.run_id, last.node, last.kind, 'skip', $3, clock_timestamp(), 0
from terrace.run as r
cross join unnest($2::text[]) as well (node)
cross join lateral (
    select s.node, s.kind, s.status, s.reason
    from terrace.step as s
    join terrace.run as of
        on of.run_id = s.run_id
    where s.node = well.node
        and of.environment = r.environment
    order by s.started_at desc
    limit 1
) as last
where r.run_id = $1
    and exists (
        select
        from terrace.run as bad
        where bad.environment = r.environment
            and bad.status not in ('success', 'partial_success')
            and bad.run_id <> r.run_id
            and bad.started_at > now() - interval '30 days'
    )
    and (
        last.status not in ('success', 'partial_success', 'skip')
        or last.status = 'skip' and exists (
            select
            from unnest($4::text[]) as because (text)
            where starts_with(last.reason, because.text)
        )
    )
on conflict (run_id, node) do nothing
