-- on: [shop_dws.daily_sales]
-- severity: error
-- description: The days' sales add up to the orders. The rows returned are the days that do not.
with ordered as (
    select o.ordered_on, sum(o.amount) as amount
    from shop_dwd.fact_order as o
    where o.status = 'paid'
        and o.ordered_on >= terrace.var('shop_first_day')::date
    group by o.ordered_on
),

reported as (
    select s.ordered_on, sum(s.amount) as amount
    from shop_dws.daily_sales as s
    group by s.ordered_on
)

select
    ordered_on,
    o.amount as amount_of_orders,
    r.amount as amount_reported
from ordered as o
full join reported as r
    using (ordered_on)
where o.amount is distinct from r.amount
