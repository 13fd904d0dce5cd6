-- on: [jushuitan_dws.order_summary]
-- severity: error
-- description: Out-orders are waiting, shipped or cancelled; what is paid is lines, freight and what heads say beyond them.
select
    s.shop_id,
    s.order_date
from jushuitan_dws.order_summary as s
where s.out_order_count <> s.waiting_count + s.shipped_count + s.cancelled_count
    or s.order_count > s.out_order_count
    or s.pay_amount <> s.items_amount + s.freight_amount + s.difference_amount
