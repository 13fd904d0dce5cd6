-- on: [feiqiu_dwd.fact_settlement]
-- severity: error
-- description: Settlements landed and modelled agree per hall and day, in count and in sums.
with landed as (
    select
        (s.payload ->> 'siteId')::bigint as site_id,
        left(s.payload ->> 'payTime', 10)::date as business_date,
        count(*) as settlements,
        sum((s.payload ->> 'consumeMoney')::numeric) as consume_amount,
        sum((s.payload ->> 'payAmount')::numeric) as pay_amount,
        sum((s.payload ->> 'balanceAmount')::numeric) as balance_amount,
        sum((s.payload ->> 'refundAmount')::numeric) as refund_amount
    from feiqiu_ods.settlement_records as s
    where s._deleted_at is null
    group by 1, 2
),

modelled as (
    select
        f.site_id,
        f.business_date,
        count(*) as settlements,
        sum(f.consume_amount) as consume_amount,
        sum(f.pay_amount) as pay_amount,
        sum(f.balance_amount) as balance_amount,
        sum(f.refund_amount) as refund_amount
    from feiqiu_dwd.fact_settlement as f
    group by f.site_id, f.business_date
)

select
    site_id,
    business_date,
    figure.name as figure,
    figure.in_ods,
    figure.in_dwd
from landed as l
full join modelled as m using (site_id, business_date)
cross join lateral (
    values
        ('settlements', l.settlements::numeric, m.settlements::numeric),
        ('consume_amount', l.consume_amount, m.consume_amount),
        ('pay_amount', l.pay_amount, m.pay_amount),
        ('balance_amount', l.balance_amount, m.balance_amount),
        ('refund_amount', l.refund_amount, m.refund_amount)
) as figure (name, in_ods, in_dwd)
where figure.in_ods is distinct from figure.in_dwd
