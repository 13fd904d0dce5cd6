-- kind: view
-- depends_on:
--   - jushuitan_dws.order_summary
-- description: Sales of all shops per day, with the rates that an owner looks at first.
-- columns:
--   order_date: {description: Day of payment in Asia/Shanghai}
--   out_order_count: {description: "Out-orders, cancelled ones included"}
--   pay_amount: {description: "Yuan to be paid for what was sold"}
--   pay_amount_7_days: {description: The same over this day and the six before it}
--   average_amount: {description: pay_amount per out-order sold; null on a day without sales}
--   cancelled_share: {description: "Cancelled out-orders of all, from 0 to 1"}
--   waiting_count: {description: Out-orders of the day that have not left yet}
-- dashboard:
--   - {title: Sold per day, title_zh: 当日销售额, chart: number, x: order_date, y: pay_amount, unit: yuan, unit_zh: 元, format: money, order: 10}
--   - {title: Sold over 7 days, title_zh: 近七日销售额, chart: number, x: order_date, y: pay_amount_7_days, unit: yuan, unit_zh: 元, format: money, order: 11}
--   - {title: Per out-order, title_zh: 单均金额, chart: number, x: order_date, y: average_amount, unit: yuan, unit_zh: 元, format: money, order: 12}
--   - {title: Cancelled, title_zh: 取消率, chart: number, x: order_date, y: cancelled_share, format: percent, order: 13}
--   - title: Sold per day
--     title_zh: 每日销售额
--     chart: line
--     x: order_date
--     y: {pay_amount: {label: Sold, label_zh: 销售额}}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     order: 20
with days as (
    select
        s.order_date,
        sum(s.out_order_count) as out_order_count,
        sum(s.cancelled_count) as cancelled_count,
        sum(s.waiting_count) as waiting_count,
        sum(s.pay_amount) as pay_amount
    from jushuitan_dws.order_summary as s
    group by s.order_date
)

select
    d.order_date,
    d.out_order_count,
    d.pay_amount,
    sum(d.pay_amount) over (
        order by d.order_date range between interval '6 days' preceding and current row
    ) as pay_amount_7_days,
    round(d.pay_amount / nullif(d.out_order_count - d.cancelled_count, 0), 2) as average_amount,
    round(d.cancelled_count / d.out_order_count, 4) as cancelled_share,
    d.waiting_count
from days as d
