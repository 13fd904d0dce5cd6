-- on: [crm_dwd.fact_order]
-- severity: error
-- description: There is an order for every order id of the rows that are used, and no row of it is newer than what the order shows.
select
    coalesce(r.order_id, o.order_id) as order_id,
    r.row_count as rows_used,
    o.row_count as rows_told,
    r.newest,
    o.updated_at
from (
    select
        r.order_id,
        count(*) as row_count,
        max(r.created_at) as newest
    from crm_dwd.order_row as r
    group by r.order_id
) as r
full join crm_dwd.fact_order as o
    on o.order_id = r.order_id
where (r.row_count, r.newest) is distinct from (o.row_count, o.updated_at)
