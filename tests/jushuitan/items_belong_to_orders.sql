-- on: [jushuitan_dwd.fact_out_order_item, jushuitan_dwd.fact_out_order]
-- severity: error
-- description: Lines and heads agree on what an out-order comes to, on its day, and on whether it is a sale.
with lines as (
    select
        i.io_id,
        sum(i.amount) as items_amount,
        sum(i.quantity) as quantity,
        min(i.order_date) as first_date,
        max(i.order_date) as last_date,
        bool_and(i.is_sale) as all_sale,
        bool_or(i.is_sale) as some_sale
    from jushuitan_dwd.fact_out_order_item as i
    group by i.io_id
)

select
    io_id,
    f.items_amount as head_amount,
    l.items_amount as line_amount,
    f.quantity as head_quantity,
    l.quantity as line_quantity
from jushuitan_dwd.fact_out_order as f
full join lines as l using (io_id)
where coalesce(f.items_amount, -1) <> coalesce(l.items_amount, 0)
    or coalesce(f.quantity, -1) <> coalesce(l.quantity, 0)
    or (l.first_date, l.last_date) is distinct from (f.order_date, f.order_date) and l.io_id is not null
    or (l.all_sale, l.some_sale) is distinct from (f.is_sale, f.is_sale) and l.io_id is not null
