-- on: [feiqiu_dwd.fact_recharge, feiqiu_dwd.fact_balance_change, feiqiu_dwd.fact_payment, feiqiu_dwd.fact_refund]
-- severity: warn
-- description: >-
--   A recharge is what was paid for it, one that is undone is what went back, and both are what the card got, gifts
--   included. A warning: the streams are read moments apart.
with money as (
    select
        p.recharge_settle_id,
        sum(p.pay_amount) as amount
    from feiqiu_dwd.fact_payment as p
    where p.pay_status = 'done'
    group by p.recharge_settle_id

    union all

    select
        c.recharge_settle_id,
        -sum(r.refund_amount)
    from feiqiu_dwd.fact_recharge as c
    join feiqiu_dwd.fact_refund as r
        on r.recharge_settle_id = c.revoked_settle_id
    where r.pay_status = 'done'
    group by c.recharge_settle_id
),

on_cards as (
    select
        b.recharge_settle_id,
        sum(b.change_amount) as amount
    from feiqiu_dwd.fact_balance_change as b
    where b.recharge_settle_id is not null
        and not b.is_removed
    group by b.recharge_settle_id
)

select
    c.recharge_settle_id,
    c.pay_amount as recharge_says,
    m.amount as money_says,
    c.pay_amount + c.gift_amount as recharge_and_gift,
    o.amount as card_says
from feiqiu_dwd.fact_recharge as c
left join money as m
    on m.recharge_settle_id = c.recharge_settle_id
left join on_cards as o
    on o.recharge_settle_id = c.recharge_settle_id
where c.pay_amount is distinct from m.amount
    or c.pay_amount + c.gift_amount is distinct from o.amount
    or c.pay_amount is distinct from c.cash_amount + c.online_amount
