-- on: [xiaoe_dwd.fact_order_item, xiaoe_dwd.fact_order]
-- severity: error
-- description: The lines of an order are what the order is, in pieces and in money.
with lines as (
    select
        i.order_id,
        sum(i.quantity) as quantity,
        sum(i.pay_amount) as pay_amount,
        sum(i.coupon_amount) as coupon_amount
    from xiaoe_dwd.fact_order_item as i
    group by i.order_id
)

select
    order_id,
    o.pay_amount as order_says,
    l.pay_amount as lines_say
from xiaoe_dwd.fact_order as o
full join lines as l using (order_id)
where (o.quantity, o.pay_amount, o.coupon_amount) is distinct from (l.quantity, l.pay_amount, l.coupon_amount)
