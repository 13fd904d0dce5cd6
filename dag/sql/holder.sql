-- Who holds the advisory lock of a node, in words, and the server's process of the session that has it. A session bears the
-- last twelve digits of its run, or all of them. One that is idle in a transaction waits for what its client says next.
select
    format(
        '%s (%s)',
        case
            when r.run_id is null then a.application_name
            else format('run %s: terrace %s on %s', r.run_id, r.command, coalesce(nullif(r.host, ''), 'an unnamed host'))
        end,
        concat_ws(
            ', ',
            'process ' || coalesce(r.pid, a.pid),
            'since ' || to_char(coalesce(a.xact_start, a.state_change), 'YYYY-MM-DD HH24:MI:SS'),
            case
                when a.state = 'active' then 'at a statement since ' || to_char(a.query_start, 'YYYY-MM-DD HH24:MI:SS')
                when starts_with(a.state, 'idle in transaction') then 'silent since ' || to_char(a.state_change, 'YYYY-MM-DD HH24:MI:SS')
            end
        )
    ),
    a.pid
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
order by a.pid
limit 1
