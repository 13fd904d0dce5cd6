-- Takes the locks of nodes, or some of them, and tells whether all were free and nothing stands under their names yet; and
-- the time.
select
    coalesce(bool_and(pg_try_advisory_xact_lock(hashtextextended('terrace node ' || wanted.node, 0))), false)
    and not exists (
        select
        from pg_class as c
        join pg_namespace as n
            on n.oid = c.relnamespace
        join jsonb_array_elements_text($1::jsonb) as name
            on n.nspname = split_part(name, '.', 1)
            and c.relname = split_part(name, '.', 2)
    ),
    clock_timestamp()
from jsonb_array_elements_text($1::jsonb) as wanted (node)
