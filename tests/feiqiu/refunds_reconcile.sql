-- on: [feiqiu_dwd.fact_refund]
-- severity: error
-- description: Refunds landed and modelled agree per hall and day, in count and in sum.
with landed as (
    select
        (s.payload ->> 'site_id')::bigint as site_id,
        left(s.payload ->> 'pay_time', 10)::date as business_date,
        count(*) as records,
        sum(-(s.payload ->> 'pay_amount')::numeric) as amount
    from feiqiu_ods.refund_transactions as s
    where s._deleted_at is null
    group by 1, 2
),

modelled as (
    select
        f.site_id,
        f.business_date,
        count(*) as records,
        sum(f.refund_amount) as amount
    from feiqiu_dwd.fact_refund as f
    group by f.site_id, f.business_date
)

select
    site_id,
    business_date,
    l.records as records_in_ods,
    m.records as records_in_dwd,
    l.amount as amount_in_ods,
    m.amount as amount_in_dwd
from landed as l
full join modelled as m using (site_id, business_date)
where (l.records, l.amount) is distinct from (m.records, m.amount)
