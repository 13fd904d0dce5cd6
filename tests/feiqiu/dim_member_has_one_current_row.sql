-- on: [feiqiu_dwd.dim_member]
-- severity: error
-- description: A member that the source still has has exactly one current version; one that it no longer has has none.
with landed as (
    select
        o.id as member_id,
        (o._deleted_at is null)::integer as wanted
    from feiqiu_ods.member_profiles as o
),

current_versions as (
    select
        d.member_id,
        count(*) filter (where d.is_current) as found
    from feiqiu_dwd.dim_member as d
    group by d.member_id
)

select
    member_id,
    landed.wanted,
    current_versions.found
from landed
full join current_versions using (member_id)
where landed.wanted is distinct from current_versions.found
