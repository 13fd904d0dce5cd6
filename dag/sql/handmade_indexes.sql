-- The indexes of a relation, and the constraints that have one: the name, what follows the name of a constraint, or the
-- relation in CREATE INDEX, whether it is unique, whether it is a constraint, and the columns that it needs.
select
    i.relname::text,
    coalesce(
        pg_get_constraintdef(k.oid),
        -- With an empty search_path the server qualifies every name, as format() does here.
        substr(pg_get_indexdef(i.oid), 1 + length(format('CREATE %sINDEX %I ON %s%I.%I',
            case when x.indisunique then 'UNIQUE ' end, i.relname, case when i.relkind = 'I' then 'ONLY ' end, n.nspname, c.relname)))
    ),
    x.indisunique,
    k.oid is not null,
    array(
        select distinct a.attname::text
        from pg_depend as d
        join pg_attribute as a
            on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where (d.classid, d.objid) in (('pg_class'::regclass, i.oid), ('pg_constraint'::regclass, k.oid))
            and d.refclassid = 'pg_class'::regclass
            and d.refobjid = c.oid
        order by 1
    )
from pg_index as x
join pg_class as i
    on i.oid = x.indexrelid
join pg_class as c
    on c.oid = x.indrelid
join pg_namespace as n
    on n.oid = c.relnamespace
left join pg_constraint as k
    on k.conindid = i.oid and k.conrelid = c.oid and k.contype in ('p', 'u', 'x')
where c.oid = $1
    and x.indisvalid
order by i.relname
