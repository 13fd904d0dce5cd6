-- on: [crm_dws.customer_summary]
-- severity: error
-- description: The summary of customers is what their orders give; no customer is missing and none too many.
select
    customer_global_id,
    f.figures as facts_give,
    s.figures as summary_says
from (
    select
        o.customer_global_id,
        array[
            count(*), count(*) filter (where o.system_order_type = 'SAMPLE'),
            coalesce(sum(o.amount) filter (where o.system_order_type = 'SAMPLE'), 0),
            coalesce(sum(o.amount) filter (where o.system_order_type = 'BULK'), 0)
        ] as figures
    from crm_dwd.fact_order as o
    group by o.customer_global_id
) as f
full join (
    select
        c.customer_global_id,
        array[c.order_count, c.sample_count, c.sample_amount, c.bulk_amount] as figures
    from crm_dws.customer_summary as c
) as s using (customer_global_id)
where f.figures is distinct from s.figures
