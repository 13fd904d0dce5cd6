-- kind: view
-- depends_on:
--   - crm_dwd.dim_customer
--   - crm_dwd.fact_lead
--   - crm_dwd.fact_order
-- description: Orders, new customers and new leads of all shops, day by day in Asia/Shanghai.
-- columns:
--   day: {description: Day}
--   order_count: {description: Orders}
--   order_amount: {description: Their amount}
--   order_amount_7_days: {description: The same over this day and the six before it}
--   sample_amount: {description: "of which: samples"}
--   bulk_amount: {description: "of which: all others"}
--   customer_count: {description: Customers whose first order was imported on this day}
--   lead_count: {description: Leads opened on this day}
-- dashboard:
--   - {title: Ordered per day, title_zh: 当日订单金额, chart: number, x: day, y: order_amount, unit: yuan, unit_zh: 元, format: money, order: 10}
--   - {title: Ordered over 7 days, title_zh: 近七日订单金额, chart: number, x: day, y: order_amount_7_days, unit: yuan, unit_zh: 元, format: money, order: 11}
--   - {title: Orders, title_zh: 订单数, chart: number, x: day, y: order_count, order: 12}
--   - {title: New customers, title_zh: 新客户, chart: number, x: day, y: customer_count, order: 13}
--   - {title: New leads, title_zh: 新商机, chart: number, x: day, y: lead_count, order: 14}
--   - title: Bulk orders and samples
--     title_zh: 大货与样品
--     chart: line
--     x: day
--     y:
--       bulk_amount: {label: Bulk, label_zh: 大货}
--       sample_amount: {label: Samples, label_zh: 样品}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     order: 20
--   - title: New customers and leads
--     title_zh: 新客户与新商机
--     chart: bar
--     x: day
--     y:
--       customer_count: {label: Customers, label_zh: 客户}
--       lead_count: {label: Leads, label_zh: 商机}
--     limit: 21
--     order: 21
with orders as (
    select
        o.order_day as day,
        count(*) as order_count,
        sum(o.amount) as order_amount,
        coalesce(sum(o.amount) filter (where o.system_order_type = 'SAMPLE'), 0) as sample_amount,
        coalesce(sum(o.amount) filter (where o.system_order_type <> 'SAMPLE'), 0) as bulk_amount
    from crm_dwd.fact_order as o
    group by o.order_day
),

customers as (
    select
        (c.created_at at time zone 'Asia/Shanghai')::date as day,
        count(*) as customer_count
    from crm_dwd.dim_customer as c
    group by 1
),

leads as (
    select
        (l.created_at at time zone 'Asia/Shanghai')::date as day,
        count(*) as lead_count
    from crm_dwd.fact_lead as l
    group by 1
)

select
    d.day,
    coalesce(o.order_count, 0) as order_count,
    coalesce(o.order_amount, 0) as order_amount,
    sum(coalesce(o.order_amount, 0)) over (
        order by d.day range between interval '6 days' preceding and current row
    ) as order_amount_7_days,
    coalesce(o.sample_amount, 0) as sample_amount,
    coalesce(o.bulk_amount, 0) as bulk_amount,
    coalesce(c.customer_count, 0) as customer_count,
    coalesce(l.lead_count, 0) as lead_count
from (
    select day from orders
    union
    select day from customers
    union
    select day from leads
) as d
left join orders as o
    on o.day = d.day
left join customers as c
    on c.day = d.day
left join leads as l
    on l.day = d.day
