-- on:
--   - feiqiu_dws.assistant_summary
--   - feiqiu_dws.card_summary
--   - feiqiu_dws.coupon_summary
--   - feiqiu_dws.goods_summary
--   - feiqiu_dws.member_summary
--   - feiqiu_dws.payment_summary
--   - feiqiu_dws.table_summary
-- severity: error
-- description: The sums over each summary are those over the facts that it is made of; order_summary has an assertion of its own.
with compared as (
    select
        'member_summary' as summary,
        'consume_amount' as figure,
        (select sum(t.consume_amount) from feiqiu_dws.member_summary as t) as summary_says,
        (
        select sum(x.consume_amount)
        from feiqiu_dwd.fact_settlement as x
        where x.settle_status = 'paid' and x.member_id is not null
            and x.business_date >= terrace.var('feiqiu_first_day')::date
        ) as facts_say

    union all

    select 'member_summary', 'balance_change_amount', (select sum(t.balance_change_amount) from feiqiu_dws.member_summary as t), (
        select sum(x.change_amount)
        from feiqiu_dwd.fact_balance_change as x
        where not x.is_removed
            and x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'member_summary', 'recharge_amount', (select sum(t.recharge_amount) from feiqiu_dws.member_summary as t), (
        select sum(x.pay_amount)
        from feiqiu_dwd.fact_recharge as x
        where x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'table_summary', 'net_amount', (select sum(t.net_amount) from feiqiu_dws.table_summary as t), (
        select sum(x.net_amount)
        from feiqiu_dwd.fact_table_fee as x
        where x.is_valid
            and x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'table_summary', 'charged_seconds', (select sum(t.charged_seconds) from feiqiu_dws.table_summary as t), (
        select sum(x.charged_seconds)
        from feiqiu_dwd.fact_table_fee as x
        where x.is_valid
            and x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'assistant_summary', 'service_amount', (select sum(t.service_amount) from feiqiu_dws.assistant_summary as t), (
        select sum(x.service_amount)
        from feiqiu_dwd.fact_assistant_service as x
        where not x.is_cancelled
            and x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'assistant_summary', 'cancel_amount', (select sum(t.cancel_amount) from feiqiu_dws.assistant_summary as t), (
        select sum(x.cancel_amount)
        from feiqiu_dwd.fact_assistant_cancellation as x
        where x.assistant_id is not null
            and x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'goods_summary', 'net_amount', (select sum(t.net_amount) from feiqiu_dws.goods_summary as t), (
        select sum(x.net_amount)
        from feiqiu_dwd.fact_goods_sale as x
        where x.is_valid
            and x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'goods_summary', 'stock_change_quantity', (select sum(t.stock_change_quantity) from feiqiu_dws.goods_summary as t), (
        select sum(x.change_quantity)
        from feiqiu_dwd.fact_stock_movement as x
        where x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'payment_summary', 'pay_amount', (select sum(t.pay_amount) from feiqiu_dws.payment_summary as t), (
        select sum(x.amount) from (
        select p.business_date, p.pay_amount as amount from feiqiu_dwd.fact_payment as p where p.pay_status = 'done'
        union all
        select s.business_date, s.balance_amount + s.coupon_amount + s.point_amount
        from feiqiu_dwd.fact_settlement as s where s.settle_status = 'paid'
    ) as x
        where x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'payment_summary', 'refund_amount', (select sum(t.refund_amount) from feiqiu_dws.payment_summary as t), (
        select sum(x.refund_amount)
        from feiqiu_dwd.fact_refund as x
        where x.pay_status = 'done'
            and x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'card_summary', 'balance_change_amount', (select sum(t.balance_change_amount) from feiqiu_dws.card_summary as t), (
        select sum(x.change_amount)
        from feiqiu_dwd.fact_balance_change as x
        where not x.is_removed
            and x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'card_summary', 'recharge_amount', (select sum(t.recharge_amount - t.reversal_amount) from feiqiu_dws.card_summary as t), (
        select sum(x.pay_amount)
        from feiqiu_dwd.fact_recharge as x
        where x.business_date >= terrace.var('feiqiu_first_day')::date
    )

    union all

    select 'coupon_summary', 'used_amount', (select sum(t.used_amount) from feiqiu_dws.coupon_summary as t), (
        select sum(x.used_amount)
        from feiqiu_dwd.fact_group_buy_redemption as x
        where x.coupon_status = 'used'
            and x.business_date >= terrace.var('feiqiu_first_day')::date
    )
)

select
    c.summary,
    c.figure,
    c.summary_says,
    c.facts_say
from compared as c
where coalesce(c.summary_says, 0) <> coalesce(c.facts_say, 0)
