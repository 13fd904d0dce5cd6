-- on: [feiqiu_dwd.fact_settlement]
-- severity: error
-- description: >-
--   What was consumed is paid, taken from a card, or deducted; what is paid is cash or online; no more than that goes
--   back.
select
    f.order_settle_id,
    f.consume_amount,
    f.pay_amount,
    f.cash_amount,
    f.online_amount,
    f.balance_amount,
    f.coupon_amount,
    f.member_discount_amount,
    f.adjust_amount,
    f.point_amount,
    f.rounding_amount,
    f.refund_amount
from feiqiu_dwd.fact_settlement as f
where f.consume_amount is distinct from
    f.pay_amount + f.balance_amount + f.coupon_amount + f.member_discount_amount + f.adjust_amount + f.point_amount
    + f.rounding_amount
    or f.pay_amount is distinct from f.cash_amount + f.online_amount
    or f.refund_amount not between 0 and f.pay_amount
