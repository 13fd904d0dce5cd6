-- kind: incremental
-- key: [site_id, business_date]
-- depends_on:
--   - feiqiu_dwd.fact_refund
--   - feiqiu_dwd.fact_settlement
-- incremental:
--   by: [site_id, business_date]
--   changed:
--     feiqiu_dwd.fact_refund: [site_id, business_date]
--     feiqiu_dwd.fact_settlement: [site_id, business_date]
-- window: business_date
-- description: >-
--   Settled orders per hall and business day, in yuan. A refund counts twice, on purpose: in orders_refund_amount on
--   the day of its order, and in refund_amount on the day on which the money went back.
-- columns:
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   order_count: {description: Orders settled}
--   table_order_count: {description: "of which: at a table"}
--   goods_order_count: {description: "of which: goods over the counter"}
--   member_order_count: {description: "of which: by members"}
--   consume_amount: {description: "What was consumed, before anything is deducted"}
--   table_charge_amount: {description: "of which: table fees"}
--   goods_amount: {description: "of which: goods"}
--   assistant_amount: {description: "of which: assistants"}
--   service_amount: {description: "of which: service"}
--   member_discount_amount: {description: Deducted for members' grades}
--   adjust_amount: {description: Deducted by hand}
--   coupon_amount: {description: Paid for by coupons}
--   point_amount: {description: Paid for by points}
--   rounding_amount: {description: Fen dropped in cash}
--   balance_amount: {description: Taken from cards}
--   pay_amount: {description: Paid in cash and online}
--   cash_amount: {description: "of which: cash"}
--   online_amount: {description: "of which: online"}
--   refunded_order_count: {description: "Orders of this day for which money went back, whenever"}
--   orders_refund_amount: {description: That money}
--   refund_amount: {description: "Money that went back on this day, for whichever order"}
--   net_pay_amount: {description: "What the till took in on this day: paid less given back"}
with movements as (
    select
        s.site_id,
        s.business_date,
        1 as orders,
        (s.settle_type = 'table')::integer as table_orders,
        (s.settle_type = 'goods')::integer as goods_orders,
        (s.member_id is not null)::integer as member_orders,
        s.consume_amount,
        s.table_charge_amount,
        s.goods_amount,
        s.assistant_play_amount + s.assistant_overtime_amount as assistant_amount,
        s.service_amount,
        s.member_discount_amount,
        s.adjust_amount,
        s.coupon_amount,
        s.point_amount,
        s.rounding_amount,
        s.balance_amount,
        s.pay_amount,
        s.cash_amount,
        s.online_amount,
        (s.refund_amount > 0)::integer as refunded_orders,
        s.refund_amount as orders_refund_amount,
        0::numeric as refund_amount
    from feiqiu_dwd.fact_settlement as s
    where s.settle_status = 'paid'

    union all

    select
        r.site_id,
        r.business_date,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        r.refund_amount
    from feiqiu_dwd.fact_refund as r
    where r.pay_status = 'done'
        and r.order_settle_id is not null
)

select
    m.site_id,
    m.business_date,
    sum(m.orders) as order_count,
    sum(m.table_orders) as table_order_count,
    sum(m.goods_orders) as goods_order_count,
    sum(m.member_orders) as member_order_count,
    sum(m.consume_amount) as consume_amount,
    sum(m.table_charge_amount) as table_charge_amount,
    sum(m.goods_amount) as goods_amount,
    sum(m.assistant_amount) as assistant_amount,
    sum(m.service_amount) as service_amount,
    sum(m.member_discount_amount) as member_discount_amount,
    sum(m.adjust_amount) as adjust_amount,
    sum(m.coupon_amount) as coupon_amount,
    sum(m.point_amount) as point_amount,
    sum(m.rounding_amount) as rounding_amount,
    sum(m.balance_amount) as balance_amount,
    sum(m.pay_amount) as pay_amount,
    sum(m.cash_amount) as cash_amount,
    sum(m.online_amount) as online_amount,
    sum(m.refunded_orders) as refunded_order_count,
    sum(m.orders_refund_amount) as orders_refund_amount,
    sum(m.refund_amount) as refund_amount,
    sum(m.pay_amount) - sum(m.refund_amount) as net_pay_amount
from movements as m
where m.business_date >= terrace.var('feiqiu_first_day')::date
group by
    m.site_id,
    m.business_date
