-- kind: table
-- key: [ordered_on, city]
-- depends_on:
--   - shop_dwd.dim_customer
--   - shop_dwd.fact_order
-- description: Paid orders per day and city. An order counts where its customer lived when it was made.
-- columns:
--   ordered_on: {description: "Day, in UTC"}
--   city: {description: City of the customer on that day}
--   order_count: {description: Orders}
--   amount: {description: What was paid for them}
select
    o.ordered_on,
    c.city,
    count(*) as order_count,
    sum(o.amount) as amount
from shop_dwd.fact_order as o
join shop_dwd.dim_customer as c
    on c.customer_id = o.customer_id
    and o.ordered_at >= c.valid_from
    and (o.ordered_at < c.valid_to or c.valid_to is null)
where o.status = 'paid'
    and o.ordered_on >= terrace.var('shop_first_day')::date
group by
    o.ordered_on,
    c.city
