-- kind: view
-- depends_on:
--   - xiaoe_dws.benefit_summary
--   - xiaoe_dws.order_refund_summary
--   - xiaoe_dws.order_summary
-- description: The figures that an owner looks at first, day by day, in yuan.
-- columns:
--   business_date: {description: Day in Asia/Shanghai}
--   order_count: {description: Orders made}
--   paid_share: {description: "Orders paid of orders made, from 0 to 1"}
--   buyer_count: {description: Users who paid}
--   pay_amount: {description: Paid for the day's orders}
--   pay_amount_7_days: {description: The same over this day and the six before it}
--   average_amount: {description: pay_amount per order paid}
--   refund_amount: {description: "What went back on the day, for whichever order"}
--   net_amount: {description: pay_amount less refund_amount}
--   refund_share: {description: "What has gone back for the day's orders of what was paid for them, from 0 to 1"}
--   granted_count: {description: Orders of the day that have their benefit}
--   cancelled_count: {description: Orders of the day that lost it}
-- dashboard:
--   - {title: Paid per day, title_zh: 当日支付, chart: number, x: business_date, y: pay_amount, unit: yuan, unit_zh: 元, format: money, order: 10}
--   - {title: Paid over 7 days, title_zh: 近七日支付, chart: number, x: business_date, y: pay_amount_7_days, unit: yuan, unit_zh: 元, format: money, order: 11}
--   - {title: Net of the day, title_zh: 当日净额, chart: number, x: business_date, y: net_amount, unit: yuan, unit_zh: 元, format: money, order: 12}
--   - {title: Buyers, title_zh: 购买人数, chart: number, x: business_date, y: buyer_count, order: 13}
--   - {title: Orders that are paid, title_zh: 支付率, chart: number, x: business_date, y: paid_share, format: percent, order: 14}
--   - title: Paid and given back
--     title_zh: 支付与退款
--     chart: line
--     x: business_date
--     y:
--       pay_amount: {label: Paid, label_zh: 支付}
--       refund_amount: {label: Given back, label_zh: 退款}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     order: 20
--   - title: Benefits of each day's orders
--     title_zh: 权益发放与取消
--     chart: bar
--     x: business_date
--     y:
--       granted_count: {label: Granted, label_zh: 发放}
--       cancelled_count: {label: Cancelled, label_zh: 取消}
--     unit: orders
--     unit_zh: 单
--     limit: 21
--     order: 21
select
    s.business_date,
    s.order_count,
    round(s.paid_count::numeric / nullif(s.order_count, 0), 4) as paid_share,
    s.buyer_count,
    s.pay_amount,
    sum(s.pay_amount) over (
        order by s.business_date range between interval '6 days' preceding and current row
    ) as pay_amount_7_days,
    round(s.pay_amount / nullif(s.paid_count, 0), 2) as average_amount,
    s.refund_amount,
    s.net_amount,
    r.refund_share,
    coalesce(b.granted_count, 0) as granted_count,
    coalesce(b.cancelled_count, 0) as cancelled_count
from xiaoe_dws.order_summary as s
left join xiaoe_dws.order_refund_summary as r
    on r.order_date = s.business_date
left join xiaoe_dws.benefit_summary as b
    on b.order_date = s.business_date
