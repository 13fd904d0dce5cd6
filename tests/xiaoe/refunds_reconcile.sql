-- on: [xiaoe_dwd.fact_refund]
-- severity: error
-- description: After-sales landed and modelled agree per day and state, in count and in sums, fen here and yuan there.
with landed as (
    select
        left(r.payload ->> 'updated_at', 10)::date as business_date,
        (r.payload ->> 'state')::integer = 13 as is_done,
        count(*) as records,
        sum((r.payload ->> 'refund_money')::numeric) / 100 as refund_amount,
        sum((r.payload ->> 'apply_refund_money')::numeric) / 100 as apply_amount
    from xiaoe_ods.refunds as r
    where r._deleted_at is null
    group by 1, 2
),

modelled as (
    select
        f.business_date,
        f.is_done,
        count(*) as records,
        sum(f.refund_amount) as refund_amount,
        sum(f.apply_amount) as apply_amount
    from xiaoe_dwd.fact_refund as f
    group by f.business_date, f.is_done
)

select
    business_date,
    is_done,
    l.records as records_in_ods,
    m.records as records_in_dwd,
    l.refund_amount as amount_in_ods,
    m.refund_amount as amount_in_dwd
from landed as l
full join modelled as m using (business_date, is_done)
where (l.records, l.refund_amount, l.apply_amount) is distinct from (m.records, m.refund_amount, m.apply_amount)
