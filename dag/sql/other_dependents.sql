-- What depends on a relation and is no view: foreign keys of other tables, functions with a parsed body, and what would
-- be dropped with it in silence: triggers, rules, policies, publications, statistics that people made, defaults of a view. Where the
-- second parameter names constraints of its own, these and its generated columns are made again with it. With the third, what
-- belongs to it counts, too: its foreign keys, sequences that end with it, tables that have its rows among theirs.
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
        or d.classid = 'pg_rewrite'::regclass
            and exists (select from pg_rewrite as r where r.oid = d.objid and r.ev_class = $1 and r.rulename <> '_RETURN')
        or d.classid = 'pg_attrdef'::regclass
            and exists (select from pg_class as c where c.oid = $1 and c.relkind = 'v')
        or $3 and d.classid = 'pg_constraint'::regclass
            and exists (select from pg_constraint as k where k.oid = d.objid and k.conrelid = $1 and k.contype = 'f')
        or $3 and d.classid = 'pg_class'::regclass and d.deptype = 'a'
            and exists (select from pg_class as c where c.oid = d.objid and c.relkind = 'S')
    )
union
select pg_describe_object('pg_class'::regclass, i.inhparent, 0)
from pg_inherits as i
where $3
    and i.inhrelid = $1
order by 1
