-- Who holds the advisory lock of a node, in words. A session bears the last twelve digits of its run, or all of them.
select coalesce(
    max(case
        when r.run_id is null
            then format('%s (process %s, since %s)', a.application_name, a.pid, to_char(coalesce(a.xact_start, a.state_change), 'HH24:MI:SS'))
        else format('run %s: terrace %s on %s (process %s, since %s)',
            r.run_id, r.command, coalesce(nullif(r.host, ''), 'an unnamed host'), r.pid, to_char(r.started_at, 'YYYY-MM-DD HH24:MI:SS'))
    end),
    'gone meanwhile'
)
from pg_locks as l
join pg_stat_activity as a
    on a.pid = l.pid
left join terrace.run as r
    on r.status = 'running'
    and right(r.run_id::text, 12) = right(split_part(a.application_name, ':', 2), 12)
where l.locktype = 'advisory'
    and l.granted
    and l.database = (select d.oid from pg_database as d where d.datname = current_database())
    and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended($1, 0)
