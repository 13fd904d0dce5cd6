-- on: [feiqiu_dwd.fact_payment, feiqiu_dwd.fact_settlement]
-- severity: warn
-- description: >-
--   Payments that were made add up to what their settlement says was paid. A warning: the two streams are read moments
--   apart, and what was settled in between puts itself right on the next run.
with paid as (
    select
        p.order_settle_id,
        sum(p.pay_amount) as pay_amount
    from feiqiu_dwd.fact_payment as p
    where p.pay_status = 'done'
        and p.order_settle_id is not null
    group by p.order_settle_id
)

select
    order_settle_id,
    s.pay_amount as settlement_says,
    paid.pay_amount as payments_say
from feiqiu_dwd.fact_settlement as s
full join paid using (order_settle_id)
where coalesce(s.pay_amount, 0) <> coalesce(paid.pay_amount, 0)
