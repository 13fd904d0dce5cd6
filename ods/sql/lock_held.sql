-- Whether the server's process $2 holds the advisory lock of that name in this database.
select exists (
    select
    from pg_locks as l
    cross join hashtextextended($1, 0) as key
    where l.locktype = 'advisory'
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
        and l.objsubid = 1
        and l.classid::bigint = (key >> 32) & 4294967295
        and l.objid::bigint = key & 4294967295
        and l.granted
        and l.pid = $2
)
