-- What a run works on at this moment, and since when, as far as its sessions tell: those that build bear the node's name,
-- and who reads a stream holds its lock in a session of its own. When others' transactions began is not shown to everybody.
select
    w.node,
    min(w.since)
from (
    select
        split_part(a.application_name, ':', 3) as node,
        a.xact_start as since
    from pg_stat_activity as a
    where a.datname = current_database()
        and starts_with(a.application_name, 'terrace:' || right($1::uuid::text, 12) || ':')
    union all
    select
        s.stream,
        a.state_change
    from terrace.stream as s
    cross join hashtextextended('terrace.stream:' || s.stream, 0) as key
    join pg_locks as l
        on l.locktype = 'advisory'
        and l.granted
        and l.objsubid = 1
        and l.classid::bigint = (key >> 32) & 4294967295
        and l.objid::bigint = key & 4294967295
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
    join pg_stat_activity as a
        on a.pid = l.pid
        and a.application_name = 'terrace:' || $1::uuid
) as w
group by w.node
order by min(w.since) nulls last, w.node
