-- Runs that began longer ago than they are kept and that nobody needs any more, the oldest first. What stays however old it
-- is: a run that goes on, the newest of each command, those that built what stands, and those that have the newest step of
-- a node or said last what an assertion found.
select r.run_id
from terrace.run as r
where r.started_at < clock_timestamp() - $1::interval
    and (
        r.ended_at is not null
        or not exists (
            select
            from pg_stat_activity as a
            where a.datname = current_database()
                and (
                    a.application_name = 'terrace:' || r.run_id
                    or starts_with(a.application_name, 'terrace:' || right(r.run_id::text, 12) || ':')
                )
        )
    )
    and exists (
        select
        from terrace.run as newer
        where newer.command = r.command
            and newer.environment = r.environment
            and newer.started_at > r.started_at
    )
    and not exists (
        select
        from terrace.node_state as n
        where n.run_id = r.run_id
    )
    and not exists (
        select
        from terrace.step as s
        where s.run_id = r.run_id
            and not exists (
                select
                from terrace.step as newer
                join terrace.run as of
                    on of.run_id = newer.run_id
                where newer.node = s.node
                    and newer.started_at > s.started_at
                    and of.environment = r.environment
            )
    )
    and not exists (
        select
        from terrace.assertion_result as j
        where j.run_id = r.run_id
            and j.status <> 'skip'
            and not exists (
                select
                from terrace.assertion_result as newer
                join terrace.run as of
                    on of.run_id = newer.run_id
                where newer.assertion = j.assertion
                    and newer.judged_at > j.judged_at
                    and newer.status <> 'skip'
                    and of.environment = r.environment
            )
    )
order by r.started_at
