-- kind: view
-- depends_on:
--   - feiqiu_dws.order_summary
--   - feiqiu_dws.table_summary
-- description: Each hall over the last 30 business days there are, in yuan and hours.
-- columns:
--   site_id: {description: Hall}
--   order_count: {description: Orders settled}
--   consume_amount: {description: "What was consumed, before anything is deducted"}
--   average_amount: {description: consume_amount per order}
--   net_pay_amount: {description: What the till took in}
--   refund_amount: {description: Given back}
--   table_hours: {description: Hours for which tables were used}
-- dashboard:
--   - title: Halls, last 30 days
--     title_zh: 近 30 日各店
--     x: {site_id: {label: Hall, label_zh: 门店, format: plain}}
--     y:
--       order_count: {label: Orders, label_zh: 订单数}
--       consume_amount: {label: Consumed, label_zh: 消费, format: money}
--       average_amount: {label: Per order, label_zh: 客单价, format: money}
--       net_pay_amount: {label: Taken in, label_zh: 实收, format: money}
--       refund_amount: {label: Given back, label_zh: 退款, format: money}
--       table_hours: {label: Hours at tables, label_zh: 开台小时}
--     sort: -net_pay_amount
--     order: 40
with days as (
    select max(o.business_date) - 30 as after
    from feiqiu_dws.order_summary as o
),

tables as (
    select
        t.site_id,
        round(sum(t.used_seconds) / 3600.0, 1) as table_hours
    from feiqiu_dws.table_summary as t
    cross join days as d
    where t.business_date > d.after
    group by t.site_id
),

orders as (
    select
        o.site_id,
        sum(o.order_count)::bigint as order_count,
        sum(o.consume_amount) as consume_amount,
        sum(o.net_pay_amount) as net_pay_amount,
        sum(o.refund_amount) as refund_amount
    from feiqiu_dws.order_summary as o
    cross join days as d
    where o.business_date > d.after
    group by o.site_id
)

select
    o.site_id,
    o.order_count,
    o.consume_amount,
    round(o.consume_amount / nullif(o.order_count, 0), 2) as average_amount,
    o.net_pay_amount,
    o.refund_amount,
    coalesce(t.table_hours, 0) as table_hours
from orders as o
left join tables as t
    on t.site_id = o.site_id
