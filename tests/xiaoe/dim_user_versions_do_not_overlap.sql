-- on: [xiaoe_dwd.dim_user]
-- severity: error
-- description: The versions of a user follow one another, only the last one is current, and what the source has has one.
with versions as (
    select
        d.user_id,
        d.valid_from,
        d.valid_to,
        d.is_current,
        lead(d.valid_from) over (partition by d.user_id order by d.valid_from) as next_from
    from xiaoe_dwd.dim_user as d
)

select v.user_id
from versions as v
where v.valid_to <= v.valid_from
    or coalesce(v.valid_to, 'infinity') > v.next_from
    or v.is_current <> (v.valid_to is null)

union all

select o.user_id
from xiaoe_ods.users as o
where (o._deleted_at is null) <> exists (select from xiaoe_dwd.dim_user as d where d.user_id = o.user_id and d.is_current)
