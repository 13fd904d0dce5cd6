-- The functions of these names, with their arguments, those of the server's own first; and the names of all others that models may call.
select
    n.nspname::text,
    p.proname::text,
    oidvectortypes(p.proargtypes)
from pg_proc as p
join pg_namespace as n
    on n.oid = p.pronamespace
where p.proname = any($1)
    and p.prokind in ('f', 'a', 'w')
union all
select distinct
    n.nspname::text,
    p.proname::text,
    ''
from pg_proc as p
join pg_namespace as n
    on n.oid = p.pronamespace
where p.proname <> all($1)
    and p.prokind in ('f', 'a', 'w')
    and p.prorettype <> all(array['trigger', 'event_trigger', 'internal', 'index_am_handler', 'table_am_handler', 'fdw_handler', 'language_handler']::regtype[])
order by 1, 2, 3
