-- The three largest relations but those of the server itself, with their indexes and what is kept outside their rows.
select
    format('%I.%I', n.nspname, c.relname),
    pg_total_relation_size(c.oid)
from pg_class as c
join pg_namespace as n
    on n.oid = c.relnamespace
where c.relkind in ('r', 'm')
    and n.nspname <> 'pg_catalog'
    and n.nspname <> 'information_schema'
order by pg_total_relation_size(c.oid) desc
limit 3
