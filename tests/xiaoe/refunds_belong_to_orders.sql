-- on: [xiaoe_dwd.order_refund, xiaoe_dwd.fact_order]
-- severity: warn
-- description: >-
--   Money goes back for orders that are there and were paid, and no more than that. A warning: an after-sale of an order from
--   before the first reading has no order here.
select
    r.order_id,
    o.pay_amount,
    r.refund_amount
from xiaoe_dwd.order_refund as r
left join xiaoe_dwd.fact_order as o
    on o.order_id = r.order_id
where o.order_id is null
    or not o.is_paid
    or r.refund_amount > o.pay_amount
