-- kind: incremental
-- key: [sku_id, order_date]
-- depends_on:
--   - jushuitan_dwd.fact_out_order_item
-- incremental:
--   by: [sku_id, order_date]
-- window: order_date
-- description: What was sold per SKU and day of payment, in yuan, as it stands now. Freight and differences of heads are not in it.
-- columns:
--   sku_id: {type: text, description: SKU, not_null: true}
--   order_date: {type: date, description: Day of payment in Asia/Shanghai, not_null: true}
--   style_id: {type: text, description: Style of the SKU}
--   out_order_count: {type: bigint, description: Out-orders with the SKU that are sales}
--   quantity: {type: "numeric(14,2)", description: Pieces sold}
--   gift_quantity: {type: "numeric(14,2)", description: Pieces given for nothing}
--   amount: {type: "numeric(14,2)", description: Price times quantity}
--   cancelled_quantity: {type: "numeric(14,2)", description: "Pieces that are no sale any more, gifts included"}
--   cancelled_amount: {type: "numeric(14,2)", description: Their amount}
select
    i.sku_id,
    i.order_date,
    max(i.style_id) as style_id,
    count(distinct i.io_id) filter (where i.is_sale) as out_order_count,
    coalesce(sum(i.quantity) filter (where i.is_sale and not i.is_gift), 0)::numeric(14, 2) as quantity,
    coalesce(sum(i.quantity) filter (where i.is_sale and i.is_gift), 0)::numeric(14, 2) as gift_quantity,
    coalesce(sum(i.amount) filter (where i.is_sale), 0)::numeric(14, 2) as amount,
    coalesce(sum(i.quantity) filter (where not i.is_sale), 0)::numeric(14, 2) as cancelled_quantity,
    coalesce(sum(i.amount) filter (where not i.is_sale), 0)::numeric(14, 2) as cancelled_amount
from jushuitan_dwd.fact_out_order_item as i
group by
    i.sku_id,
    i.order_date
