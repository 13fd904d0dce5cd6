-- on: [jushuitan_dws.sku_summary, jushuitan_dws.order_summary]
-- severity: error
-- description: What was sold by SKU and what was sold by shop is the same, day by day, in pieces and in money.
with skus as (
    select
        s.order_date,
        sum(s.quantity + s.gift_quantity) as quantity,
        sum(s.amount) as amount
    from jushuitan_dws.sku_summary as s
    group by s.order_date
),

shops as (
    select
        o.order_date,
        sum(o.quantity) as quantity,
        sum(o.items_amount) as amount
    from jushuitan_dws.order_summary as o
    group by o.order_date
)

select
    order_date,
    k.quantity as sku_quantity,
    o.quantity as order_quantity,
    k.amount as sku_amount,
    o.amount as order_amount
from skus as k
full join shops as o using (order_date)
where (k.quantity, k.amount) is distinct from (o.quantity, o.amount)
