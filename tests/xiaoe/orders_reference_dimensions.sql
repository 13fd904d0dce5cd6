-- on: [xiaoe_dwd.fact_order, xiaoe_dwd.dim_user, xiaoe_dwd.dim_product]
-- severity: warn
-- description: >-
--   The user and the product of an order are known. A warning: the lists are read once a day, and who joined since is on the
--   next one.
select
    o.order_id,
    'user' as dimension,
    o.user_id as id
from xiaoe_dwd.fact_order as o
where not exists (select from xiaoe_dwd.dim_user as d where d.user_id = o.user_id)

union all

select
    o.order_id,
    'product',
    o.resource_id
from xiaoe_dwd.fact_order as o
where not exists (select from xiaoe_dwd.dim_product as d where d.resource_id = o.resource_id)
