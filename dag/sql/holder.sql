-- Who holds the advisory lock of a node.
select coalesce(
    max(format('%s (process %s, since %s)', a.application_name, a.pid, to_char(a.xact_start, 'HH24:MI:SS'))),
    'gone meanwhile'
)
from pg_locks as l
join pg_stat_activity as a
    on a.pid = l.pid
where l.locktype = 'advisory'
    and l.granted
    and l.database = (select d.oid from pg_database as d where d.datname = current_database())
    and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended('terrace node ' || $1, 0)
