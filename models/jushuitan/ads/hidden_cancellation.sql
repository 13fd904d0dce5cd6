-- kind: view
-- depends_on:
--   - jushuitan_dwd.confirmed_mirror
--   - jushuitan_dwd.fact_out_order
-- description: >-
--   Out-orders that are no sale any more, and that a mirror which asks for shipped ones alone still counts: the sales by
--   which such a mirror is too high.
-- columns:
--   io_id: {description: The out-order}
--   shop_id: {description: Shop}
--   order_date: {description: Day of payment in Asia/Shanghai}
--   mirrored_amount: {description: What the mirror counts}
--   mirrored_at: {description: Time of change that the mirror knows of}
--   cancelled_at: {description: Time of change with which it ceased to be a sale}
-- dashboard:
--   - title: Cancelled, and still counted by a mirror
--     title_zh: 已取消但镜像仍计入
--     x: {order_date: {label: Day, label_zh: 日期}}
--     y:
--       io_id: {label: Out-order, label_zh: 出库单, format: plain}
--       shop_id: {label: Shop, label_zh: 店铺, format: plain}
--       mirrored_amount: {label: Amount, label_zh: 金额, format: money}
--       cancelled_at: {label: Cancelled, label_zh: 取消时间}
--     limit: 10
--     order: 41
select
    f.io_id,
    f.shop_id,
    f.order_date,
    m.pay_amount as mirrored_amount,
    m.modified_at as mirrored_at,
    f.modified_at as cancelled_at
from jushuitan_dwd.confirmed_mirror as m
join jushuitan_dwd.fact_out_order as f
    on f.io_id = m.io_id
where not f.is_sale
