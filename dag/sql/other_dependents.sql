-- What depends on a relation and is no view: foreign keys of other tables, functions with a parsed body, and what would
-- be dropped with it in silence: triggers, policies, publications, statistics that people made. Where the
-- second parameter names constraints of its own, these and its generated columns are made again with it.
select distinct pg_describe_object(d.classid, d.objid, d.objsubid)
from pg_depend as d
where d.refclassid = 'pg_class'::regclass
    and d.refobjid = $1
    and not exists (
        select
        from pg_constraint as k
        where d.classid = 'pg_constraint'::regclass and k.oid = d.objid and k.conrelid = $1 and k.conname = any ($2::text[])
    )
    and not exists (
        select
        from pg_attrdef as a
        where d.classid = 'pg_attrdef'::regclass and a.oid = d.objid and a.adrelid = $1 and cardinality($2::text[]) > 0
    )
    and (
        d.deptype = 'n' and d.classid <> 'pg_rewrite'::regclass
        or d.classid in (
            'pg_policy'::regclass, 'pg_publication_rel'::regclass, 'pg_statistic_ext'::regclass
        )
        or d.classid = 'pg_trigger'::regclass
            and exists (select from pg_trigger as t where t.oid = d.objid and not t.tgisinternal)
    )
order by 1
