-- on:
--   - feiqiu_dwd.dim_member_card
--   - feiqiu_dwd.fact_assistant_service
--   - feiqiu_dwd.fact_balance_change
--   - feiqiu_dwd.fact_coupon_redemption
--   - feiqiu_dwd.fact_group_buy_redemption
--   - feiqiu_dwd.fact_payment
--   - feiqiu_dwd.fact_recharge
--   - feiqiu_dwd.fact_refund
--   - feiqiu_dwd.fact_settlement
--   - feiqiu_dwd.fact_stock_movement
--   - feiqiu_dwd.fact_table_fee_discount
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
    union all
    select 'settle_type', c.recharge_type from feiqiu_dwd.fact_recharge as c
    union all
    select 'payment_method', c.payment_method from feiqiu_dwd.fact_recharge as c
    union all
    select 'balance_change_type', b.change_type from feiqiu_dwd.fact_balance_change as b
    union all
    select 'card_status', d.card_status from feiqiu_dwd.dim_member_card as d
    union all
    select 'assistant_service_type', a.service_type from feiqiu_dwd.fact_assistant_service as a
    union all
    select 'stock_movement_type', m.movement_type from feiqiu_dwd.fact_stock_movement as m
    union all
    select 'coupon_status', g.coupon_status from feiqiu_dwd.fact_group_buy_redemption as g
    union all
    select 'coupon_channel', p.coupon_channel from feiqiu_dwd.fact_coupon_redemption as p
    union all
    select 'fee_adjust_type', f.adjust_type from feiqiu_dwd.fact_table_fee_discount as f
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
