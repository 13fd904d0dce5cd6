-- on: [jushuitan_dwd.out_order_history]
-- severity: error
-- description: An out-order that the source still has has exactly one current version; one that it no longer has has none.
with landed as (
    select
        o.io_id,
        (o._deleted_at is null)::integer as wanted
    from jushuitan_ods.orders_out as o
),

current_versions as (
    select
        h.io_id,
        count(*) filter (where h.is_current) as found
    from jushuitan_dwd.out_order_history as h
    group by h.io_id
)

select
    io_id,
    landed.wanted,
    current_versions.found
from landed
full join current_versions using (io_id)
where landed.wanted is distinct from current_versions.found
