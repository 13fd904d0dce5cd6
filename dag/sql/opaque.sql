-- Of functions by name, those whose result may hang on rows that no plan shows. What an extension brings reads none of the
-- project's.
select f.name
from unnest($1::text[]) as f (name)
where exists (
    select
    from pg_proc as p
    join pg_namespace as n
        on n.oid = p.pronamespace
    where format('%I.%I', n.nspname, p.proname) = f.name
        and p.provolatile <> 'i'
        and not exists (
            select
            from pg_depend as d
            where d.classid = 'pg_proc'::regclass
                and d.objid = p.oid
                and d.deptype = 'e'
        )
)
order by f.name
