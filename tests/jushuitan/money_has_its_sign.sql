-- on: [jushuitan_dwd.fact_out_order, jushuitan_dwd.fact_out_order_item]
-- severity: error
-- description: Nothing is sold for less than nothing, and nothing in no pieces.
select
    f.io_id,
    null as item_id
from jushuitan_dwd.fact_out_order as f
where least(f.pay_amount, f.paid_amount, f.freight_amount, f.items_amount, f.discount_amount) < 0

union all

select
    i.io_id,
    i.item_id
from jushuitan_dwd.fact_out_order_item as i
where least(i.sale_price, i.amount, i.list_price) < 0
    or i.quantity <= 0
