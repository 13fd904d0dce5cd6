-- kind: incremental
-- key: [order_date]
-- depends_on:
--   - xiaoe_dwd.fact_order
--   - xiaoe_dwd.order_refund
-- incremental:
--   by: [order_date]
-- window: order_date
-- description: >-
--   What has gone back for the orders of each day, on whichever day, in yuan: it makes past days change for as long as money
--   goes back.
-- columns:
--   order_date: {type: date, description: Day of ordering in Asia/Shanghai, not_null: true}
--   paid_count: {type: bigint, description: Orders paid}
--   pay_amount: {type: "numeric(14,2)", description: Paid for them}
--   refunded_count: {type: bigint, description: "of them, orders for which money went back"}
--   refund_amount: {type: "numeric(14,2)", description: That money}
--   kept_amount: {type: "numeric(14,2)", description: pay_amount less refund_amount}
--   refund_share: {type: "numeric(6,4)", description: "refund_amount of pay_amount, from 0 to 1; null where nothing was paid"}
select
    o.order_date,
    count(*) filter (where o.is_paid) as paid_count,
    sum(o.pay_amount)::numeric(14, 2) as pay_amount,
    count(r.order_id) as refunded_count,
    coalesce(sum(r.refund_amount), 0)::numeric(14, 2) as refund_amount,
    (sum(o.pay_amount) - coalesce(sum(r.refund_amount), 0))::numeric(14, 2) as kept_amount,
    (coalesce(sum(r.refund_amount), 0) / nullif(sum(o.pay_amount), 0))::numeric(6, 4) as refund_share
from xiaoe_dwd.fact_order as o
left join xiaoe_dwd.order_refund as r
    on r.order_id = o.order_id
    and r.order_date = o.order_date
group by o.order_date
