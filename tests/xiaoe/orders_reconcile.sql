-- on: [xiaoe_dwd.fact_order]
-- severity: error
-- description: Orders landed and modelled agree per day, in count and in sums, fen here and yuan there.
with landed as (
    select
        left(o.payload ->> 'created_time', 10)::date as order_date,
        count(*) as orders,
        sum(nullif(o.payload ->> 'price', '')::numeric) as pay_amount,
        sum(nullif(o.payload ->> 'coupon_price', '')::numeric) / 100 as coupon_amount,
        sum(nullif(o.payload ->> 'refund_money', '')::numeric) / 100 as refund_amount
    from xiaoe_ods.orders as o
    where o._deleted_at is null
    group by 1
),

modelled as (
    select
        f.order_date,
        count(*) as orders,
        sum(f.pay_amount) as pay_amount,
        sum(f.coupon_amount) as coupon_amount,
        sum(f.refund_amount) as refund_amount
    from xiaoe_dwd.fact_order as f
    group by f.order_date
)

select
    order_date,
    figure.name as figure,
    figure.in_ods,
    figure.in_dwd
from landed as l
full join modelled as m using (order_date)
cross join lateral (
    values
        ('orders', l.orders::numeric, m.orders::numeric),
        ('pay_amount', coalesce(l.pay_amount, 0), m.pay_amount),
        ('coupon_amount', coalesce(l.coupon_amount, 0), m.coupon_amount),
        ('refund_amount', coalesce(l.refund_amount, 0), m.refund_amount)
) as figure (name, in_ods, in_dwd)
where figure.in_ods is distinct from figure.in_dwd
