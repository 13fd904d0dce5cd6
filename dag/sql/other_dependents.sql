-- What depends on a relation and is no view: foreign keys of other tables, functions with a parsed body, and what would
-- be dropped with it in silence: triggers, policies, publications, statistics that people made.
select distinct pg_describe_object(d.classid, d.objid, d.objsubid)
from pg_depend as d
where d.refclassid = 'pg_class'::regclass
    and d.refobjid = $1
    and (
        d.deptype = 'n' and d.classid <> 'pg_rewrite'::regclass
        or d.classid in (
            'pg_policy'::regclass, 'pg_publication_rel'::regclass, 'pg_statistic_ext'::regclass
        )
        or d.classid = 'pg_trigger'::regclass
            and exists (select from pg_trigger as t where t.oid = d.objid and not t.tgisinternal)
    )
order by 1
