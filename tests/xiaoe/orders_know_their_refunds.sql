-- on: [xiaoe_dwd.order_refund, xiaoe_dwd.fact_order]
-- severity: warn
-- description: >-
--   An order and its after-sales tell the same of the money that went back within fifteen days of ordering, as long as orders
--   are read again. A warning: the two are read moments apart, and a difference should be gone after the next run.
select
    r.order_id,
    o.refund_amount as order_says,
    r.refund_amount as after_sales_say,
    r.last_refund_at
from xiaoe_dwd.order_refund as r
join xiaoe_dwd.fact_order as o
    on o.order_id = r.order_id
where o.refund_amount <> r.refund_amount
    and r.last_refund_at < o.created_at + interval '15 days'
