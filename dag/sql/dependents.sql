-- The views that read a relation, directly or through one another, in an order in which they can be created; for each the
-- columns of the relation that it names itself.
with recursive edges (reader, read, attnum) as (
    select distinct r.ev_class, d.refobjid, d.refobjsubid
    from pg_depend as d
    join pg_rewrite as r
        on r.oid = d.objid
    where d.classid = 'pg_rewrite'::regclass
        and d.refclassid = 'pg_class'::regclass
        and r.ev_class <> d.refobjid
),
dependents (oid, depth) as (
    select edges.reader, 1
    from edges
    where edges.read = $1
    union
    select edges.reader, dependents.depth + 1
    from dependents
    join edges
        on edges.read = dependents.oid
)
select
    c.oid,
    n.nspname || '.' || c.relname,
    c.relkind = 'v',
    rtrim(pg_get_viewdef(c.oid), ';'),
    array(
        select a.attname::text
        from edges
        join pg_attribute as a
            on a.attrelid = edges.read and a.attnum = edges.attnum
        where edges.reader = c.oid
            and edges.read = $1
            and edges.attnum > 0
        order by a.attnum
    )
from dependents
join pg_class as c
    on c.oid = dependents.oid
join pg_namespace as n
    on n.oid = c.relnamespace
group by c.oid, n.nspname, c.relname, c.relkind
order by max(dependents.depth), 2
