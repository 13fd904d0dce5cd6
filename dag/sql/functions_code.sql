-- What the functions ($1, with their schemas) do that are written in SQL or PL/pgSQL.
select n.nspname || '.' || p.proname, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
from pg_proc as p
join pg_namespace as n
    on n.oid = p.pronamespace
join pg_language as l
    on l.oid = p.prolang
where n.nspname || '.' || p.proname = any($1)
    and l.lanname in ('sql', 'plpgsql')
order by 1, p.oid
