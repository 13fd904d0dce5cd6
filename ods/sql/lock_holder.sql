-- Who holds an advisory lock of that name in this database.
select
    a.application_name,
    l.pid,
    coalesce(a.state_change, a.backend_start)
from pg_locks as l
join pg_stat_activity as a
    on a.pid = l.pid
cross join hashtextextended($1, 0) as key
where l.locktype = 'advisory'
    and l.database = (select d.oid from pg_database as d where d.datname = current_database())
    and l.objsubid = 1
    and l.classid::bigint = (key >> 32) & 4294967295
    and l.objid::bigint = key & 4294967295
    and l.granted
order by a.backend_start
limit 1
