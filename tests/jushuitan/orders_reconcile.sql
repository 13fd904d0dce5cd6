-- on: [jushuitan_dwd.fact_out_order]
-- severity: error
-- description: Out-orders landed, over both streams, and modelled agree per shop and day, in count and in sums.
with versions as (
    select
        o.io_id,
        o.payload
    from jushuitan_ods.orders_out as o
    where o._deleted_at is null

    union all

    select
        t.io_id,
        t.payload
    from jushuitan_ods.orders_out_ts as t
    where t._deleted_at is null
),

newest as (
    select
        v.io_id,
        (array_agg(v.payload order by (v.payload ->> 'ts')::bigint desc))[1] as payload
    from versions as v
    group by v.io_id
),

landed as (
    select
        (n.payload ->> 'shop_id')::bigint as shop_id,
        left(coalesce(nullif(n.payload ->> 'pay_date', ''), n.payload ->> 'created'), 10)::date as order_date,
        count(*) as out_orders,
        sum((n.payload ->> 'pay_amount')::numeric) as pay_amount,
        sum((n.payload ->> 'freight')::numeric) as freight_amount
    from newest as n
    group by 1, 2
),

modelled as (
    select
        f.shop_id,
        f.order_date,
        count(*) as out_orders,
        sum(f.pay_amount) as pay_amount,
        sum(f.freight_amount) as freight_amount
    from jushuitan_dwd.fact_out_order as f
    group by f.shop_id, f.order_date
)

select
    shop_id,
    order_date,
    figure.name as figure,
    figure.in_ods,
    figure.in_dwd
from landed as l
full join modelled as m using (shop_id, order_date)
cross join lateral (
    values
        ('out_orders', l.out_orders::numeric, m.out_orders::numeric),
        ('pay_amount', l.pay_amount, m.pay_amount),
        ('freight_amount', l.freight_amount, m.freight_amount)
) as figure (name, in_ods, in_dwd)
where figure.in_ods is distinct from figure.in_dwd
