-- kind: incremental
-- key: [order_id]
-- depends_on:
--   - xiaoe_dwd.fact_order
--   - xiaoe_dwd.fact_refund
-- incremental:
--   by: [order_id]
-- window: order_date
-- description: >-
--   Orders for which money went back, with all of it, in yuan: what fact_order knows of refunds ends when an order is not read
--   again any more, what is here does not.
-- columns:
--   order_id: {type: text, description: The order, not_null: true}
--   order_date: {type: date, description: "Day of ordering in Asia/Shanghai; null where the order has not landed"}
--   resource_id: {type: text, description: What was ordered}
--   user_id: {type: text, description: Who ordered}
--   refund_count: {type: bigint, description: After-sales that gave money back}
--   refund_amount: {type: "numeric(14,2)", description: That money, not_null: true}
--   first_refund_at: {type: timestamptz, description: When money first went back, not_null: true}
--   last_refund_at: {type: timestamptz, description: When money last went back, not_null: true}
select
    r.order_id,
    max(o.order_date) as order_date,
    max(o.resource_id) as resource_id,
    max(o.user_id) as user_id,
    count(*) as refund_count,
    sum(r.refund_amount)::numeric(14, 2) as refund_amount,
    min(r.updated_at) as first_refund_at,
    max(r.updated_at) as last_refund_at
from xiaoe_dwd.fact_refund as r
left join xiaoe_dwd.fact_order as o
    on o.order_id = r.order_id
where r.is_done
group by r.order_id
