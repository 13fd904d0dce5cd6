-- on: [feiqiu_dwd.dim_table]
-- severity: error
-- description: A table that the source still has has exactly one current version; one that it no longer has has none.
with landed as (
    select
        o.id as table_id,
        (o._deleted_at is null)::integer as wanted
    from feiqiu_ods.site_tables_master as o
),

current_versions as (
    select
        d.table_id,
        count(*) filter (where d.is_current) as found
    from feiqiu_dwd.dim_table as d
    group by d.table_id
)

select
    table_id,
    landed.wanted,
    current_versions.found
from landed
full join current_versions using (table_id)
where landed.wanted is distinct from current_versions.found
