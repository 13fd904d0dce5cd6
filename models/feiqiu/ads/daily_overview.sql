-- kind: view
-- depends_on:
--   - feiqiu_dws.card_summary
--   - feiqiu_dws.order_summary
-- description: All halls together, day by day, in yuan, with the rates that an owner looks at first.
-- columns:
--   business_date: {description: Day in Asia/Shanghai}
--   order_count: {description: Orders settled}
--   consume_amount: {description: "What was consumed, before anything is deducted"}
--   table_charge_amount: {description: "of which: table fees"}
--   goods_amount: {description: "of which: goods"}
--   assistant_amount: {description: "of which: assistants"}
--   average_amount: {description: consume_amount per order}
--   member_share: {description: "Orders of members of all, from 0 to 1"}
--   pay_amount: {description: Paid in cash and online}
--   balance_amount: {description: Taken from cards}
--   refund_amount: {description: Given back}
--   net_pay_amount: {description: "What the tills took in: paid less given back"}
--   net_pay_amount_7_days: {description: The same over this day and the six before it}
--   recharge_amount: {description: "Paid for recharges of cards, less what went back"}
-- dashboard:
--   - {title: Taken in per day, title_zh: 当日实收, chart: number, x: business_date, y: net_pay_amount, unit: yuan, unit_zh: 元, format: money, order: 10}
--   - {title: Taken in over 7 days, title_zh: 近七日实收, chart: number, x: business_date, y: net_pay_amount_7_days, unit: yuan, unit_zh: 元, format: money, order: 11}
--   - {title: Orders, title_zh: 订单数, chart: number, x: business_date, y: order_count, order: 12}
--   - {title: Per order, title_zh: 客单价, chart: number, x: business_date, y: average_amount, unit: yuan, unit_zh: 元, format: money, order: 13}
--   - {title: Orders of members, title_zh: 会员订单占比, chart: number, x: business_date, y: member_share, format: percent, order: 14}
--   - {title: Recharged, title_zh: 当日充值, chart: number, x: business_date, y: recharge_amount, unit: yuan, unit_zh: 元, format: money, order: 15}
--   - title: Consumed, taken in and given back
--     title_zh: 消费、实收与退款
--     chart: line
--     x: business_date
--     y:
--       consume_amount: {label: Consumed, label_zh: 消费}
--       net_pay_amount: {label: Taken in, label_zh: 实收}
--       refund_amount: {label: Given back, label_zh: 退款}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     order: 20
--   - title: What was consumed
--     title_zh: 消费构成
--     chart: bar
--     x: business_date
--     y:
--       table_charge_amount: {label: Table fees, label_zh: 台费}
--       goods_amount: {label: Goods, label_zh: 商品}
--       assistant_amount: {label: Assistants, label_zh: 助教}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     limit: 14
--     order: 21
with orders as (
    select
        o.business_date,
        sum(o.order_count)::bigint as order_count,
        sum(o.member_order_count) as member_order_count,
        sum(o.consume_amount) as consume_amount,
        sum(o.table_charge_amount) as table_charge_amount,
        sum(o.goods_amount) as goods_amount,
        sum(o.assistant_amount) as assistant_amount,
        sum(o.pay_amount) as pay_amount,
        sum(o.balance_amount) as balance_amount,
        sum(o.refund_amount) as refund_amount,
        sum(o.net_pay_amount) as net_pay_amount
    from feiqiu_dws.order_summary as o
    group by o.business_date
),

recharges as (
    select
        c.business_date,
        sum(c.recharge_amount - c.reversal_amount) as recharge_amount
    from feiqiu_dws.card_summary as c
    group by c.business_date
)

select
    o.business_date,
    o.order_count,
    o.consume_amount,
    o.table_charge_amount,
    o.goods_amount,
    o.assistant_amount,
    round(o.consume_amount / nullif(o.order_count, 0), 2) as average_amount,
    round(o.member_order_count::numeric / nullif(o.order_count, 0), 4) as member_share,
    o.pay_amount,
    o.balance_amount,
    o.refund_amount,
    o.net_pay_amount,
    sum(o.net_pay_amount) over (
        order by o.business_date range between interval '6 days' preceding and current row
    ) as net_pay_amount_7_days,
    coalesce(r.recharge_amount, 0) as recharge_amount
from orders as o
left join recharges as r
    on r.business_date = o.business_date
