-- The indexes of a relation, and the constraints that have one: the name, what follows the name of a constraint, or the
-- relation in CREATE INDEX, whether it is unique, whether it is a constraint, the columns that it needs, and what else people
-- said of it, as statements.
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
    ),
    array(
        select more.statement
        from (
            values
                (1, case when obj_description(i.oid, 'pg_class') is not null
                    then format('comment on index %I.%I is %L', n.nspname, i.relname, obj_description(i.oid, 'pg_class')) end),
                (2, case when obj_description(k.oid, 'pg_constraint') is not null
                    then format('comment on constraint %I on %I.%I is %L', k.conname, n.nspname, c.relname, obj_description(k.oid, 'pg_constraint')) end),
                (3, case when x.indisclustered then format('alter table %I.%I cluster on %I', n.nspname, c.relname, i.relname) end),
                (4, case when x.indisreplident and x.indisprimary
                    then format('alter table %I.%I replica identity using index %I', n.nspname, c.relname, i.relname) end)
        ) as more (rank, statement)
        where more.statement is not null
        order by more.rank
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
