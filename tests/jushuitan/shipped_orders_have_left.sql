-- on: [jushuitan_dwd.fact_out_order]
-- severity: error
-- description: What has been shipped has a day on which it left, not before it was made.
select
    f.io_id,
    f.status,
    f.created_at,
    f.shipped_at
from jushuitan_dwd.fact_out_order as f
where f.is_shipped
    and (f.shipped_at is null or f.shipped_at < f.created_at)
    or f.is_shipped and not f.is_sale
