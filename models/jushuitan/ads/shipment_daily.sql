-- kind: view
-- depends_on:
--   - jushuitan_dws.shipment_summary
-- description: What left all warehouses per day, and how long buyers had waited.
-- columns:
--   ship_date: {description: Day on which it left in Asia/Shanghai}
--   out_order_count: {description: Out-orders}
--   late_count: {description: "of which: more than 48 hours after payment"}
--   waited_hours: {description: From payment to shipment per out-order in hours}
-- dashboard:
--   - {title: Hours until shipment, title_zh: 平均发货时长, chart: number, x: ship_date, y: waited_hours, unit: hours, unit_zh: 小时, order: 14}
--   - title: Shipped, and late
--     title_zh: 发货与超时
--     chart: bar
--     x: ship_date
--     y:
--       out_order_count: {label: Shipped, label_zh: 发货}
--       late_count: {label: After 48 hours, label_zh: 超 48 小时}
--     unit: out-orders
--     unit_zh: 单
--     limit: 21
--     order: 21
select
    s.ship_date,
    sum(s.out_order_count)::bigint as out_order_count,
    sum(s.late_count)::bigint as late_count,
    round(sum(s.waited_seconds) / nullif(sum(s.out_order_count), 0) / 3600.0, 2) as waited_hours
from jushuitan_dws.shipment_summary as s
group by s.ship_date
