-- kind: view
-- depends_on:
--   - jushuitan_dwd.fact_out_order
-- description: Out-orders whose head asks for something else than their lines and freight come to, for somebody to look into.
-- columns:
--   io_id: {description: The out-order}
--   online_order_no: {description: Number of the order in the shop}
--   shop_id: {description: Shop}
--   order_date: {description: Day of payment in Asia/Shanghai}
--   status: {description: Where it stands}
--   pay_amount: {description: What the head says}
--   items_amount: {description: What its lines come to}
--   freight_amount: {description: Freight}
--   difference_amount: {description: pay_amount less the two}
select
    f.io_id,
    f.online_order_no,
    f.shop_id,
    f.order_date,
    f.status,
    f.pay_amount,
    f.items_amount,
    f.freight_amount,
    f.difference_amount
from jushuitan_dwd.fact_out_order as f
where f.difference_amount <> 0
