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
-- dashboard:
--   - title: Amounts that differ from their lines
--     title_zh: 金额与明细不符
--     x: {order_date: {label: Day, label_zh: 日期}}
--     y:
--       io_id: {label: Out-order, label_zh: 出库单, format: plain}
--       online_order_no: {label: Order in the shop, label_zh: 线上单号, format: plain}
--       pay_amount: {label: Head, label_zh: 单头金额, format: money}
--       items_amount: {label: Lines, label_zh: 明细金额, format: money}
--       freight_amount: {label: Freight, label_zh: 运费, format: money}
--       difference_amount: {label: Difference, label_zh: 差额, format: money}
--     limit: 10
--     order: 40
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
