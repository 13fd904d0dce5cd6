-- Every relation of some schemas that can be read: its kind, columns and primary key.
select
    n.nspname || '.' || c.relname,
    case c.relkind
        when 'r' then 'table' when 'p' then 'table' when 'v' then 'view' when 'm' then 'materialized view'
        when 'f' then 'foreign table' when 'S' then 'sequence' when 'c' then 'type' else 'index'
    end,
    array_agg(a.attname::text order by a.attnum),
    array_agg($type order by a.attnum),
    coalesce(array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum))
        filter (where a.attnum = any (i.indkey::int2[])), '{}')
from pg_namespace as n
join pg_class as c
    on c.relnamespace = n.oid
join pg_attribute as a
    on a.attrelid = c.oid
left join pg_index as i
    on i.indrelid = c.oid and i.indisprimary
where n.nspname = any ($1)
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and a.attnum > 0
    and not a.attisdropped
group by c.oid, n.nspname
