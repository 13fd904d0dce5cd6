-- on: [feiqiu_dwd.fact_payment, feiqiu_dwd.fact_refund]
-- severity: error
-- description: Payments are positive, and so are refunds, which the source sends as negative.
select
    'payment' as what,
    p.payment_id as id,
    p.pay_amount as amount
from feiqiu_dwd.fact_payment as p
where p.pay_amount <= 0

union all

select
    'refund',
    r.refund_id,
    r.refund_amount
from feiqiu_dwd.fact_refund as r
where r.refund_amount <= 0
