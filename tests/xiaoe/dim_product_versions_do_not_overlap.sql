-- on: [xiaoe_dwd.dim_product]
-- severity: error
-- description: The versions of a product follow one another, only the last one is current, and what the source has has one.
with versions as (
    select
        d.resource_id,
        d.valid_from,
        d.valid_to,
        d.is_current,
        lead(d.valid_from) over (partition by d.resource_id order by d.valid_from) as next_from
    from xiaoe_dwd.dim_product as d
)

select v.resource_id
from versions as v
where v.valid_to <= v.valid_from
    or coalesce(v.valid_to, 'infinity') > v.next_from
    or v.is_current <> (v.valid_to is null)

union all

select o.resource_id
from xiaoe_ods.products as o
where (o._deleted_at is null) <> exists (select from xiaoe_dwd.dim_product as d where d.resource_id = o.resource_id and d.is_current)
