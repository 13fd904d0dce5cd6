-- on: [crm_dwd.fact_lead]
-- severity: error
-- description: Leads have all orders of their customer, each once, with all of its money.
select
    customer_global_id,
    o.orders,
    l.orders as orders_in_leads,
    o.amount,
    l.amount as amount_in_leads
from (
    select
        o.customer_global_id,
        count(*) as orders,
        sum(o.amount) as amount
    from crm_dwd.fact_order as o
    group by o.customer_global_id
) as o
full join (
    select
        l.customer_global_id,
        sum(l.sample_count + l.bulk_count) as orders,
        sum(l.sample_amount + l.bulk_amount) as amount
    from crm_dwd.fact_lead as l
    group by l.customer_global_id
) as l using (customer_global_id)
where (o.orders, o.amount) is distinct from (l.orders, l.amount)
