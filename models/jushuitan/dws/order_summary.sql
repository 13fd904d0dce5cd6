-- kind: incremental
-- key: [shop_id, order_date]
-- depends_on:
--   - jushuitan_dwd.fact_out_order
-- incremental:
--   by: [shop_id, order_date]
-- window: order_date
-- description: >-
--   Out-orders per shop and day of payment, in yuan, as they stand now: one that is cancelled later leaves its day's
--   sales and joins its cancellations.
-- columns:
--   shop_id: {type: bigint, description: Shop, not_null: true}
--   order_date: {type: date, description: Day of payment in Asia/Shanghai, not_null: true}
--   order_count: {type: bigint, description: "Orders, cancelled ones included"}
--   out_order_count: {type: bigint, description: "Out-orders, cancelled ones included"}
--   waiting_count: {type: bigint, description: "of which: sold and not yet shipped"}
--   shipped_count: {type: bigint, description: "of which: shipped"}
--   cancelled_count: {type: bigint, description: "of which: no sale any more"}
--   quantity: {type: "numeric(14,2)", description: "Pieces sold, gifts included"}
--   items_amount: {type: "numeric(14,2)", description: Price times quantity of what was sold}
--   freight_amount: {type: "numeric(14,2)", description: Freight of what was sold}
--   pay_amount: {type: "numeric(14,2)", description: What the heads say is to be paid for what was sold}
--   difference_amount: {type: "numeric(14,2)", description: pay_amount less items_amount and freight_amount}
--   differing_count: {type: bigint, description: Out-orders sold that have such a difference}
--   cancelled_amount: {type: "numeric(14,2)", description: What was to be paid for what is no sale any more}
select
    f.shop_id,
    f.order_date,
    count(distinct f.order_id) as order_count,
    count(*) as out_order_count,
    count(*) filter (where f.is_sale and not f.is_shipped) as waiting_count,
    count(*) filter (where f.is_sale and f.is_shipped) as shipped_count,
    count(*) filter (where not f.is_sale) as cancelled_count,
    coalesce(sum(f.quantity) filter (where f.is_sale), 0)::numeric(14, 2) as quantity,
    coalesce(sum(f.items_amount) filter (where f.is_sale), 0)::numeric(14, 2) as items_amount,
    coalesce(sum(f.freight_amount) filter (where f.is_sale), 0)::numeric(14, 2) as freight_amount,
    coalesce(sum(f.pay_amount) filter (where f.is_sale), 0)::numeric(14, 2) as pay_amount,
    coalesce(sum(f.difference_amount) filter (where f.is_sale), 0)::numeric(14, 2) as difference_amount,
    count(*) filter (where f.is_sale and f.difference_amount <> 0) as differing_count,
    coalesce(sum(f.pay_amount) filter (where not f.is_sale), 0)::numeric(14, 2) as cancelled_amount
from jushuitan_dwd.fact_out_order as f
group by
    f.shop_id,
    f.order_date
