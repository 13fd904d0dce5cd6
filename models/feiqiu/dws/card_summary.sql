-- kind: incremental
-- key: [site_id, business_date]
-- depends_on:
--   - feiqiu_dwd.fact_balance_change
--   - feiqiu_dwd.fact_recharge
-- incremental:
--   by: [site_id, business_date]
--   changed:
--     feiqiu_dwd.fact_balance_change: [site_id, business_date]
--     feiqiu_dwd.fact_recharge: [site_id, business_date]
-- window: business_date
-- description: "Recharges of cards, and why balances changed, per hall and business day, in yuan."
-- columns:
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   recharge_count: {description: Recharges}
--   first_recharge_count: {description: "of which: the first of a card"}
--   recharge_amount: {description: Yuan paid for them}
--   gift_amount: {description: Yuan given on top}
--   reversal_count: {description: Recharges undone}
--   reversal_amount: {description: Yuan that went back for them}
--   consumed_amount: {description: Taken from cards for orders}
--   returned_amount: {description: Put back onto cards for orders undone}
--   manual_amount: {description: "Put on by hand, or taken off where negative"}
--   balance_change_amount: {description: "By how much all balances rose, or fell where negative"}
with movements as (
    select
        c.site_id,
        c.business_date,
        1::bigint as recharge_count,
        c.is_first::integer as first_recharge_count,
        c.pay_amount as recharge_amount,
        c.gift_amount,
        0::bigint as reversal_count,
        0::numeric as reversal_amount,
        0::numeric as consumed_amount,
        0::numeric as returned_amount,
        0::numeric as manual_amount,
        0::numeric as balance_change_amount
    from feiqiu_dwd.fact_recharge as c
    where c.recharge_type = 'recharge'

    union all

    select
        c.site_id,
        c.business_date,
        0, 0, 0, 0,
        1,
        -c.pay_amount,
        0, 0, 0, 0
    from feiqiu_dwd.fact_recharge as c
    where c.recharge_type = 'recharge_reversal'

    union all

    select
        b.site_id,
        b.business_date,
        0, 0, 0, 0, 0, 0,
        case when b.change_type = 'consumption' then -b.change_amount else 0 end,
        case when b.change_type = 'refund' then b.change_amount else 0 end,
        case when b.change_type = 'manual' then b.change_amount else 0 end,
        b.change_amount
    from feiqiu_dwd.fact_balance_change as b
    where not b.is_removed
)

select
    m.site_id,
    m.business_date,
    sum(m.recharge_count)::bigint as recharge_count,
    sum(m.first_recharge_count)::bigint as first_recharge_count,
    sum(m.recharge_amount)::numeric(14, 2) as recharge_amount,
    sum(m.gift_amount)::numeric(14, 2) as gift_amount,
    sum(m.reversal_count)::bigint as reversal_count,
    sum(m.reversal_amount)::numeric(14, 2) as reversal_amount,
    sum(m.consumed_amount)::numeric(14, 2) as consumed_amount,
    sum(m.returned_amount)::numeric(14, 2) as returned_amount,
    sum(m.manual_amount)::numeric(14, 2) as manual_amount,
    sum(m.balance_change_amount)::numeric(14, 2) as balance_change_amount
from movements as m
where m.business_date >= terrace.var('feiqiu_first_day')::date
group by
    m.site_id,
    m.business_date
