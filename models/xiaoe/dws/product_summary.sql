-- kind: incremental
-- key: [resource_id, order_date]
-- depends_on:
--   - xiaoe_dwd.fact_order_item
--   - xiaoe_dwd.order_refund
-- incremental:
--   by: [resource_id, order_date]
-- window: order_date
-- description: Orders per product and day of ordering, in yuan, with what has gone back for them on whichever day.
-- columns:
--   resource_id: {type: text, description: Product, not_null: true}
--   order_date: {type: date, description: Day of ordering in Asia/Shanghai, not_null: true}
--   resource_type: {type: text, description: What kind of product}
--   order_count: {type: bigint, description: Orders made}
--   paid_count: {type: bigint, description: "of which: paid"}
--   quantity: {type: bigint, description: Pieces paid}
--   pay_amount: {type: "numeric(14,2)", description: Paid}
--   coupon_amount: {type: "numeric(14,2)", description: Deducted for coupons from what was paid}
--   refunded_count: {type: bigint, description: Orders for which money went back}
--   refund_amount: {type: "numeric(14,2)", description: That money}
--   kept_amount: {type: "numeric(14,2)", description: pay_amount less refund_amount}
select
    i.resource_id,
    i.order_date,
    max(i.resource_type) as resource_type,
    count(*) as order_count,
    count(*) filter (where i.is_paid) as paid_count,
    coalesce(sum(i.quantity) filter (where i.is_paid), 0)::bigint as quantity,
    sum(i.pay_amount)::numeric(14, 2) as pay_amount,
    coalesce(sum(i.coupon_amount) filter (where i.is_paid), 0)::numeric(14, 2) as coupon_amount,
    count(r.order_id) as refunded_count,
    coalesce(sum(r.refund_amount), 0)::numeric(14, 2) as refund_amount,
    (sum(i.pay_amount) - coalesce(sum(r.refund_amount), 0))::numeric(14, 2) as kept_amount
from xiaoe_dwd.fact_order_item as i
left join xiaoe_dwd.order_refund as r
    on r.order_id = i.order_id
    and r.order_date = i.order_date
    and r.resource_id = i.resource_id
group by
    i.resource_id,
    i.order_date
