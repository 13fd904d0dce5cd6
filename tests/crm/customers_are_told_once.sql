-- on: [crm_dwd.dim_customer]
-- severity: error
-- description: A name in a shop is one customer with one id, and every order has its customer.
select
    o.shop_id,
    o.customer_nickname,
    count(distinct o.customer_global_id) as ids,
    count(c.customer_global_id) as customers
from (
    select distinct o.shop_id, o.customer_nickname, o.customer_global_id
    from crm_dwd.fact_order as o
) as o
left join crm_dwd.dim_customer as c
    on c.shop_id = o.shop_id
    and c.customer_nickname = o.customer_nickname
    and c.customer_global_id = o.customer_global_id
group by
    o.shop_id,
    o.customer_nickname
having count(distinct o.customer_global_id) <> 1
    or count(c.customer_global_id) <> 1
