-- on:
--   - feiqiu_dwd.fact_assistant_service
--   - feiqiu_dwd.fact_balance_change
--   - feiqiu_dwd.fact_goods_sale
--   - feiqiu_dwd.fact_group_buy_redemption
--   - feiqiu_dwd.fact_settlement
--   - feiqiu_dwd.fact_table_fee
--   - feiqiu_dwd.fact_table_fee_discount
-- severity: warn
-- description: >-
--   Table fees, goods, assistants, coupons, discounts and what cards paid add up to what their settlement says. A warning:
--   the streams are read moments apart.
with lines as (
    select f.order_settle_id, 'table_charge' as part, f.table_charge_amount as amount
    from feiqiu_dwd.fact_table_fee as f
    where f.is_valid

    union all

    select s.order_settle_id, 'goods', s.sales_amount
    from feiqiu_dwd.fact_goods_sale as s
    where s.is_valid

    union all

    select a.order_settle_id, 'assistant_' || a.service_type, a.service_amount
    from feiqiu_dwd.fact_assistant_service as a
    where not a.is_cancelled

    union all

    select g.order_settle_id, 'coupon', g.used_amount
    from feiqiu_dwd.fact_group_buy_redemption as g
    where g.coupon_status = 'used'

    union all

    select d.order_settle_id, 'adjust', d.discount_amount
    from feiqiu_dwd.fact_table_fee_discount as d
    where d.is_valid

    union all

    select b.order_settle_id, 'balance', -b.change_amount
    from feiqiu_dwd.fact_balance_change as b
    where b.change_type = 'consumption'
        and not b.is_removed
),

added as (
    select
        l.order_settle_id,
        l.part,
        sum(l.amount) as amount
    from lines as l
    group by
        l.order_settle_id,
        l.part
),

settled as (
    select
        s.order_settle_id,
        p.part,
        p.amount
    from feiqiu_dwd.fact_settlement as s
    cross join lateral (
        values
            ('table_charge', s.table_charge_amount),
            ('goods', s.goods_amount),
            ('assistant_play_with', s.assistant_play_amount),
            ('assistant_overtime', s.assistant_overtime_amount),
            ('coupon', s.coupon_amount),
            ('adjust', s.adjust_amount),
            ('balance', s.balance_amount)
    ) as p (part, amount)
)

select
    order_settle_id,
    part,
    settled.amount as settlement_says,
    added.amount as lines_say
from settled
full join added using (order_settle_id, part)
where coalesce(settled.amount, 0) <> coalesce(added.amount, 0)
