-- on: [xiaoe_dws.order_summary]
-- severity: error
-- description: The summary is what orders and after-sales give, day by day; no day is missing and none too many.
with orders as (
    select
        o.order_date as business_date,
        count(*) as orders,
        sum(o.pay_amount) as pay_amount,
        sum(o.quantity * o.is_paid::integer) as quantity,
        sum(o.coupon_amount * o.is_paid::integer) as coupon_amount
    from xiaoe_dwd.fact_order as o
    group by o.order_date
),

refunds as (
    select
        r.business_date,
        count(*) as refunds,
        sum(r.refund_amount) as refund_amount
    from xiaoe_dwd.fact_refund as r
    where r.is_done
    group by r.business_date
),

facts as (
    select
        business_date,
        array[
            coalesce(o.orders, 0), coalesce(o.pay_amount, 0), coalesce(o.quantity, 0), coalesce(o.coupon_amount, 0),
            coalesce(r.refunds, 0), coalesce(r.refund_amount, 0)
        ] as figures
    from orders as o
    full join refunds as r using (business_date)
),

summary as (
    select
        s.business_date,
        array[s.order_count, s.pay_amount, s.quantity, s.coupon_amount, s.refund_count, s.refund_amount] as figures
    from xiaoe_dws.order_summary as s
)

select
    business_date,
    f.figures as facts_give,
    s.figures as summary_says
from facts as f
full join summary as s using (business_date)
where f.figures is distinct from s.figures
