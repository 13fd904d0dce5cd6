-- on: [feiqiu_dwd.fact_refund, feiqiu_dwd.fact_settlement]
-- severity: warn
-- description: >-
--   Refunds add up to what their settlement says was given back. A warning: a settlement that was corrected after
--   the lookback of its stream is known only after its month has been read again.
with given_back as (
    select
        r.order_settle_id,
        sum(r.refund_amount) as refund_amount
    from feiqiu_dwd.fact_refund as r
    where r.pay_status = 'done'
        and r.order_settle_id is not null
    group by r.order_settle_id
)

select
    order_settle_id,
    s.refund_amount as settlement_says,
    given_back.refund_amount as refunds_say
from feiqiu_dwd.fact_settlement as s
full join given_back using (order_settle_id)
where coalesce(s.refund_amount, 0) <> coalesce(given_back.refund_amount, 0)
