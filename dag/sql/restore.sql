-- Statements that give a new relation the owner, grants, options and comments that the old one has, each with the column
-- that it is about, or '', and whether it is about how the relation stores rows. A comment says what kind of relation it
-- is on: the second parameter, 'table' for example. Row security without a policy lets nobody read but the owner: without
-- it, everybody whom it kept away would.
with relation as (
    select
        c.oid, c.relowner, c.relacl, c.reloptions, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
        c.relnamespace, format('%I.%I', n.nspname, c.relname) as name
    from pg_class as c
    join pg_namespace as n
        on n.oid = c.relnamespace
    where c.oid = $1
),
columns as (
    select a.attname, a.attacl, a.attrelid, a.attnum, a.attstattarget, a.attoptions
    from pg_attribute as a
    where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
),
statements (rank, column_name, statement) as (
    select 1, '', format('alter view %s set (%s)', name, array_to_string(reloptions, ', '))
    from relation
    where relkind = 'v' and $2 = 'view' and reloptions is not null
    union all
    select 0, '', format('alter %s %s set (%s)', $2, name, array_to_string(reloptions, ', '))
    from relation
    where relkind in ('r', 'm') and $2 in ('table', 'materialized view') and reloptions is not null
    union all
    select 1, columns.attname::text, format('alter table %s alter column %I set statistics %s', relation.name, columns.attname, columns.attstattarget)
    from relation
    cross join columns
    where relation.relkind in ('r', 'p') and $2 = 'table' and columns.attstattarget > -1
    union all
    select 1, columns.attname::text, format('alter table %s alter column %I set (%s)', relation.name, columns.attname, array_to_string(columns.attoptions, ', '))
    from relation
    cross join columns
    where relation.relkind in ('r', 'p') and $2 = 'table' and columns.attoptions is not null
    union all
    select 1, '', format('alter table %s %s', name, setting.words)
    from relation
    cross join lateral (
        values
            (relrowsecurity, 'enable row level security'),
            (relforcerowsecurity, 'force row level security'),
            (relreplident = 'f', 'replica identity full'),
            (relreplident = 'n', 'replica identity nothing')
    ) as setting (is_set, words)
    where relkind in ('r', 'p') and $2 = 'table' and setting.is_set
    union all
    -- What default privileges give to everything new, the old one need not have had.
    select distinct 1, '', format('revoke all on %s from %s',
        relation.name, case acl.grantee when 0 then 'public' else quote_ident(grantee.rolname) end)
    from relation
    join pg_roles as maker
        on maker.rolname = current_user
    join pg_default_acl as given
        on given.defaclrole = maker.oid and given.defaclobjtype = 'r' and given.defaclnamespace in (0, relation.relnamespace)
    cross join lateral aclexplode(given.defaclacl) as acl
    left join pg_roles as grantee
        on grantee.oid = acl.grantee
    where acl.grantee <> maker.oid
    union all
    select 2, '', format('grant %s on %s to %s%s',
        acl.privilege_type, relation.name,
        case acl.grantee when 0 then 'public' else quote_ident(grantee.rolname) end,
        case when acl.is_grantable then ' with grant option' else '' end)
    from relation
    cross join lateral aclexplode(relation.relacl) as acl
    left join pg_roles as grantee
        on grantee.oid = acl.grantee
    where acl.grantee <> relation.relowner
    union all
    select 3, columns.attname::text, format('grant %s (%I) on %s to %s%s',
        acl.privilege_type, columns.attname, relation.name,
        case acl.grantee when 0 then 'public' else quote_ident(grantee.rolname) end,
        case when acl.is_grantable then ' with grant option' else '' end)
    from relation
    cross join columns
    cross join lateral aclexplode(columns.attacl) as acl
    left join pg_roles as grantee
        on grantee.oid = acl.grantee
    union all
    select 4, '', format('comment on %s %s is %L', $2, name, obj_description(oid, 'pg_class'))
    from relation
    where obj_description(oid, 'pg_class') is not null
    union all
    select 4, columns.attname::text, format('comment on column %s.%I is %L',
        relation.name, columns.attname, col_description(columns.attrelid, columns.attnum))
    from relation
    cross join columns
    where col_description(columns.attrelid, columns.attnum) is not null
    union all
    select 5, '', format('alter table %s owner to %I', name, pg_get_userbyid(relowner))
    from relation
    where pg_get_userbyid(relowner) <> current_user
)
select column_name, statement, rank = 0 as stores
from statements
order by rank, statement
