-- kind: view
-- depends_on:
--   - jushuitan_dws.sku_summary
-- description: SKUs by what they brought over the last 30 days there are, in yuan, as it stands now.
-- columns:
--   sku_id: {description: SKU}
--   quantity: {description: Pieces sold}
--   amount: {description: Price times quantity}
--   cancelled_quantity: {description: Pieces that are no sale any more}
-- dashboard:
--   - title: SKUs, last 30 days
--     title_zh: 近 30 日 SKU 排行
--     chart: bar
--     x: sku_id
--     y: {amount: {label: Sold for, label_zh: 销售额}}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     sort: -amount
--     limit: 12
--     order: 30
select
    s.sku_id,
    sum(s.quantity) as quantity,
    sum(s.amount) as amount,
    sum(s.cancelled_quantity) as cancelled_quantity
from jushuitan_dws.sku_summary as s
where s.order_date > (select max(n.order_date) from jushuitan_dws.sku_summary as n) - 30
group by s.sku_id
