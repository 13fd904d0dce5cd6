-- What the role that asks may not do: read relations ($1), make something in schemas ($2), or make those schemas; and the
-- relations ($3) that only another role may change in more than their rows.
select current_user::text, current_database()::text, denied.lacks, denied.name, denied.owner
from (
    select 'select' as lacks, wanted.name, '' as owner
    from unnest($1::text[]) as wanted (name)
    join pg_namespace as n
        on n.nspname = split_part(wanted.name, '.', 1)
    join pg_class as c
        on c.relnamespace = n.oid
        and c.relname = substr(wanted.name, length(split_part(wanted.name, '.', 1)) + 2)
    where has_schema_privilege(n.oid, 'usage')
        and not has_any_column_privilege(c.oid, 'select')
    union all
    select case when n.oid is null then 'schema' else 'create' end, wanted.name, ''
    from unnest($2::text[]) as wanted (name)
    left join pg_namespace as n
        on n.nspname = wanted.name
    where not case when n.oid is null then has_database_privilege(current_database(), 'create') else has_schema_privilege(n.oid, 'create') end
    union all
    select 'own', wanted.name, pg_get_userbyid(c.relowner)::text
    from unnest($3::text[]) as wanted (name)
    join pg_namespace as n
        on n.nspname = split_part(wanted.name, '.', 1)
    join pg_class as c
        on c.relnamespace = n.oid
        and c.relname = substr(wanted.name, length(split_part(wanted.name, '.', 1)) + 2)
    where not pg_has_role(c.relowner, 'usage')
) as denied
order by denied.lacks, denied.name
