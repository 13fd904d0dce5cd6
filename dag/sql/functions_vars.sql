-- The project's functions, with their schemas, that are written in SQL or PL/pgSQL and read variables of it, with their code.
select n.nspname || '.' || p.proname, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
from pg_proc as p
join pg_namespace as n
    on n.oid = p.pronamespace
join pg_language as l
    on l.oid = p.prolang
where n.nspname <> all(array['pg_catalog', 'information_schema', 'terrace'])
    and l.lanname in ('sql', 'plpgsql')
    and coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) ~* 'terrace\s*\.\s*var\s*\('
order by 1, p.oid
