-- on: [xiaoe_dwd.fact_order, xiaoe_dwd.fact_refund]
-- severity: error
-- description: Amounts are not negative, what is not paid has none, and no after-sale gives back more than was paid.
select
    o.order_id as id,
    o.pay_amount,
    o.refund_amount
from xiaoe_dwd.fact_order as o
where least(o.pay_amount, o.coupon_amount, o.refund_amount) < 0
    or o.quantity < 1
    or not o.is_paid and (o.pay_amount <> 0 or o.refund_amount <> 0)
    or o.is_paid and o.refund_amount > o.pay_amount

union all

select
    r.aftersale_id,
    r.order_amount,
    r.refund_amount
from xiaoe_dwd.fact_refund as r
where least(r.apply_amount, r.refund_amount) < 0
    or r.refund_amount > r.order_amount
    or not r.is_done and r.refund_amount <> 0
