-- Whether a table can be replaced by another with its columns, defaults, check constraints and indexes, and nothing of it is
-- lost: it has nothing else. And the names of the check constraints.
select
    c.relkind = 'r' and c.relpersistence = 'p' and not c.relispartition and c.reloptions is null and c.reltablespace = 0
    and c.relreplident = 'd' and not c.relrowsecurity and not c.relhasrules and not c.relhastriggers
    and c.relam = (select a.oid from pg_am as a where a.amname = current_setting('default_table_access_method'))
    and not exists (select from pg_inherits as i where c.oid in (i.inhparent, i.inhrelid))
    and not exists (
        select
        from pg_attribute as a
        where a.attrelid = c.oid
            and a.attnum > 0
            and not a.attisdropped
            and (a.attidentity <> '' or a.attoptions is not null or a.attstattarget > -1)
    )
    and not exists (
        select
        from pg_index as x
        left join pg_description as d
            on d.objoid = x.indexrelid and d.classoid = 'pg_class'::regclass
        where x.indrelid = c.oid
            and (x.indisclustered or x.indisreplident or not x.indisvalid or d.objoid is not null)
    )
    -- A constraint that rows which are there need not keep, or of which somebody says something.
    and not exists (
        select
        from pg_constraint as k
        left join pg_description as d
            on d.objoid = k.oid and d.classoid = 'pg_constraint'::regclass
        where k.conrelid = c.oid
            and (not k.convalidated or k.contype <> 'c' and d.objoid is not null)
    )
    -- A sequence that goes with the table.
    and not exists (
        select
        from pg_depend as d
        where d.refclassid = 'pg_class'::regclass
            and d.refobjid = c.oid
            and d.classid = 'pg_class'::regclass
            and d.deptype = 'a'
            and exists (select from pg_class as s where s.oid = d.objid and s.relkind = 'S')
    ),
    array(
        select k.conname
        from pg_constraint as k
        where k.conrelid = c.oid
            and k.contype = 'c'
    )
from pg_class as c
where c.oid = $1
