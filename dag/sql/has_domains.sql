-- Whether something in the database may return a value of a domain: there is a domain of its own, or a relation has a
-- column of one of the information schema's.
select exists (
        select
        from pg_type as t
        where t.typtype = 'd'
            and t.typnamespace <> 'information_schema'::regnamespace
    )
    or exists (
        select
        from pg_type as t
        join pg_depend as d
            on d.refclassid = 'pg_type'::regclass and d.refobjid = t.oid and d.classid = 'pg_class'::regclass
        join pg_class as c
            on c.oid = d.objid
        where t.typtype = 'd'
            and c.relnamespace <> 'information_schema'::regnamespace
    )
