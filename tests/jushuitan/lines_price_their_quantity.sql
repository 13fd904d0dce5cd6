-- on: [jushuitan_dwd.fact_out_order_item]
-- severity: warn
-- description: The amount of a line is its price times its quantity, as the source says it and recomputed; a gift costs nothing.
select
    i.io_id,
    i.item_id,
    i.quantity,
    i.sale_price,
    i.amount,
    i.sale_amount
from jushuitan_dwd.fact_out_order_item as i
where i.amount is distinct from i.sale_amount
    or i.is_gift and i.amount <> 0
