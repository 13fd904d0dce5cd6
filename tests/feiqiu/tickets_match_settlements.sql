-- on: [feiqiu_dwd.fact_ticket, feiqiu_dwd.fact_settlement]
-- severity: warn
-- description: >-
--   Every settlement has its ticket, with the same figures. A warning: tickets are fetched after settlements, and
--   one that changes in between is fetched again on the next run.
select
    order_settle_id,
    s.consume_amount as settlement_consume,
    t.consume_amount as ticket_consume,
    s.pay_amount as settlement_pay,
    t.pay_amount as ticket_pay,
    s.refund_amount as settlement_refund,
    t.refund_amount as ticket_refund
from feiqiu_dwd.fact_settlement as s
full join feiqiu_dwd.fact_ticket as t using (order_settle_id)
where (s.site_id, s.consume_amount, s.pay_amount, s.balance_amount, s.coupon_amount, s.refund_amount)
    is distinct from (t.site_id, t.consume_amount, t.pay_amount, t.balance_amount, t.coupon_amount, t.refund_amount)
