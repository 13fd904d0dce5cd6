-- Of types by name, those that may have values which are equal and not the same bytes, in what they are made of, too: 1.0 and
-- 1.00, a month and 30 days, 0 and -0. What an extension brings is not known. Text is told by its collation, and not here.
with recursive part as (
    select t.name, to_regtype(t.name)::oid as oid
    from unnest($1::text[]) as t (name)
    union
    select p.name, d.oid
    from part as p
    cross join lateral (
        select t.typelem as oid
        from pg_type as t
        where t.oid = p.oid
            and t.typcategory = 'A'
        union all
        select t.typbasetype
        from pg_type as t
        where t.oid = p.oid
            and t.typtype = 'd'
        union all
        select r.rngsubtype
        from pg_range as r
        where p.oid in (r.rngtypid, r.rngmultitypid)
        union all
        select a.atttypid
        from pg_type as t
        join pg_attribute as a
            on a.attrelid = t.typrelid
            and a.attnum > 0
            and not a.attisdropped
        where t.oid = p.oid
            and t.typtype = 'c'
    ) as d
)
select distinct p.name
from part as p
left join pg_type as t
    on t.oid = p.oid
where t.oid is null
    or t.typtype not in ('b', 'c', 'd', 'e', 'm', 'r')
    or t.typtype = 'b'
        and t.typcategory <> 'A'
        and t.oid <> all ('{boolean,smallint,integer,bigint,oid,money,date,time,timetz,timestamp,timestamptz,uuid,text,varchar,"\"char\"",name,bytea,bit,varbit,inet,cidr,macaddr,macaddr8,pg_lsn,xid8}'::regtype[])
    or t.typtype = 'c'
        and exists (
            select
            from pg_attribute as a
            join pg_collation as k
                on k.oid = a.attcollation
            where a.attrelid = t.typrelid
                and not k.collisdeterministic
        )
order by p.name
