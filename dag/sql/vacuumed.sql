-- Tables, of relations given by their quoted names, and partitions of them, that another session has in the mode of VACUUM
-- and ANALYZE.
select format('%I.%I', n.nspname, c.relname)
from pg_class as c
join pg_namespace as n
    on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
    and (
        c.oid = any (select to_regclass(name)::oid from unnest($1::text[]) as name)
        or exists (
            select
            from pg_inherits as i
            where i.inhrelid = c.oid
                and i.inhparent = any (select to_regclass(name)::oid from unnest($1::text[]) as name)
        )
    )
    and exists (
        select
        from pg_locks as l
        where l.locktype = 'relation'
            and l.relation = c.oid
            and l.mode = 'ShareUpdateExclusiveLock'
            and l.granted
            and l.pid <> pg_backend_pid()
            and l.database = (select d.oid from pg_database as d where d.datname = current_database())
    )
order by 1
