-- kind: incremental
-- key: [site_id, business_date, payment_method, channel]
-- depends_on:
--   - feiqiu_dwd.fact_payment
--   - feiqiu_dwd.fact_refund
--   - feiqiu_dwd.fact_settlement
-- incremental:
--   by: [site_id, business_date]
--   changed:
--     feiqiu_dwd.fact_payment: [site_id, business_date]
--     feiqiu_dwd.fact_refund: [site_id, business_date]
--     feiqiu_dwd.fact_settlement: [site_id, business_date]
-- window: business_date
-- description: >-
--   What was paid in which way, per hall and business day, in yuan. Cash and online are money that moved on that day;
--   balance, coupon and point are what paid for orders without money.
-- columns:
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   payment_method: {description: Way of payment, not_null: true}
--   channel: {description: Through whom an online payment went; none for other ways, not_null: true}
--   payment_count: {description: Payments}
--   order_amount: {description: Paid for orders}
--   recharge_amount: {description: Paid for recharges}
--   pay_amount: {description: Both}
--   failed_count: {description: Attempts that failed}
--   failed_amount: {description: What they would have paid}
--   refund_count: {description: Refunds}
--   refund_amount: {description: Given back}
--   net_amount: {description: Paid less given back}
with movements as (
    select
        p.site_id,
        p.business_date,
        p.payment_method,
        p.online_pay_channel as channel,
        1::bigint as payment_count,
        case when p.order_settle_id is not null then p.pay_amount else 0 end as order_amount,
        case when p.recharge_settle_id is not null then p.pay_amount else 0 end as recharge_amount,
        p.pay_amount,
        0::bigint as failed_count,
        0::numeric as failed_amount,
        0::bigint as refund_count,
        0::numeric as refund_amount
    from feiqiu_dwd.fact_payment as p
    where p.pay_status = 'done'

    union all

    select
        p.site_id,
        p.business_date,
        p.payment_method,
        p.online_pay_channel,
        0, 0, 0, 0,
        1,
        p.pay_amount,
        0, 0
    from feiqiu_dwd.fact_payment as p
    where p.pay_status = 'failed'

    union all

    select
        r.site_id,
        r.business_date,
        r.payment_method,
        r.online_pay_channel,
        0, 0, 0, 0, 0, 0,
        1,
        r.refund_amount
    from feiqiu_dwd.fact_refund as r
    where r.pay_status = 'done'

    union all

    select
        s.site_id,
        s.business_date,
        'balance',
        'none',
        1,
        s.balance_amount,
        0,
        s.balance_amount,
        0, 0, 0, 0
    from feiqiu_dwd.fact_settlement as s
    where s.settle_status = 'paid'
        and s.balance_amount <> 0

    union all

    select
        s.site_id,
        s.business_date,
        'coupon',
        'none',
        1,
        s.coupon_amount,
        0,
        s.coupon_amount,
        0, 0, 0, 0
    from feiqiu_dwd.fact_settlement as s
    where s.settle_status = 'paid'
        and s.coupon_amount <> 0

    union all

    select
        s.site_id,
        s.business_date,
        'point',
        'none',
        1,
        s.point_amount,
        0,
        s.point_amount,
        0, 0, 0, 0
    from feiqiu_dwd.fact_settlement as s
    where s.settle_status = 'paid'
        and s.point_amount <> 0
)

select
    m.site_id,
    m.business_date,
    m.payment_method,
    m.channel,
    sum(m.payment_count)::bigint as payment_count,
    sum(m.order_amount)::numeric(14, 2) as order_amount,
    sum(m.recharge_amount)::numeric(14, 2) as recharge_amount,
    sum(m.pay_amount)::numeric(14, 2) as pay_amount,
    sum(m.failed_count)::bigint as failed_count,
    sum(m.failed_amount)::numeric(14, 2) as failed_amount,
    sum(m.refund_count)::bigint as refund_count,
    sum(m.refund_amount)::numeric(14, 2) as refund_amount,
    (sum(m.pay_amount) - sum(m.refund_amount))::numeric(14, 2) as net_amount
from movements as m
where m.business_date >= terrace.var('feiqiu_first_day')::date
group by
    m.site_id,
    m.business_date,
    m.payment_method,
    m.channel
