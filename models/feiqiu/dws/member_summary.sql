-- kind: incremental
-- key: [site_id, business_date, member_id]
-- depends_on:
--   - feiqiu_dwd.fact_balance_change
--   - feiqiu_dwd.fact_recharge
--   - feiqiu_dwd.fact_refund
--   - feiqiu_dwd.fact_settlement
-- incremental:
--   by: [site_id, business_date]
--   changed:
--     feiqiu_dwd.fact_balance_change: [site_id, business_date]
--     feiqiu_dwd.fact_recharge: [site_id, business_date]
--     feiqiu_dwd.fact_refund: [site_id, business_date]
--     feiqiu_dwd.fact_settlement: [site_id, business_date]
-- window: business_date
-- description: >-
--   What members had, paid and put onto their cards, per hall and business day, in yuan. It is the hall in which it
--   happened, not that of the member.
-- columns:
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   member_id: {description: Member, not_null: true}
--   order_count: {description: Orders settled}
--   consume_amount: {description: "What was consumed, before anything is deducted"}
--   member_discount_amount: {description: Deducted for the member's grade}
--   balance_amount: {description: Taken from cards}
--   pay_amount: {description: Paid in cash and online for orders}
--   refund_amount: {description: "Money that went back on this day, of orders and recharges"}
--   recharge_count: {description: "Recharges, less those undone"}
--   recharge_amount: {description: "Yuan paid for them, less what went back"}
--   gift_amount: {description: "Yuan given on top, less what was taken back"}
--   balance_change_amount: {description: "By how much the cards of the member rose on this day, or fell where negative"}
with movements as (
    select
        s.site_id,
        s.business_date,
        s.member_id,
        1::bigint as order_count,
        s.consume_amount,
        s.member_discount_amount,
        s.balance_amount,
        s.pay_amount,
        0::numeric as refund_amount,
        0::bigint as recharge_count,
        0::numeric as recharge_amount,
        0::numeric as gift_amount,
        0::numeric as balance_change_amount
    from feiqiu_dwd.fact_settlement as s
    where s.settle_status = 'paid'
        and s.member_id is not null

    union all

    select
        r.site_id,
        r.business_date,
        r.member_id,
        0, 0, 0, 0, 0,
        r.refund_amount,
        0, 0, 0, 0
    from feiqiu_dwd.fact_refund as r
    where r.pay_status = 'done'
        and r.member_id is not null

    union all

    select
        c.site_id,
        c.business_date,
        c.member_id,
        0, 0, 0, 0, 0, 0,
        case c.recharge_type when 'recharge' then 1 else -1 end,
        c.pay_amount,
        c.gift_amount,
        0
    from feiqiu_dwd.fact_recharge as c

    union all

    select
        b.site_id,
        b.business_date,
        b.member_id,
        0, 0, 0, 0, 0, 0, 0, 0, 0,
        b.change_amount
    from feiqiu_dwd.fact_balance_change as b
    where not b.is_removed
)

select
    m.site_id,
    m.business_date,
    m.member_id,
    sum(m.order_count)::bigint as order_count,
    sum(m.consume_amount)::numeric(14, 2) as consume_amount,
    sum(m.member_discount_amount)::numeric(14, 2) as member_discount_amount,
    sum(m.balance_amount)::numeric(14, 2) as balance_amount,
    sum(m.pay_amount)::numeric(14, 2) as pay_amount,
    sum(m.refund_amount)::numeric(14, 2) as refund_amount,
    sum(m.recharge_count)::bigint as recharge_count,
    sum(m.recharge_amount)::numeric(14, 2) as recharge_amount,
    sum(m.gift_amount)::numeric(14, 2) as gift_amount,
    sum(m.balance_change_amount)::numeric(14, 2) as balance_change_amount
from movements as m
where m.business_date >= terrace.var('feiqiu_first_day')::date
group by
    m.site_id,
    m.business_date,
    m.member_id
