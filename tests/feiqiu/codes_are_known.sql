-- on: [feiqiu_dwd.fact_payment, feiqiu_dwd.fact_refund, feiqiu_dwd.fact_settlement]
-- severity: warn
-- description: Every code has a name in feiqiu_ref; a code without one stays a number and is listed here.
with used as (
    select 'settle_type' as code_table, s.settle_type as value from feiqiu_dwd.fact_settlement as s
    union all
    select 'settle_status', s.settle_status from feiqiu_dwd.fact_settlement as s
    union all
    select 'payment_method', s.payment_method from feiqiu_dwd.fact_settlement as s
    union all
    select 'payment_method', p.payment_method from feiqiu_dwd.fact_payment as p
    union all
    select 'pay_status', p.pay_status from feiqiu_dwd.fact_payment as p
    union all
    select 'online_pay_channel', p.online_pay_channel from feiqiu_dwd.fact_payment as p
    union all
    select 'payment_method', r.payment_method from feiqiu_dwd.fact_refund as r
    union all
    select 'pay_status', r.pay_status from feiqiu_dwd.fact_refund as r
)

select
    u.code_table,
    u.value,
    count(*) as times
from used as u
where u.value is null
    or u.value ~ '^[0-9]+$'
group by
    u.code_table,
    u.value
