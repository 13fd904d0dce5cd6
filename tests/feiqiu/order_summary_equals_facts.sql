-- on: [feiqiu_dws.order_summary]
-- severity: error
-- description: The summary is what the facts give, day by day and in all its money; no day is missing and none too many.
with orders as (
    select
        s.site_id,
        s.business_date,
        count(*) as order_count,
        sum(s.consume_amount) as consume_amount,
        sum(s.pay_amount) as pay_amount,
        sum(s.balance_amount) as balance_amount,
        sum(s.coupon_amount) as coupon_amount,
        sum(s.member_discount_amount + s.adjust_amount + s.point_amount + s.rounding_amount) as deducted_amount,
        sum(s.refund_amount) as orders_refund_amount
    from feiqiu_dwd.fact_settlement as s
    where s.settle_status = 'paid'
        and s.business_date >= terrace.var('feiqiu_first_day')::date
    group by s.site_id, s.business_date
),

refunds as (
    select
        r.site_id,
        r.business_date,
        sum(r.refund_amount) as refund_amount
    from feiqiu_dwd.fact_refund as r
    where r.pay_status = 'done'
        and r.order_settle_id is not null
        and r.business_date >= terrace.var('feiqiu_first_day')::date
    group by r.site_id, r.business_date
),

facts as (
    select
        site_id,
        business_date,
        array[
            coalesce(o.order_count, 0), coalesce(o.consume_amount, 0), coalesce(o.pay_amount, 0),
            coalesce(o.balance_amount, 0), coalesce(o.coupon_amount, 0), coalesce(o.deducted_amount, 0),
            coalesce(o.orders_refund_amount, 0), coalesce(r.refund_amount, 0)
        ] as figures
    from orders as o
    full join refunds as r using (site_id, business_date)
),

summary as (
    select
        d.site_id,
        d.business_date,
        array[
            d.order_count, d.consume_amount, d.pay_amount, d.balance_amount, d.coupon_amount,
            d.member_discount_amount + d.adjust_amount + d.point_amount + d.rounding_amount,
            d.orders_refund_amount, d.refund_amount
        ] as figures
    from feiqiu_dws.order_summary as d
)

select
    site_id,
    business_date,
    f.figures as facts_give,
    s.figures as summary_says
from facts as f
full join summary as s using (site_id, business_date)
where f.figures is distinct from s.figures
