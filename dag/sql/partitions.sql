-- The partitions of relations, and theirs, by name.
with recursive part as (
    select i.inhrelid as oid
    from pg_inherits as i
    join pg_class as c
        on c.oid = i.inhparent
    join pg_namespace as n
        on n.oid = c.relnamespace
    where n.nspname || '.' || c.relname = any ($1)
    union all
    select i.inhrelid
    from pg_inherits as i
    join part
        on part.oid = i.inhparent
)
select n.nspname || '.' || c.relname
from part
join pg_class as c
    on c.oid = part.oid
join pg_namespace as n
    on n.oid = c.relnamespace
