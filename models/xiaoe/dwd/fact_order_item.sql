-- kind: incremental
-- key: [order_id, line_no]
-- depends_on:
--   - xiaoe_dwd.fact_order
-- incremental:
--   by: [order_id]
-- window: order_date
-- indexes:
--   - columns: [resource_id, order_date]
-- description: >-
--   Lines of orders. Orders of the 1.x list have one each; the table is where several would go. list_price is what one piece
--   would have cost without the coupon.
-- columns:
--   order_id: {type: text, description: The order, not_null: true}
--   line_no: {type: integer, description: "Place in the order, from 1", not_null: true}
--   order_date: {type: date, description: Day of ordering in Asia/Shanghai, not_null: true}
--   user_id: {type: text, description: Who ordered, not_null: true}
--   resource_id: {type: text, description: What was ordered, not_null: true}
--   resource_type: {type: text, description: What kind of product}
--   title: {type: text, description: Name of the product when it was ordered}
--   quantity: {type: bigint, description: Pieces, not_null: true}
--   is_paid: {type: boolean, description: Money came in, not_null: true}
--   pay_amount: {type: "numeric(14,2)", description: Yuan paid, not_null: true}
--   coupon_amount: {type: "numeric(14,2)", description: Yuan deducted for a coupon, not_null: true}
--   list_price: {type: "numeric(14,2)", description: Yuan per piece before the coupon; null where nothing was paid}
select
    o.order_id,
    1 as line_no,
    o.order_date,
    o.user_id,
    o.resource_id,
    o.resource_type,
    o.title,
    o.quantity,
    o.is_paid,
    o.pay_amount,
    o.coupon_amount,
    (case when o.is_paid then (o.pay_amount + o.coupon_amount) / nullif(o.quantity, 0) end)::numeric(14, 2) as list_price
from xiaoe_dwd.fact_order as o
