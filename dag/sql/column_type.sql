case
    when a.atttypid < 12000 then format_type(a.atttypid, a.atttypmod) -- of the server's own types none is a domain
    else (
        -- The type that a domain is over: a query's description calls none by another name.
        with recursive base as (
            select a.atttypid as oid, a.atttypmod as modifier
            union all
            select t.typbasetype, t.typtypmod
            from base as b
            join pg_type as t
                on t.oid = b.oid
            where t.typtype = 'd'
        )
        select format_type(b.oid, b.modifier)
        from base as b
        join pg_type as t
            on t.oid = b.oid
        where t.typtype <> 'd'
    )
end
