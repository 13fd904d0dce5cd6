-- Whether one session of this database holds the advisory locks of both names: the reader's own, which says who it is, and
-- the stream's. A server that started anew gives the numbers of its processes to others.
select exists (
    select
    from pg_locks as l
    join unnest(array[hashtextextended($1, 0), hashtextextended($2, 0)]) as key
        on l.classid::bigint = (key >> 32) & 4294967295
        and l.objid::bigint = key & 4294967295
    where l.locktype = 'advisory'
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
        and l.objsubid = 1
        and l.granted
    group by l.pid
    having count(*) = 2
)
