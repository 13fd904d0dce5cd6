-- Whether something in the database may return a text whose collation is not the database's: a column, or a domain.
select exists (
        select
        from pg_attribute as a
        join pg_class as c
            on c.oid = a.attrelid
        join pg_namespace as n
            on n.oid = c.relnamespace
        where a.attcollation not in (0, 100)
            and a.attnum > 0
            and not a.attisdropped
            and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
            and n.nspname not in ('pg_catalog', 'information_schema', 'terrace')
            and n.nspname not like 'pg\_t%'
    )
    or exists (
        select
        from pg_type as t
        where t.typtype = 'd'
            and t.typcollation not in (0, 100)
            and t.typnamespace <> 'information_schema'::regnamespace
    )
