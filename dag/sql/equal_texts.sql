-- Whether the database has collations in which different texts are equal, and whether one may be at work where neither a query
-- nor the type of a column says so: in a domain, or in a function that is made part of a query.
select
    exists (select from pg_collation as k where not k.collisdeterministic),
    exists (
        select
        from pg_type as t
        join pg_collation as k
            on k.oid = t.typcollation
        where t.typtype = 'd'
            and not k.collisdeterministic
    )
    or exists (select from pg_collation as k where not k.collisdeterministic)
        and exists (
            select
            from pg_proc as p
            join pg_language as l
                on l.oid = p.prolang
            where l.lanname = 'sql'
                and p.pronamespace <> 'pg_catalog'::regnamespace
                and (p.prosrc ~* '\mcollate\M' or pg_get_function_sqlbody(p.oid) ~* '\mcollate\M')
        )
