-- Tables, of those named, of which row security lets the role that asks see a part: it is active for the role, and there is
-- no policy that lets everything pass, or one that takes some of it back.
select wanted.name
from unnest($1::text[]) as wanted (name)
join pg_namespace as n
    on n.nspname = split_part(wanted.name, '.', 1)
join pg_class as c
    on c.relnamespace = n.oid
    and c.relname = substr(wanted.name, length(split_part(wanted.name, '.', 1)) + 2)
cross join lateral (
    select
        coalesce(bool_or(p.polpermissive and pg_get_expr(p.polqual, p.polrelid) = 'true'), false) as everything,
        coalesce(bool_or(not p.polpermissive), false) as restricted
    from pg_policy as p
    where p.polrelid = c.oid
        and p.polcmd in ('r', '*')
        and exists (
            select
            from unnest(p.polroles) as r (oid)
            where case when r.oid = 0 then true else pg_has_role(r.oid, 'usage') end
        )
) as policies
where c.relrowsecurity
    and row_security_active(c.oid)
    and (not policies.everything or policies.restricted)
order by wanted.name
