-- The relation under a model's name, if there is one: its kind, columns, indexes and partitions.
select jsonb_build_object(
    'oid', c.oid::bigint,
    'kind', case c.relkind
        when 'r' then 'table' when 'p' then 'table' when 'v' then 'view' when 'm' then 'materialized view'
        when 'f' then 'foreign table' when 'S' then 'sequence' when 'c' then 'type' else 'index'
    end,
    'columns', (
        select coalesce(jsonb_agg(jsonb_build_object('name', a.attname, 'type', $type) order by a.attnum), '[]')
        from pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ),
    'generated', (
        select jsonb_agg(a.attname)
        from pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated <> ''
    ),
    'domains', (
        select jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod))
        from pg_attribute as a
        join pg_type as t
            on t.oid = a.atttypid
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.atttypid >= 12000 and t.typtype = 'd'
    ),
    'collations', (
        select jsonb_object_agg(a.attname, a.attcollation::regcollation::text)
        from pg_attribute as a
        join pg_type as t
            on t.oid = a.atttypid
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attcollation not in (0, 100) and a.attcollation <> t.typcollation
    ),
    'indexes', (
        select coalesce(jsonb_agg(jsonb_build_object('name', i.relname, 'unique', x.indisunique, 'columns', array(
            select coalesce(a.attname, '')
            from unnest(x.indkey::int2[]) with ordinality as n (attnum, position)
            left join pg_attribute as a
                on a.attrelid = c.oid and a.attnum = n.attnum and n.attnum > 0
            where n.position <= x.indnkeyatts
            order by n.position
        )) order by i.relname), '[]')
        from pg_index as x
        join pg_class as i
            on i.oid = x.indexrelid
        where x.indrelid = c.oid
    ),
    'partition', case when c.relkind = 'p' then (
        select jsonb_build_object(
            'strategy', case k.partstrat when 'r' then 'range' when 'l' then 'list' else 'hash' end,
            'columns', array(
                select coalesce(a.attname, '')
                from unnest(k.partattrs::int2[]) with ordinality as n (attnum, position)
                left join pg_attribute as a
                    on a.attrelid = c.oid and a.attnum = n.attnum and n.attnum > 0
                order by n.position
            ),
            'marks', array(
                select distinct coalesce(obj_description(i.inhrelid, 'pg_class'), '')
                from pg_inherits as i
                where i.inhparent = c.oid
            ),
            'zone', current_setting('timezone')
        )
        from pg_partitioned_table as k
        where k.partrelid = c.oid
    ) end
)
from pg_class as c
join pg_namespace as n
    on n.oid = c.relnamespace
where n.nspname = $1
    and c.relname = $2
